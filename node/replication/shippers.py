"""Starts and stops this node's shippers as partitions are won and lost and tables come and go.

Knows which partitions are led here and where their tables go. Refuses to know how a shipper works and who else leads what.
"""

import asyncio
import random
from collections.abc import Collection, Iterator, Mapping
from typing import Final, Protocol

from node.partition.access import CatalogSource, ReplicaAccess
from node.replication import events as e
from node.replication.core import ShipperCore
from node.replication.gateways import Gateways
from node.replication.link import Link, LinkCounts
from node.replication.memberships import destinations, memberships_of
from node.replication.reports import HeldReport, LinkReport
from node.replication.shipper import CatalogChanges, Shipper
from wire.catalog import CATALOG_PARTITION, PartitionId
from wire.clock import Clock
from wire.commands import Ahead
from wire.telemetry import EventLog

RESTART_SECONDS: Final = 1.0

_log = EventLog(__name__)


class Node(Protocol):
    """The part of `node.partition.access.NodeAccess` that replication uses."""

    def replica(self, partition: PartitionId) -> ReplicaAccess | None:
        """Return a replica hosted here, or None."""
        ...


class ShippersDriver:
    """Own every shipper and link of a node. `run` it; call the rest on the event loop as things happen."""

    def __init__(
        self,
        *,
        region: str,
        numbers: Mapping[str, int],
        backoff_seconds_max: float,
        node: Node,
        catalog: CatalogSource,
        changes: CatalogChanges,
        gateways: Gateways,
        clock: Clock,
        randomness: random.Random,
    ) -> None:
        self._region = region
        self._numbers = numbers  # of every region by name
        self._backoff_seconds_max = backoff_seconds_max
        self._node = node
        self._catalog = catalog
        self._changes = changes
        self._gateways = gateways
        self._clock = clock
        self._randomness = randomness
        self._leading: dict[PartitionId, int] = {}  # and the catalog version at which that began
        self._links: dict[str, Link] = {}
        self._shippers: dict[tuple[PartitionId, str], Shipper] = {}
        self._running: dict[tuple[PartitionId, str], asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Ship until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                self.catalog_changed()
                await asyncio.get_running_loop().create_future()  # the tasks are all there is to do
            finally:
                self._tasks = None
                self._shippers.clear()
                self._running.clear()

    def leadership_ready(self, partition: PartitionId) -> None:
        """Begin to ship a partition: this node leads it and has applied all that was committed before."""
        if partition != CATALOG_PARTITION:
            self._leading[partition] = self._catalog.view.version
            self._start_missing()

    def leadership_lost(self, partition: PartitionId) -> None:
        """Stop shipping a partition; its next leader carries on."""
        self._leading.pop(partition, None)
        for key in [key for key in self._shippers if key[0] == partition]:
            self._stop(key)

    def changes_applied(self, partition: PartitionId, tables: Collection[int], latest: int) -> None:
        """Wake the shippers of a partition: records of these tables were applied, the last one numbered `latest`."""
        event = e.ChangesApplied(tables=tuple(tables), latest=latest)
        for shipper in self._of_partition(partition):
            shipper.step(event)

    def catalog_changed(self) -> None:
        """Look at the catalog again: tables, members and links."""
        for name, link in self._links.items():
            link.set_spec(self._catalog.view.link(name))
        wanted = destinations(self._catalog.view)
        for (partition, destination), shipper in list(self._shippers.items()):
            shipper.step(self._tables(partition, destination))
            if destination not in wanted:
                self._retire(partition, destination)
        self._start_missing()

    def status(self) -> tuple[LinkReport, ...]:
        """Return a row for every partition led here and region it ships to."""
        return tuple(
            LinkReport(
                destination=destination,
                partition=partition,
                state=self._links[destination].state,
                shipper=shipper.report(),
            )
            for (partition, destination), shipper in sorted(self._shippers.items())
        )

    def held(self, destination: str = "") -> list[HeldReport]:
        """Return the changes that a region, or any, holds back, those that have waited longest first."""
        found = [report for shipper in self._to(destination) for report in shipper.held()]
        return sorted(found, key=lambda report: -report.waiting_seconds)

    def release(self, ahead: Ahead, destination: str = "") -> int:
        """Have an operator's decision carried out on all that a region, or any, holds back now; return how many changes that are."""
        released = sum(shipper.release(ahead) for shipper in self._to(destination))
        _log.warning("held_changes_released", destination=destination or "all", decision=ahead.name, changes=released)
        return released

    def _to(self, destination: str) -> list[Shipper]:
        return [each for (_, name), each in self._shippers.items() if destination in ("", name)]

    def link_counts(self) -> Mapping[str, LinkCounts]:
        """Return what passed to each region, by its name."""
        return {destination: link.counts for destination, link in self._links.items()}

    def is_settled(
        self, partition: PartitionId, table: int, regions: Collection[str], through: int | None = None
    ) -> bool:
        """Tell whether these regions have acknowledged all that a partition led here has of a table.

        With `through`, what has a later sequence number may still be under way.
        """
        found = [self._shippers.get((partition, region)) for region in regions]
        return all(shipper is not None and shipper.is_settled(table, through) for shipper in found)

    def _start_missing(self) -> None:
        if self._tasks is None:
            return
        for destination in destinations(self._catalog.view):
            for partition in self._leading:
                if (partition, destination) not in self._shippers:
                    self._start(partition, destination, self._tasks)

    def _start(self, partition: PartitionId, destination: str, tasks: asyncio.TaskGroup) -> None:
        replica = self._node.replica(partition)
        assert replica is not None, f"partition {partition} is led here, but there is no replica of it"
        link = self._link(destination, tasks)
        core = ShipperCore(
            catalog_version=self._leading[partition],
            backoff_seconds_max=self._backoff_seconds_max,
            batch_ids=link.batch_ids,
        )
        shipper = Shipper(
            replica=replica,
            link=link,
            core=core,
            region=self._numbers[self._region],
            clock=self._clock,
            catalog=self._changes,
        )
        self._shippers[partition, destination] = shipper
        self._running[partition, destination] = tasks.create_task(self._run(shipper))
        shipper.step(self._tables(partition, destination))

    def _link(self, destination: str, tasks: asyncio.TaskGroup) -> Link:
        link = self._links.get(destination)
        if link is None:
            link = Link(destination, self._gateways, self._clock, self._randomness, self._backoff_seconds_max)
            link.set_spec(self._catalog.view.link(destination))
            self._links[destination] = link
            tasks.create_task(link.run())
        return link

    async def _run(self, shipper: Shipper) -> None:
        """Own a shipper's task: one that fails is started anew from its cursors."""
        key = PartitionId(shipper.partition), shipper.destination
        try:
            await shipper.run()
        except Exception:  # noqa: BLE001  # the one place that owns this task: it logs and starts it anew
            _log.exception("shipper_failed", partition=shipper.partition, destination=shipper.destination)
            await asyncio.sleep(RESTART_SECONDS)
            if self._shippers.get(key) is shipper:
                del self._shippers[key]
                self._start_missing()

    def _stop(self, key: tuple[PartitionId, str]) -> None:
        del self._shippers[key]
        self._running.pop(key).cancel()

    def _retire(self, partition: PartitionId, destination: str) -> None:
        """Let a shipper without tables go, after it has removed its cursors."""
        self._shippers.pop((partition, destination)).retire()
        del self._running[partition, destination]

    def _of_partition(self, partition: PartitionId) -> Iterator[Shipper]:
        return (shipper for (number, _), shipper in self._shippers.items() if number == partition)

    def _tables(self, partition: PartitionId, destination: str) -> e.TablesChanged:
        return e.TablesChanged(
            memberships=memberships_of(
                self._catalog.view,
                destination=destination,
                partition=partition,
                region=self._region,
                numbers=self._numbers,
            )
        )
