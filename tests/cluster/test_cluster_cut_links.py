"""Packets dropped between two processes of a region that both reach the rest: no partition is without writes for long.

Each process has a network of its own. The few links of a run are those that differ most; GLOBETABLE_ALL_LINKS=1 takes all of them.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator

import pytest

from deploy.chaos.checkers import longest_outage, lost_puts, stale_reads, wrong_counters
from deploy.chaos.workload import Workload
from deploy.cli.admin import node_statuses
from tests.support.cluster import make_table, reader
from tests.support.networked_cluster import NetworkedCluster, networked_cluster

TABLE = "load"
ROUTER = "us-east-1-router"
NODES = ("us-east-1-1", "us-east-1-2", "us-east-1-3")
OUTAGE_SECONDS_MAX = 3.2
STRIKES_MAX = 3
CUT_SECONDS = 5.0
FLAPS = 3
THERE, BACK, BOTH = "there", "back", "both"
EVERY = "GLOBETABLE_ALL_LINKS" in os.environ
TO_NODES = [(ROUTER, node, way) for node in NODES for way in (THERE, BACK, BOTH)]
BETWEEN_NODES = [(one, other, way) for one in NODES for other in NODES if one < other for way in (THERE, BACK, BOTH)]
SOME = [TO_NODES[0], TO_NODES[5], BETWEEN_NODES[2]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkedCluster]:
    with networked_cluster(tmp_path_factory.mktemp("links")) as running:
        make_table(running.client(), TABLE)
        yield running


def strike(
    cluster: NetworkedCluster,
    struck: Callable[[Workload], None],
    name: str,
    bound: float,
    *,
    keeps_leaders: bool = False,
) -> None:
    """Do something to the network under a load, until clients were without the store as briefly as promised.

    What is promised about their data holds each time.
    """
    outages = []
    for number in range(STRIKES_MAX):
        terms = terms_led(cluster)
        with Workload(lambda: cluster.client(retries=False), TABLE, workers=6, name=f"{name}-{number}-") as load:
            load.wait_for(100)
            struck(load)
            cluster.networks.mend_all()
            load.wait_for(50)
            outages.append(judge(cluster, load))
        if outages[-1] < bound and (not keeps_leaders or terms_led(cluster) == terms):
            return
    pytest.fail(f"outages of {outages} s, each expected to be below {bound} s, or leaders changed each time")


def terms_led(cluster: NetworkedCluster) -> dict[int, int]:
    """Return the term of each partition's leader, once every partition has one."""
    cluster.wait_ready()
    answers = asyncio.run(node_statuses(cluster.regions[0].nodes)).values()
    return {each.partition: each.term for answer in answers if answer is not None for each in answer.partitions}


def judge(cluster: NetworkedCluster, load: Workload) -> float:
    load.stop()
    history = load.history.all()
    read = reader(cluster.client(), TABLE)
    assert lost_puts(history, read) == []
    assert wrong_counters(history, read) == []
    assert stale_reads(history) == []
    outage = longest_outage(history)
    print(f"{len(history)} operations, longest outage {outage:.2f} s")
    return outage


def go_on(load: Workload, seconds: float) -> None:
    """Let the load go on for about that long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        load.wait_for(1, timeout_seconds=30)


# A leader that its followers hear but its router does not leads on, and is reached through them; two nodes that cannot talk to each
# other still have a third.
@pytest.mark.parametrize(("one", "other", "way"), TO_NODES + BETWEEN_NODES if EVERY else SOME)
def test_a_cut_link_costs_no_more_than_a_dead_leader(cluster: NetworkedCluster, one: str, other: str, way: str) -> None:
    def cut(load: Workload) -> None:
        cluster.cut(one, other, there_only=way == THERE, back_only=way == BACK)
        go_on(load, CUT_SECONDS)

    # Nothing moves because of what a router believes.
    strike(cluster, cut, f"{one}-{other}-{way}", OUTAGE_SECONDS_MAX, keeps_leaders=one == ROUTER)


# A link that comes and goes is not taken each time that it comes: clients notice it once or twice, not every time.
def test_a_flapping_link_is_left_alone(cluster: NetworkedCluster) -> None:
    def flapped(load: Workload) -> None:
        for _ in range(FLAPS):
            cluster.cut(ROUTER, NODES[0])
            go_on(load, 3.0)
            cluster.networks.mend_all()
            go_on(load, 1.0)

    strike(cluster, flapped, "flapping", OUTAGE_SECONDS_MAX)


# Three packets in ten lost everywhere: slow, with leaders that may change, and nothing lost or doubled.
def test_a_lossy_network_loses_nothing(cluster: NetworkedCluster) -> None:
    def lossy(load: Workload) -> None:
        cluster.networks.lose(30)
        go_on(load, CUT_SECONDS)

    strike(cluster, lossy, "lossy", 20.0)
