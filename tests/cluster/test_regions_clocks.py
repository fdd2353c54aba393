"""Two regions of real processes whose clocks are set wrong while they run: nothing stops or is stamped wrongly, who is off is named."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.chaos.workload import Workload
from deploy.cli.asking import held, release
from deploy.cli.status import LinkReport
from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from tests.support.replication_cluster import converged
from wire.catalog import LinkState
from wire.clock import SystemClock
from wire.commands import Ahead
from wire.versions import Version

HOUR_MS = 3_600_000
SKEW_MS = 60_000
TABLE = "things"
MOMENTS = 2.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    settings = {"ttl_sweep_seconds": 0.2, "ttl_grace_seconds": 0, "signatures": False}
    folder = tmp_path_factory.mktemp("clocks")
    with running_cluster(folder, regions=2, partitions=2, adjustable_clocks=True, **settings) as running:
        make_table(running.client(0), TABLE)
        add_replica(running, TABLE, 0, 1)
        expiry = {"Enabled": True, "AttributeName": "expires"}
        running.client(0).update_time_to_live(TableName=TABLE, TimeToLiveSpecification=expiry)
        yield running


@pytest.fixture
def calm(cluster: RunningCluster) -> Iterator[RunningCluster]:
    """Set all clocks right again after a test."""
    yield cluster
    for region in cluster.regions:
        for node in region.nodes:
            cluster.set_clock(node.id, 0)
            cluster.local.start(node.id)
    eventually(lambda: not off(cluster), "all clocks right")
    cluster.wait_ready()


def off(cluster: RunningCluster) -> set[str]:
    nodes = [node for region in cluster.status().regions for node in region.nodes]
    return {node.id for node in nodes if "clock-refused" in node.conditions}


def ahead_ms(cluster: RunningCluster, region: int) -> int:
    """Return how far the latest version that a region holds is ahead of true time."""
    now_ms = SystemClock().wall_ms()
    return latest_ms(cluster, region) - now_ms


def latest_ms(cluster: RunningCluster, region: int) -> int:
    """Return the latest version that a region holds, in milliseconds."""
    return max(Version(time, region).wall_ms for time, region, _, _ in cluster.dump(TABLE, region).values())


def read(client: Any, name: str) -> dict[str, dict[str, str]]:
    """Return an item as the leader has it; a follower may be behind."""
    item: dict[str, dict[str, str]] = client.get_item(TableName=TABLE, Key={"pk": {"S": name}}, ConsistentRead=True)[
        "Item"
    ]
    return item


def writes(cluster: RunningCluster, name: str, region: int = 0) -> Workload:
    return Workload(lambda: cluster.client(region), TABLE, workers=2, name=name)


# Five seconds of a leader two hours ahead used to stop replication for two hours, while status said "up, lag 0.0 s". Now it hands over
# before it stamps anything, says who it is, and takes part again by itself.
def test_a_leader_two_hours_ahead_stamps_nothing_and_hands_over(calm: RunningCluster) -> None:
    leader = calm.leader(1)
    with writes(calm, "ahead") as load:
        load.wait_for(20)
        calm.set_clock(leader, 2 * HOUR_MS)
        eventually(lambda: off(calm) == {leader}, "the leader says that its clock is off")
        eventually(lambda: leader not in (calm.leader(1), calm.leader(2)), "others lead")
        load.wait_for(100)
        calm.set_clock(leader, 0)
        eventually(lambda: not off(calm), "the node takes part again")
        load.wait_for(20)
    assert max(ahead_ms(calm, 0), ahead_ms(calm, 1)) < SKEW_MS
    converged(calm, TABLE, 20)
    links = {(link.source, link.destination): link for link in calm.status().links}
    assert all((link.held, link.pending_records) == (0, 0) for link in links.values()), links


# A leader an hour back: others' changes must not be refused because of it, and what is written next must not lose to older writes.
def test_a_leader_an_hour_back_is_named_and_nothing_loses(calm: RunningCluster) -> None:
    here, there = calm.client(0), calm.client(1)
    leader = calm.leader(1)
    calm.set_clock(leader, -HOUR_MS)
    eventually(lambda: off(calm) == {leader}, "the leader says that its clock is off")
    with writes(calm, "back") as load:
        load.wait_for(50)
    for number in range(8):
        key = {"pk": {"S": f"back-{number}"}}
        there.put_item(TableName=TABLE, Item={**key, "by": {"S": "there"}})
        eventually(lambda key=key: here.get_item(TableName=TABLE, Key=key).get("Item"), "the change arrives here", 20)
        here.put_item(TableName=TABLE, Item={**key, "by": {"S": "here"}})
    converged(calm, TABLE, 20)
    assert {read(there, f"back-{number}")["by"]["S"] for number in range(8)} == {"here"}


# All nodes of a region an hour back, restarted meanwhile: the region's time goes on. Changes come in and are not refused, items expire,
# and a write here wins over an older one of the other region that had not arrived yet.
def test_a_region_an_hour_back_goes_on(calm: RunningCluster) -> None:
    here, there = calm.client(0), calm.client(1)
    nodes = [node.id for node in calm.regions[0].nodes]
    soon = {"pk": {"S": "soon"}, "expires": {"N": str(int(time.time()) + 20)}}
    here.put_item(TableName=TABLE, Item=soon)
    with writes(calm, "region") as load:
        load.wait_for(20)
        for node in nodes:
            calm.set_clock(node, -HOUR_MS)
        load.wait_for(20)
        for node in nodes:
            calm.local.stop(node)
            calm.local.start(node)
            calm.wait_ready()
        load.wait_for(20)
    assert not off(calm)
    calm.isolate(0)
    key = {"pk": {"S": "raced"}}
    there.put_item(TableName=TABLE, Item={**key, "by": {"S": "older"}})
    older_ms = SystemClock().wall_ms()

    def is_later() -> bool:
        here.put_item(TableName=TABLE, Item={"pk": {"S": "between"}})
        return latest_ms(calm, 0) > older_ms

    eventually(
        is_later, "the region is moments behind, which is how exactly its nodes know each other's clocks", MOMENTS
    )
    here.put_item(TableName=TABLE, Item={**key, "by": {"S": "newer"}})
    calm.isolate(0, LinkState.UP)
    converged(calm, TABLE, 30)
    assert read(here, "raced")["by"] == {"S": "newer"}
    gone = {"pk": {"S": "soon"}}
    eventually(lambda: "Item" not in there.get_item(TableName=TABLE, Key=gone), "expired, and deleted there", 40)
    assert abs(min(0, ahead_ms(calm, 0))) < SKEW_MS


def link_to_there(cluster: RunningCluster) -> LinkReport:
    source, destination = (region.name for region in cluster.regions)
    return next(link for link in cluster.status().links if (link.source, link.destination) == (source, destination))


# A whole region two hours ahead, with nobody in it to contradict: the other one holds back what it writes, item by item, remembers it
# over a change of leaders, tells it, and takes it when an operator says so. Last: the region's time stays ahead of the wall clock.
def test_what_a_region_ahead_writes_is_held_until_an_operator_decides(calm: RunningCluster) -> None:
    here, there = calm.client(0), calm.client(1)
    source, destination = (region.name for region in calm.regions)
    for node in calm.regions[0].nodes:
        calm.set_clock(node.id, 2 * HOUR_MS)
    eventually(lambda: not off(calm), "the region agrees on its time")
    names = [f"held-{number}" for number in range(5)]
    for name in names:
        here.put_item(TableName=TABLE, Item={"pk": {"S": name}})
    there.put_item(TableName=TABLE, Item={"pk": {"S": "other way"}})
    eventually(lambda: here.get_item(TableName=TABLE, Key={"pk": {"S": "other way"}}).get("Item"), "the other way")
    eventually(lambda: link_to_there(calm).held == len(names), "all are held")
    calm.local.kill(calm.leader(1))
    link = eventually(lambda: (link := link_to_there(calm)).held == len(names) and link, "the next leader knows them")
    assert (link.pending_records >= len(names), link.lag_seconds > 0) == (True, True)
    answers = asyncio.run(held(calm.local, source, "", 10)).values()
    found = [item for answer in answers if answer is not None for item in answer.items]
    assert {item.key for item in found} == {f'{{"pk":{{"S":"{name}"}}}}' for name in names}
    assert all(7_000 < item.ahead_seconds < 7_300 for item in found)
    released = asyncio.run(release(calm.local, source, destination, Ahead.ACCEPT))
    assert sum(count or 0 for count in released.values()) == len(names)
    converged(calm, TABLE, 30)
    eventually(lambda: link_to_there(calm).pending_records == 0, "nothing waits")
