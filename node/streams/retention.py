"""Retention: old change records are trimmed, by the time at which they were written here.

Each replica trims its own rows, outside consensus: which are gone is no part of the replicated state, and a reader that
comes too late is told by the mark that trimming leaves. Refuses to know how long retention is.

Nobody holds trimming back: a region that is cut off, or an index whose partition cannot be reached, must not fill the disk. Who has not
read in time what must not be lost sees so by the mark, and takes the other way there is: a shipper to another region and a feeder of a
global index both go through the items themselves again, which are all that a change record speaks of (a removal is a tombstone, kept
until every region has it, or a row that the index built anew does not have). A client of the stream gets TrimmedDataAccessException.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from node.storage.digests import DigestChanges
from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import (
    change_range,
    change_sequence_of,
    partition_range,
    state_key,
    state_number_of,
    successor,
)
from node.storage.sealed import sealed, unsealed
from node.streams.records import time_ms_of

TRIM_ROWS_MAX = 1_000
TRIM_BYTES_MAX = 8 << 20
"""What one step deletes at most, so that nobody waits long for the writer."""

_MARK = struct.Struct(">Q")
_MARKS = "trimmed/"
_TABLE = struct.Struct(">I")
# The partition number leads a change key, the table follows it.
_TABLE_START = 4


class TrimStep(NamedTuple):
    """What one step of trimming has deleted; nothing is left that is as old, unless it may have left more."""

    rows: int
    bytes: int
    may_leave_more: bool = False


def trimmed_up_to(view: View, partition: int, table: int) -> int:
    """Return the last sequence number of a table that may have been trimmed; 0 when nothing was."""
    key = _mark_key(partition, table)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return 0
    mark = unsealed(stored, key)
    if mark is None:
        raise DamagedRecord(f"partition {partition} mark of trimming of table {table}: its checksum does not match")
    return int(_MARK.unpack(mark)[0])


def trim_marks(view: View, partition: int) -> Iterator[tuple[bytes, int]]:
    """Yield the key of every mark that trimming has left in a partition, and the table it speaks of."""
    lower = state_key(partition, _MARKS)
    for key, _ in view.scan(Space.STATE, lower, successor(lower)):
        yield key, state_number_of(key, _MARKS)


def trim_step(
    transaction: Transaction,
    partition: int,
    cutoff_ms: int,
    rows_max: int = TRIM_ROWS_MAX,
    bytes_max: int = TRIM_BYTES_MAX,
) -> TrimStep:
    """Delete changes written before `cutoff_ms`, within both bounds but at least one."""
    rows = size = 0
    for table in list(tables_with_changes(transaction, partition)):
        taken = _trim_table(transaction, partition, table, cutoff_ms, TrimStep(rows_max - rows, bytes_max - size))
        rows, size = rows + taken.rows, size + taken.bytes
        if rows >= rows_max or size >= bytes_max:
            return TrimStep(rows, size, may_leave_more=True)
    return TrimStep(rows, size)


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


def _trim_table(transaction: Transaction, partition: int, table: int, cutoff_ms: int, most: TrimStep) -> TrimStep:
    rows = size = last = 0
    digests = DigestChanges()
    for key, row in transaction.scan(Space.CHANGES, *change_range(partition, table)):
        if rows >= most.rows or size >= most.bytes or time_ms_of(row) >= cutoff_ms:
            break
        rows, size = rows + 1, size + len(row)
        last = change_sequence_of(key)
        digests.row(Space.CHANGES, key, None, row)
    if rows:
        digests.write(partition, transaction)
        transaction.delete_range(Space.CHANGES, *change_range(partition, table, None, last), rows)
        mark = _mark_key(partition, table)
        transaction.put(Space.STATE, mark, sealed(_MARK.pack(last), mark))
    return TrimStep(rows, size)


def _mark_key(partition: int, table: int) -> bytes:
    return state_key(partition, f"{_MARKS}{table}")
