"""Real clusters of real processes for tests: made in a folder of their own, on ports of their own, stopped whatever happens."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.chaos.client import client
from deploy.cli.admin import dumped_items, set_link
from deploy.cli.status import ClusterStatus, gathered_status
from deploy.local.cluster import LocalCluster
from deploy.local.topology import REGION_NAMES, Layout
from wire.catalog import LinkSpec, LinkState
from wire.clock import SHIFTS
from wire.cluster import RegionEntry, Settings

READY_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1


class Deadline(Exception):
    """Something that must happen did not, in a time so generous that it is a defect."""


def eventually(holds: Callable[[], Any], what: str, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> Any:
    """Poll until `holds` returns something true, and return it. Raises Deadline."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        result = holds()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Deadline(f"{what}: not within {timeout_seconds} s")
        time.sleep(POLL_SECONDS)


class RunningCluster:
    """A started LocalCluster with what tests ask of it."""

    def __init__(self, local: LocalCluster, clocks: Path | None = None) -> None:
        self.local = local
        self._clocks = clocks
        self.spec = local.spec

    @property
    def regions(self) -> tuple[RegionEntry, ...]:
        return self.spec.regions

    def client(self, region: int = 0, *, retries: bool = True, service: str = "dynamodb") -> Any:
        """Return a client of the region with that position."""
        return client(self.spec, self.regions[region], retries=retries, service=service)

    def status(self) -> ClusterStatus:
        return asyncio.run(gathered_status(self.local))

    def wait_ready(self, timeout_seconds: float = READY_TIMEOUT_SECONDS) -> ClusterStatus:
        """Wait until every partition of every region has a leader that serves, and every process runs."""

        def ready() -> ClusterStatus | None:
            status = self.status()
            awake = all(node.state == "ready" for region in status.regions for node in region.nodes)
            return status if status.is_ready and awake else None

        status: ClusterStatus = eventually(ready, f"cluster ready (died: {self.local.died()})", timeout_seconds)
        return status

    def leader(self, partition: int, region: int = 0) -> str:
        """Return the id of the node that leads a partition and serves, waiting for one."""

        def found() -> str | None:
            nodes = self.status().regions[region].nodes
            return next((node.id for node in nodes if partition in node.leads), None)

        leader: str = eventually(found, f"leader of partition {partition}")
        return leader

    def set_clock(self, node: str, offset_ms: int) -> None:
        """Set a node's wall clock wrong by so much from now on, over restarts too; 0 = right again. Needs adjustable clocks."""
        assert self._clocks is not None, "the cluster was not started with adjustable clocks"
        written = self._clocks / f".{node}"
        written.write_text(str(offset_ms))
        written.rename(self._clocks / node)

    def set_link(self, source: int, destination: int, state: LinkState, delay_ms: int = 0) -> None:
        """Break or mend the link from one region to another."""
        names = [region.name for region in self.regions]
        asyncio.run(set_link(self.spec, names[source], LinkSpec(names[destination], state, delay_ms)))

    def isolate(self, region: int, state: LinkState = LinkState.CUT) -> None:
        """Cut (or, with UP, mend) every link of a region, both ways."""
        for other in range(len(self.regions)):
            if other != region:
                self.set_link(region, other, state)
                self.set_link(other, region, state)

    def dump(self, table: str, region: int = 0) -> dict[tuple[bytes, bytes], tuple[int, int, bool, bytes]]:
        """Return every record of a table as its leaders hold it: key -> (time, region, tombstone, body)."""
        return asyncio.run(self._dump(table, self.regions[region]))

    async def _dump(self, table: str, region: RegionEntry) -> dict[tuple[bytes, bytes], tuple[int, int, bool, bytes]]:
        records = {}
        for node in region.nodes:
            if self.local.processes.running(node.id) is not None:
                async for item in dumped_items(node, table, leaders_only=True):
                    key = (item.partition_key, item.sort_key)
                    records[key] = (item.time, item.region, item.tombstone, item.body)
        return records


@contextmanager
def running_cluster(
    folder: Path,
    *,
    regions: int = 1,
    nodes: int = 3,
    partitions: int = 6,
    adjustable_clocks: bool = False,
    **settings: Any,
) -> Iterator[RunningCluster]:
    """Start a cluster, wait until it serves, and stop it at the end.

    With `adjustable_clocks` each node's wall clock can be set wrong while it runs: see `RunningCluster.set_clock`.
    """
    layout = Layout(
        regions=REGION_NAMES[:regions],
        nodes_per_region=nodes,
        settings=msgspec.structs.replace(Settings(), partitions=partitions, **settings),
    )
    local = LocalCluster.create(folder, layout, port=0, generator=random.SystemRandom())
    clocks = _shiftable(folder) if adjustable_clocks else None
    cluster = RunningCluster(local, clocks)
    with pytest.MonkeyPatch.context() as environment:
        if clocks is not None:
            environment.setenv(SHIFTS, str(clocks))
        try:
            local.start_all()
            cluster.wait_ready()
            yield cluster
        finally:
            for name in local.names():
                local.kill(name)


def _shiftable(folder: Path) -> Path:
    clocks = folder.parent / f"{folder.name}-clocks"
    clocks.mkdir(parents=True, exist_ok=True)
    return clocks


def make_table(dynamodb: Any, name: str) -> None:
    """Create a table with a string partition key `pk`, on demand, and wait until it is there."""
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    eventually(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", f"{name} active")


def add_replica(
    cluster: RunningCluster, table: str, source: int, destination: int, timeout_seconds: float = 60
) -> None:
    """Add a replica and wait until it is ACTIVE as both regions see it."""
    here, there = cluster.client(source), cluster.client(destination)
    region = cluster.regions[destination].name
    here.update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": region}}])

    def active() -> bool:
        replicas = here.describe_table(TableName=table)["Table"].get("Replicas", [])
        return any(each["RegionName"] == region and each["ReplicaStatus"] == "ACTIVE" for each in replicas)

    eventually(active, f"replica of {table} in {region} active", timeout_seconds)
    eventually(lambda: there.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE", "table there active")


def reader(dynamodb: Any, table: str) -> Callable[[str], dict[str, dict[str, str]] | None]:
    """Return a function that reads one item strongly, for checkers."""

    def read(key: str) -> dict[str, dict[str, str]] | None:
        item: dict[str, dict[str, str]] | None = dynamodb.get_item(
            TableName=table, Key={"pk": {"S": key}}, ConsistentRead=True
        ).get("Item")
        return item

    return read
