"""What two regions of real processes log: nothing but information while all is well, warnings when something is not."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from wire.catalog import LinkState
from wire.outages import PATIENCE_SECONDS

TABLE = "orders"


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("logs"), regions=2, partitions=2) as running:
        yield running


def lines(cluster: RunningCluster, name: str) -> list[str]:
    return cluster.local.processes.log_path(name).read_text().splitlines()


def complaints(cluster: RunningCluster) -> list[str]:
    """Return every line of every process that is more than information."""
    return [
        f"{name}: {line}"
        for name in cluster.local.names()
        for line in lines(cluster, name)
        if " level=info " not in line
    ]


def times(cluster: RunningCluster, name: str, event: str) -> list[str]:
    """Return when a process logged an event; times compare as texts."""
    return [line.split()[0] for line in lines(cluster, name) if f" event={event} " in f"{line} "]


def use(cluster: RunningCluster) -> None:
    for region in (0, 1):
        for number in range(10):
            cluster.client(region).put_item(TableName=TABLE, Item={"pk": {"S": f"{region}-{number}"}})


# Who reads logs for warnings must not have to know which ones always come with a start or a stop.
def test_starts_stops_and_traffic_are_no_warnings(cluster: RunningCluster) -> None:
    make_table(cluster.client(0), TABLE)
    add_replica(cluster, TABLE, 0, 1)
    use(cluster)
    assert cluster.local.stop_all() == []
    cluster.local.start_all()
    cluster.wait_ready()
    use(cluster)
    assert cluster.local.stop_all() == []
    assert complaints(cluster) == []
    # A router that outlives its nodes meets every request with an error.
    names = cluster.local.names()
    routers = [times(cluster, name, "router_stopping")[-1] for name in names if "-router" in name]
    nodes = [times(cluster, name, "node_stopping")[-1] for name in names if "-router" not in name]
    assert max(routers) < min(nodes)


# A node that is gone is told by those who miss it, once each: its peers, its router and the gateway, which share a log. And its return is
# told, too.
def test_a_lost_node_is_a_warning(cluster: RunningCluster) -> None:
    region = cluster.regions[0]
    lost, *others = [node.id for node in region.nodes]
    cluster.local.kill(lost)
    misses = {**dict.fromkeys(others, "peer_unreachable"), f"{region.name}-router": "node_unreachable"}

    def are_told() -> bool:
        return all(
            sum(event in line for line in lines(cluster, name)) == (1 if name in others else 2)
            for name, event in misses.items()
        )

    eventually(are_told, f"warnings after {PATIENCE_SECONDS:.0f} s")
    assert all(
        f"level=warning event={misses[line.split(':')[0]]}" in line and lost in line for line in complaints(cluster)
    )
    cluster.local.start(lost)
    eventually(lambda: "event=node_reachable" in lines(cluster, f"{region.name}-router")[-1], "the return is told")


# A tester's fault is a change of a link, and no step in the life of a global table.
def test_link_changes_are_called_so(cluster: RunningCluster) -> None:
    cluster.set_link(0, 1, LinkState.PAUSED)
    cluster.set_link(0, 1, LinkState.UP)
    log = "\n".join(lines(cluster, f"{cluster.regions[0].name}-router"))
    assert log.count("event=link_change_received") == 2
    assert "membership_step_received" not in log
