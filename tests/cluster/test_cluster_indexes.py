"""Global indexes when leaders are killed under load: after each storm, a scrub finds every row and no other."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from typer.testing import CliRunner

from deploy.cli.commands import app
from deploy.cli.region_reader import RegionReader
from deploy.cli.scrub import ScrubReport, scrubbed
from tests.support.cluster import RunningCluster, eventually, running_cluster

TABLE = "indexed"
PARTITIONS = 4
KEYS = 200
WORKERS = 4
PATIENCE_SECONDS = 60.0


class Mover:
    """Threads that put, move and delete items, so that their rows come, move and go; failures are the point and are ignored."""

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._make_client = make_client
        self._stopping = threading.Event()
        self._written = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(WORKERS)]

    def __enter__(self) -> "Mover":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, writes: int) -> None:
        """Wait until that many further writes are acknowledged."""
        for _ in range(writes):
            assert self._written.acquire(timeout=60), "the region takes no writes"

    def _run(self, number: int) -> None:
        client, generator = self._make_client(), random.Random(number)
        while not self._stopping.wait(0.002):
            try:
                self._write(client, generator)
            except (ClientError, BotoCoreError):
                continue
            self._written.release()

    def _write(self, client: Any, generator: random.Random) -> None:
        key = {"pk": {"S": f"k{generator.randrange(KEYS)}"}}
        draw = generator.random()
        if draw < 0.2:
            client.delete_item(TableName=TABLE, Key=key)
        elif draw < 0.3:
            client.put_item(TableName=TABLE, Item=key)
        else:
            members = {"owner": {"S": f"o{generator.randrange(20)}"}, "n": {"N": str(generator.randrange(1000))}}
            client.put_item(TableName=TABLE, Item=key | members | {"pad": {"S": "x" * generator.randrange(200)}})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("indexes")
    with running_cluster(folder, partitions=PARTITIONS, index_backfill_items_per_second=200) as running:
        dynamodb = running.client()
        dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[_attribute("pk"), _attribute("owner"), _attribute("n", "N")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-owner",
                    "KeySchema": [
                        {"AttributeName": "owner", "KeyType": "HASH"},
                        {"AttributeName": "n", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        eventually(lambda: _table(running)["TableStatus"] == "ACTIVE", "table active")
        yield running


@pytest.fixture
def load(cluster: RunningCluster) -> Iterator[Mover]:
    cluster.wait_ready()
    with Mover(lambda: cluster.client(retries=False)) as mover:
        mover.wait_for(200)
        yield mover


def _attribute(name: str, kind: str = "S") -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": kind}


def _table(cluster: RunningCluster) -> dict[str, Any]:
    table: dict[str, Any] = cluster.client().describe_table(TableName=TABLE)["Table"]
    return table


def _statuses(cluster: RunningCluster) -> dict[str, str]:
    return {each["IndexName"]: each["IndexStatus"] for each in _table(cluster).get("GlobalSecondaryIndexes", [])}


def scrub(cluster: RunningCluster, index: str) -> ScrubReport:
    async def scrubbing() -> ScrubReport:
        async with RegionReader(cluster.regions[0], patience_seconds=PATIENCE_SECONDS) as reader:
            return await scrubbed(reader, TABLE, index)

    return asyncio.run(scrubbing())


def assert_clean(cluster: RunningCluster, index: str) -> None:
    report = scrub(cluster, index)
    print(report)
    assert report.is_clean, report
    assert report.rows > KEYS // 4


# Whoever leads a partition may die while it feeds: the next one goes on from the cursor, and no row is lost or kept.
@pytest.mark.parametrize("partition", range(1, PARTITIONS + 1))
def test_index_survives_killed_leaders(cluster: RunningCluster, load: Mover, partition: int) -> None:
    leader = cluster.leader(partition)
    cluster.local.kill(leader)
    load.wait_for(300)
    assert_clean(cluster, "by-owner")
    cluster.local.start(leader)
    cluster.wait_ready()
    load.wait_for(100)
    assert_clean(cluster, "by-owner")


# A leader that wakes up deposed still feeds what it had read: nobody takes it twice.
def test_index_survives_a_frozen_leader(cluster: RunningCluster, load: Mover) -> None:
    leader = cluster.leader(1)
    cluster.local.pause(leader)
    load.wait_for(300)
    cluster.local.resume(leader)
    load.wait_for(200)
    cluster.wait_ready()
    assert_clean(cluster, "by-owner")


# An index made under load is copied on by whoever leads next, with all that was written meanwhile; then it is dropped.
def test_new_index_survives_killed_leaders(cluster: RunningCluster, load: Mover) -> None:
    dynamodb = cluster.client()
    dynamodb.update_table(
        TableName=TABLE,
        AttributeDefinitions=[_attribute("n", "N")],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-n",
                    "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            }
        ],
    )
    leader = cluster.leader(2)
    cluster.local.kill(leader)
    load.wait_for(200)
    cluster.local.start(leader)
    eventually(lambda: _statuses(cluster).get("by-n") == "ACTIVE", "by-n active")
    load.wait_for(100)
    assert_clean(cluster, "by-n")
    assert_clean(cluster, "by-owner")
    dynamodb.update_table(TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-n"}}])
    eventually(lambda: set(_statuses(cluster)) == {"by-owner"}, "by-n gone")


# Power cut of the whole region: feeders go on from what is on disk.
def test_index_survives_all_nodes_killed_at_once(cluster: RunningCluster, load: Mover) -> None:
    for node in cluster.regions[0].nodes:
        cluster.local.kill(node.id)
    for node in cluster.regions[0].nodes:
        cluster.local.start(node.id)
    cluster.wait_ready()
    load.wait_for(100)
    assert_clean(cluster, "by-owner")


# The command says so, too, and its exit status is for scripts.
def test_scrub_command_is_clean(cluster: RunningCluster) -> None:
    arguments = ["index", "scrub", TABLE, "by-owner", "--data", str(cluster.local.folder), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert '"missing": 0' in result.stdout
