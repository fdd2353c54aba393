"""Deleting change records past their retention, on the writer's thread, one bounded step after another.

Knows when a step is under way. Refuses to know when it is time for one.
"""

from collections.abc import Callable

from node.partition.equipment import Equipment
from node.partition.writing import OrderedWriting
from node.storage.batch import WriteBatch
from node.storage.engine import Transaction
from node.storage.errors import DamagedRecord
from node.streams.retention import TrimStep, trim_step
from wire.catalog import PartitionId


class ChangeTrim:
    """Trim the change records of one partition; nothing begins while it `is_held`."""

    def __init__(
        self,
        partition: PartitionId,
        writing: OrderedWriting,
        equipment: Equipment,
        is_held: Callable[[], bool],
        damaged: Callable[[str], None],
    ) -> None:
        self._partition = partition
        self._writing = writing
        self._equipment = equipment
        self._is_held = is_held
        self._damaged = damaged
        self._is_trimming = False

    def begin(self) -> None:
        """Delete step by step until no record is left that old, unless that is under way already."""
        if self._is_trimming or self._is_held() or self._writing.is_full:
            return
        self._is_trimming = True
        partition, cutoff_ms = self._partition, self._equipment.wall_ms() - self._equipment.retention_ms
        steps: list[TrimStep | str] = []

        def trim(transaction: Transaction) -> None:
            # Perhaps once more than is committed: then the last run is the one that counts.
            try:
                steps[:] = [trim_step(transaction, partition, cutoff_ms)]
            except DamagedRecord as error:
                steps[:] = [str(error)]

        batch = WriteBatch()
        batch.call(trim)
        batch.after_commit(lambda: self._trimmed(steps[0]))
        self._writing.submit(batch, lazy=True)

    def _trimmed(self, step: TrimStep | str) -> None:
        self._is_trimming = False
        if isinstance(step, str):
            self._damaged(step)
            return
        self._equipment.counts.trimmed_records += step.rows
        self._equipment.counts.trimmed_bytes += step.bytes
        if step.may_leave_more:
            self.begin()
