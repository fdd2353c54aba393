"""Three regions of real processes: tombstones are forgotten everywhere, and what comes after them replicates like anything else."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from tests.support.replication_cluster import converged, dumps, fill

DELETED = 60


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    settings = {"tombstone_retention_seconds": 1, "tombstone_sweep_seconds": 1, "signatures": False}
    folder = tmp_path_factory.mktemp("tombstones")
    with running_cluster(folder, regions=3, nodes=1, partitions=2, **settings) as running:
        yield running


# Without an end to them, deletions would fill the disks; with too early an end, they would be undone.
def test_deletions_leave_nothing_behind(cluster: RunningCluster) -> None:
    table, clients = "deletions", [cluster.client(region) for region in range(3)]
    make_table(clients[0], table)
    add_replica(cluster, table, 0, 1)
    add_replica(cluster, table, 0, 2)
    fill(cluster, table, ({"pk": {"S": f"k{number}"}} for number in range(DELETED + 1)))
    assert len(converged(cluster, table)) == DELETED + 1
    for number in range(DELETED):
        clients[number % 3].delete_item(TableName=table, Key={"pk": {"S": f"k{number}"}})
    eventually(lambda: all(len(held) == 1 for held in dumps(cluster, table)), "tombstones forgotten")
    clients[1].put_item(TableName=table, Item={"pk": {"S": "k0"}, "again": {"BOOL": True}})
    eventually(lambda: all(len(held) == 2 for held in dumps(cluster, table)), "a later put replicates")
    records = converged(cluster, table)
    assert not any(is_tombstone for _, _, is_tombstone, _ in records.values())
