"""Three regions under everything at once: links cut, held and slowed, nodes and routers killed, while all regions write the same items."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from deploy.cli.admin import ControlRefused
from deploy.local.topology import router_name
from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from tests.support.replication_cluster import converged
from wire.catalog import LinkState

pytestmark = pytest.mark.chaos

TABLE = "orders"
SECONDS = 60.0
SHARED_KEYS = 40
PAUSE_SECONDS = 0.004
CONVERGENCE_SECONDS_MAX = 10.0


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("chaos")
    with running_cluster(folder, regions=3, partitions=2, signatures=False) as running:
        make_table(running.client(0), TABLE)
        add_replica(running, TABLE, 0, 1)
        add_replica(running, TABLE, 0, 2)
        yield running


class Writer(threading.Thread):
    """Write shared items in every way, and items of its own of which none may be lost."""

    def __init__(self, client: Any, region: int, seed: int) -> None:
        super().__init__(name=f"writer-{region}")
        self._client = client
        self._region = region
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self.acknowledged: set[bytes] = set()

    def run(self) -> None:
        number = 0
        while not self._stopping.wait(PAUSE_SECONDS):
            number += 1
            with suppress(ClientError, BotoCoreError):
                self._write(f"own-{self._region}-{number}")

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def _write(self, own: str) -> None:
        key = {"pk": {"S": f"shared-{self._random.randrange(SHARED_KEYS)}"}}
        draw = self._random.random()
        if draw < 0.4:
            self._client.put_item(TableName=TABLE, Item={**key, "by": {"S": own}})
        elif draw < 0.6:
            self._client.delete_item(TableName=TABLE, Key=key)
        elif draw < 0.8:
            one = {":one": {"N": "1"}}
            self._client.update_item(
                TableName=TABLE, Key=key, UpdateExpression="ADD n :one", ExpressionAttributeValues=one
            )
        else:
            self._client.put_item(TableName=TABLE, Item={"pk": {"S": own}})
            self.acknowledged.add(own.encode())


class Nemesis:
    """Break one random thing after another; at most one node per region is down at a time."""

    def __init__(self, cluster: RunningCluster, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._dead: dict[int, str] = {}

    def strike(self) -> None:
        source, destination = self._random.sample(range(3), 2)
        draw = self._random.randrange(6)
        if draw < 3:
            state = self._random.choice(list(LinkState))
            with suppress(ControlRefused):  # a router that is just starting
                self._cluster.set_link(source, destination, state, 300 if state is LinkState.DELAYED else 0)
        elif draw == 3:
            self._kill_router(source)
        elif source in self._dead:
            self._cluster.local.start(self._dead.pop(source))
        else:
            node = self._random.choice(self._cluster.regions[source].nodes).id
            self._cluster.local.kill(node)
            self._dead[source] = node

    def mend(self) -> None:
        self._cluster.local.start_all()
        self._cluster.wait_ready()
        for region in range(3):
            eventually(lambda region=region: self._is_mended(region), "links mended")

    def _is_mended(self, region: int) -> bool:
        with suppress(ControlRefused):
            self._cluster.isolate(region, LinkState.UP)
            return True
        return False

    def _kill_router(self, region: int) -> None:
        name = router_name(self._cluster.regions[region].name)
        self._cluster.local.kill(name)
        self._cluster.local.start(name)


# Whatever happened, once everything is mended all regions hold the same bytes at the same versions within ten seconds, and no write
# that any region acknowledged and nobody overwrote is missing.
@pytest.mark.parametrize("seed", range(3))
def test_regions_converge_after_chaos(cluster: RunningCluster, seed: int) -> None:
    print(f"seed {seed}")
    nemesis = Nemesis(cluster, seed)
    writers = [Writer(cluster.client(region, retries=False), region, seed * 10 + region) for region in range(3)]
    for writer in writers:
        writer.start()
    end = time.monotonic() + SECONDS
    pause = random.Random(seed)
    while time.monotonic() < end:
        nemesis.strike()
        threading.Event().wait(pause.uniform(0.0, 1.5))
    for writer in writers:
        writer.stop()
    nemesis.mend()
    records = converged(cluster, TABLE, CONVERGENCE_SECONDS_MAX)
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    assert len(acknowledged) > 50, "the chaos let nothing through, so it proved nothing"
    assert acknowledged <= {key for key, _ in records}
