"""How much a partition holds of every table and index, counted while effects are applied.

Knows what a record adds and what the one before it had added, and that a tombstone counts for nothing. Refuses to know why
anything is stored. What is counted follows from what is stored alone, so that every replica counts the same; a partition
that is split has to be counted anew.
"""

from node.partition.rows import read_sizes, write_sizes
from node.storage.engine import Transaction
from node.storage.layout import COLLECTIONS
from node.storage.records import size_in

_NOTHING = (0, 0)


class SizeChanges:
    """Gather what effects change, so that applying many touches one row per table."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[tuple[int, int], list[int]] = {}

    def stored(self, table: int, index: int, record: bytes, replaced: bytes | None) -> None:
        """Count a record that was stored in place of another, or of none."""
        before = None if replaced is None else size_in(replaced)
        after = size_in(record)
        if before != after:
            self._count(table, index, before, after)

    def removed(self, table: int, index: int, record: bytes | None) -> None:
        """Count a record that was removed, if there was one."""
        before = None if record is None else size_in(record)
        if before is not None:
            self._count(table, index, before, None)

    def write(self, partition: int, transaction: Transaction) -> None:
        """Add what was gathered to what the partition has counted so far."""
        by_table: dict[int, dict[int, list[int]]] = {}
        for (table, index), change in self._changes.items():
            if change != [0, 0]:
                by_table.setdefault(table, {})[index] = change
        for table, changes in by_table.items():
            sizes = read_sizes(transaction, partition, table)
            for index, (rows, size) in changes.items():
                rows_before, size_before = sizes.get(index, _NOTHING)
                sizes[index] = (rows_before + rows, size_before + size)
            write_sizes(transaction, partition, table, sizes)

    def _count(self, table: int, index: int, before: int | None, after: int | None) -> None:
        if index == COLLECTIONS:
            return
        change = self._changes.get((table, index))
        if change is None:
            change = self._changes[table, index] = [0, 0]
        change[0] += (after is not None) - (before is not None)
        change[1] += (after or 0) - (before or 0)
