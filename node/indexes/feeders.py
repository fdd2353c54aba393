"""Starts and stops this node's feeders as partitions are won and lost and indexes come and go.

Knows which partitions are led here and which tables have global indexes. Refuses to know how a feeder works.
"""

import asyncio
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple, Protocol

from node.indexes import events as e
from node.indexes.core import FeederCore
from node.indexes.feeder import CatalogChanges, Feeder, Partitions, fed_indexes
from node.indexes.rows import Ring
from node.partition.access import CatalogSource, ReplicaAccess
from wire.catalog import CATALOG_PARTITION, PartitionId
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError
from wire.tables import TableSpec
from wire.telemetry import EventLog

RESTART_SECONDS: Final = 1.0

_log = EventLog(__name__)


class Node(Protocol):
    """The part of `node.partition.access.NodeAccess` that feeding uses."""

    def replica(self, partition: PartitionId) -> ReplicaAccess | None:
        """Return a replica hosted here, or None."""
        ...


class IndexBacklog(NamedTuple):
    """How far an index is behind one partition: in sequence numbers, or still being filled with copies."""

    table_name: str
    index_name: str
    pending: int
    is_copying: bool


class FeedersDriver:
    """Own every feeder of a node. `run` it; call the rest on the event loop as things happen, before `run` too.

    `copied_at_once_max` and `copied_per_second` pace the copy of a table into a new index, in each partition; 0 per second = no pause.
    """

    def __init__(
        self,
        *,
        node: Node,
        catalog: CatalogSource,
        changes: CatalogChanges,
        partitions: Partitions,
        clock: Clock,
        copied_at_once_max: int,
        copied_per_second: int,
    ) -> None:
        self._node = node
        self._catalog = catalog
        self._changes = changes
        self._partitions = partitions
        self._clock = clock
        self._copied_at_once_max = copied_at_once_max
        self._copied_per_second = copied_per_second
        self._ring = Ring(())
        self._leading: set[PartitionId] = set()
        self._feeders: dict[tuple[PartitionId, int], Feeder] = {}
        self._running: dict[tuple[PartitionId, int], asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                self.catalog_changed()
                await asyncio.get_running_loop().create_future()  # the tasks are all there is to do
            finally:
                self._tasks = None
                self._feeders.clear()
                self._running.clear()

    def leadership_ready(self, partition: PartitionId) -> None:
        """Begin to feed from a partition: this node leads it and has applied all that was committed before."""
        if partition != CATALOG_PARTITION:
            self._leading.add(partition)
            self._start_missing()

    def leadership_lost(self, partition: PartitionId) -> None:
        """Stop feeding from a partition; its next leader carries on."""
        self._leading.discard(partition)
        for key in [key for key in self._feeders if key[0] == partition]:
            self._stop(key)

    def changes_applied(self, partition: PartitionId, tables: Collection[int], latest: int) -> None:
        """Wake the feeders of a partition: records of these tables were applied, the last one numbered `latest`."""
        for table in tables:
            feeder = self._feeders.get((partition, table))
            if feeder is not None:
                feeder.step(e.ChangesApplied(latest=latest))

    def catalog_changed(self) -> None:
        """Look at the catalog again: tables, indexes and where partitions are."""
        view = self._catalog.view
        self._ring = Ring(view.placements.values())
        for key, feeder in list(self._feeders.items()):
            table = view.tables_by_number.get(key[1])
            if table is None or not fed_indexes(table):
                self._stop(key)
            elif table is not feeder.table:
                feeder.change(table)
        self._start_missing()

    async def wait_fed(self, table: str, index: str) -> dict[PartitionId, int]:
        """Return when every partition led here has fed all that it has applied; return the last change of each.

        Raises StoreError when there is no such index, or leadership is lost meanwhile.
        """
        spec = self._catalog.view.tables.get(table)
        found = None if spec is None else spec.index(index)
        if spec is None or found is None or found.is_local:
            raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"table {table} has no global index {index} here")
        feeders = [feeder for (_, number), feeder in self._feeders.items() if number == spec.number]
        if len(feeders) < len(self._leading):
            raise StoreError(ErrorCode.NOT_READY, f"not all partitions led here feed {index} yet")
        latest = await asyncio.gather(*(feeder.wait_fed(found.number) for feeder in feeders))
        return {feeder.partition: each for feeder, each in zip(feeders, latest, strict=True)}

    def backlogs(self) -> Iterator[IndexBacklog]:
        """Yield a row for each index and partition led here that feeds it."""
        for feeder in self._feeders.values():
            names = {int(index.number): index.name for index in feeder.table.global_indexes}
            for number, behind in feeder.backlogs().items():
                if number in names:
                    yield IndexBacklog(feeder.table.name, names[number], max(0, behind), is_copying=behind < 0)

    async def store_cursors(self) -> None:
        """Store every cursor that has moved: the leaderships of this node are about to be handed over."""
        await asyncio.gather(*(feeder.store_cursors() for feeder in self._feeders.values()))

    def _start_missing(self) -> None:
        if self._tasks is None:
            return
        for table in self._fed_tables():
            for partition in sorted(self._leading):
                if (partition, table.number) not in self._feeders:
                    self._start(partition, table, self._tasks)

    def _fed_tables(self) -> Iterator[TableSpec]:
        return (table for table in self._catalog.view.tables.values() if table.indexes and fed_indexes(table))

    def _start(self, partition: PartitionId, table: TableSpec, tasks: asyncio.TaskGroup) -> None:
        replica = self._node.replica(partition)
        assert replica is not None, f"partition {partition} is led here, but there is no replica of it"
        feeder = Feeder(
            replica=replica,
            table=table,
            ring=lambda: self._ring,
            core=FeederCore(partition=partition, copied_per_second=self._copied_per_second),
            copied_at_once_max=self._copied_at_once_max,
            partitions=self._partitions,
            catalog=self._changes,
            clock=self._clock,
        )
        key = partition, int(table.number)
        self._feeders[key] = feeder
        self._running[key] = tasks.create_task(self._run(key, feeder))

    async def _run(self, key: tuple[PartitionId, int], feeder: Feeder) -> None:
        """Own a feeder's task: one that fails is started anew from its cursors."""
        try:
            await feeder.run()
        except Exception:  # noqa: BLE001  # the one place that owns this task: it logs and starts it anew
            _log.exception("feeder_failed", partition=key[0], table=feeder.table.name)
            await asyncio.sleep(RESTART_SECONDS)
            if self._feeders.get(key) is feeder:
                del self._feeders[key]
                self._start_missing()

    def _stop(self, key: tuple[PartitionId, int]) -> None:
        del self._feeders[key]
        self._running.pop(key).cancel()
