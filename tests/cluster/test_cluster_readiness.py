"""What /health promises whoever replaces nodes one by one: that this one is back, with everything, before the next may go."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from deploy.cli.admin import node_statuses
from tests.support.cluster import Deadline, RunningCluster, eventually, make_table, running_cluster

TABLE = "load"
ITEMS = 400
PARTITIONS = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    # So few entries are kept that who was away needs a snapshot: the longest way back.
    with running_cluster(tmp_path_factory.mktemp("ready"), partitions=PARTITIONS, log_entries_kept=50) as running:
        make_table(running.client(), TABLE)
        yield running


def health(cluster: RunningCluster, node: str) -> str:
    """Return what a node says of itself; an empty text if it does not answer."""
    address = cluster.local.processes.metrics(node)
    try:
        with urllib.request.urlopen(f"http://{address}/health", timeout=5) as answer:
            text: bytes = answer.read()
    except urllib.error.HTTPError as refusal:
        text = refusal.read()  # 503, with the state it is in
    except OSError:
        return ""
    return text.decode().strip()


def wait_ready(cluster: RunningCluster, node: str) -> None:
    try:
        eventually(lambda: health(cluster, node) == "ready", f"{node} ready")
    except Deadline as late:
        pytest.fail(f"{late}; it says {health(cluster, node)!r}, and last {cluster.local.processes.last_line(node)!r}")


def committed(cluster: RunningCluster) -> dict[int, int] | None:
    """Return how far each partition is committed, as its leader knows, or None while one has no leader that answers."""
    answers = asyncio.run(node_statuses(cluster.regions[0].nodes)).values()
    led = [each for answer in answers if answer is not None for each in answer.partitions if each.ready]
    commits = {each.partition: each.commit for each in led}
    return commits if len(commits) == PARTITIONS + 1 else None


# A node that was away while others wrote is ready only with what they wrote: to stop another before would leave one replica with it.
def test_ready_only_when_caught_up(cluster: RunningCluster) -> None:
    node = cluster.regions[0].nodes[2]
    wait_ready(cluster, node.id)
    cluster.local.kill(node.id)
    dynamodb = cluster.client()
    for number in range(ITEMS):
        dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": str(number)}, "text": {"S": "x" * 2_000}})
    due = eventually(lambda: committed(cluster), "leaders answer")
    cluster.local.start(node.id)
    wait_ready(cluster, node.id)
    answer = eventually(lambda: asyncio.run(node_statuses([node]))[node.id], f"{node.id} answers")
    applied = {each.partition: each.applied for each in answer.partitions}
    assert all(applied[partition] >= index for partition, index in due.items())


# Without a leader nobody knows who has what: the one that is left says so, and nothing further may be stopped.
def test_not_ready_without_a_quorum(cluster: RunningCluster) -> None:
    first, second, third = (node.id for node in cluster.regions[0].nodes)
    wait_ready(cluster, third)
    for node in (first, second):
        cluster.local.kill(node)
    eventually(lambda: health(cluster, third) == "catching up: partitions 0, 1, 2", f"{third} unready")
    for node in (first, second):
        cluster.local.start(node)
    for node in (first, second, third):
        wait_ready(cluster, node)
