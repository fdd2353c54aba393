"""Which rows of global indexes changes and items come to, and where they go. Pure.

Knows rows and the ring of partitions. Refuses to know how changes are read and rows are sent.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from node.items.indexes import row_change
from node.partition.access import StoredItem
from wire.catalog import CATALOG_PARTITION, Placement
from wire.commands import ChangeRecord, IndexRow
from wire.indexes import IndexItem, row_of
from wire.items import Item
from wire.keys import ItemKey, key_hash, token_of
from wire.tables import IndexSpec, KeySchema, ProjectionType
from wire.versions import Version

UNCHANGED = 4  # of ChangeRecord.flags


class RoutedRow(NamedTuple):
    """A row and the partition that holds it."""

    destination: int
    row: IndexRow


class Ring:
    """Find the partition that holds a key."""

    def __init__(self, placements: Iterable[Placement]) -> None:
        data = (each for each in placements if each.partition != CATALOG_PARTITION)
        ordered = sorted(data, key=lambda each: each.lower)
        self._lowers = [each.lower for each in ordered]
        self._partitions = [int(each.partition) for each in ordered]

    def holder(self, key: ItemKey) -> int:
        """Return the partition of a key."""
        return self._partitions[bisect_right(self._lowers, token_of(key_hash(key.partition))) - 1]


class FedIndex(NamedTuple):
    """An index that changes are read for, and the last change it has seen."""

    spec: IndexSpec
    after: int


def rows_of_changes(
    schema: KeySchema, indexes: Iterable[FedIndex], records: Iterable[ChangeRecord], ring: Ring
) -> Mapping[int, list[RoutedRow]]:
    """Return what changes come to, by index number, in their order; an index that nothing changes in is left out.

    A change is decoded once for all indexes. A row that moves is removed from its old place first.
    """
    indexes = tuple(indexes)
    found: dict[int, list[RoutedRow]] = {}
    for record in records:
        wanted = [fed.spec for fed in indexes if record.sequence > fed.after]
        if not wanted or record.flags & UNCHANGED:
            continue
        old, new = _decoded(record.old_image), _decoded(record.new_image)
        for index in wanted:
            rows = _changed_rows(schema, index, record, old, new)
            if rows:
                routed = found.setdefault(index.number, [])
                routed += [RoutedRow(ring.holder(row.key), row) for row in rows]
    return found


def rows_of_items(schema: KeySchema, index: IndexSpec, items: Iterable[StoredItem], ring: Ring) -> list[RoutedRow]:
    """Return the rows of stored items in an index, as copies; tombstones and items without a row come to none."""
    routed = []
    for item in items:
        row = None if item.tombstone else row_of(schema, index, item.position.key, orjson.loads(item.body))
        if row is not None:
            copy = _set_row(index, 0, item.version, row, item.body)
            routed.append(RoutedRow(ring.holder(row.key), copy))
    return routed


def _changed_rows(
    schema: KeySchema, index: IndexSpec, record: ChangeRecord, old: Item | None, new: Item | None
) -> list[IndexRow]:
    change = row_change(schema, index, record.key, old, new)
    if change is None:
        return []
    rows = []
    if change.has_moved:
        assert change.before is not None, "only what was there can move"
        rows.append(IndexRow(record.sequence, change.before.key, True, record.version, 0, b""))
    if change.after is not None:
        rows.append(_set_row(index, record.sequence, record.version, change.after, record.new_image))
    return rows


def _set_row(index: IndexSpec, sequence: int, version: Version, row: IndexItem, image: bytes) -> IndexRow:
    # A row that holds all of the item need not be written anew.
    body = image if index.projection is ProjectionType.ALL else orjson.dumps(row.item)
    return IndexRow(sequence, row.key, False, version, row.size, body)


def _decoded(image: bytes) -> Item | None:
    if not image:
        return None
    item: Item = orjson.loads(image)
    return item
