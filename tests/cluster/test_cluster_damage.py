"""Disks that flip bits, in keys and all over the file: what a scrub has found is never served, and no node needs an operator."""

import asyncio
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import lmdb
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from deploy.cli.admin import dumped_items, node_statuses
from tests.support.cluster import RunningCluster, eventually, make_table, running_cluster
from tests.support.scrubbing import flipped

TABLE = "damage"
SCRUB_SECONDS = 2
ITEMS = 400
CORRUPTIONS = 300
REBUILD_SECONDS = 90.0
NOTICED = re.compile("replica_quarantined|begins anew|storage_set_aside")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    settings = {"scrub_seconds": SCRUB_SECONDS, "request_timeout_ms": 3_000, "map_bytes_initial": 1 << 22}
    with running_cluster(tmp_path, partitions=1, **settings) as running:
        make_table(running.client(), TABLE)
        yield running


def data_of(cluster: RunningCluster, node: str) -> Path:
    return cluster.local.folder / "nodes" / node


@contextmanager
def item_rows(data: Path) -> "Iterator[tuple[lmdb.Transaction[bytes], lmdb._Database]]":
    """Open the items of a stopped node, as only a fault would change them."""
    environment = lmdb.open(str(data), max_dbs=8, map_size=1 << 30)
    try:
        database = environment.open_db(b"items")
        with environment.begin(write=True, db=database) as transaction:
            yield transaction, database
    finally:
        environment.close()


def put(dynamodb: Any, key: str, number: int) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": key}, "n": {"N": str(number)}, "v": {"S": key * 40}})


def number_of(dynamodb: Any, key: str) -> str | None:
    found = dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": key}}, ConsistentRead=True)
    return found["Item"]["n"]["N"] if "Item" in found else None


def is_well(cluster: RunningCluster) -> bool:
    """Whether every node is up, and no replica has anything wrong with it."""
    statuses = asyncio.run(node_statuses(cluster.regions[0].nodes))
    return all(
        status is not None and status.state == "ready" and all(not each.conditions for each in status.partitions)
        for status in statuses.values()
    )


def log_of(cluster: RunningCluster, node: str) -> str:
    return cluster.local.processes.log_path(node).read_text()


def held_by(cluster: RunningCluster, node: str) -> dict[bytes, bytes]:
    """Return every item that a node holds, whoever leads; nothing when it cannot say."""

    async def held() -> dict[bytes, bytes]:
        entry = next(each for each in cluster.regions[0].nodes if each.id == node)
        return {item.partition_key: item.body async for item in dumped_items(entry, TABLE, leaders_only=False)}

    try:
        return asyncio.run(held())
    except grpc.aio.AioRpcError:
        return {}


def make_lead(cluster: RunningCluster, node: str) -> None:
    """Have a node lead: whoever else does is stopped until it does."""

    def leads() -> bool:
        leader = cluster.leader(1)
        if leader != node:
            cluster.local.stop(leader)
            cluster.local.start(leader)
            cluster.wait_ready()
        return leader == node

    eventually(leads, f"{node} leads")


# One bit in the key of an item: it was absent by GetItem and Query, whole by Scan, and an increment began at nothing and spread.
def test_a_flipped_key_is_found_and_the_replica_rebuilt(cluster: RunningCluster) -> None:
    dynamodb = cluster.client()
    put(dynamodb, "precious", 100)
    for number in range(20):
        put(dynamodb, f"other{number}", number)
    node = cluster.leader(1)
    assert cluster.local.stop(node)
    with item_rows(data_of(cluster, node)) as (transaction, database):
        key, row = next(each for each in transaction.cursor(database) if b"precious" in each[1])
        transaction.delete(key, db=database)
        # In the hash: whoever looks for the item looks elsewhere.
        transaction.put(flipped(key, 8 * 20), row, db=database)
    cluster.local.start(node)
    eventually(lambda: "replica_quarantined" in log_of(cluster, node), "the scrub finds it")
    eventually(lambda: "replica_recovered" in log_of(cluster, node), "the replica is rebuilt", REBUILD_SECONDS)
    eventually(lambda: is_well(cluster), "everything is well")
    make_lead(cluster, node)
    assert number_of(dynamodb, "precious") == "100"
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": "precious"}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    assert number_of(dynamodb, "precious") == "101"
    assert len(dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]) == 21


class StrongReads:
    """Read all items strongly, again and again, and note what was wrong."""

    def __init__(self, cluster: RunningCluster) -> None:
        self._dynamodb = cluster.client()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.wrong = 0
        self.errors = 0
        self.passes_right = 0

    def __enter__(self) -> "StrongReads":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            wrong = errors = 0
            for number in range(ITEMS):
                try:
                    wrong += number_of(self._dynamodb, f"item{number}") != str(number)
                except (ClientError, BotoCoreError):
                    errors += 1
            self.wrong += wrong
            self.errors += errors
            self.passes_right = self.passes_right + 1 if wrong == errors == 0 else 0


def corrupt(path: Path, used_bytes: int, rng: random.Random) -> None:
    """Overwrite eight bytes in many places of what is in use of a file."""
    with path.open("r+b") as file:
        for _ in range(CORRUPTIONS):
            file.seek(rng.randrange(used_bytes - 8))
            file.write(rng.randbytes(8))


# A disk that goes mad under a running leader. LMDB may refuse pages, or end the process; what supervises it starts it again.
def test_a_file_full_of_damage_ends_in_a_whole_replica(cluster: RunningCluster) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dynamodb = cluster.client()
    for number in range(ITEMS):
        put(dynamodb, f"item{number}", number)
    node = cluster.leader(1)
    expected = held_by(cluster, node)
    assert len(expected) == ITEMS
    used_bytes = next(each.storage_bytes for each in cluster.status().regions[0].nodes if each.id == node)

    def recovered() -> bool:
        if cluster.local.processes.running(node) is None:
            cluster.local.start(node)
        return is_well(cluster) and held_by(cluster, node) == expected

    with StrongReads(cluster) as reads:
        corrupt(data_of(cluster, node) / "data.mdb", used_bytes, random.Random(seed))
        eventually(lambda: not is_well(cluster) or NOTICED.search(log_of(cluster, node)), "the damage is noticed")
        eventually(recovered, "the node holds everything again", REBUILD_SECONDS)
        passes = reads.passes_right
        eventually(lambda: reads.passes_right > passes + 1 or reads.passes_right >= 2, "reads are right")
    print(f"wrong {reads.wrong}, errors {reads.errors}")
    make_lead(cluster, node)
    assert [number_of(dynamodb, f"item{number}") for number in range(ITEMS)] == [str(n) for n in range(ITEMS)]
