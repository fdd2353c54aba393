"""How much a partition holds of every table and index, counted while effects are applied.

Knows what a record adds and what the one before it had added, and that a tombstone counts for nothing. Refuses to know why
anything is stored. What is counted follows from what is stored alone, so that every replica counts the same; a partition
that is split has to be counted anew.
"""

import struct

from node.partition.rows import read_sizes, write_sizes
from node.storage.engine import Transaction
from node.storage.errors import DamagedRecord
from node.storage.layout import COLLECTIONS
from node.storage.records import TOMBSTONE, flags_and_size

_NOTHING = (0, 0)


class SizeChanges:
    """Gather what effects change, so that applying many touches one row per table."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[tuple[int, int], list[int]] = {}

    def stored(self, table: int, index: int, record: bytes, replaced: bytes | None) -> None:
        """Count a record that was stored in place of another, or of none. Raises DamagedRecord."""
        change = self._changes.get((table, index)) or self._begun(table, index)
        flags, size = flags_and_size(record)
        if not flags & TOMBSTONE:
            change[0] += 1
            change[1] += size
        if replaced is not None:
            flags, size = _counted(replaced)
            if not flags & TOMBSTONE:
                change[0] -= 1
                change[1] -= size

    def removed(self, table: int, index: int, record: bytes) -> None:
        """Count a record that was removed. Raises DamagedRecord."""
        flags, size = _counted(record)
        if not flags & TOMBSTONE:
            change = self._changes.get((table, index)) or self._begun(table, index)
            change[0] -= 1
            change[1] -= size

    def write(self, partition: int, transaction: Transaction) -> None:
        """Add what was gathered to what the partition has counted so far."""
        by_table: dict[int, dict[int, list[int]]] = {}
        for (table, index), change in self._changes.items():
            if any(change) and index != COLLECTIONS:
                by_table.setdefault(table, {})[index] = change
        for table, changes in by_table.items():
            sizes = read_sizes(transaction, partition, table)
            for index, (rows, size) in changes.items():
                rows_before, size_before = sizes.get(index, _NOTHING)
                sizes[index] = (rows_before + rows, size_before + size)
            write_sizes(transaction, partition, table, sizes)

    def _begun(self, table: int, index: int) -> list[int]:
        change = self._changes[table, index] = [0, 0]
        return change


def _counted(stored: bytes) -> tuple[int, int]:
    try:
        return flags_and_size(stored)
    except struct.error:
        raise DamagedRecord(f"a stored record of {len(stored)} bytes is none") from None
