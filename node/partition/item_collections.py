"""Sizes of item collections: all items of one partition key with their rows in local indexes.

A table with local indexes keeps the size of every collection as a record beside its items, under an index number of its own. Knows
sizes that are applied and, over them, those that are pending. Refuses to know what makes a collection grow.
"""

from typing import Final, NamedTuple

from node.partition.effects import row_effect
from node.partition.overlay import Overlay
from node.storage.engine import View
from node.storage.items import find
from node.storage.layout import COLLECTIONS
from node.storage.records import Record, encode_record
from wire.keys import ItemKey, key_hash
from wire.limits import ITEM_COLLECTION_BYTES_MAX
from wire.versions import Version

_VERSION: Final = Version(0, 0)
_LENGTH: Final = 8


class Collection(NamedTuple):
    """The size of an item collection in bytes, -1 where none is counted, and the most it may grow to."""

    size: int
    size_max: int


NOT_COUNTED: Final = Collection(-1, 0)


class ItemCollections:
    """Look sizes up as the next evaluation has to see them."""

    def __init__(self, size_max: int = ITEM_COLLECTION_BYTES_MAX) -> None:
        self._size_max = size_max
        self._overlay = Overlay()

    def newest(self, view: View, table: int, partition: bytes) -> tuple[int, Collection]:
        """Return the entry that a collection's size rests on (0 = applied), and the collection. Raises StorageError."""
        key = ItemKey(partition)
        pending = self._overlay.newest(table, key)
        if pending is not None:
            rests_on, record = pending
        else:
            rests_on, record = 0, find(view, table, COLLECTIONS, key, key_hash(partition))
        return rests_on, Collection(0 if record is None else int.from_bytes(record.body, "big"), self._size_max)

    def add(self, table: int, partition: bytes, index: int, size: int) -> None:
        """Note the size of a collection after the entry at `index`."""
        self._overlay.add(table, ItemKey(partition), index, _record(partition, size))

    def applied(self, index: int) -> None:
        """Leave what is on disk now to the engine."""
        self._overlay.applied(index)

    def discard(self, index: int) -> None:
        """Forget what was evaluated for entries from `index` on."""
        self._overlay.discard(index)


def collection_effect(table: int, partition: bytes, size: int) -> bytes:
    """Return the effect that sets the size of a collection; an empty one leaves no trace."""
    key, version, _, removes, body = _record(partition, size) or Record(ItemKey(partition), _VERSION, 0, True, b"")
    return row_effect(table, COLLECTIONS, encode_record(key, version, 0, body, tombstone=removes), removes=removes)


def _record(partition: bytes, size: int) -> Record | None:
    assert size >= 0, f"an item collection has at least 0 bytes, found {size}"
    return Record(ItemKey(partition), _VERSION, 0, False, size.to_bytes(_LENGTH, "big")) if size else None
