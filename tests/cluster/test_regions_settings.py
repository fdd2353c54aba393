"""Settings that all regions of a global table share, in three regions of real processes: changed anywhere, the same everywhere."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from wire.catalog import LinkState

NAME = "settings"
BY = {
    "IndexName": "byBy",
    "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    folder = tmp_path_factory.mktemp("settings")
    with running_cluster(folder, regions=3, partitions=2, signatures=False) as running:
        make_table(running.client(0), NAME)
        running.client(0).put_item(TableName=NAME, Item={"pk": {"S": "a"}, "by": {"S": "x"}})
        running.client(0).update_time_to_live(
            TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"}
        )
        add_replica(running, NAME, 0, 1)
        add_replica(running, NAME, 0, 2)
        yield running


def described(cluster: RunningCluster, region: int) -> dict[str, Any]:
    table: dict[str, Any] = cluster.client(region).describe_table(TableName=NAME)["Table"]
    return table


def maximum(cluster: RunningCluster, region: int) -> int | None:
    found: int | None = described(cluster, region).get("OnDemandThroughput", {}).get("MaxWriteRequestUnits")
    return found


# What was set before there were replicas came with them.
def test_a_new_replica_has_time_to_live(cluster: RunningCluster) -> None:
    for region in (1, 2):
        expiry = cluster.client(region).describe_time_to_live(TableName=NAME)["TimeToLiveDescription"]
        assert expiry["AttributeName"] == "end"
        assert expiry["TimeToLiveStatus"] in ("ENABLING", "ENABLED")


# An index made in one region is made, and filled with what is there, in all; dropped in another, it goes everywhere.
def test_an_index_is_made_and_dropped_everywhere(cluster: RunningCluster) -> None:
    cluster.client(1).update_table(
        TableName=NAME,
        AttributeDefinitions=[{"AttributeName": "by", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": BY}],
    )

    def found(region: int) -> bool:
        statuses = [each["IndexStatus"] for each in described(cluster, region).get("GlobalSecondaryIndexes", [])]
        if statuses != ["ACTIVE"]:
            return False
        answer = cluster.client(region).query(
            TableName=NAME,
            IndexName="byBy",
            KeyConditionExpression="#by = :x",
            ExpressionAttributeNames={"#by": "by"},
            ExpressionAttributeValues={":x": {"S": "x"}},
        )
        return bool(answer["Count"] == 1)

    for region in range(3):
        eventually(lambda region=region: found(region), f"index filled in region {region}")
    cluster.client(2).update_table(TableName=NAME, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "byBy"}}])
    for region in range(3):
        eventually(
            lambda region=region: "GlobalSecondaryIndexes" not in described(cluster, region),
            f"index gone from region {region}",
        )


# Two regions that cannot hear each other change the same setting: once they can, the later change is the one that all have.
def test_the_later_change_wins_after_a_cut(cluster: RunningCluster) -> None:
    cluster.isolate(2)
    for region, units in ((0, 100), (2, 200), (1, 300)):
        cluster.client(region).update_table(TableName=NAME, OnDemandThroughput={"MaxWriteRequestUnits": units})
    eventually(lambda: maximum(cluster, 0) == maximum(cluster, 1) == 300, "the two that are connected agree")
    assert maximum(cluster, 2) == 200
    cluster.isolate(2, LinkState.UP)
    eventually(lambda: maximum(cluster, 2) == 300, "the third one hears of it")
    assert [maximum(cluster, region) for region in range(3)] == [300, 300, 300]
