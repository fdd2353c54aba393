"""Networks between regions of containers that lose packets or are slow, in one direction."""

import time

from tests.support.cluster import eventually
from tests.support.container_cluster import ContainerCluster
from tests.support.container_histories import histories_of, judged, loads, progress, require_outages_below
from tests.support.container_network import impaired

LOSS_PERCENT = 25
LATENCY_MS = 300
UNCONCERNED_SECONDS_MAX = 20.0


# A quarter of what one region sends to another is lost, nothing of what comes back: no client notices, and what was written meanwhile
# still gets through, if slowly.
def test_one_way_loss(cluster: ContainerCluster, table: str) -> None:
    with loads(cluster, table) as running:
        with impaired(cluster, 0, 1, loss_percent=LOSS_PERCENT) as impairment:
            progress(running, 40)
            cluster.client(0).put_item(TableName=table, Item={"pk": {"S": "through"}})
            eventually(lambda: (b"through", b"") in cluster.dumps(table)[1], "a write gets through")
        progress(running, 20)
    assert impairment.dropped > 0, "nothing was dropped, so nothing was proved"
    judged(cluster, table, histories_of(running))
    require_outages_below(UNCONCERNED_SECONDS_MAX, histories_of(running))


# A wire of 300 ms costs every change 300 ms and no client anything.
def test_latency(cluster: ContainerCluster, table: str) -> None:
    with loads(cluster, table) as running:
        with impaired(cluster, 0, 1, delay_ms=LATENCY_MS) as impairment:
            progress(running, 40)
            began = time.monotonic()
            cluster.client(0).put_item(TableName=table, Item={"pk": {"S": "slow"}})
            eventually(lambda: (b"slow", b"") in cluster.dumps(table)[1], "a write gets through")
            assert time.monotonic() - began >= LATENCY_MS / 1000, "a change was faster than the wire"
        progress(running, 20)
    assert impairment.slowed > 0, "nothing was slowed down, so nothing was proved"
    judged(cluster, table, histories_of(running))
    require_outages_below(UNCONCERNED_SECONDS_MAX, histories_of(running))
