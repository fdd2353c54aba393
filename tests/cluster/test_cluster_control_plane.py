"""A control plane on AWS's timing, in real processes: what is on its way arrives, whoever dies meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import RunningCluster, running_cluster
from wire.catalog import CATALOG_PARTITION

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("slow")
    with running_cluster(folder, partitions=2, signatures=False, control_plane="aws") as running:
        yield running


def wait(client: Any, name: str, waiter: str) -> None:
    client.get_waiter(waiter).wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 40})


# The rows say when a table is due, so the next leader of the catalog finishes what its predecessor began.
def test_tables_come_and_go_though_the_catalogs_leader_is_killed(cluster: RunningCluster) -> None:
    client = cluster.client()
    made = client.create_table(TableName="slow", **TABLE)["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    victim = cluster.leader(CATALOG_PARTITION)
    cluster.local.kill(victim)
    wait(client, "slow", "table_exists")
    client.put_item(TableName="slow", Item={"pk": {"S": "a"}})
    cluster.local.start(victim)
    cluster.wait_ready()
    assert client.delete_table(TableName="slow")["TableDescription"]["TableStatus"] == "DELETING"
    wait(client, "slow", "table_not_exists")


# Several at once, each in its own time.
def test_many_tables_at_once(cluster: RunningCluster) -> None:
    client = cluster.client()
    names = [f"many-{number}" for number in range(5)]
    for name in names:
        client.create_table(TableName=name, **TABLE)
    for name in names:
        wait(client, name, "table_exists")
        client.delete_table(TableName=name)
    for name in names:
        wait(client, name, "table_not_exists")
