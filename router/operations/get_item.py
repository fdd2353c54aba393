"""GetItem."""

from typing import Any, Final, NamedTuple

from router.operations.answers import EMPTY, joined
from router.operations.capacity import consumed, read_units
from router.operations.context import RequestContext
from router.operations.expression_parameters import ExpressionParameters, projection_of
from router.operations.expression_paths import require_scalar_keys
from router.operations.item_keys import key_of_members, token_of_key
from router.operations.store import Store
from router.operations.tables import table_of_items
from wire.commands import Get, Got, Outcome
from wire.items import normalized_item

_PARAMETERS: Final = ExpressionParameters(("ProjectionExpression",), ("AttributesToGet",))


class PreparedGet(NamedTuple):
    """A read and the partition it goes to."""

    token: int
    get: Get


class GetItem:
    """Read the item with a key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        if context.is_long:
            token, get = await context.read(parse, self._store, body)
        else:  # the hot path: as `read` does it
            token, get = parse(self._store, body)
        outcome = await self._store.execute(token, get, deadline=context.deadline)
        return render(body, get, outcome)


def parse(store: Store, body: dict[str, Any]) -> PreparedGet:
    """Return the read that a request asks for; the order of the checks is AWS's."""
    require_consistent_get(body)
    members, _ = normalized_item(body["Key"])
    projection = get_projection(body)
    spec = table_of_items(store.view, body["TableName"], store.home)
    key = key_of_members(spec.key_schema, members)
    require_scalar_keys(spec, projection)
    return PreparedGet(token_of_key(key), Get(spec.number, key, body.get("ConsistentRead", False), projection))


def require_consistent_get(body: dict[str, Any]) -> None:
    """Refuse a read by key whose parameters contradict one another."""
    _PARAMETERS.require_consistent(body)


def get_projection(body: dict[str, Any]) -> bytes:
    """Return the projection of a read by key, or nothing."""
    expressions = _PARAMETERS.opened(body)
    projection = projection_of(body, expressions)
    if expressions is not None:
        expressions.finish()
    return projection


def render(body: dict[str, Any], get: Get, outcome: Outcome) -> bytes:
    """Return the answer; the item's bytes are passed on as they are."""
    assert type(outcome) is Got, f"expected a Got, found {outcome!r}"
    if "ReturnConsumedCapacity" in body:
        units = read_units(outcome.size, consistent=get.consistent)
        return joined(Item=outcome.item, ConsumedCapacity=consumed(body, body["TableName"], units))
    return b'{"Item":%b}' % outcome.item if outcome.item else EMPTY
