"""What Query and Scan share: what is selected, where a page starts, and the answer.

Knows AWS's rules about Select, Limit and ExclusiveStartKey; refuses to know which items a page reads.
"""

from typing import Any, NamedTuple

import orjson

from router.operations.answers import array, joined
from router.operations.capacity import consumed, read_units
from router.operations.expression_parameters import ExpressionParameters, projection_of
from router.operations.item_keys import key_of_members, members_of_key
from router.operations.tables import table_of_items
from wire.catalog import CatalogView
from wire.commands import NO_BYTES, Page, Position
from wire.errors import ErrorCode, StoreError, validation_error
from wire.items import Item, normalized_item
from wire.keys import key_hash
from wire.tables import KeySchema, TableSpec

STARTING_KEY = "The provided starting key is invalid"


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
        if error.code is not ErrorCode.VALIDATION:
            raise
        raise validation_error(f"{STARTING_KEY}: {error.message}") from None


def start_position(schema: KeySchema, members: Item) -> Position:
    """Return where a page starts, for the members of a key that fits the schema."""
    try:
        key = key_of_members(schema, members)
    except StoreError as error:
        raise validation_error(f"{STARTING_KEY}: {error.message}") from None
    return Position(key_hash(key.partition), key)


def require_valid_selection(body: dict[str, Any]) -> None:
    """Refuse a Select that contradicts the rest of the request."""
    select = body.get("Select")
    projected = next((name for name in ("ProjectionExpression", "AttributesToGet") if body.get(name) is not None), None)
    if select is None or (select == "SPECIFIC_ATTRIBUTES" and projected):
        return
    if select == "SPECIFIC_ATTRIBUTES":
        raise validation_error(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if projected:
        what = "only the Count" if select == "COUNT" else select
        raise validation_error(f"Cannot specify the {projected} when choosing to get {what}")
    if select == "ALL_PROJECTED_ATTRIBUTES" and body.get("IndexName") is None:
        raise validation_error("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")


def counts_only(body: dict[str, Any]) -> bool:
    """Return whether the answer is to have counts and no items."""
    return body.get("Select") == "COUNT"


def paged_table(view: CatalogView, body: dict[str, Any], region: str) -> TableSpec:
    """Return the table that a page is read from; there are no indexes yet that it could be read from instead."""
    spec = table_of_items(view, body["TableName"], region)
    if body.get("IndexName") is not None:
        raise validation_error(f"The table does not have the specified index: {body['IndexName']}")
    return spec


def render_page(body: dict[str, Any], schema: KeySchema, page: Page) -> bytes:
    """Return the answer; items are passed on as they are."""
    units = read_units(page.scanned_bytes, consistent=body.get("ConsistentRead", False))
    return joined(
        Items=b"" if counts_only(body) else array(page.items),
        Count=b"%d" % page.count,
        ScannedCount=b"%d" % page.scanned_count,
        LastEvaluatedKey=b"" if page.last is None else orjson.dumps(members_of_key(schema, page.last.key)),
        ConsumedCapacity=consumed(body, body["TableName"], units),
    )


def scan_expressions(body: dict[str, Any], parameters: ExpressionParameters) -> PageExpressions:
    """Return the filter and projection of a request that has no key condition."""
    expressions = parameters.opened(body)
    if expressions is None:
        return PageExpressions(projection=projection_of(body, None))
    text = body.get("FilterExpression")
    tree = NO_BYTES if text is None else expressions.condition(text, "FilterExpression")
    projection = projection_of(body, expressions)
    expressions.finish()
    return PageExpressions(tree, projection, expressions.values_bytes() if tree else NO_BYTES)
