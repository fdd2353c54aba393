"""What a region promises when nodes die, freeze and come back, under a running load. Real processes, real signals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deploy.chaos.checkers import longest_outage, lost_puts, stale_reads, wrong_counters
from deploy.chaos.workload import Workload
from tests.support.cluster import RunningCluster, make_table, reader, running_cluster

TABLE = "load"
OUTAGE_SECONDS_MAX = 3.0
# Two candidates at once, or a machine with much else to do, may cost an election more; not three times in a row.
STRIKES_MAX = 3
PARTITIONS = 6


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("loss"), partitions=PARTITIONS) as running:
        make_table(running.client(), TABLE)
        yield running


@contextmanager
def loaded(cluster: RunningCluster, name: str) -> Iterator[Workload]:
    """Run a load on a cluster that is well, under a name that none has had before."""
    cluster.wait_ready()
    with Workload(lambda: cluster.client(retries=False), TABLE, workers=6, name=name) as workload:
        workload.wait_for(100)
        yield workload


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    words: str = request.node.name
    return words.replace("[", "-").replace("]", "-")


@pytest.fixture
def load(cluster: RunningCluster, name: str) -> Iterator[Workload]:
    with loaded(cluster, name) as workload:
        yield workload


def strike(cluster: RunningCluster, name: str, struck: Callable[[Workload], None]) -> None:
    """Do something to the cluster under a load, until clients were without it as briefly as promised.

    What is promised about their data holds each time.
    """
    outages = []
    for number in range(STRIKES_MAX):
        with loaded(cluster, f"{name}-{number}") as load:
            struck(load)
            outages.append(judge(cluster, load))
        if outages[-1] < OUTAGE_SECONDS_MAX:
            return
    pytest.fail(f"outages of {outages} s, each expected to be below {OUTAGE_SECONDS_MAX} s")


def judge(cluster: RunningCluster, workload: Workload) -> float:
    """Stop the load, require every promise, and return the longest outage in seconds."""
    workload.stop()
    history = workload.history.all()
    read = reader(cluster.client(), TABLE)
    assert lost_puts(history, read) == []
    assert wrong_counters(history, read) == []
    assert stale_reads(history) == []
    outage = longest_outage(history)
    print(f"{len(history)} operations, longest outage {outage:.2f} s")
    return outage


# A node killed with SIGKILL takes nothing acknowledged with it, and the region goes on without it.
@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_node_killed_in_turn(cluster: RunningCluster, name: str, number: int) -> None:
    node = cluster.regions[0].nodes[number].id

    def killed(load: Workload) -> None:
        cluster.local.kill(node)
        load.wait_for(200)
        cluster.local.start(node)
        cluster.wait_ready()
        load.wait_for(100)

    strike(cluster, name, killed)


# Whoever leads a partition may die: another replica takes over within the promised time, with every acknowledged write.
@pytest.mark.parametrize("partition", range(PARTITIONS + 1))
def test_leader_of_each_partition_killed(cluster: RunningCluster, name: str, partition: int) -> None:
    def killed(load: Workload) -> None:
        leader = cluster.leader(partition)
        cluster.local.kill(leader)
        load.wait_for(200)
        cluster.local.start(leader)
        cluster.wait_ready()

    strike(cluster, name, killed)


# A leader frozen for longer than an election wakes up deposed: it must not answer a strong read from its old state.
def test_frozen_leader_serves_nothing_stale(cluster: RunningCluster, load: Workload) -> None:
    leader = cluster.leader(1)
    cluster.local.pause(leader)
    load.wait_for(300)
    with Workload(lambda: cluster.client(retries=False), TABLE, workers=2, name="frozen") as meanwhile:
        frozen_seconds(meanwhile, 10)
        cluster.local.resume(leader)
        meanwhile.wait_for(50)
        judge(cluster, meanwhile)
    cluster.wait_ready()
    judge(cluster, load)


# Power cut of the whole region: all nodes killed at once restart from disk with everything that was acknowledged.
def test_all_nodes_killed_at_once(cluster: RunningCluster, load: Workload) -> None:
    for node in cluster.regions[0].nodes:
        cluster.local.kill(node.id)
    for node in cluster.regions[0].nodes:
        cluster.local.start(node.id)
    cluster.wait_ready()
    load.wait_for(50)
    judge(cluster, load)


# A node asked to stop hands its leaderships over first, so that clients notice next to nothing and it exits cleanly.
def test_graceful_stop_hands_over(cluster: RunningCluster, name: str) -> None:
    def stopped(load: Workload) -> None:
        leader = cluster.leader(2)
        assert cluster.local.stop(leader)
        load.wait_for(200)
        cluster.local.start(leader)
        cluster.wait_ready()

    strike(cluster, name, stopped)


def frozen_seconds(workload: Workload, seconds: float) -> None:
    """Let the load go on for about that long, measured by its own history rather than by sleeping."""
    workload.wait_for(1)
    began = workload.history.all()[0].began
    while workload.history.all()[-1].ended - began < seconds:
        workload.wait_for(5)
