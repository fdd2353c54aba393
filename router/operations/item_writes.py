"""What PutItem, UpdateItem and DeleteItem share: the condition, what is returned, and the answer.

Knows how AWS answers a write; refuses to know what each of the three writes.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from router.operations.answers import EMPTY, joined
from router.operations.capacity import consumed, index_write_units, write_units
from router.operations.context import RequestContext
from router.operations.expression_parameters import ExpressionParameters
from router.operations.item_collections import collection_metrics, wants_collection_metrics
from router.operations.legacy_parameters import legacy_write
from router.operations.store import Store
from wire.commands import NO_BYTES, ConditionFailed, Outcome, Returned, Write, Written
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import TableSpec

_RETURNED: Final = {value.name: value for value in Returned}


class PreparedWrite(NamedTuple):
    """A write and the partition it goes to."""

    token: int
    write: Write


class ItemWrite:
    """Run PutItem, UpdateItem or DeleteItem: they differ in how a request becomes a write, and in nothing else."""

    def __init__(self, store: Store, parse: Callable[[Store, dict[str, Any]], PreparedWrite]) -> None:
        self._store = store
        self._parse = parse

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        if context.is_long:
            token, write = await context.read(self._parse, self._store, body)
        else:  # the hot path: as `read` does it
            token, write = self._parse(self._store, body)
        outcome = await self._store.execute(token, write, deadline=context.deadline)
        return render(body, outcome, write, self._store.view.tables_by_number.get(write.table))


class WriteExpressions(NamedTuple):
    """A write's expressions as trees, the attributes its update writes to, and the values the trees point into."""

    update: bytes = NO_BYTES
    attributes: tuple[str, ...] = ()
    condition: bytes = NO_BYTES
    values: bytes = NO_BYTES


_NO_EXPRESSIONS: Final = WriteExpressions()


def write_expressions(body: dict[str, Any], parameters: ExpressionParameters) -> WriteExpressions:
    """Return the expressions of a write, or what the parameters older than expressions say in their place."""
    expressions = parameters.opened(body)
    if expressions is None:
        older = legacy_write(body)
        return _NO_EXPRESSIONS if older is None else WriteExpressions(*older)
    update = body.get("UpdateExpression")
    updated = None if update is None else expressions.update(update)
    condition = body.get("ConditionExpression")
    tree = NO_BYTES if condition is None else expressions.condition(condition)
    expressions.finish()
    values = expressions.values_bytes()
    if updated is None:
        return WriteExpressions(condition=tree, values=values)
    return WriteExpressions(updated.tree, updated.attributes, tree, values)


def returned(body: dict[str, Any]) -> Returned:
    """Return what an update is to return."""
    return _RETURNED[body.get("ReturnValues", "NONE")]


def returned_of_old(body: dict[str, Any]) -> Returned:
    """Return what a put or delete is to return: the old item or nothing."""
    wanted = returned(body)
    if wanted > Returned.ALL_OLD:
        raise validation_error("ReturnValues can only be ALL_OLD or NONE")
    return wanted


def wants_item_on_failure(body: dict[str, Any]) -> bool:
    """Return whether a failed condition is to show the item it failed on."""
    return body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"


def render(body: dict[str, Any], outcome: Outcome, write: Write, spec: TableSpec | None) -> bytes:
    """Return the answer to a write, or raise AWS's error for a failed condition; `spec` is None when the table is gone by now."""
    if type(outcome) is ConditionFailed:
        raise condition_failed(outcome)
    assert type(outcome) is Written, f"expected a Written, found {outcome!r}"
    capacity = collection = b""
    if "ReturnConsumedCapacity" in body:
        capacity = consumed(body, body["TableName"], write_units(outcome), index_write_units(spec, outcome))
    if wants_collection_metrics(body):
        collection = collection_metrics(spec, write, outcome)
    if not capacity and not collection and not outcome.attributes:
        return EMPTY
    return joined(Attributes=outcome.attributes, ConsumedCapacity=capacity, ItemCollectionMetrics=collection)


def condition_failed(outcome: ConditionFailed) -> StoreError:
    """Return AWS's error for a failed condition, with the item if the outcome brings one."""
    members = {"Item": orjson.Fragment(outcome.item)} if outcome.item else None
    return StoreError(ErrorCode.CONDITIONAL_CHECK_FAILED, "The conditional request failed", members)
