"""All of replication on one node, for the composition root: shippers, links, membership and the end of tombstones.

Knows which part is told what. Refuses to know how any of them works.
"""

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence

from node.partition.access import CatalogSource
from node.replication.gateways import Gateways
from node.replication.link import LinkCounts
from node.replication.membership import MembershipDriver
from node.replication.reports import HeldReport, LinkReport
from node.replication.shipper import CatalogChanges
from node.replication.shippers import ShippersDriver
from node.replication.sweeper import Node, TombstoneSweeper
from wire.catalog import PartitionId
from wire.clock import Clock
from wire.cluster import ClusterSpec
from wire.commands import Ahead


class ReplicationDriver:
    """Replicate what this node leads. `run` it; call the rest on the event loop as things happen, before `run` too."""

    def __init__(
        self,
        *,
        cluster: ClusterSpec,
        region: str,
        node: Node,
        catalog: CatalogSource,
        changes: CatalogChanges,
        gateways: Gateways,
        clock: Clock,
        randomness: random.Random,
    ) -> None:
        backoff_seconds_max = cluster.settings.link_backoff_ms_max / 1000
        numbers = {each.name: each.number for each in cluster.regions}
        self._shippers = ShippersDriver(
            region=region,
            numbers=numbers,
            backoff_seconds_max=backoff_seconds_max,
            node=node,
            catalog=catalog,
            changes=changes,
            gateways=gateways,
            clock=clock,
            randomness=randomness,
        )
        self._membership = MembershipDriver(
            region=region,
            catalog=catalog,
            changes=changes,
            gateways=gateways,
            clock=clock,
            randomness=randomness,
            backoff_seconds_max=backoff_seconds_max,
        )
        self._sweeper = TombstoneSweeper(
            region=region,
            numbers=numbers,
            retention_seconds=cluster.settings.tombstone_retention_seconds,
            round_seconds=cluster.settings.tombstone_sweep_seconds,
            node=node,
            catalog=catalog,
            shippers=self._shippers,
            gateways=gateways,
            clock=clock,
        )

    async def run(self) -> None:
        """Replicate until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._shippers.run())
            tasks.create_task(self._membership.run())
            tasks.create_task(self._sweeper.run())

    def leadership_ready(self, partition: PartitionId) -> None:
        """Take a partition on: this node leads it and has applied all that was committed before."""
        self._shippers.leadership_ready(partition)
        self._membership.leadership_ready(partition)
        self._sweeper.leadership_ready(partition)

    def leadership_lost(self, partition: PartitionId) -> None:
        """Leave a partition to its next leader."""
        self._shippers.leadership_lost(partition)
        self._membership.leadership_lost(partition)
        self._sweeper.leadership_lost(partition)

    def changes_applied(self, partition: PartitionId, tables: Collection[int], latest: int) -> None:
        """Note that change records of these tables were applied to a partition, the last one numbered `latest`."""
        self._shippers.changes_applied(partition, tables, latest)

    def catalog_changed(self) -> None:
        """Look at the catalog view again."""
        self._shippers.catalog_changed()
        self._membership.catalog_changed()

    def status(self) -> Sequence[LinkReport]:
        """Return a row for every partition led here and region it ships to."""
        return self._shippers.status()

    def held(self, destination: str = "") -> Sequence[HeldReport]:
        """Return the changes of partitions led here that a region, or any, holds back, those that have waited longest first."""
        return self._shippers.held(destination)

    def release(self, ahead: Ahead, destination: str = "") -> int:
        """Have an operator's decision carried out on them; return how many changes that are."""
        return self._shippers.release(ahead, destination)

    def link_counts(self) -> Mapping[str, LinkCounts]:
        """Return what passed to each region since the node started, by its name."""
        return self._shippers.link_counts()
