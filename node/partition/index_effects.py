"""A change of an item together with what follows from it in the same partition: rows of local indexes, the item collection.

Pure. Knows which rows a change touches and what that costs; refuses to know what the change is for. Rows of global indexes are only
counted here: they follow the change log.
"""

from typing import NamedTuple

import orjson

from node.items.indexes import RowChange, row_changes
from node.partition.effects import combined_effect, row_effect
from node.partition.item_collections import collection_effect
from node.storage.records import Record, encode_record
from wire.items import Item
from wire.tables import ProjectionType, TableSpec


class Indexed(NamedTuple):
    """The whole effect of a change, the write units of every index it touches, and the collection's size after it."""

    effect: bytes
    index_units: tuple[tuple[int, int], ...]
    collection_size: int  # -1 = not counted


def with_indexes(  # the item before and after, and what its own change comes to
    table: TableSpec, before: Record | None, after: Record, effect: bytes, collection_size: int
) -> Indexed:
    """Return the effect of a change and of what follows from it; `collection_size` is the one before, -1 = not counted."""
    changes = row_changes(table, after.key, _item(before), _item(after))
    effects = [effect]
    growth = _size(after) - _size(before)
    for change in changes:
        if change.spec.is_local:
            growth += change.growth
            effects += _row_effects(table.number, change, after)
    if collection_size >= 0:
        collection_size += growth
        if growth:
            effects.append(collection_effect(table.number, after.key.partition, collection_size))
    units = tuple((change.spec.number, change.write_units) for change in changes)
    return Indexed(combined_effect(effects), units, collection_size)


def _row_effects(table: int, change: RowChange, after: Record) -> list[bytes]:
    number = change.spec.number
    effects = []
    if change.has_moved:
        assert change.before is not None, "only what was there can move"
        gone = encode_record(change.before.key, after.version, 0, b"", tombstone=True)
        effects.append(row_effect(table, number, gone, removes=True))
    if change.after is not None:
        row = change.after
        # A row that holds all of the item need not be written anew.
        whole = change.spec.projection is ProjectionType.ALL
        record = encode_record(row.key, after.version, row.size, after.body if whole else orjson.dumps(row.item))
        effects.append(row_effect(table, number, record, removes=False))
    return effects


def _item(record: Record | None) -> Item | None:
    if record is None or record.tombstone:
        return None
    item: Item = orjson.loads(record.body)
    return item


def _size(record: Record | None) -> int:
    return 0 if record is None or record.tombstone else record.size
