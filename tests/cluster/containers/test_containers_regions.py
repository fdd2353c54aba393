"""Three regions in containers that lose one another, die, and come back: nothing acknowledged is lost, and all end up the same."""

from typing import Any

import orjson

from deploy.chaos.workload import Workload
from tests.support.cluster import add_replica, eventually
from tests.support.container_cluster import ContainerCluster
from tests.support.container_histories import (
    FailoverClient,
    histories_of,
    judged,
    loads,
    progress,
    require_outages_below,
)

# A region serves alone: whatever happens to the others, its own clients notice nothing worth the name.
UNCONCERNED_SECONDS_MAX = 20.0
# From the death of a region's containers until the last of its clients is served again, starting them included.
RESTART_SECONDS_MAX = 90.0


# The demo's cable: a region without any network to the others goes on, and where both sides wrote, the later write wins everywhere.
def test_region_isolated_and_healed(cluster: ContainerCluster, table: str) -> None:
    near, far = cluster.client(0), cluster.client(2)
    with loads(cluster, table) as running:
        cluster.isolate(2)
        for first, second, name in ((near, far, "far-later"), (far, near, "near-later")):
            first.put_item(TableName=table, Item={"pk": {"S": name}, "by": {"S": "earlier"}})
            second.put_item(TableName=table, Item={"pk": {"S": name}, "by": {"S": "later"}})
        near.put_item(TableName=table, Item={"pk": {"S": "deleted-later"}, "by": {"S": "earlier"}})
        far.put_item(TableName=table, Item={"pk": {"S": "deleted-later"}})
        far.delete_item(TableName=table, Key={"pk": {"S": "deleted-later"}})
        progress(running, 50)
        alone = cluster.dumps(table)[2]
        assert orjson.loads(alone[b"near-later", b""][3])["by"]["S"] == "earlier", "the cut lets something through"
        cluster.reconnect()
        progress(running, 20)
    histories = histories_of(running)
    records = judged(cluster, table, histories)
    assert [orjson.loads(records[name, b""][3])["by"]["S"] for name in (b"far-later", b"near-later")] == ["later"] * 2
    assert records[b"deleted-later", b""][2], "a later deletion won nowhere"
    require_outages_below(UNCONCERNED_SECONDS_MAX, histories)


# Power is cut to a whole region: the others go on, and it comes back with all it had acknowledged.
def test_region_killed_and_restarted(cluster: ContainerCluster, table: str) -> None:
    with loads(cluster, table) as running:
        cluster.kill(*cluster.members(2))
        progress(running[:2], 50)
        cluster.start(*cluster.members(2))
        progress(running, 20)
    histories = histories_of(running)
    judged(cluster, table, histories)
    require_outages_below(UNCONCERNED_SECONDS_MAX, histories[:2])
    require_outages_below(RESTART_SECONDS_MAX, histories[2:])


# A region is gone with its disks. What an operator does: remove its replica, start it empty, add the replica again. All that it had
# shipped comes back from the others, which never stop.
def test_region_lost_and_rebuilt(cluster: ContainerCluster, table: str) -> None:
    name = cluster.regions[2].name
    here = cluster.client(0)
    with loads(cluster, table) as running:
        running[2].stop()
        eventually(lambda: cluster.backlog(2, 0) == cluster.backlog(2, 1) == 0, "all shipped")
        cluster.lose(2)
        progress(running[:2], 50)
        here.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": name}}])
        progress(running[:2], 20)
        cluster.create(*cluster.members(2))
        cluster.wait_ready()
        eventually(lambda: name not in replicas(here, table), f"{table} without {name}")
        assert cluster.client(2).list_tables()["TableNames"] == []
        add_replica(cluster, table, 0, 2)
        progress(running[:2], 20)
    histories = histories_of(running)
    judged(cluster, table, histories)
    require_outages_below(UNCONCERNED_SECONDS_MAX, histories[:2])


def replicas(client: Any, table: str) -> list[str]:
    described = client.describe_table(TableName=table)["Table"]
    return [each["RegionName"] for each in described.get("Replicas", [])]


def has_shipped_all(cluster: ContainerCluster, table: str) -> bool:
    first, *others = cluster.dumps(table)
    return all(first.keys() <= held.keys() for held in others)


# A region without its router is still a region: its clients go to another one, its nodes ship what they hold, and what they missed
# arrives once there is a router again.
def test_router_lost_and_clients_on_another_region(cluster: ContainerCluster, table: str) -> None:
    moving = Workload(lambda: FailoverClient(cluster, 0, 1), table, workers=2, name="moving")
    with loads(cluster, table) as running, moving:
        moving.wait_for(30)
        running[0].stop()
        cluster.kill(cluster.router(0))
        progress([moving, *running[1:]], 50)
        eventually(lambda: has_shipped_all(cluster, table), "all that the region holds arrives without its router")
        cluster.start(cluster.router(0))
        progress([moving, *running[1:]], 20)
    histories = histories_of(running)
    judged(cluster, table, histories)
    require_outages_below(UNCONCERNED_SECONDS_MAX, [*histories, moving.history.all()])
