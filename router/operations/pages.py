"""What Query and Scan share: what is selected, where a page starts, and the answer.

Knows AWS's rules about Select, Limit and ExclusiveStartKey; refuses to know which items a page reads.
"""

from typing import Any, Final, NamedTuple

import orjson

from router.expressions.request import RequestExpressions
from router.operations.answers import array, joined
from router.operations.capacity import IndexUnits, consumed, read_units
from router.operations.expression_parameters import projection_of
from router.operations.legacy_parameters import LegacyFilter
from router.operations.targets import STARTING_KEY, Target
from router.operations.wording import RequestFault
from wire.commands import NO_BYTES, Page
from wire.errors import ErrorCode, StoreError, validation_error
from wire.items import Item, normalized_item

# What AWS says about a value of a starting key without saying that the key is invalid.
_SAID_ALONE: Final = ("contains duplicates", "An number set", "numeric value", "Number")


class PageExpressions(NamedTuple):
    """The expressions of a page as trees, and the values that they point into."""

    filter: bytes = NO_BYTES
    projection: bytes = NO_BYTES
    values: bytes = NO_BYTES


def start_members(body: dict[str, Any]) -> Item | None:
    """Return the ExclusiveStartKey in canonical form, or None."""
    given = body.get("ExclusiveStartKey")
    if given is None:
        return None
    try:
        return normalized_item(given)[0]
    except StoreError as error:
        if error.code is not ErrorCode.VALIDATION or any(text in error.message for text in _SAID_ALONE):
            raise
        raise validation_error(f"{STARTING_KEY}: {error.message}") from None


def require_valid_selection(body: dict[str, Any]) -> None:
    """Refuse a Select that contradicts the rest of the request."""
    fault = _selection_fault(body)
    if fault is not None:
        raise RequestFault(validation_error(fault))


def _selection_fault(body: dict[str, Any]) -> str | None:
    select = body.get("Select")
    projected = next((name for name in ("ProjectionExpression", "AttributesToGet") if body.get(name) is not None), None)
    if select is None or (select == "SPECIFIC_ATTRIBUTES" and projected):
        return None
    if select == "SPECIFIC_ATTRIBUTES":
        return "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
    if projected:
        what = "only the Count" if select == "COUNT" else select
        return f"Cannot specify the {projected} when choosing to get {what}"
    if select == "ALL_PROJECTED_ATTRIBUTES" and body.get("IndexName") is None:
        return "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
    return None


def counts_only(body: dict[str, Any]) -> bool:
    """Return whether the answer is to have counts and no items."""
    return body.get("Select") == "COUNT"


def render_page(body: dict[str, Any], target: Target, page: Page) -> bytes:
    """Return the answer; items are passed on as they are."""
    return joined(
        Items=b"" if counts_only(body) else array(page.items),
        Count=b"%d" % page.count,
        ScannedCount=b"%d" % page.scanned_count,
        LastEvaluatedKey=b"" if page.last is None else orjson.dumps(target.members(page.last.key)),
        ConsumedCapacity=_consumed(body, target, page) if "ReturnConsumedCapacity" in body else b"",
    )


def _consumed(body: dict[str, Any], target: Target, page: Page) -> bytes:
    consistent = body.get("ConsistentRead", False)
    units = read_units(page.scanned_bytes, consistent=consistent)
    if target.index is None:
        return consumed(body, body["TableName"], units)
    fetched = float(page.fetched_units) if consistent else page.fetched_units / 2
    return consumed(body, body["TableName"], fetched, (IndexUnits(target.index.name, target.index.is_local, units),))


def page_expressions(
    body: dict[str, Any], expressions: RequestExpressions | None, older: LegacyFilter
) -> PageExpressions:
    """Return the filter and projection of a request, in expressions or in the parameters older than they are."""
    if expressions is None:
        return PageExpressions(older.tree, projection_of(body, None), older.values)
    text = body.get("FilterExpression")
    tree = NO_BYTES if text is None else expressions.condition(text, "FilterExpression")
    projection = projection_of(body, expressions)
    expressions.finish()
    return PageExpressions(tree, projection, expressions.values_bytes() if tree else NO_BYTES)
