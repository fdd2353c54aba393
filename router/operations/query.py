"""Query."""

from typing import Any, Final

from router.expressions.conditions import value_text
from router.expressions.keys import KeyExpression
from router.operations.context import RequestContext
from router.operations.expression_parameters import ExpressionParameters, require_distinct_attributes
from router.operations.expression_paths import require_no_keys, require_scalar_keys
from router.operations.legacy_keys import legacy_key_expression
from router.operations.legacy_parameters import LegacyFilter, legacy_filter
from router.operations.pages import (
    PageExpressions,
    counts_only,
    page_expressions,
    render_page,
    require_valid_selection,
    start_members,
)
from router.operations.projected import reads_from_table, require_projected_filter
from router.operations.store import Store
from router.operations.targets import Bounds, Target, target_of
from wire.commands import Page, Position, Range
from wire.errors import validation_error
from wire.items import Item
from wire.keys import key_hash, token_of

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
        target, wanted = await context.read(parse, self._store, body)
        assert wanted.partition_key is not None, "a query without a partition key"
        token = token_of(key_hash(wanted.partition_key))
        page = await self._store.execute(token, wanted, deadline=context.deadline)
        assert type(page) is Page, f"expected a Page, found {page!r}"
        # Where a key is a whole item nothing can follow, and a page that starts after it would be refused.
        return render_page(body, target, page if _is_of_many(target) else page._replace(last=None))


def parse(store: Store, body: dict[str, Any]) -> tuple[Target, Range]:
    """Return what is read from and the page that a request asks for; the order of the checks is AWS's."""
    _PARAMETERS.require_consistent(body)
    older = legacy_filter(body, "QueryFilter")
    require_distinct_attributes(body)
    start = start_members(body)
    condition, expressions = _expressions(body, older)
    require_valid_selection(body)
    target = target_of(store.view, body, store.home)
    if start is not None:
        target.require_start(start)
    matched = condition.matched(target.key)
    partition_key = target.partition_key(matched.partition)
    bounds = target.bounds(matched.sort)
    page = Range(
        table=target.spec.number,
        index=target.number,
        partition_key=partition_key,
        reverse=body.get("ScanIndexForward") is False,
        start=None if start is None else _start(target, start, partition_key, bounds if matched.sort else None),
        limit=body.get("Limit", 0),
        consistent=body.get("ConsistentRead", False),
        filter=expressions.filter,
        projection=expressions.projection,
        values=expressions.values,
        count_only=counts_only(body),
        from_table=_reads_items(target, body, expressions, "QueryFilter" if older.tree else "Filter Expression"),
    )
    return target, page._replace(**bounds._asdict())


def _reads_items(target: Target, body: dict[str, Any], expressions: PageExpressions, filtered_by: str) -> bool:
    """Return whether index rows do not hold what is asked for and the items do, or refuse what cannot be had."""
    require_scalar_keys(target.spec, expressions.projection)
    require_no_keys((attribute.name for attribute in target.key.attributes()), expressions.filter, filtered_by)
    require_projected_filter(target, expressions.filter)
    reads_items = reads_from_table(target, body, expressions.projection)
    require_scalar_keys(target.spec, expressions.filter)
    return reads_items


def _expressions(body: dict[str, Any], older: LegacyFilter) -> tuple[KeyExpression, PageExpressions]:
    """Return the key condition, and what else the page asks for: the expressions of a request, or what is older."""
    text, conditions = body.get("KeyConditionExpression"), body.get("KeyConditions")
    if text is None and conditions is None:
        raise validation_error(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    expressions = _PARAMETERS.opened(body)
    if text is not None:
        assert expressions is not None, "a key condition expression is an expression"
        condition = expressions.key_expression(text)
        return condition, page_expressions(body, expressions, older)
    wanted = page_expressions(body, expressions, older)
    return legacy_key_expression(conditions or {}), wanted


def _is_of_many(target: Target) -> bool:
    """Tell whether a partition key can have many rows: an index's has, and a table's that has a sort key."""
    return target.index is not None or bool(target.key.sort)


def _start(target: Target, members: Item, partition_key: bytes, bounds: Bounds | None) -> Position:
    """Return where the page starts; `bounds` are None when nothing is asked of the sort key."""
    position = target.start(members)
    if not _is_of_many(target):
        shown = ", ".join(f"{name}=AttributeValue: {value_text(value)}" for name, value in members.items())
        raise validation_error(f"The provided exclusive start key is invalid: ExclusiveStartKey: {{{shown}}}")
    if bounds is not None and not bounds.hold(position.key.sort):
        raise validation_error("The provided starting key does not match the range key predicate")
    if position.key.partition != partition_key:
        raise validation_error(
            "The provided starting key is outside query boundaries based on provided condition"
            if bounds is None
            else "The query can return at most one row and cannot be restarted"
        )
    return position
