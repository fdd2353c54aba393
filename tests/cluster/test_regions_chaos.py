"""Three regions under everything at once, while all of them write: the same items, and items of their own whose history is judged.

CHAOS_SECONDS says how long each seed lasts (600 for a long run), CHAOS_SEEDS which seeds.
"""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from deploy.chaos.checkers import lost_puts, stale_reads, wrong_counters
from deploy.chaos.workload import Workload
from deploy.local.topology import REGION_NAMES
from tests.support.chaos import LinkNemesis, NodeNemesis
from tests.support.cluster import RunningCluster, add_replica, make_table, reader, running_cluster
from tests.support.replication_cluster import converged
from tests.support.small_disks import small_disks

TABLE = "orders"
REGIONS = 3
SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEEDS = range(int(os.environ.get("CHAOS_SEEDS", "1")))
DISK_MEGABYTES = 1_024
SHARED_KEYS = 40
WORKERS = 2  # of each region, whose histories are judged
PAUSE_SECONDS = 0.01
CONVERGENCE_SECONDS_MAX = 30.0

pytestmark = pytest.mark.timeout(int(SECONDS) + 600)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("chaos")
    nodes = [f"{region}-{number}" for region in REGION_NAMES[:REGIONS] for number in (1, 2, 3)]
    settings = {"signatures": False, "request_timeout_ms": 3_000}
    with (
        small_disks(folder, *nodes, megabytes=DISK_MEGABYTES),
        running_cluster(folder, regions=REGIONS, partitions=2, adjustable_clocks=True, **settings) as running,
    ):
        make_table(running.client(0), TABLE)
        for destination in range(1, REGIONS):
            add_replica(running, TABLE, 0, destination)
        yield running


class SharedWriter(threading.Thread):
    """Write items that all regions write, in every way: who wins is for versions to say, and all regions must say the same."""

    def __init__(self, client: Any, seed: int) -> None:
        super().__init__(name=f"shared-{seed}")
        self._client = client
        self._random = random.Random(seed)
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            with suppress(ClientError, BotoCoreError):
                self._write({"pk": {"S": f"shared-{self._random.randrange(SHARED_KEYS)}"}})

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def _write(self, key: dict[str, Any]) -> None:
        draw = self._random.random()
        if draw < 0.4:
            self._client.put_item(TableName=TABLE, Item={**key, "by": {"S": self.name}})
        elif draw < 0.6:
            self._client.delete_item(TableName=TABLE, Key=key)
        else:
            one = {":one": {"N": "1"}}
            self._client.update_item(
                TableName=TABLE, Key=key, UpdateExpression="ADD n :one", ExpressionAttributeValues=one
            )


class Striker(threading.Thread):
    """Run a nemesis, and keep what it failed with: a region that did not come back."""

    def __init__(self, nemesis: NodeNemesis | LinkNemesis) -> None:
        super().__init__()
        self._nemesis = nemesis
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self._nemesis.run()
        except Exception as failure:  # noqa: BLE001  # raised by the test, which owns the thread
            self.failure = failure


# Whatever happened: no acknowledged write is lost, no increment happens twice, no strong read is stale, nobody is wedged, and once
# everything is mended all regions hold the same bytes at the same versions.
@pytest.mark.parametrize("seed", SEEDS)
def test_promises_hold_through_mixed_faults(cluster: RunningCluster, seed: int) -> None:
    print(f"seed {seed}, {SECONDS} s")
    loads = [
        Workload(
            lambda region=region: cluster.client(region, retries=False), TABLE, workers=WORKERS, name=f"r{region}-"
        )
        for region in range(REGIONS)
    ]
    writers = [SharedWriter(cluster.client(region, retries=False), seed * 10 + region) for region in range(REGIONS)]
    with ExitStack() as stack:
        for load in loads:
            stack.enter_context(load)
        for writer in writers:
            writer.start()
            stack.callback(writer.stop)
        struck = strike(cluster, seed)
    print("\n".join(struck))
    cluster.wait_ready()
    for region, load in enumerate(loads):
        judge(cluster, region, load)
    converged(cluster, TABLE, CONVERGENCE_SECONDS_MAX)


def strike(cluster: RunningCluster, seed: int) -> list[str]:
    """Break things for as long as asked for, mend them, and return what was done to nodes."""
    stopping = threading.Event()
    nodes = [NodeNemesis(cluster, region, seed * 100 + region, stopping) for region in range(REGIONS)]
    strikers = [Striker(each) for each in (*nodes, LinkNemesis(cluster, seed, stopping))]
    for striker in strikers:
        striker.start()
    stopping.wait(SECONDS)
    stopping.set()
    for striker in strikers:
        striker.join()
    struck = [fault for nemesis in nodes for fault in nemesis.struck]
    for striker in strikers:
        if striker.failure is not None:
            raise AssertionError(f"after {struck}") from striker.failure
    return struck


def judge(cluster: RunningCluster, region: int, load: Workload) -> None:
    """Hold a region's history against what the region holds now."""
    history, read = load.history.all(), reader(cluster.client(region), TABLE)
    assert lost_puts(history, read) == []
    assert wrong_counters(history, read) == []
    assert stale_reads(history) == []
    assert load.acknowledged() > 10 * SECONDS, "the chaos let too little through to prove anything"
