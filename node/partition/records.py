"""Items and tombstones as replication copies them: with their versions, in hash order.

Pure reads of a view.
"""

from collections.abc import Sequence

from node.partition.access import StoredItem
from node.storage.engine import View
from node.storage.items import find, scan_tokens
from node.storage.records import Record
from wire.commands import Position
from wire.keys import ItemKey, TokenRange, key_hash


def scan_stored(  # what, where, from where, how much
    view: View, table: int, tokens: TokenRange, after: Position | None, limit: int, bytes_max: int
) -> Sequence[StoredItem]:
    """Return records after a position, within both bounds but at least one; empty at the end. Raises StorageError."""
    found: list[StoredItem] = []
    for record in scan_tokens(view, table, 0, tokens, after):
        found.append(_stored(record))
        bytes_max -= len(record.body)
        if len(found) >= limit or bytes_max <= 0:
            break
    return found


def find_stored(view: View, table: int, key: ItemKey) -> StoredItem | None:
    """Return one record, or None. Raises StorageError."""
    record = find(view, table, 0, key, key_hash(key.partition))
    return None if record is None else _stored(record)


def _stored(record: Record) -> StoredItem:
    position = Position(key_hash(record.key.partition), record.key)
    return StoredItem(position, record.version, record.tombstone, record.size, record.body)
