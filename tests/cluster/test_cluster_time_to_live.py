"""What expires goes, and nothing else does, whichever node dies at whichever moment. Real processes, real signals."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import RunningCluster, eventually, make_table, running_cluster

PARTITIONS = 3
ITEMS = 120
DAY_SECONDS = 24 * 3600


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("ttl"), partitions=PARTITIONS, ttl_sweep_seconds=0.5) as running:
        yield running


@pytest.fixture
def table(cluster: RunningCluster, request: pytest.FixtureRequest) -> str:
    """Return the name of an empty table whose items expire."""
    cluster.wait_ready()
    dynamodb, name = cluster.client(), request.node.name.replace("_", "-")
    make_table(dynamodb, name)
    enable(dynamodb, name)
    return name


def enable(dynamodb: Any, table: str) -> None:
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})


def status(dynamodb: Any, table: str) -> str:
    answer: dict[str, dict[str, str]] = dynamodb.describe_time_to_live(TableName=table)
    return answer["TimeToLiveDescription"]["TimeToLiveStatus"]


def put_all(dynamodb: Any, table: str, prefix: str, second: int | None) -> set[str]:
    """Put many items that expire at a second, or never; return their names."""
    names = [f"{prefix}-{number}" for number in range(ITEMS)]
    for start in range(0, ITEMS, 25):
        puts = [{"PutRequest": {"Item": item(name, second)}} for name in names[start : start + 25]]
        answer = dynamodb.batch_write_item(RequestItems={table: puts})
        assert not answer["UnprocessedItems"]
    return set(names)


def item(name: str, second: int | None) -> dict[str, dict[str, str]]:
    expires = {} if second is None else {"expires": {"N": str(second)}}
    return {"pk": {"S": name}, **expires}


def names_in(dynamodb: Any, table: str) -> set[str]:
    items: list[dict[str, dict[str, str]]] = []
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        items += page["Items"]
    return {found["pk"]["S"] for found in items}


def wait_until(second: float) -> None:
    eventually(lambda: time.time() > second, "the time of expiry")


# Leaders die when items have expired and before they have deleted them all; whoever leads next goes on, and what was
# refreshed in time stays, even if the refresh and the deletion meet.
def test_leaders_killed_between_expiry_and_deletion(cluster: RunningCluster, table: str) -> None:
    dynamodb = cluster.client()
    second = int(time.time()) + 5
    put_all(dynamodb, table, "gone", second)
    refreshed = put_all(dynamodb, table, "refreshed", second)
    kept = put_all(dynamodb, table, "kept", None)
    for name in refreshed:
        dynamodb.put_item(TableName=table, Item=item(name, second + DAY_SECONDS))
    wait_until(second)
    leader = cluster.leader(1)
    cluster.local.kill(leader)
    eventually(lambda: names_in(dynamodb, table) == refreshed | kept, "what has expired, and only that, gone")
    cluster.local.start(leader)
    cluster.wait_ready()
    assert names_in(dynamodb, table) == refreshed | kept


# What expires is on disk: after a power cut of the whole region it goes as if nothing had happened.
def test_expiries_survive_a_full_restart(cluster: RunningCluster, table: str) -> None:
    dynamodb = cluster.client()
    second = int(time.time()) + 4
    put_all(dynamodb, table, "gone", second)
    later = put_all(dynamodb, table, "later", second + DAY_SECONDS)
    for node in cluster.regions[0].nodes:
        cluster.local.kill(node.id)
    for node in cluster.regions[0].nodes:
        cluster.local.start(node.id)
    cluster.wait_ready()
    eventually(lambda: names_in(cluster.client(), table) == later, "what has expired gone")
    assert status(cluster.client(), table) == "ENABLED"


# An index that was being filled when its leader died is filled by the next one, from where the first had got to.
def test_leader_killed_while_an_index_is_filled(cluster: RunningCluster, table: str) -> None:
    dynamodb = cluster.client()
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"}
    )
    kept = put_all(dynamodb, table, "kept", int(time.time()) + DAY_SECONDS)
    for number in range(5):
        put_all(dynamodb, table, f"gone-{number}", int(time.time()) - 60)
    enable(dynamodb, table)
    leader = cluster.leader(2)
    cluster.local.kill(leader)
    eventually(lambda: names_in(dynamodb, table) == kept, "what had expired before gone")
    cluster.local.start(leader)
    cluster.wait_ready()
    assert names_in(dynamodb, table) == kept
