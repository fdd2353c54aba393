"""Retention: old change records are trimmed, by the time at which they were written here.

Each replica trims its own rows, outside consensus: which are gone is no part of the replicated state, and a reader that
comes too late is told by the mark that trimming leaves. Refuses to know how long retention is.
"""

import struct
from collections.abc import Iterator

from node.storage.engine import Space, Transaction, View
from node.storage.layout import (
    change_range,
    change_sequence_of,
    partition_range,
    state_key,
    state_name_of,
    successor,
)
from node.storage.sealed import sealed, unsealed
from node.streams.records import time_ms_of

_MARK = struct.Struct(">Q")
_MARKS = "trimmed/"
_TABLE = struct.Struct(">I")
# The partition number leads a change key, the table follows it.
_TABLE_START = 4


def trimmed_up_to(view: View, partition: int, table: int) -> int:
    """Return the last sequence number of a table that may have been trimmed; 0 when nothing was."""
    stored = view.get(Space.STATE, _mark_key(partition, table))
    mark = unsealed(stored) if stored is not None else None
    return _MARK.unpack(mark)[0] if mark is not None else 0


def trim_marks(view: View, partition: int) -> Iterator[tuple[bytes, int]]:
    """Yield the key of every mark that trimming has left in a partition, and the table it speaks of."""
    lower = state_key(partition, _MARKS)
    for key, _ in view.scan(Space.STATE, lower, successor(lower)):
        yield key, int(state_name_of(key).removeprefix(_MARKS))


def trim_step(transaction: Transaction, partition: int, cutoff_ms: int, rows_max: int) -> int:
    """Delete up to `rows_max` changes written before `cutoff_ms`; return how many. Fewer: none is left that old."""
    trimmed = 0
    for table in list(tables_with_changes(transaction, partition)):
        if trimmed >= rows_max:
            break
        trimmed += _trim_table(transaction, partition, table, cutoff_ms, rows_max - trimmed)
    return trimmed


def tables_with_changes(view: View, partition: int) -> Iterator[int]:
    """Find the tables that have change records by seeking from one to the next."""
    lower: bytes | None
    lower, upper = partition_range(partition)
    while lower is not None:
        found = next(view.scan(Space.CHANGES, lower, upper), None)
        if found is None:
            return
        table: int = _TABLE.unpack_from(found[0], _TABLE_START)[0]
        yield table
        _, lower = change_range(partition, table)


def _trim_table(transaction: Transaction, partition: int, table: int, cutoff_ms: int, rows_max: int) -> int:
    count = last = 0
    for key, row in transaction.scan(Space.CHANGES, *change_range(partition, table)):
        if count >= rows_max or time_ms_of(row) >= cutoff_ms:
            break
        count += 1
        last = change_sequence_of(key)
    if count:
        transaction.delete_range(Space.CHANGES, *change_range(partition, table, None, last), count)
        transaction.put(Space.STATE, _mark_key(partition, table), sealed(_MARK.pack(last)))
    return count


def _mark_key(partition: int, table: int) -> bytes:
    return state_key(partition, f"{_MARKS}{table}")
