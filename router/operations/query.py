"""Query."""

from typing import Any, Final

from router.expressions.keys import KeyCondition, KeyExpression, SortCondition
from router.operations.context import RequestContext
from router.operations.expression_parameters import ExpressionParameters, projection_of
from router.operations.expression_paths import require_no_keys, require_scalar_keys
from router.operations.item_keys import encoded_key_value
from router.operations.pages import (
    STARTING_KEY,
    PageExpressions,
    counts_only,
    paged_table,
    render_page,
    require_valid_selection,
    start_members,
    start_position,
)
from router.operations.store import Store
from wire.commands import NO_BYTES, Page, Position, Range
from wire.errors import validation_error
from wire.items import AttributeValue, Item
from wire.keys import key_hash, token_of
from wire.tables import KeyAttribute, KeySchema, TableSpec

_PARAMETERS: Final = ExpressionParameters(
    ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
    ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
)


class Query:
    """Read the items of one partition key in the order of their sort keys, a page at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        spec, wanted = parse(self._store, body)
        assert wanted.partition_key is not None, "a query without a partition key"
        token = token_of(key_hash(wanted.partition_key))
        page = await self._store.execute(token, wanted, deadline=context.deadline)
        assert type(page) is Page, f"expected a Page, found {page!r}"
        return render_page(body, spec.key_schema, page)


def parse(store: Store, body: dict[str, Any]) -> tuple[TableSpec, Range]:
    """Return the table and the page that a request asks for; the order of the checks is AWS's."""
    _PARAMETERS.require_consistent(body)
    start = start_members(body)
    condition, expressions = _expressions(body)
    require_valid_selection(body)
    spec = paged_table(store.view, body, store.region)
    matched = condition.matched(spec.key_schema)
    require_scalar_keys(spec.key_schema, expressions.projection)
    require_no_keys(spec.key_schema, expressions.filter)
    partition_key = _encoded(spec.key_schema.partition, matched.partition)
    page = Range(
        table=spec.number,
        partition_key=partition_key,
        reverse=body.get("ScanIndexForward") is False,
        start=None if start is None else _start(spec.key_schema, matched, start, partition_key),
        limit=body.get("Limit", 0),
        consistent=body.get("ConsistentRead", False),
        filter=expressions.filter,
        projection=expressions.projection,
        values=expressions.values,
        count_only=counts_only(body),
    )
    return spec, page._replace(**_bounds(spec.key_schema, matched.sort))


def _expressions(body: dict[str, Any]) -> tuple[KeyExpression, PageExpressions]:
    text = body.get("KeyConditionExpression")
    expressions = _PARAMETERS.opened(body)
    if text is None or expressions is None:
        raise validation_error(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    condition = expressions.key_expression(text)
    filter_text = body.get("FilterExpression")
    tree = NO_BYTES if filter_text is None else expressions.condition(filter_text, "FilterExpression")
    projection = projection_of(body, expressions)
    expressions.finish()
    return condition, PageExpressions(tree, projection, expressions.values_bytes() if tree else NO_BYTES)


def _bounds(schema: KeySchema, condition: SortCondition | None) -> dict[str, Any]:
    """Return the members of a Range that a condition on the sort key sets."""
    if condition is None:
        return {}
    assert schema.sort is not None, "a condition on a sort key that the table does not have"
    encoded = [_encoded(schema.sort, value) for value in condition.values]
    match condition.operator:
        case "=":
            return {"lower": encoded[0], "upper": encoded[0]}
        case "<":
            return {"upper": encoded[0], "upper_included": False}
        case "<=":
            return {"upper": encoded[0]}
        case ">":
            return {"lower": encoded[0], "lower_included": False}
        case ">=":
            return {"lower": encoded[0]}
        case "BETWEEN":
            return {"lower": encoded[0], "upper": encoded[1]}
        case "begins_with":
            return {"prefix": encoded[0]}


def _start(schema: KeySchema, condition: KeyCondition, members: Item, partition_key: bytes) -> Position:
    if members.keys() != set(schema.names()):
        raise validation_error(STARTING_KEY)
    position = start_position(schema, members)
    if condition.sort is not None and not _is_within(position.key.sort, _bounds(schema, condition.sort)):
        raise validation_error("The provided starting key does not match the range key predicate")
    if position.key.partition != partition_key:
        raise validation_error("The provided starting key is outside query boundaries based on provided conditions")
    return position


def _is_within(sort: bytes, bounds: dict[str, Any]) -> bool:
    lower, upper = bounds.get("lower", NO_BYTES), bounds.get("upper")
    if sort < lower or (sort == lower and bounds.get("lower_included") is False):
        return False
    if upper is not None and (sort > upper or (sort == upper and bounds.get("upper_included") is False)):
        return False
    return sort.startswith(bounds.get("prefix", NO_BYTES))


def _encoded(attribute: KeyAttribute, value: AttributeValue) -> bytes:
    encoded = encoded_key_value(attribute, value)
    assert encoded is not None, f"a key condition on {attribute.name!r} let a value of another type through"
    return encoded
