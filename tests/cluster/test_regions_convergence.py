"""Three regions of real processes: what each accepts alone, all hold together in the end, byte for byte and version for version."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial

import pytest

from deploy.chaos.checkers import lost_puts, wrong_counters
from deploy.chaos.workload import Workload
from deploy.cli.admin import ControlRefused
from deploy.local.topology import router_name
from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, reader, running_cluster
from tests.support.replication_cluster import MixedWriter, backlog, converged, dumps, fill
from wire.catalog import CATALOG_PARTITION, LinkState

PARTITIONS = 2
SEED = 20_261_123
APART_SECONDS = 30.0
CONVERGENCE_SECONDS_MAX = 10.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("regions")
    with running_cluster(folder, regions=3, partitions=PARTITIONS, signatures=False) as running:
        yield running


@pytest.fixture
def table(cluster: RunningCluster, request: pytest.FixtureRequest) -> str:
    """Make a global table of all three regions, named after the test."""
    name = request.node.name[:60]
    cluster.wait_ready()
    make_table(cluster.client(0), name)
    add_replica(cluster, name, 0, 1)
    add_replica(cluster, name, 0, 2)
    return name


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


# The promise of the whole project: a region cut off goes on, nothing that either side accepted is lost unless a newer write won, what
# was deleted stays so, and within ten seconds of mending all regions hold the same.
def test_regions_converge_after_a_cut(cluster: RunningCluster, table: str) -> None:
    shared = names("shared", 60)
    fill(cluster, table, ({"pk": {"S": name}, "by": {"S": "before"}} for name in shared))
    converged(cluster, table)
    cluster.isolate(2)
    writers = [
        MixedWriter(
            cluster.client(region),
            table,
            seed=SEED + region,
            keys=[*shared, *names(f"own{region}-", 40)],
            mark=str(region),
            seconds=APART_SECONDS,
        )
        for region in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    alone = dumps(cluster, table)[2]
    assert not any(key[0].startswith(b"own0-") for key in alone), "the cut let something through"
    cluster.isolate(2, LinkState.UP)
    records = converged(cluster, table, CONVERGENCE_SECONDS_MAX)
    assert {key[0][:4] for key in records} == {b"shar", b"own0", b"own1", b"own2"}
    own = {name: gone for writer in writers for name, gone in writer.deleted.items() if name.startswith("own")}
    # Of an item that was never there a deletion leaves nothing.
    assert {name for name, gone in own.items() if not gone} == {
        key[0].decode() for key, row in records.items() if key[0].startswith(b"own") and not row[2]
    }


# The one who ships may die in the middle of it: its successor carries on from the replicated cursor, and nothing is left out.
def test_regions_converge_when_a_shipping_leader_is_killed(cluster: RunningCluster, table: str) -> None:
    cluster.isolate(0)
    fill(cluster, table, ({"pk": {"S": name}, "v": {"S": "x" * 300}} for name in names("k", 4_000)))
    victim = cluster.leader(1)
    cluster.isolate(0, LinkState.UP)
    eventually(lambda: cluster.dump(table, 1), "shipping begins")
    cluster.local.kill(victim)
    records = converged(cluster, table)
    assert len(records) == 4_000
    cluster.local.start(victim)
    cluster.wait_ready()
    eventually(lambda: backlog(cluster, 0, 1) == backlog(cluster, 0, 2) == 0, "cursors at rest")


# A power cut everywhere: all nodes of all regions at once, under load in each. What any region acknowledged is there, and everywhere.
def test_all_nodes_of_all_regions_killed_at_once(cluster: RunningCluster, table: str) -> None:
    nodes = [node.id for region in cluster.regions for node in region.nodes]
    with ExitStack() as stack:
        loads = [
            stack.enter_context(
                Workload(partial(cluster.client, region, retries=False), table, workers=2, name=f"r{region}-")
            )
            for region in range(3)
        ]
        for load in loads:
            load.wait_for(100)
        for node in nodes:
            cluster.local.processes.send(node, signal.SIGKILL)
        for node in nodes:
            cluster.local.kill(node)
            cluster.local.start(node)
        cluster.wait_ready()
        for load in loads:
            load.wait_for(50)
    converged(cluster, table)
    history = [each for load in loads for each in load.history.all()]
    read = reader(cluster.client(1), table)
    assert lost_puts(history, read) == []
    assert wrong_counters(history, read) == []


# A delay of the wire must cost time, not throughput: what would take a minute with one batch per delay arrives after little more than one.
def test_a_delayed_link_keeps_its_throughput(cluster: RunningCluster, table: str) -> None:
    cluster.set_link(0, 1, LinkState.CUT)
    fill(cluster, table, ({"pk": {"S": name}} for name in names("k", 5_000)))
    cluster.set_link(0, 1, LinkState.DELAYED, delay_ms=6_000)
    # Two partitions with ten batches each would be sixty seconds one by one. What is beyond six is left to a busy machine.
    eventually(lambda: len(cluster.dump(table, 1)) == 5_000, "all shipped", timeout_seconds=40)
    cluster.set_link(0, 1, LinkState.UP)


# Adding a replica to a table with data, while it is written to: the copy and the stream together miss nothing.
def test_a_replica_added_under_load_gets_everything(cluster: RunningCluster) -> None:
    name = "grown"
    cluster.wait_ready()
    make_table(cluster.client(0), name)
    fill(cluster, name, ({"pk": {"S": key}, "v": {"N": "1"}} for key in names("old", 20_000)))
    with Workload(lambda: cluster.client(0), name, workers=3, name="grow") as load:
        load.wait_for(50)
        add_replica(cluster, name, 0, 1, timeout_seconds=90)
        add_replica(cluster, name, 0, 2, timeout_seconds=90)
        load.wait_for(50)
        load.stop()
    records = converged(cluster, name)
    history = load.history.all()
    read = reader(cluster.client(2), name)
    assert len(records) >= 20_000 + 3
    assert lost_puts(history, read) == []
    assert wrong_counters(history, read) == []


# A replica that is removed takes its table along there and nowhere else; the name is free again for a new copy.
def test_a_replica_is_removed_and_added_again(cluster: RunningCluster, table: str) -> None:
    fill(cluster, table, ({"pk": {"S": key}} for key in names("k", 20)))
    converged(cluster, table)
    here, there = cluster.client(0), cluster.client(2)
    region = cluster.regions[2].name
    here.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": region}}])

    def gone() -> bool:
        replicas = here.describe_table(TableName=table)["Table"].get("Replicas", [])
        return all(each["RegionName"] != region for each in replicas)

    eventually(gone, "replica forgotten")
    assert table not in there.list_tables()["TableNames"]
    cluster.client(1).put_item(TableName=table, Item={"pk": {"S": "meanwhile"}})
    add_replica(cluster, table, 0, 2)
    assert len(converged(cluster, table)) == 21


# A gateway that hangs without a word must not hold changes up once it is back, nor may what it swallowed be lost.
def test_a_frozen_gateway_costs_only_time(cluster: RunningCluster, table: str) -> None:
    fill(cluster, table, ({"pk": {"S": key}} for key in names("before", 20)))
    converged(cluster, table)
    router = router_name(cluster.regions[1].name)
    cluster.local.pause(router)
    fill(cluster, table, ({"pk": {"S": key}} for key in names("meanwhile", 200)))
    eventually(lambda: len(cluster.dump(table, 2)) == 220, "the other region is not held up")
    eventually(lambda: backlog(cluster, 0, 1) > 0, "the backlog shows")
    cluster.local.resume(router)
    assert len(converged(cluster, table)) == 220


# Growing a table is carried on by whoever leads the catalog next.
def test_a_table_grows_though_the_catalog_leader_is_killed(cluster: RunningCluster) -> None:
    name = "grows-anyway"
    cluster.wait_ready()
    here = cluster.client(0)
    make_table(here, name)
    fill(cluster, name, ({"pk": {"S": key}} for key in names("k", 500)))
    region = cluster.regions[1].name
    here.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": region}}])
    cluster.set_link(0, 1, LinkState.CUT)
    victim = cluster.leader(CATALOG_PARTITION)
    cluster.local.kill(victim)
    cluster.leader(CATALOG_PARTITION)
    eventually(lambda: is_mended(cluster, 0, 1), "link mended")

    def active() -> bool:
        replicas = here.describe_table(TableName=name)["Table"].get("Replicas", [])
        return [each["ReplicaStatus"] for each in replicas] == ["ACTIVE"]

    eventually(active, "replica active")
    assert cluster.dump(name, 0) == cluster.dump(name, 1)
    cluster.local.start(victim)
    cluster.wait_ready()


def is_mended(cluster: RunningCluster, source: int, destination: int) -> bool:
    """Mend a link, unless the catalog is just between two leaders."""
    with suppress(ControlRefused):
        cluster.set_link(source, destination, LinkState.UP)
        return True
    return False
