"""Two regions of real processes: an item expires in one of them, and the other hears of it as of any delete."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from tests.support.replication_cluster import converged
from wire.catalog import LinkState

DAY_SECONDS = 24 * 3600
SERVICE = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    settings = {"ttl_sweep_seconds": 0.2, "ttl_grace_seconds": 10, "signatures": False}
    with running_cluster(tmp_path_factory.mktemp("expiry"), regions=2, nodes=1, partitions=2, **settings) as running:
        yield running


@pytest.fixture
def shared(cluster: RunningCluster, request: pytest.FixtureRequest) -> str:
    """Return a global table of both regions."""
    name = request.node.name[:60]
    make_table(cluster.client(0), name)
    add_replica(cluster, name, 0, 1)
    return name


@pytest.fixture
def table(cluster: RunningCluster, shared: str) -> str:
    """Return a global table whose items expire: switched on in the first region, and so in both."""
    enable(cluster.client(0), shared)
    for region in (0, 1):
        eventually(
            lambda region=region: status(cluster.client(region), shared) == "ENABLED", "time to live in both regions"
        )
    return shared


def enable(dynamodb: Any, table: str) -> None:
    specification = {"Enabled": True, "AttributeName": "expires"}
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def status(dynamodb: Any, table: str) -> str:
    answer: dict[str, dict[str, str]] = dynamodb.describe_time_to_live(TableName=table)
    return answer["TimeToLiveDescription"]["TimeToLiveStatus"]


def item(name: str, second: float) -> dict[str, dict[str, str]]:
    return {"pk": {"S": name}, "expires": {"N": str(int(second))}}


def names_in(dynamodb: Any, table: str) -> set[str]:
    return {found["pk"]["S"] for found in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]}


def removals(cluster: RunningCluster, region: int, table: str) -> dict[str, Any]:
    """Return by name who removed items, as a region's stream says: the userIdentity, or None."""
    streams = cluster.client(region, service="dynamodbstreams")
    arn = cluster.client(region).describe_table(TableName=table)["Table"]["LatestStreamArn"]
    found = {}
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        asked = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = streams.get_shard_iterator(**asked)["ShardIterator"]
        for record in streams.get_records(ShardIterator=iterator)["Records"]:
            if record["eventName"] == "REMOVE":
                found[record["dynamodb"]["Keys"]["pk"]["S"]] = record.get("userIdentity")
    return found


# The region that wrote an item last expires it, and only its stream says that the service did: AWS's rule for global tables.
def test_one_region_expires_and_the_other_follows(cluster: RunningCluster, table: str) -> None:
    here, there = cluster.client(0), cluster.client(1)
    here.put_item(TableName=table, Item=item("here", time.time() + 2))
    there.put_item(TableName=table, Item=item("there", time.time() + 2))
    here.put_item(TableName=table, Item=item("later", time.time() + DAY_SECONDS))
    for region in (0, 1):
        dynamodb = cluster.client(region)
        eventually(lambda dynamodb=dynamodb: "later" in names_in(dynamodb, table), "replicated")
        eventually(lambda dynamodb=dynamodb: names_in(dynamodb, table) == {"later"}, "what has expired gone")
    eventually(lambda: all(len(removals(cluster, region, table)) == 2 for region in (0, 1)), "removals in both streams")
    assert removals(cluster, 0, table) == {"here": SERVICE, "there": None}
    assert removals(cluster, 1, table) == {"here": None, "there": SERVICE}


# A region that hears nothing of the one that wrote an item does not keep it forever: after a while it expires it itself. Time to live
# is switched on only when it is alone, so that nobody else can have been faster.
def test_a_region_alone_expires_what_others_wrote(cluster: RunningCluster, shared: str) -> None:
    here, there = cluster.client(0), cluster.client(1)
    here.put_item(TableName=shared, Item=item("shared", time.time()))
    eventually(lambda: names_in(there, shared) == {"shared"}, "replicated")
    cluster.isolate(1)
    try:
        enable(there, shared)
        eventually(lambda: names_in(there, shared) == set(), "what has expired gone in the region alone")
        assert removals(cluster, 1, shared) == {"shared": SERVICE}
    finally:
        cluster.isolate(1, LinkState.UP)
    assert all(is_tombstone for _, _, is_tombstone, _ in converged(cluster, shared).values())
