"""Reads of one item and pages of many, on a view of applied state.

Pure. Knows what a GetItem, a Query page and a piece of a Scan return; refuses to know whether the view is new enough.
"""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from node.items.conditions import compiled_condition
from node.items.projections import compiled_projection
from node.storage.engine import View
from node.storage.errors import DamagedRecord
from node.storage.items import find, scan_partition_key, scan_tokens
from node.storage.layout import successor
from node.storage.records import Record
from wire.commands import Get, Got, Page, Position, Range
from wire.indexes import base_key
from wire.keys import TokenRange, key_hash
from wire.limits import READ_UNIT_BYTES
from wire.tables import TableSpec

TOMBSTONES_PASSED_MAX = 20_000
"""Tombstones one page passes over; then it ends, and says where to go on."""

_NOTHING = Got(b"", 0)


def got(command: Get, record: Record | None) -> Got:
    """Return what a GetItem sees of a record."""
    if record is None or record.tombstone:
        return _NOTHING
    if not command.projection:
        return Got(record.body, record.size)
    projected = compiled_projection(command.projection)(orjson.loads(record.body))
    return Got(orjson.dumps(projected), record.size)


def read_range(command: Range, view: View, tokens: TokenRange, table: TableSpec) -> Page:
    """Return a page of a Query or of a piece of a Scan, of what lies in this partition's tokens. Raises StorageError."""
    fetched = _fetching(command, view, table) if command.from_table else None
    return _PageReader(command, fetched).read(_records(command, view, tokens))


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


class _PageReader:
    """Gather one page. A page ends after the item that reaches `limit` or passes `bytes_max`, even if it is the last.

    Items fetched from the table count towards `bytes_max` beside the rows they were fetched for.
    """

    __slots__ = (
        "_command",
        "_condition",
        "_fetched",
        "_projection",
        "_values",
        "count",
        "fetched_bytes",
        "fetched_units",
        "items",
        "scanned_bytes",
        "scanned_count",
    )

    def __init__(self, command: Range, fetched: Callable[[Record], Record] | None) -> None:
        self._command = command
        self._fetched = fetched
        self._condition = compiled_condition(command.filter) if command.filter else None
        self._projection = compiled_projection(command.projection) if command.projection else None
        self._values: list[Any] = orjson.loads(command.values) if command.values else []
        self.items: list[bytes] = []
        self.count = self.scanned_count = self.scanned_bytes = 0
        self.fetched_bytes = self.fetched_units = 0

    def read(self, records: Iterator[Record]) -> Page:
        limit, bytes_max = self._command.limit, self._command.bytes_max
        tombstones = 0
        for record in records:
            if record.tombstone:
                tombstones += 1
                if tombstones >= TOMBSTONES_PASSED_MAX:
                    return self._page(record)
                continue
            self._take(record)
            if self.scanned_count == limit or self.scanned_bytes + self.fetched_bytes > bytes_max:
                return self._page(record)
        return self._page(None)

    def _take(self, record: Record) -> None:
        self.scanned_count += 1
        self.scanned_bytes += record.size
        if self._fetched is not None:
            record = self._fetched(record)
            self.fetched_bytes += record.size
            self.fetched_units += max(1, -(-record.size // READ_UNIT_BYTES))
        body = record.body
        if self._condition is not None or (self._projection is not None and not self._command.count_only):
            item = orjson.loads(body)
            if self._condition is not None and not self._condition(item, self._values):
                return
            if self._projection is not None:
                body = orjson.dumps(self._projection(item))
        self.count += 1
        if not self._command.count_only:
            self.items.append(body)

    def _page(self, last: Record | None) -> Page:
        position = None if last is None else Position(key_hash(last.key.partition), last.key)
        return Page(tuple(self.items), self.count, self.scanned_count, self.scanned_bytes, position, self.fetched_units)


def _records(command: Range, view: View, tokens: TokenRange) -> Iterator[Record]:
    start = command.start
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
