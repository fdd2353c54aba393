"""Reads of one item and pages of many, on views of applied state.

Pure. Knows what a GetItem, a Query page and a piece of a Scan return, and how a page is read a slice at a time; refuses to know
whether a view is new enough, and how long a slice may take.
"""

from collections.abc import Callable, Iterator

import orjson

from node.items.conditions import Condition, bound_condition
from node.items.projections import Projection, compiled_projection
from node.storage.engine import View
from node.storage.errors import DamagedRecord
from node.storage.items import find, scan_partition_key, scan_tokens
from node.storage.layout import successor
from node.storage.records import Record
from wire.commands import Get, Got, Page, Position, Range
from wire.indexes import base_key
from wire.items import AttributeValue
from wire.keys import TokenRange, key_hash
from wire.limits import READ_UNIT_BYTES
from wire.tables import TableSpec

TOMBSTONES_PASSED_MAX = 20_000
"""Tombstones one page passes over; then it ends, and says where to go on."""
RECORD_WEIGHT = 4 << 10
"""What looking at a record weighs beside its bytes."""

_NOTHING = Got(b"", 0)


def got(command: Get, record: Record | None) -> Got:
    """Return what a GetItem sees of a record."""
    if record is None or record.tombstone:
        return _NOTHING
    if not command.projection:
        return Got(record.body, record.size)
    projected = compiled_projection(command.projection)(orjson.loads(record.body))
    return Got(orjson.dumps(projected), record.size)


class PageReader:
    """Gather one page, a slice at a time; each slice goes on just after the last record that was looked at, in a view of its own.

    A page is complete after the item that reaches `limit` or passes `bytes_max`, even if it is the last, and where its range
    ends. Items fetched from the table count towards `bytes_max` beside the rows they were fetched for. One that is not
    complete can be told all the same: it then ends after what was looked at.
    """

    __slots__ = (
        "_command",
        "_condition",
        "_is_compiled",
        "_last",
        "_projection",
        "_tokens",
        "_tombstones",
        "_values",
        "count",
        "fetched_bytes",
        "fetched_units",
        "is_complete",
        "items",
        "scanned_bytes",
        "scanned_count",
    )

    def __init__(self, command: Range, tokens: TokenRange) -> None:
        self._command = command
        self._tokens = tokens
        self._last: Record | None = None
        self._condition: Condition | None = None
        self._values: list[AttributeValue] = []
        self._projection: Projection | None = None
        self._is_compiled = False
        self._tombstones = 0
        self.items: list[bytes] = []
        self.count = self.scanned_count = self.scanned_bytes = 0
        self.fetched_bytes = self.fetched_units = 0
        self.is_complete = False

    @property
    def table(self) -> int:
        """Return the number of the table that is read."""
        return self._command.table

    def read(self, view: View, table: TableSpec, is_over: Callable[[], bool], weight_max: int) -> None:
        """Read on until the page is complete or the slice is over, but at least one record.

        `is_over` is asked whenever records of `weight_max` were looked at. Raises StorageError and UnreadableTree.
        """
        if not self._is_compiled:
            self._compile()
        fetched = _fetching(self._command, view, table) if self._command.from_table else None
        limit, bytes_max, weight = self._command.limit, self._command.bytes_max, 0
        for record in _records(self._command, view, self._tokens, self._after()):
            if record.tombstone:
                self._tombstones += 1
                self.is_complete = self._tombstones >= TOMBSTONES_PASSED_MAX
            else:
                self._take(record, fetched)
                if self.scanned_count == limit or self.scanned_bytes + self.fetched_bytes > bytes_max:
                    self.is_complete = True
            weight += RECORD_WEIGHT + len(record.body)
            if self.is_complete or (weight >= weight_max and is_over()):
                self._last = record
                return
            if weight >= weight_max:
                weight = 0
        self._last = None
        self.is_complete = True

    def page(self) -> Page:
        """Return what was read so far."""
        counts = self.count, self.scanned_count, self.scanned_bytes
        return Page(tuple(self.items), *counts, self._after(), self.fetched_units)

    def _after(self) -> Position | None:
        """Return the place of the last record that was looked at; None = before the first, or past the last of the range."""
        last = self._last
        return None if last is None else Position(key_hash(last.key.partition), last.key)

    def _compile(self) -> None:
        command = self._command
        if command.filter:
            self._values = orjson.loads(command.values) if command.values else []
            self._condition = bound_condition(command.filter, self._values)
        if command.projection and not command.count_only:
            self._projection = compiled_projection(command.projection)
        self._is_compiled = True

    def _take(self, record: Record, fetched: Callable[[Record], Record] | None) -> None:
        self.scanned_count += 1
        self.scanned_bytes += record.size
        if fetched is not None:
            record = fetched(record)
            self.fetched_bytes += record.size
            self.fetched_units += max(1, -(-record.size // READ_UNIT_BYTES))
        body = record.body
        if self._condition is not None or self._projection is not None:
            item = orjson.loads(body)
            if self._condition is not None and not self._condition(item, self._values):
                return
            if self._projection is not None:
                body = orjson.dumps(self._projection(item))
        self.count += 1
        if not self._command.count_only:
            self.items.append(body)


def _fetching(command: Range, view: View, table: TableSpec) -> Callable[[Record], Record]:
    """Return what finds the item of a row in a local index; they are written together, so that there is one."""
    index = next(index for index in table.indexes if index.number == command.index)
    assert index.is_local, f"only rows of local indexes have their items beside them, index {index.number} is global"

    def fetched(row: Record) -> Record:
        key = base_key(index, row.key)
        item = find(view, command.table, 0, key, key_hash(key.partition))
        if item is None or item.tombstone:
            raise DamagedRecord(f"table {command.table} index {command.index}: a row without its item, {row.key}")
        return item

    return fetched


def _records(command: Range, view: View, tokens: TokenRange, after: Position | None) -> Iterator[Record]:
    start = command.start if after is None else after
    if command.partition_key is None:
        lower = max(command.lower_token, tokens.lower)
        upper = min(command.upper_token, tokens.upper)
        if lower >= upper:
            return iter(())
        return scan_tokens(view, command.table, command.index, TokenRange(lower, upper), start)
    lower_sort, upper_sort = _sort_bounds(command)
    return scan_partition_key(
        view,
        command.table,
        command.index,
        command.partition_key,
        key_hash(command.partition_key),
        lower_sort=lower_sort,
        upper_sort=upper_sort,
        reverse=command.reverse,
        after=start.key if start is not None else None,
    )


def _sort_bounds(command: Range) -> tuple[bytes, bytes | None]:
    """Return the bounds as lower <= sort < upper. The next key after a key is the key with a zero byte added."""
    if command.prefix:
        return command.prefix, successor(command.prefix)
    lower = command.lower if command.lower_included else command.lower + b"\x00"
    if command.upper is None or not command.upper_included:
        return lower, command.upper
    return lower, command.upper + b"\x00"
