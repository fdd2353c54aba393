"""What a change of an item does to its rows in secondary indexes, and what that costs.

Pure. Knows when a row comes, goes, moves or stays; refuses to know where rows are stored, which `wire.indexes` leaves open too.
"""

from typing import NamedTuple

from wire.indexes import IndexItem, row_of
from wire.items import Item
from wire.keys import ItemKey
from wire.limits import WRITE_UNIT_BYTES
from wire.tables import IndexSpec, IndexStatus, KeySchema, TableSpec


class RowChange(NamedTuple):
    """An item's row in one index before and after a change; the two differ."""

    spec: IndexSpec
    before: IndexItem | None
    after: IndexItem | None

    @property
    def has_moved(self) -> bool:
        """Whether what stood under the key before must go from there."""
        return self.before is not None and (self.after is None or self.after.key != self.before.key)

    @property
    def growth(self) -> int:
        """Return by how many bytes the index grows."""
        return (self.after.size if self.after is not None else 0) - (self.before.size if self.before is not None else 0)

    @property
    def write_units(self) -> int:
        """Return the write units of the change.

        A row that stays in its place costs its larger state; one that moves costs a delete and a put. Source: AWS's guide,
        "Provisioned throughput considerations" of secondary indexes.
        """
        before = _units(self.before)
        after = _units(self.after)
        if self.before is not None and not self.has_moved:
            return max(before, after)
        return before + after


def row_changes(table: TableSpec, key: ItemKey, old: Item | None, new: Item | None) -> list[RowChange]:
    """Return what becomes of an item's rows, in the order of the table's indexes; rows that stay as they are are left out.

    An index that is being deleted has no rows to speak of any more.
    """
    changes = []
    for index in table.indexes:
        if index.status is not IndexStatus.DELETING:
            change = row_change(table.key_schema, index, key, old, new)
            if change is not None:
                changes.append(change)
    return changes


def row_change(  # the index, and the item in it
    schema: KeySchema, index: IndexSpec, key: ItemKey, old: Item | None, new: Item | None
) -> RowChange | None:
    """Return what becomes of an item's row in one index; None = nothing."""
    before = None if old is None else row_of(schema, index, key, old)
    after = None if new is None else row_of(schema, index, key, new)
    return None if before == after else RowChange(index, before, after)


def _units(row: IndexItem | None) -> int:
    return 0 if row is None else max(1, -(-row.size // WRITE_UNIT_BYTES))
