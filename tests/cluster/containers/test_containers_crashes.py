"""Processes in containers that are killed, by nobody whom the engine knows, at the worst moments: they come back by themselves."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

from tests.support.cluster import eventually, make_table
from tests.support.container_cluster import ContainerCluster
from tests.support.container_histories import histories_of, judged, loads, progress, require_outages_below

PARTITION = 1
KILLED_SECONDS_MAX = 20.0
STARTS_KILLED = 3
# How long a leader that was told to end is given before it is killed: handing over takes some of these, and not the first.
HANDOVER_MS = (2, 10, 50)
SIGKILLED = 128 + signal.SIGKILL
# Two partitions of half more than what is kept of a log: who has nothing gets a snapshot.
ITEMS = 300
ITEM_BYTES = 340_000
INTERRUPTIONS_MAX = 5


# What dies while it starts, time and again, comes up in the end, a node and a router alike.
def test_killed_while_starting(cluster: ContainerCluster, table: str) -> None:
    node, router = cluster.nodes(0)[0], cluster.router(1)
    with loads(cluster, table) as running:
        began = {service: len(cluster.lines(service)) for service in (node, router)}
        for service in (node, router):
            died = cluster.crash(service)
            for _ in range(STARTS_KILLED):
                died = cluster.crash(service, after=died)
        cluster.wait_ready()
        progress(running, 20)
    for service, event in ((node, "node_ready"), (router, "router_ready")):
        ready = [line for line in cluster.lines(service)[began[service] :] if line["event"] == event]
        assert len(ready) <= STARTS_KILLED, f"{service} was ready before each kill, so nothing was proved"
    judged(cluster, table, histories_of(running))
    require_outages_below(KILLED_SECONDS_MAX, histories_of(running)[::2])


# A leader that dies while it hands over leaves its followers with half a handover.
def test_killed_during_handover(cluster: ContainerCluster, table: str) -> None:
    ends: list[int] = []
    with loads(cluster, table) as running:
        for pause_ms in HANDOVER_MS:
            leader, began = cluster.leader(PARTITION), time.time()
            died = cluster.crash(leader, signal.SIGTERM, signal.SIGKILL, pause_ms=pause_ms)
            cluster.wait_running(leader, after=died)
            ends += cluster.exit_codes(leader, began)
            cluster.wait_ready()
            progress(running, 20)
    print(f"ended with {ends}")
    assert SIGKILLED in ends, "no handover was interrupted, so nothing was proved"
    judged(cluster, table, histories_of(running))
    require_outages_below(KILLED_SECONDS_MAX, histories_of(running))


# A node with a new disk dies with half a snapshot on it: it begins anew, and is healthy only with everything.
def test_killed_during_a_snapshot(cluster: ContainerCluster) -> None:
    cluster.wait_ready()
    dynamodb, node = cluster.client(0), cluster.nodes(0)[2]
    make_table(dynamodb, "large")
    filler = {"S": "x" * ITEM_BYTES}

    def fill(number: int) -> None:
        dynamodb.put_item(TableName="large", Item={"pk": {"S": str(number)}, "filler": filler})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(ITEMS)))
    cluster.lose_disk(node)
    cluster.create(node)
    assert any(interrupted(cluster, node) for _ in range(INTERRUPTIONS_MAX)), "no snapshot was interrupted"
    cluster.wait_healthy(node)
    assert cluster.keys_of(node, "large") == {str(number).encode() for number in range(ITEMS)}
    dynamodb.delete_table(TableName="large")
    cluster.mend()


def interrupted(cluster: ContainerCluster, node: str) -> bool:
    """Kill a node that receives a snapshot; return whether it found half of one when it started again."""
    eventually(lambda: cluster.installing(node), f"{node} receives a snapshot")
    seen = len(cluster.lines(node))
    cluster.wait_running(node, after=cluster.crash(node))

    def events() -> set[str]:
        told = {line["event"] for line in cluster.lines(node)[seen:]}
        return told if "node_ready" in told else set()

    return "snapshot_was_interrupted" in eventually(events, f"{node} starts again")
