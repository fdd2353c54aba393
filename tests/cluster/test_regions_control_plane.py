"""The control plane while a region is cut off or dead, in three regions of real processes: what is rehearsed about a lost region.

The region that is asked settles without the other one; and what comes back late comes back as what it is by then.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from tests.support.replication_cluster import converged
from wire.catalog import LinkState

# Ten seconds for which another region is waited for, and what a busy machine adds.
SETTLED_SECONDS = 25.0
BY = {"AttributeName": "by", "AttributeType": "S"}
INDEX = {
    "IndexName": "byBy",
    "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("control")
    with running_cluster(
        folder, regions=3, nodes=1, partitions=2, signatures=False, replica_source_hold_seconds=0
    ) as running:
        yield running


def shared_table(cluster: RunningCluster, name: str, *others: int) -> str:
    """Make a table in region 0 and replicate it."""
    cluster.wait_ready()
    make_table(cluster.client(0), name)
    for other in others:
        add_replica(cluster, name, 0, other)
    return name


def described(cluster: RunningCluster, name: str, region: int = 0) -> dict[str, Any] | None:
    client = cluster.client(region)
    try:
        table: dict[str, Any] = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
    return table


def members(cluster: RunningCluster, name: str, region: int = 0) -> dict[int, str] | None:
    """Return the status of each replica by its region's position, as one region sees them; None if it has no such table."""
    table = described(cluster, name, region)
    positions = {each.name: position for position, each in enumerate(cluster.regions)}
    replicas = [] if table is None else table.get("Replicas", [])
    return None if table is None else {positions[each["RegionName"]]: each["ReplicaStatus"] for each in replicas}


def is_settled(cluster: RunningCluster, name: str, region: int, *others: int) -> bool:
    """Tell whether a region's table is ACTIVE, and these others are, and no more."""
    table = described(cluster, name, region)
    is_active = table is not None and table["TableStatus"] == "ACTIVE"
    return is_active and members(cluster, name, region) == dict.fromkeys(others, "ACTIVE")


def within(holds: Callable[[], bool], what: str) -> None:
    eventually(holds, what, SETTLED_SECONDS)


def replica_update(cluster: RunningCluster, name: str, action: str, other: int, region: int = 0) -> None:
    updates = [{action: {"RegionName": cluster.regions[other].name}}]
    cluster.client(region, retries=False).update_table(TableName=name, ReplicaUpdates=updates)


def refused(ask: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        ask()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def put(cluster: RunningCluster, name: str, region: int, key: str) -> None:
    cluster.client(region).put_item(TableName=name, Item={"pk": {"S": key}, "by": {"S": key}})


def keys(cluster: RunningCluster, name: str, region: int) -> set[str]:
    items = cluster.client(region).scan(TableName=name, ConsistentRead=True)["Items"]
    return {item["pk"]["S"] for item in items}


def make_index(cluster: RunningCluster, name: str, region: int = 0) -> None:
    cluster.client(region, retries=False).update_table(
        TableName=name, AttributeDefinitions=[BY], GlobalSecondaryIndexUpdates=[{"Create": INDEX}]
    )


def restart(cluster: RunningCluster, region: int) -> None:
    cluster.local.start_all()
    cluster.wait_ready()
    eventually(lambda: cluster.client(region).list_tables(), "the region answers")


# A lost region is removed while it cannot be reached; the table goes on, with changes, where it is. The region comes back as the owner of
# an ordinary table: it keeps what it accepted, and nothing that it had not shipped, or writes now, is seen anywhere else.
def test_a_region_that_is_cut_off_is_removed(cluster: RunningCluster) -> None:
    name = shared_table(cluster, "removed", 1, 2)
    put(cluster, name, 0, "before")
    converged(cluster, name)
    cluster.isolate(2)
    put(cluster, name, 2, "apart")
    replica_update(cluster, name, "Delete", 2)
    within(lambda: is_settled(cluster, name, 0, 1), "settled where it was asked")
    within(lambda: is_settled(cluster, name, 1, 0), "settled in the third region")
    make_index(cluster, name)
    assert is_settled(cluster, name, 2, 0, 1)
    cluster.isolate(2, LinkState.UP)
    within(lambda: is_settled(cluster, name, 2), "an ordinary table there")
    put(cluster, name, 2, "alone")
    put(cluster, name, 1, "after")
    within(lambda: keys(cluster, name, 0) == {"before", "after"}, "the two go on")
    assert keys(cluster, name, 1) == {"before", "after"}
    assert keys(cluster, name, 2) == {"before", "apart", "alone"}
    code, text = refused(lambda: replica_update(cluster, name, "Create", 2))
    assert (code, text.endswith("because one or more replicas already existed as tables.")) == (
        "ValidationException",
        True,
    )
    cluster.client(2).delete_table(TableName=name)
    add_replica(cluster, name, 0, 2)
    assert len(converged(cluster, name)) == 2


# The whole rehearsal: a region dies, nothing can be added in it, it is replaced by another one, and returns with an ordinary table.
def test_a_dead_region_is_replaced(cluster: RunningCluster) -> None:
    name = shared_table(cluster, "replaced", 1)
    other = shared_table(cluster, "regional")
    put(cluster, name, 1, "before")
    within(lambda: keys(cluster, name, 0) == {"before"}, "shipped")
    for process in cluster.local.names():
        if process.startswith(cluster.regions[1].name):
            cluster.local.kill(process)
    began = time.monotonic()
    code, text = refused(lambda: replica_update(cluster, other, "Create", 1))
    assert (code, text.startswith("Failed to access the region")) == ("InternalServerError", True)
    assert is_settled(cluster, other, 0)
    replica_update(cluster, name, "Delete", 1)
    within(lambda: is_settled(cluster, name, 0), "removed")
    print(f"refused and removed in {time.monotonic() - began:.1f} s")
    replica_update(cluster, name, "Create", 2)
    within(lambda: is_settled(cluster, name, 0, 2), "replaced")
    make_index(cluster, name)
    restart(cluster, 1)
    within(lambda: is_settled(cluster, name, 1), "an ordinary table there")
    put(cluster, name, 1, "alone")
    put(cluster, name, 0, "after")
    within(lambda: keys(cluster, name, 2) == {"before", "after"}, "the two go on")
    assert keys(cluster, name, 1) == {"before", "alone"}


# DeleteTable takes one region's replica and waits for nobody: the name can be used again at once, for a table that has nothing to do with
# the one that was cut off, which is an ordinary table when it hears of it.
def test_a_replica_is_dropped_and_made_again_while_the_other_is_cut_off(cluster: RunningCluster) -> None:
    name = shared_table(cluster, "dropped", 1)
    put(cluster, name, 0, "before")
    within(lambda: keys(cluster, name, 1) == {"before"}, "shipped")
    cluster.isolate(1)
    put(cluster, name, 1, "apart")
    cluster.client(0, retries=False).delete_table(TableName=name)
    within(lambda: described(cluster, name) is None, "gone")
    make_table(cluster.client(0), name)
    make_index(cluster, name)
    put(cluster, name, 0, "new")
    cluster.isolate(1, LinkState.UP)
    within(lambda: is_settled(cluster, name, 1), "an ordinary table there")
    put(cluster, name, 1, "alone")
    assert keys(cluster, name, 0) == {"new"}
    assert keys(cluster, name, 1) == {"before", "apart", "alone"}


# A replica is added while another member is cut off, and serves; that one hears of it later, and then all three hold the same.
def test_a_replica_is_added_while_another_is_cut_off(cluster: RunningCluster) -> None:
    name = shared_table(cluster, "added", 1)
    put(cluster, name, 0, "before")
    within(lambda: keys(cluster, name, 1) == {"before"}, "shipped")
    cluster.isolate(1)
    put(cluster, name, 1, "apart")
    replica_update(cluster, name, "Create", 2)
    within(lambda: is_settled(cluster, name, 0, 1, 2), "settled where it was asked")
    within(lambda: is_settled(cluster, name, 2, 0, 1), "open where it was added")
    make_index(cluster, name)
    put(cluster, name, 2, "new")
    cluster.isolate(1, LinkState.UP)
    within(lambda: is_settled(cluster, name, 1, 0, 2), "the third region knows both")
    assert len(converged(cluster, name)) == 3
    within(lambda: "GlobalSecondaryIndexes" in (described(cluster, name, 1) or {}), "and the index")


# What another region would refuse is refused at once, in AWS's words, and nothing has begun here that would have to be undone.
def test_what_the_other_region_refuses_is_refused_at_once(cluster: RunningCluster) -> None:
    name = shared_table(cluster, "taken")
    make_table(cluster.client(1), name)
    assert refused(lambda: replica_update(cluster, name, "Create", 1)) == (
        "ValidationException",
        f"Failed to create a the new replica of table with name: ‘{name}’ because one or more replicas already existed as "
        "tables.",
    )
    assert is_settled(cluster, name, 0)
    protected = shared_table(cluster, "protected", 1)
    cluster.client(1).update_table(TableName=protected, DeletionProtectionEnabled=True)
    assert refused(lambda: replica_update(cluster, protected, "Delete", 1)) == (
        "ValidationException",
        f"Cannot delete table {protected} in region {cluster.regions[1].name} because it has deletion protection enabled. "
        "Disable deletion protection first.",
    )
    assert is_settled(cluster, protected, 0, 1)
