"""Nodes that come back with less than they had: an empty disk, an older copy, another node's data. Nothing acknowledged is lost."""

import asyncio
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from deploy.cli.admin import node_statuses
from deploy.local.cluster import LocalCluster
from deploy.local.topology import REGION_NAMES, Layout
from tests.support.cluster import RunningCluster, eventually, make_table, running_cluster
from wire.cluster import Settings

TABLE = "kept"
PUTS = 200
REQUEST_TIMEOUT_MS = 2_000


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path, partitions=1, request_timeout_ms=REQUEST_TIMEOUT_MS) as running:
        make_table(running.client(), TABLE)
        settle(running)
        yield running


def data_of(cluster: RunningCluster, node: str) -> Path:
    return cluster.local.folder / "nodes" / node


def roles(cluster: RunningCluster) -> tuple[str, str, str]:
    """Return who leads, and two followers."""
    leader = cluster.leader(1)
    others = [node.id for node in cluster.regions[0].nodes if node.id != leader]
    return leader, others[0], others[1]


def replicas(cluster: RunningCluster, node: str) -> list[Any]:
    """Return what a node says of its replicas, nothing while it does not answer."""
    answer = asyncio.run(node_statuses(cluster.regions[0].nodes))[node]
    return [] if answer is None else list(answer.partitions)


def settle(cluster: RunningCluster) -> None:
    """Wait until every node has applied the same, and none is short of anything."""

    def is_settled() -> bool:
        statuses = asyncio.run(node_statuses(cluster.regions[0].nodes)).values()
        if not all(status is not None and status.partitions for status in statuses):
            return False
        found = [[(each.partition, each.applied) for each in status.partitions] for status in statuses if status]
        well = not any(each.conditions for status in statuses if status for each in status.partitions)
        return well and all(sorted(each) == sorted(found[0]) for each in found)

    eventually(is_settled, "every replica to be whole")


def put_all(cluster: RunningCluster) -> None:
    dynamodb = cluster.client()
    for number in range(PUTS):
        dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": f"{number}"}})


def missing(cluster: RunningCluster) -> list[int]:
    """Return which of the acknowledged puts are gone."""
    dynamodb = cluster.client()
    found = (
        dynamodb.get_item(TableName=TABLE, Key={"pk": {"S": f"{number}"}}, ConsistentRead=True)
        for number in range(PUTS)
    )
    return [number for number, answer in enumerate(found) if "Item" not in answer]


def is_refused(cluster: RunningCluster) -> bool:
    """Tell whether a write fails, as it must while nobody may lead."""
    try:
        cluster.client(retries=False).put_item(TableName=TABLE, Item={"pk": {"S": "while nobody may lead"}})
    except ClientError:
        return True
    return False


def log_of(cluster: RunningCluster, node: str) -> str:
    return cluster.local.processes.log_path(node).read_text()


# The follower that had acknowledged everything loses its disk, and dies again while it catches up; the leader dies; the one that
# was away for all of it comes back. Whoever voted for that one would vote 200 acknowledged puts away.
def test_a_wiped_node_that_dies_while_it_catches_up_votes_nothing_away(cluster: RunningCluster) -> None:
    leader, away, wiped = roles(cluster)
    cluster.local.kill(away)
    put_all(cluster)
    cluster.local.kill(wiped)
    shutil.rmtree(data_of(cluster, wiped))
    cluster.local.start(wiped)
    # A leader that nobody follows for long enough steps down, and the one that lost its log gives it no vote.
    eventually(
        lambda: (
            any(each.term > 1 for each in replicas(cluster, wiped))
            or (replicas(cluster, wiped) and not any(each.ready for each in replicas(cluster, leader)))
        ),
        f"{wiped} hears its leader, or there is none any more",
    )
    cluster.local.kill(wiped)
    cluster.local.kill(leader)
    for node in (wiped, away):
        cluster.local.start(node)
    eventually(lambda: replicas(cluster, wiped) and replicas(cluster, away), "both answer")
    assert is_refused(cluster)
    assert "recovering" in {name for each in replicas(cluster, wiped) for name in each.conditions}
    cluster.local.start(leader)
    cluster.wait_ready()
    assert missing(cluster) == []
    settle(cluster)


# An older copy of a follower's directory, and nothing else wrong: it must notice, say so, and come back by itself.
def test_an_older_copy_put_back_begins_anew(cluster: RunningCluster, tmp_path: Path) -> None:
    _, _, follower = roles(cluster)
    copy = kept_copy(cluster, follower, tmp_path)
    put_all(cluster)
    cluster.local.kill(follower)
    put_back(cluster, follower, copy)
    settle(cluster)
    assert missing(cluster) == []
    told = log_of(cluster, follower)
    assert "AssertionError" not in told
    assert "event=disk_refused" in told


# The same, and the leader dies before the copy starts: the node that was away meanwhile must not be elected by it.
def test_an_older_copy_votes_nothing_away(cluster: RunningCluster, tmp_path: Path) -> None:
    leader, away, follower = roles(cluster)
    copy = kept_copy(cluster, follower, tmp_path)
    cluster.local.kill(away)
    put_all(cluster)
    cluster.local.kill(follower)
    cluster.local.kill(leader)
    put_back(cluster, follower, copy)
    cluster.local.start(away)
    eventually(lambda: replicas(cluster, follower) and replicas(cluster, away), "both answer")
    assert is_refused(cluster)
    cluster.local.start(leader)
    cluster.wait_ready()
    assert missing(cluster) == []
    settle(cluster)


def kept_copy(cluster: RunningCluster, node: str, folder: Path) -> Path:
    """Return a copy of a stopped node's directory, from before the life that it is in when this returns."""
    assert cluster.local.stop(node)
    copy = folder / "copy"
    shutil.copytree(data_of(cluster, node), copy)
    cluster.local.start(node)
    cluster.wait_ready()
    settle(cluster)
    return copy


def put_back(cluster: RunningCluster, node: str, copy: Path) -> None:
    shutil.rmtree(data_of(cluster, node))
    shutil.copytree(copy, data_of(cluster, node))
    cluster.local.start(node)


# Another node's data under one's own identity file: its promises would be made twice. One line says so, and the process ends.
def test_another_nodes_data_is_refused(cluster: RunningCluster) -> None:
    _, one, other = roles(cluster)
    for node in (one, other):
        assert cluster.local.stop(node)
    shutil.copy(data_of(cluster, other) / "data.mdb", data_of(cluster, one) / "data.mdb")
    cluster.local.start(one)
    eventually(lambda: cluster.local.processes.running(one) is None, f"{one} gives up")
    assert f"belongs to another node: node is '{other}', expected '{one}'" in log_of(cluster, one)


# Everybody dies at one step of the founding; the region that comes of it must be one region, and serve.
@pytest.mark.parametrize("step", ["joining_waits", "founding_known", "region_joined", "node_ready"])
def test_a_region_is_founded_once_whenever_its_nodes_die(step: str, tmp_path: Path) -> None:
    settings = msgspec.structs.replace(Settings(), partitions=1)
    layout = Layout(regions=REGION_NAMES[:1], nodes_per_region=3, settings=settings)
    local = LocalCluster.create(tmp_path, layout, port=0, generator=random.SystemRandom())
    running = RunningCluster(local)
    nodes = [node.id for node in running.regions[0].nodes]
    try:
        local.start_all()
        has_come = f"event={step}"
        eventually(lambda: any(has_come in log_of(running, node) for node in nodes), step)
        for node in nodes:
            local.kill(node)
        for node in nodes:
            local.start(node)
        running.wait_ready()
        make_table(running.client(), TABLE)
        settle(running)
        founders = {line.split("founders=")[1] for node in nodes for line in lines(running, node, "founding_known")}
        assert len(founders) == 1
    finally:
        for name in local.names():
            local.kill(name)


def lines(cluster: RunningCluster, node: str, event: str) -> list[str]:
    return [line for line in log_of(cluster, node).splitlines() if f"event={event} " in line]
