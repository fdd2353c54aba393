"""The key space: where everything is stored, and in which order it comes back.

The room knows how keys are put together and which ranges hold what; it refuses to know values. All numbers are big
endian, so that keys sort by them. Prefixes are never renumbered: they are on people's disks.
"""

import struct

from node.storage.engine import KEY_BYTES_MAX
from node.storage.errors import DamagedRecord
from wire.keys import HASH_BYTES, RING_TOKENS, TokenRange

Range = tuple[bytes, bytes | None]

_TABLE_INDEX = struct.Struct(">IH")
_LOG = struct.Struct(">IQ")
_CHANGE = struct.Struct(">IIQ")
_PARTITION = struct.Struct(">I")
_PARTITION_TABLE = struct.Struct(">II")
_SEQUENCE_MAX = (1 << 64) - 1

_HASH_START = _TABLE_INDEX.size
_SORT_START = _HASH_START + HASH_BYTES
SORT_BYTES_MAX = KEY_BYTES_MAX - _SORT_START

# Sizes of item collections stand among the items, as an index that no table can have.
COLLECTIONS = (1 << 16) - 1

# Names of state rows that belong to one replica and never travel to another in a snapshot.
LOCAL_STATE = "local/"
# So begin the names of state rows that count what a partition holds of a table.
_SIZES = "sizes/"
# State rows that say how far an index was fed begin with this name.
FED = "fed/"
# Names of cursors that say how far a partition has fed an index to others begin with this; as state rows, behind `cursor/`.
FEEDING = "index/"


def item_key(table: int, index: int, hashed: bytes, sort: bytes) -> tuple[bytes, bool]:
    """Return the stored key of an item (index 0) or an index row, and whether the sort key had to be cut."""
    head = _TABLE_INDEX.pack(table, index) + hashed
    if len(sort) > SORT_BYTES_MAX:
        return head + sort[:SORT_BYTES_MAX], True
    return head + sort, False


def item_range(table: int, index: int, hashed: bytes) -> Range:
    """Return the bounds of everything stored under one hash."""
    head = _TABLE_INDEX.pack(table, index) + hashed
    return head, successor(head)


def token_bounds(table: int, index: int, tokens: TokenRange) -> Range:
    """Return the bounds of what one table or index holds in a range of tokens."""
    head = _TABLE_INDEX.pack(table, index)
    if tokens.lower >= RING_TOKENS:
        return head, head
    lower = head + tokens.lower.to_bytes(8, "big")
    if tokens.upper >= RING_TOKENS:
        return lower, successor(head)
    return lower, head + tokens.upper.to_bytes(8, "big")


def table_range(table: int, index: int) -> Range:
    """Return the bounds of everything that one table (index 0) or one of its indexes holds."""
    head = _TABLE_INDEX.pack(table, index)
    return head, successor(head)


def table_and_index_of(stored_key: bytes) -> tuple[int, int]:
    """Return the table and index that an item key begins with."""
    table, index = _TABLE_INDEX.unpack_from(stored_key)
    return table, index


def hash_of(stored_key: bytes) -> bytes:
    """Return the hash inside an item key."""
    return stored_key[_HASH_START:_SORT_START]


def log_key(partition: int, index: int) -> bytes:
    """Return the key of one log entry."""
    return _LOG.pack(partition, index)


def log_index_of(stored_key: bytes) -> int:
    """Return the index inside a log key."""
    return int.from_bytes(stored_key[4:12], "big")


def log_range(partition: int) -> Range:
    """Return the bounds of a partition's log."""
    return partition_range(partition)


def change_key(partition: int, table: int, sequence: int) -> bytes:
    """Return the key of one change record."""
    return _CHANGE.pack(partition, table, sequence)


def change_sequence_of(stored_key: bytes) -> int:
    """Return the sequence number inside a change key."""
    return int.from_bytes(stored_key[8:16], "big")


def change_range(partition: int, table: int, after: int | None = None, up_to: int = _SEQUENCE_MAX) -> Range:
    """Return the bounds of a table's change records in a partition, with after < sequence <= up_to."""
    head = _PARTITION_TABLE.pack(partition, table)
    lower = head if after is None else successor(_CHANGE.pack(partition, table, after))
    assert lower is not None, "the last key of all has no successor and is never used"
    return lower, successor(_CHANGE.pack(partition, table, up_to))


def state_key(partition: int, name: str) -> bytes:
    """Return the key of a named piece of a partition's state."""
    return _PARTITION.pack(partition) + name.encode("utf-8")


def state_name_of(stored_key: bytes) -> str:
    """Return the name inside a state key. Raises DamagedRecord."""
    try:
        return stored_key[4:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(stored_key) from error


def state_number_of(stored_key: bytes, prefix: str) -> int:
    """Return the number that follows a prefix of the name inside a state key. Raises DamagedRecord."""
    try:
        return int(state_name_of(stored_key).removeprefix(prefix))
    except ValueError as error:
        raise _damaged(stored_key) from error


def _damaged(stored_key: bytes) -> DamagedRecord:
    return DamagedRecord(f"state row {stored_key!r}: this is no key of a state row")


def fed_name(table: int, index: int) -> str:
    """Return what the names of all state rows begin with that say how far an index was fed; the source follows."""
    return f"{FED}{table:010d}/{index:05d}/"


def feed_cursor_name(table: int, index: int) -> str:
    """Return the name of the replicated cursor that says how far a partition has fed an index to others."""
    return f"{FEEDING}{table:010d}/{index:05d}/"


def fed_index_of(stored_key: bytes) -> tuple[int, int]:
    """Return the table and the index of a state row that is a position or a cursor of feeding. Raises DamagedRecord."""
    try:
        table, index = state_name_of(stored_key).split("/")[-3:-1]
        return int(table), int(index)
    except ValueError as error:
        raise _damaged(stored_key) from error


def fed_range(partition: int) -> Range:
    """Return the bounds of the state rows that say how far indexes were fed."""
    lower = state_key(partition, FED)
    return lower, successor(lower)


def feeding_range(partition: int) -> Range:
    """Return the bounds of the state rows of cursors that say how far a partition has fed indexes to others."""
    lower = state_key(partition, f"cursor/{FEEDING}")
    return lower, successor(lower)


def sizes_name(table: int) -> str:
    """Return the name of the state row that says how much a partition holds of a table; all are of one length."""
    return f"{_SIZES}{table:010d}"


def sizes_range(partition: int) -> Range:
    """Return the bounds of the state rows with names that `sizes_name` has made."""
    lower = state_key(partition, _SIZES)
    return lower, successor(lower)


def table_of_sizes(stored_key: bytes) -> int:
    """Return the table in a state key with a name that `sizes_name` has made."""
    return state_number_of(stored_key, _SIZES)


def partition_range(partition: int) -> Range:
    """Return the bounds of everything that log, changes or state hold of a partition."""
    head = _PARTITION.pack(partition)
    return head, successor(head)


def replicated_state_ranges(partition: int) -> tuple[Range, Range]:
    """Return the bounds of a partition's state without the rows that belong to one replica."""
    lower, upper = partition_range(partition)
    local = state_key(partition, LOCAL_STATE)
    return (lower, local), (successor(local) or local, upper)


def successor(prefix: bytes) -> bytes | None:
    """Return the first key after every key that begins with `prefix`; None when nothing can follow."""
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return None
    return trimmed[:-1] + bytes((trimmed[-1] + 1,))
