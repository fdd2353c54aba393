"""Notices change records that a partition led here has applied, for its shippers.

Knows log indexes and the last sequence number of each look. While nobody writes, a look is one comparison of indexes per partition. A
driver of partitions that tells which tables changed (`ShippersDriver.changes_applied`) makes this room superfluous.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

import structlog

from wire.catalog import PartitionId
from wire.commands import Changes, ReadChanges

LOOK_SECONDS_MIN: Final = 0.025
LOOK_SECONDS_MAX: Final = 0.5
TABLES_PER_LOOK: Final = 4  # more tables than this make looks rarer in proportion: each costs a read

_log = structlog.get_logger(__name__)


class Watched(Protocol):
    """The part of a replica that is looked at."""

    @property
    def partition(self) -> PartitionId:
        """Return the partition's id."""
        ...

    @property
    def proposed_index(self) -> int:
        """Return the last index proposed so far."""
        ...

    async def applied_barrier(self) -> bool:
        """Wait until everything evaluated before the call is applied; False when leadership was lost first."""
        ...

    def read_changes(self, request: ReadChanges) -> Changes:
        """Return a page of change records."""
        ...


StreamGenerations = Mapping[int, int]
"""The generation of the change records of each table that is shipped, by its number."""

Applied = Callable[[PartitionId, Collection[int], int], None]


class AppliedWatch:
    """Look at replicas in turn; tell which tables have new records, once these are applied."""

    def __init__(
        self, replicas: Callable[[], Collection[Watched]], tables: Callable[[], StreamGenerations], applied: Applied
    ) -> None:
        self._replicas = replicas
        self._tables = tables
        self._applied = applied
        self._indexes: dict[PartitionId, int] = {}
        self._sequences: dict[PartitionId, int] = {}
        self._waiting: set[PartitionId] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for replica in self._replicas():
                    if replica.proposed_index != self._indexes.get(replica.partition):
                        self._look_into(replica, tasks)
                wanted = LOOK_SECONDS_MIN * len(self._tables()) / TABLES_PER_LOOK
                await asyncio.sleep(min(max(wanted, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX))

    def _look_into(self, replica: Watched, tasks: asyncio.TaskGroup) -> None:
        if replica.partition not in self._waiting:
            self._indexes[replica.partition] = replica.proposed_index
            self._waiting.add(replica.partition)
            tasks.create_task(self._wait(replica))

    async def _wait(self, replica: Watched) -> None:
        try:
            if await replica.applied_barrier():
                self._tell(replica)
        except Exception:  # noqa: BLE001  # the one place that owns this task: a record that cannot be read is the shipper's to report
            _log.exception("look_failed", partition=replica.partition)
        finally:
            self._waiting.discard(replica.partition)

    def _tell(self, replica: Watched) -> None:
        partition = replica.partition
        seen = self._sequences.get(partition, 0)
        pages = {
            table: replica.read_changes(ReadChanges(table, generation, seen, 1, 1))
            for table, generation in self._tables().items()
        }
        changed = [table for table, page in pages.items() if page.records]
        if changed:
            # The lowest: the reads may not all have seen the same state.
            self._sequences[partition] = min(page.latest for page in pages.values())
            self._applied(partition, changed, max(page.latest for page in pages.values()))
