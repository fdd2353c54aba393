"""TransactGetItems and TransactWriteItems as far as their input goes: what they do is not built yet.

Knows which mistakes AWS refuses outright and for which it cancels the transaction with a reason per action.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from router.expressions.parameters import check_parameters
from router.expressions.request import RequestExpressions
from router.operations.item_keys import key_of_item, key_of_members
from router.operations.one_function import Check
from router.operations.store import Store
from router.operations.tables import table_of_items
from wire.errors import ErrorCode, StoreError, validation_error
from wire.items import Item, normalized_item
from wire.keys import ItemKey
from wire.tables import KeySchema, TableNumber, TableSpec

# AWS's order.
_WRITES: Final = ("ConditionCheck", "Put", "Delete", "Update")
_EMPTY: Final = ({"S": ""}, {"B": ""})


class _Action(NamedTuple):
    """One action: what it was asked with, the key or item it names in canonical form, and what its update writes to."""

    kind: str
    asked: dict[str, Any]
    members: Item
    updated: tuple[str, ...]


class _Target(NamedTuple):
    """The item of an action; the key is None when there is a reason to cancel for."""

    table: TableNumber
    key: ItemKey | None
    reason: str


def _check_writes(store: Store, body: dict[str, Any]) -> None:
    actions = [_action(*_only_kind(element)) for element in body["TransactItems"]]
    _check_targets(_targets(store, actions))


def _check_reads(store: Store, body: dict[str, Any]) -> None:
    actions = [_action("Get", element["Get"]) for element in body["TransactItems"]]
    _check_targets(_targets(store, actions))


def _only_kind(element: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kinds = [kind for kind in _WRITES if element.get(kind) is not None]
    if not kinds:
        raise validation_error("Invalid Request: TransactWriteRequest should contain Delete or Put or Update request")
    if len(kinds) > 1:
        raise validation_error("TransactItems can only contain one of Check, Put, Update or Delete")
    return kinds[0], element[kinds[0]]


def _action(kind: str, asked: dict[str, Any]) -> _Action:
    """Return an action whose values and expressions are in order."""
    members, _ = normalized_item(asked["Item" if kind == "Put" else "Key"])
    return _Action(kind, asked, members, _checked_expressions(kind, asked))


def _checked_expressions(kind: str, asked: dict[str, Any]) -> tuple[str, ...]:
    """Refuse expressions that do not parse; return the attributes that the update writes to."""
    names = {"Get": ("ProjectionExpression",), "Update": ("UpdateExpression", "ConditionExpression")}.get(
        kind, ("ConditionExpression",)
    )
    given = {name: asked.get(name) for name in names}
    placeholders, values = asked.get("ExpressionAttributeNames"), asked.get("ExpressionAttributeValues")
    check_parameters(expressions=given, legacy={}, names=placeholders, values=values)
    if all(text is None for text in given.values()):
        return ()
    expressions = RequestExpressions(placeholders, values)
    update, condition, projection = (asked.get(f"{name}Expression") for name in ("Update", "Condition", "Projection"))
    updated = () if update is None else expressions.update(update).attributes
    if condition is not None:
        expressions.condition(condition)
    if projection is not None:
        expressions.projection(projection)
    expressions.finish()
    return updated


def _targets(store: Store, actions: Sequence[_Action]) -> list[_Target]:
    """Return what actions are about: a table that is not there comes before any key."""
    specs = [table_of_items(store.view, action.asked["TableName"], store.home) for action in actions]
    return [_target(spec, action) for spec, action in zip(specs, actions, strict=True)]


def _target(spec: TableSpec, action: _Action) -> _Target:
    schema = spec.key_schema
    try:
        key = (key_of_item if action.kind == "Put" else key_of_members)(schema, action.members)
    except StoreError as error:
        if any(action.members.get(name) in _EMPTY for name in schema.names()):
            raise
        return _Target(spec.number, None, error.message)
    return _Target(spec.number, key, _untouchable(schema, action.updated))


def _untouchable(schema: KeySchema, updated: tuple[str, ...]) -> str:
    """Return what is wrong with an update that writes to a key attribute, or nothing."""
    for name in schema.names():
        if name in updated:
            return (
                f"One or more parameter values were invalid: Cannot update attribute {name}. "
                "This attribute is part of the key"
            )
    return ""


def _check_targets(targets: Sequence[_Target]) -> None:
    """Refuse keys that do not fit, of which AWS tells the first alone, and then an item that is there twice."""
    bad = next((position for position, target in enumerate(targets) if target.reason), None)
    if bad is not None:
        raise _canceled([target.reason if position == bad else "" for position, target in enumerate(targets)])
    keys = [(target.table, target.key) for target in targets]
    if len(set(keys)) < len(keys):
        raise validation_error("Transaction request cannot include multiple operations on one item")


def _canceled(texts: Sequence[str]) -> StoreError:
    """Return AWS's error for actions of which one has a reason not to be carried out."""
    reasons = [{"Code": "ValidationError", "Message": text} if text else {"Code": "None"} for text in texts]
    codes = ", ".join(reason["Code"] for reason in reasons)
    return StoreError(
        ErrorCode.TRANSACTION_CANCELED,
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        {"CancellationReasons": reasons},
    )


CHECKS: Final[Mapping[str, Check]] = {"TransactGetItems": _check_reads, "TransactWriteItems": _check_writes}
