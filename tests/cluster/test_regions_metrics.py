"""What two regions of real processes tell about themselves, after some of everything has happened to them."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from deploy.health import main as ask_health
from deploy.local.topology import router_name
from node.metrics.declared import METRICS as OF_NODES
from router.metrics.declared import METRICS as OF_ROUTERS
from tests.support.cluster import RunningCluster, add_replica, eventually, make_table, running_cluster
from tests.support.observability import GATEWAY_PORT, PORT, Scraped, mistakes
from wire.catalog import LinkState
from wire.metrics import MetricKind

TABLE = "airports"
PROCESSES = 10  # two regions of three nodes, a router that serves HTTP and one that serves the gateway
NODES = 6
STREAMS = 2 * NODES  # a router's two processes each have their own to every node
LEADERS = 6  # of two partitions and the catalog in each


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    settings = {"ttl_sweep_seconds": 0.2, "request_timeout_ms": 2_000}
    with running_cluster(tmp_path_factory.mktemp("metrics"), regions=2, partitions=2, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def scraped(cluster: RunningCluster) -> Scraped:
    """Return what all processes tell after traffic of each kind."""
    first, second = cluster.client(0), cluster.client(1)
    make_table(first, TABLE)
    first.update_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "country", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-country",
                    "KeySchema": [{"AttributeName": "country", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    first.update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    add_replica(cluster, TABLE, 0, 1)
    write_and_read(first)
    eventually(lambda: second.get_item(TableName=TABLE, Key=key(9)).get("Item"), "the last item in the other region")
    conflict(cluster)
    eventually(lambda: "Item" not in first.get_item(TableName=TABLE, Key=key("old"), ConsistentRead=True), "expired")
    lose_quorum(cluster, 1)
    return eventually(lambda: settled(cluster), "every process ready, every partition led")


def key(name: object) -> dict[str, dict[str, str]]:
    return {"pk": {"S": str(name)}}


def write_and_read(dynamodb: Any) -> None:
    """Use items in all the ways that are counted apart. One expires: just now, as later the other region might delete it, too."""
    for number in range(10):
        dynamodb.put_item(TableName=TABLE, Item={**key(number), "country": {"S": "IS"}})
        dynamodb.get_item(TableName=TABLE, Key=key(number))
    dynamodb.put_item(TableName=TABLE, Item={**key("old"), "expires": {"N": str(int(time.time()))}})
    dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": [key(number) for number in range(10)]}})
    dynamodb.scan(TableName=TABLE)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(TableName=TABLE, Item=key(1), ConditionExpression="attribute_not_exists(pk)")
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.scan(TableName="no-such-table")


def conflict(cluster: RunningCluster) -> None:
    """Write to one item in both regions while they cannot hear each other, and wait until one has seen its write lose."""
    cluster.isolate(1, LinkState.PAUSED)
    for region in (0, 1):
        cluster.client(region).put_item(TableName=TABLE, Item={**key("both"), "number": {"N": str(region)}})
    cluster.isolate(1, LinkState.UP)
    eventually(lambda: everything(cluster).values["globetable_superseded_writes_total"] > 0, "a write superseded")


def lose_quorum(cluster: RunningCluster, region: int) -> None:
    """Have a request fail for want of a majority, then bring everybody back."""
    nodes = [node.id for node in cluster.regions[region].nodes]
    for node in nodes[:2]:
        cluster.local.kill(node)
    impatient = cluster.client(region, retries=False)
    for number in range(3):
        with pytest.raises(ClientError):
            impatient.put_item(TableName=TABLE, Item=key(number))
    for node in nodes[:2]:
        cluster.local.start(node)
    cluster.wait_ready()
    cluster.client(region).put_item(TableName=TABLE, Item=key("after"))


def settled(cluster: RunningCluster) -> Scraped | None:
    """Return everything once it is as the tests expect it: after a restart leaders move and routers connect for a while."""
    scraped = everything(cluster)
    levels = {
        "globetable_ready": PROCESSES,
        "globetable_partition_leads": LEADERS,
        "globetable_node_routers": STREAMS,
        "globetable_node_up": STREAMS,
    }
    return scraped if all(scraped.values[name] == level for name, level in levels.items()) else None


def everything(cluster: RunningCluster) -> Scraped:
    scraped = Scraped()
    for name, port, address in addresses(cluster):
        scraped.scrape(name, address, port)
    return scraped


def addresses(cluster: RunningCluster) -> list[tuple[str, int, str]]:
    """Return where processes tell of themselves: their container's name and port, and where that is here."""
    metrics = {name: cluster.local.processes.metrics(name) for name in cluster.local.names()}
    found = [(name, PORT, address) for name, address in metrics.items()]
    for region in cluster.regions:
        host, _, port = metrics[router_name(region.name)].rpartition(":")
        found.append((router_name(region.name), GATEWAY_PORT, f"{host}:{int(port) + 1}"))
    return found


# A panel that shows nothing looks like all is well: every query of the dashboard and of the alerts finds what it names.
def test_dashboard_shows_what_processes_expose(scraped: Scraped) -> None:
    assert mistakes(scraped.exposed) == []


# What is declared is exposed, with the labels it was declared with and no others: the table in the documentation is true.
def test_every_declared_metric_is_exposed_with_its_labels(scraped: Scraped) -> None:
    added = {"instance", "job", "region"}
    for metric in (*OF_NODES, *OF_ROUTERS):
        name = f"{metric.name}_count" if metric.kind is MetricKind.HISTOGRAM else metric.name
        labels = frozenset().union(*scraped.exposed[name])
        assert labels - added == set(metric.labels) - added, metric.name


# A number that stays at nothing whatever happens was wired to nothing.
@pytest.mark.parametrize(
    "name",
    [
        "globetable_apply_duration_seconds_count",
        "globetable_catalog_version",
        "globetable_commit_batches_count",
        "globetable_commit_duration_seconds_sum",
        "globetable_elections_total",
        "globetable_expired_items_total",
        "globetable_leaderships_won_total",
        "globetable_leader_changes_total",
        "globetable_node_breaks_total",
        "globetable_node_commands_total",
        "globetable_node_refused_total",
        "globetable_node_routers",
        "globetable_node_up",
        "globetable_partition_leads",
        "globetable_partition_log_entries",
        "globetable_partition_term",
        "globetable_peer_dropped_messages_total",
        "globetable_peer_up",
        "globetable_ready",
        "globetable_replication_applied_changes_total",
        "globetable_replication_link_up",
        "globetable_replication_received_changes_total",
        "globetable_request_causes_total",
        "globetable_request_duration_seconds_sum",
        "globetable_requests_total",
        "globetable_storage_disk_free_bytes",
        "globetable_storage_map_bytes",
        "globetable_storage_used_bytes",
        "globetable_storage_writable_bytes",
        "globetable_superseded_writes_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
    ],
)
def test_numbers_move(scraped: Scraped, name: str) -> None:
    assert scraped.values[name] > 0


# Levels add up over processes: each is told of once, and each node tells of each of its replicas.
def test_levels_add_up(scraped: Scraped) -> None:
    assert scraped.values["globetable_info"] == PROCESSES
    assert len(scraped.exposed["globetable_partition_term"]) == 3 * LEADERS
    assert scraped.values["globetable_node_routers"] == scraped.values["globetable_node_up"] == STREAMS


# Health checks of containers ask just this.
def test_health_says_whether_a_process_serves(cluster: RunningCluster) -> None:
    found = [address for _, _, address in addresses(cluster)]
    assert [ask_health([f"http://{address}/health"]) for address in found] == [0] * PROCESSES
    with pytest.raises(HTTPError) as refused:
        urlopen(f"http://{found[0]}/nothing")
    assert refused.value.code == 404
    refused.value.close()


# Who scripts against a cluster finds the ports where it finds everything else.
def test_status_tells_where_metrics_are(cluster: RunningCluster) -> None:
    status = cluster.status()
    for region in status.regions:
        for process in (
            *((node.id, node.metrics) for node in region.nodes),
            (region.router.name, region.router.metrics),
        ):
            assert process[1] == cluster.local.processes.metrics(process[0])
            assert process[1].startswith("127.0.0.1:")
