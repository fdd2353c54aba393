"""Disks that lie, vanish or fill up slowly, nodes that freeze, and a region without a quorum: never a false answer."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import pytest
from botocore.exceptions import ClientError

from deploy.chaos.checkers import lost_puts, stale_reads, wrong_counters
from deploy.chaos.workload import Workload
from deploy.cli.admin import node_statuses
from tests.support.cluster import RunningCluster, eventually, make_table, reader, running_cluster

TABLE = "disks"
SMALL_MAP_BYTES = 1 << 20
REQUEST_TIMEOUT_MS = 3_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("disks")
    settings = {"map_bytes_initial": SMALL_MAP_BYTES, "request_timeout_ms": REQUEST_TIMEOUT_MS}
    with running_cluster(folder, partitions=1, **settings) as running:
        make_table(running.client(), TABLE)
        yield running


def nodes(cluster: RunningCluster) -> list[str]:
    return [node.id for node in cluster.regions[0].nodes]


def data_of(cluster: RunningCluster, node: str) -> Path:
    return cluster.local.folder / "nodes" / node


def put(dynamodb: Any, key: str, value: str = "") -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": key}, "v": {"S": value}})


def got(dynamodb: Any, key: str, *, strong: bool = True) -> str | None:
    answer = dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": key}}, ConsistentRead=strong)
    return answer["Item"]["v"]["S"] if "Item" in answer else None


@contextmanager
def item_rows(data: Path) -> "Iterator[tuple[lmdb.Transaction[bytes], lmdb._Database]]":
    """Open the items of a stopped node, as only a fault would change them."""
    environment = lmdb.open(str(data), max_dbs=6, map_size=1 << 30)
    try:
        database = environment.open_db(b"items")
        with environment.begin(write=True, db=database) as transaction:
            yield transaction, database
    finally:
        environment.close()


# The map starts small and grows while requests come in; nothing may get lost or be refused on the way.
def test_the_map_grows_under_load(cluster: RunningCluster) -> None:
    dynamodb = cluster.client()
    for number in range(120):
        put(dynamodb, f"grow{number}", f"{number}" * 40_000)
    used = [node.storage_bytes for node in cluster.status().regions[0].nodes]
    assert max(used) > 4 * SMALL_MAP_BYTES, f"expected the map to have grown several times, found {used}"
    for number in range(120):
        assert got(dynamodb, f"grow{number}") == f"{number}" * 40_000


# A damaged record is never served: its node's log names it, and another replica answers. What a leader with whole bytes writes mends it.
def test_a_damaged_item_is_never_served(cluster: RunningCluster) -> None:
    dynamodb = cluster.client(retries=False)
    put(dynamodb, "precious", "unmistakable")
    put(dynamodb, "other", "whole")
    node = cluster.leader(1)
    assert cluster.local.stop(node)
    with item_rows(data_of(cluster, node)) as (transaction, database):
        stored_key, stored = next(row for row in transaction.cursor(database) if b"unmistakable" in row[1])
        transaction.put(stored_key, stored.replace(b"unmistakable", b"mistakable.."), db=database)
    cluster.local.start(node)
    cluster.wait_ready()
    log = cluster.local.processes.log_path(node)
    told = re.compile(r"event=damaged_record .*checksum")

    def is_found() -> bool:
        assert all_read(dynamodb, "precious", "unmistakable")
        return told.search(log.read_text()) is not None

    eventually(is_found, "a read of the damaged replica")
    assert got(dynamodb, "other", strong=False) == "whole"
    assert cluster.local.stop(node)
    eventually(lambda: put_succeeds(dynamodb, "precious", "mended"), "a leader whose disk is whole takes a write")
    cluster.local.start(node)
    cluster.wait_ready()
    eventually(lambda: all_read(dynamodb, "precious", "mended"), "every replica to be mended")
    assert got(dynamodb, "precious") == "mended"


def put_succeeds(dynamodb: Any, key: str, value: str) -> bool:
    """Whether a put is acknowledged."""
    try:
        put(dynamodb, key, value)
    except ClientError:
        return False
    return True


def answer(dynamodb: Any, key: str) -> str | None:
    """Read eventually consistently; return the value, or the error."""
    try:
        return got(dynamodb, key, strong=False)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"


def all_caught_up(cluster: RunningCluster) -> bool:
    """Whether every replica of every partition has applied the same entries, and counts for its group."""
    statuses = asyncio.run(node_statuses(cluster.regions[0].nodes)).values()
    if not all(statuses):
        return False
    if any(each.conditions for status in statuses if status for each in status.partitions):
        return False
    applied = [sorted((each.partition, each.applied) for each in status.partitions) for status in statuses if status]
    return all(each == applied[0] for each in applied)


def all_read(dynamodb: Any, key: str, value: str) -> bool:
    return all(answer(dynamodb, key) == value for _ in range(100))


# Without a quorum a write waits as long as it may and then fails; it must not be acknowledged, and all is well later.
def test_two_of_three_nodes_are_gone(cluster: RunningCluster) -> None:
    dynamodb = cluster.client(retries=False)
    put(dynamodb, "kept", "before")
    # The one that is left tells what it has applied: it may hear of the write's commit a moment later than the client.
    eventually(lambda: all_caught_up(cluster), "every replica to have the write")
    for node in nodes(cluster)[:2]:
        cluster.local.kill(node)
    refusals = []
    with pytest.raises(ClientError) as refused:
        put(dynamodb, "kept", "during")
    refusals.append(refused.value.response["Error"]["Code"])
    with pytest.raises(ClientError) as refused:
        got(dynamodb, "kept")
    refusals.append(refused.value.response["Error"]["Code"])
    assert set(refusals) <= {"InternalServerError", "ServiceUnavailable"}
    assert got(dynamodb, "kept", strong=False) == "before"
    for node in nodes(cluster)[:2]:
        cluster.local.start(node)
    cluster.wait_ready()
    # The write was not acknowledged: it may have happened or not.
    assert got(dynamodb, "kept") in ("before", "during")
    put(dynamodb, "kept", "after")
    assert got(dynamodb, "kept") == "after"


# A follower that freezes must not hold anybody up; one that wakes up must not disturb, nor serve the past as strong reads.
def test_followers_freeze_in_turn(cluster: RunningCluster) -> None:
    with Workload(lambda: cluster.client(retries=False), TABLE, workers=4, name="frozen") as load:
        for node in nodes(cluster):
            if node != cluster.leader(1):
                cluster.local.pause(node)
                load.wait_for(300)
                cluster.local.resume(node)
                load.wait_for(100)
        load.stop()
        history, read = load.history.all(), reader(cluster.client(), TABLE)
        assert (lost_puts(history, read), wrong_counters(history, read), stale_reads(history)) == ([], [], [])


# A new disk in every node, one after the other: each fills itself from the others before the next one loses its own.
def test_emptied_disks_are_filled_again(cluster: RunningCluster) -> None:
    dynamodb = cluster.client(retries=False)
    for number in range(20):
        put(dynamodb, f"disk{number}", f"{number}")
    for node in nodes(cluster):
        cluster.local.kill(node)
        shutil.rmtree(data_of(cluster, node))
        cluster.local.start(node)
        cluster.wait_ready()
        eventually(lambda: all_caught_up(cluster), "the emptied node to have caught up")
    for number in range(20):
        assert got(dynamodb, f"disk{number}") == f"{number}"
