"""Scan."""

from dataclasses import dataclass
from typing import Any, Final

from router.operations.context import RequestContext
from router.operations.expression_parameters import ExpressionParameters, require_distinct_attributes
from router.operations.expression_paths import require_scalar_keys
from router.operations.legacy_parameters import legacy_filter
from router.operations.pages import counts_only, page_expressions, render_page, require_valid_selection, start_members
from router.operations.projected import reads_from_table
from router.operations.store import Store
from router.operations.targets import STARTING_KEY, Target, target_of
from wire.commands import Page, Range
from wire.errors import validation_error
from wire.keys import RING_TOKENS, token_of
from wire.limits import PAGE_BYTES_MAX

_PARAMETERS: Final = ExpressionParameters(
    ("ProjectionExpression", "FilterExpression"), ("AttributesToGet", "ScanFilter", "ConditionalOperator")
)


@dataclass(frozen=True, slots=True)
class Segment:
    """The tokens lower <= token < upper that a scan covers, and its place among the segments."""

    index: int
    count: int
    lower: int
    upper: int


class Scan:
    """Read all items of a table, or of one of several segments of it, a page at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        target, wanted = await context.read(parse, self._store, body)
        page = await self._read(wanted, context.deadline)
        return render_page(body, target, page)

    async def _read(self, wanted: Range, deadline: float) -> Page:
        """Read partition after partition, until the page is full or the segment ends."""
        items: list[bytes] = []
        count = scanned_count = scanned_bytes = fetched_units = 0
        last = None
        for placement in self._store.partitions(wanted.lower_token, wanted.upper_token):
            part = wanted._replace(
                lower_token=max(wanted.lower_token, placement.lower),
                upper_token=min(wanted.upper_token, placement.upper),
                limit=wanted.limit and wanted.limit - scanned_count,
                bytes_max=wanted.bytes_max - scanned_bytes,
            )
            page = await self._store.execute_on(placement.partition, part, deadline=deadline)
            assert type(page) is Page, f"expected a Page, found {page!r}"
            items += page.items
            count += page.count
            scanned_count += page.scanned_count
            scanned_bytes += page.scanned_bytes
            fetched_units += page.fetched_units
            last = page.last
            if last is not None:  # the page is full: a partition that ends below the bounds says so with None
                break
        return Page(tuple(items), count, scanned_count, scanned_bytes, last, fetched_units)


def parse(store: Store, body: dict[str, Any]) -> tuple[Target, Range]:
    """Return what is read from and the page that a request asks for; the order of the checks is AWS's."""
    _PARAMETERS.require_consistent(body)
    require_distinct_attributes(body)
    older = legacy_filter(body, "ScanFilter")
    start = start_members(body)
    segment = parsed_segment(body)
    expressions = page_expressions(body, _PARAMETERS.opened(body), older)
    require_valid_selection(body)
    target = target_of(store.view, body, store.home)
    if start is not None and target.index is not None:
        target.require_start(start)
    reads_items = reads_from_table(target, body, expressions.projection)
    position = None if start is None else target.start(start)
    first = segment.lower if position is None else token_of(position.hash)
    if not segment.lower <= first < segment.upper:
        raise validation_error(
            f"{STARTING_KEY}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
            f"TotalSegments: {segment.count} Segment: {segment.index}"
        )
    require_scalar_keys(target.spec, expressions.projection)
    require_scalar_keys(target.spec, expressions.filter)
    return target, Range(
        table=target.spec.number,
        index=target.number,
        lower_token=first,
        upper_token=segment.upper,
        start=position,
        limit=body.get("Limit", 0),
        bytes_max=PAGE_BYTES_MAX,
        consistent=body.get("ConsistentRead", False),
        filter=expressions.filter,
        projection=expressions.projection,
        values=expressions.values,
        count_only=counts_only(body),
        from_table=reads_items,
    )


def parsed_segment(body: dict[str, Any]) -> Segment:
    """Return the segment that a request asks for; the whole table is the only one of one."""
    index, count = body.get("Segment"), body.get("TotalSegments")
    if count is None and index is not None:
        raise validation_error(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present"
        )
    if index is None and count is not None:
        raise validation_error(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present"
        )
    if index is None or count is None:
        return Segment(0, 1, 0, RING_TOKENS)
    if index >= count:
        raise validation_error(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {index} is not less than TotalSegments: {count}"
        )
    return Segment(index, count, index * RING_TOKENS // count, (index + 1) * RING_TOKENS // count)
