"""What the rooms count, and how it is read: each number where it arises, each reading with its labels."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from node.consensus.types import HardState, ReplicaId, Term
from node.indexes.feeders import IndexBacklog
from node.metrics import declared as of_nodes
from node.metrics.collector import INDEXES_MAX, NodeSources, node_readings
from node.partition.access import ReplicaStatus
from node.partition.counts import Elections, ReplicaCounts
from node.replication.link import LinkCounts
from node.replication.reports import LinkReport, ShipperReport
from node.rpc.exchange import ExchangeCounts
from node.storage.batch import WriteBatch
from node.storage.engine import EngineUsage, Space
from node.storage.memory_engine import MemoryEngine
from node.storage.writer import StorageWriter, WriterCounts
from router.gateway.receiver import ReceiverCounts
from router.http.traffic import UNKNOWN, Traffic
from router.metrics import declared as of_routers
from router.metrics.collector import GatewaySources, RouterSources, router_readings
from router.nodes.client import NodeClient
from router.operations.context import RequestContext
from tests.support.http_edge import dispatcher, echo, request
from wire.catalog import NodeId, PartitionId
from wire.clock import SystemClock
from wire.commands import Get, Write
from wire.conditions import Condition
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey
from wire.metrics import Buckets, Metric, Reading


class Peer:
    """The connection to another node, as it is told of."""

    dropped = 4
    is_up = False
    queued = 3


def sources(**given: Any) -> NodeSources:
    """Return the sources of a node where nothing has happened, but for what is given."""
    defaults: dict[str, Any] = {
        "region": "us-east-1",
        "node": "n1",
        "zone": "a",
        "state": lambda: "ready",
        "catalog_version": lambda: 9,
        "replicas": tuple,
        "conditions": tuple,
        "scrubs": lambda: (1, 2),
        "counts": ReplicaCounts(),
        "exchange": ExchangeCounts(),
        "forwarded": lambda: 0,
        "peers": dict,
        "clock_offset_seconds": lambda: -2.5,
        "usage": lambda: EngineUsage(used_bytes=10, map_bytes=20, disk_free_bytes=30, reserved_bytes=5),
        "writer": WriterCounts(),
        "writer_queued": lambda: 2,
        "links": tuple,
        "link_counts": dict,
        "superseded": lambda: 6,
        "indexes": tuple,
        "expired": lambda: 8,
    }
    return NodeSources(**{**defaults, **given})


def read(readings: Iterator[Reading], metric: Metric) -> dict[tuple[str, ...], Any]:
    return {each.labels: each.value for each in readings if each.metric is metric}


def report(destination: str, partition: int, lag_seconds: float, state: str = "up") -> LinkReport:
    shipper = ShipperReport(
        lag_seconds=lag_seconds,
        pending_records=10 * partition,
        shipped=0,
        superseded=0,
        errors=0,
        last_error="",
        backfilling_tables=1,
        held=partition,
    )
    return LinkReport(destination=destination, partition=PartitionId(partition), state=state, shipper=shipper)


def answers(traffic: Traffic) -> dict[tuple[str, str], int]:
    return {(each.operation, code): number for each in traffic.seen() for code, number in each.answers.items()}


# Clients may make up operations: they share one label, or memory would grow with their fantasy.
def test_traffic_knows_only_operations_that_there_are() -> None:
    traffic = Traffic({"GetItem"})
    for target in ("DynamoDB_20120810.GetItem", "DynamoDB_20120810.Nonsense", "Nonsense", None, ""):
        traffic.note(target, "OK", 0.01)
    assert answers(traffic) == {("GetItem", "OK"): 1, (UNKNOWN, "OK"): 4}
    assert [sum(each.seconds.read().counts) for each in traffic.seen()] == [1, 4]


# Whatever comes of a request, it is counted once, by what the client saw; what lay behind is counted beside it.
@pytest.mark.parametrize(
    ("raised", "answered", "cause"),
    [
        (None, "OK", None),
        (StoreError(ErrorCode.RESOURCE_NOT_FOUND, ""), "ResourceNotFoundException", None),
        (StoreError(ErrorCode.OVERLOADED, ""), "ServiceUnavailable", ErrorCode.OVERLOADED),
        (StoreError(ErrorCode.UNKNOWN_OUTCOME, ""), "InternalServerError", ErrorCode.UNKNOWN_OUTCOME),
        (ZeroDivisionError(), "InternalServerError", None),
    ],
)
async def test_requests_are_counted_by_outcome(
    raised: Exception | None, answered: str, cause: ErrorCode | None
) -> None:
    async def operation(context: RequestContext, body: dict[str, Any]) -> bytes:
        if raised is not None:
            raise raised
        return b"{}"

    edge = dispatcher({"ListTables": operation})
    await edge(request())
    (seen,) = edge.traffic.seen()
    assert answers(edge.traffic) == {("ListTables", answered): 1}
    assert seen.causes == ({cause: 1} if cause else {})
    assert sum(seen.seconds.read().counts) == 1


# A body that is no JSON fails before the operation is looked at, and is still one of its requests.
async def test_requests_that_cannot_be_read_are_counted() -> None:
    edge = dispatcher({"ListTables": echo})
    await edge(request(b"{"))
    await edge(request(orjson.dumps({}), {"X-Amz-Target": "DynamoDB_20120810.Nonsense"}))
    assert answers(edge.traffic) == {
        ("ListTables", "SerializationException"): 1,
        (UNKNOWN, "UnknownOperationException"): 1,
    }


# One vote for oneself per term is one election; granting votes and persisting again is none.
def test_elections_are_votes_for_oneself() -> None:
    counts = ReplicaCounts()
    elections = Elections(counts)
    for term, vote in ((1, 1), (1, 1), (2, 3), (3, 0), (4, 1)):
        elections.persisted(HardState(Term(term), ReplicaId(vote)), ReplicaId(1))
    assert counts.elections == 2


# A leader of a further term is a change, even the same one again: writes waited for it. Not knowing any is none.
def test_leader_changes_are_further_terms_with_a_leader() -> None:
    counts = ReplicaCounts()
    elections = Elections(counts)
    for leader, term in ((0, 0), (1, 1), (1, 1), (0, 2), (2, 2), (0, 3), (2, 4)):
        elections.led_by(ReplicaId(leader), Term(term))
    assert counts.leader_changes == 2


# Each commit is one observation of how long and of how many.
async def test_the_writer_measures_its_commits() -> None:
    writer = StorageWriter(MemoryEngine(), SystemClock(), lambda _: None)
    writer.start()
    for _ in range(3):
        batch = WriteBatch()
        batch.put(Space.ITEMS, b"k", b"v")
        await writer.submit(batch)
    await writer.stop()
    assert sum(writer.counts.commit_seconds.read().counts) == writer.counts.commits == 3
    assert writer.counts.commit_batches.read().sum == writer.counts.batches == 3


# A link is as slow as its slowest partition, as far behind as all together, and up only where every shipper's is.
def test_links_are_told_over_their_partitions() -> None:
    node = sources(
        links=lambda: [report("eu", 1, 0.5), report("eu", 2, 2.5, "cut"), report("ap", 1, 0.0, "delayed")],
        link_counts=lambda: {"eu": LinkCounts()},
    )
    eu, ap = ("us-east-1", "eu"), ("us-east-1", "ap")
    assert read(node_readings(node), of_nodes.LINK_LAG) == {eu: 2.5, ap: 0.0}
    assert read(node_readings(node), of_nodes.LINK_PENDING) == {eu: 30, ap: 10}
    assert read(node_readings(node), of_nodes.LINK_HELD) == {eu: 3, ap: 1}
    assert read(node_readings(node), of_nodes.LINK_UP) == {eu: False, ap: True}
    assert read(node_readings(node), of_nodes.LINK_BACKFILLS) == {eu: 2, ap: 1}
    assert read(node_readings(node), of_nodes.LINK_APPLIED) == {eu: 0}


# What a partition does is told by its number: what waits, what is not applied, whether it leads.
def test_partitions_are_told_one_by_one() -> None:
    replica = ReplicaStatus(
        partition=PartitionId(3),
        replica=1,
        term=5,
        role="leader",
        leader=NodeId("n1"),
        commit=40,
        applied=38,
        first_index=11,
        last_index=41,
        is_ready=True,
        waiting_requests=7,
        conditions=frozenset({Condition.INSTALLING}),
    )
    node = sources(replicas=lambda: [replica])
    found = {
        metric: read(node_readings(node), metric)[("3",)]
        for metric in (of_nodes.WAITING, of_nodes.LEADS, of_nodes.TERM, of_nodes.LOG_ENTRIES, of_nodes.UNAPPLIED)
    }
    assert list(found.values()) == [7, True, 5, 31, 2]
    told = read(node_readings(node), of_nodes.PARTITION_CONDITION)
    assert {condition for condition, is_so in told.items() if is_so} == {("3", "installing")}


# An alert resolves only when the level falls to 0: what is well is told, too.
def test_conditions_of_the_node_are_told_whether_or_not_they_hold() -> None:
    node = sources(conditions=lambda: {Condition.CLOCK_REFUSED})
    assert read(node_readings(node), of_nodes.NODE_CONDITION) == {
        ("storage-full",): 0,
        ("storage-failing",): 0,
        ("clock-refused",): 1,
    }


# Thousands of indexes must not make a scrape that nothing can hold: those furthest behind are told of.
def test_indexes_are_bounded() -> None:
    backlogs = [IndexBacklog(f"t{n}", "i", n, is_copying=False) for n in range(INDEXES_MAX + 10)]
    backlogs += [IndexBacklog("t5", "i", 1, is_copying=True)] * 2
    node = sources(indexes=lambda: backlogs)
    pending = read(node_readings(node), of_nodes.INDEX_PENDING)
    assert len(pending) == INDEXES_MAX
    assert ("t0", "i") not in pending
    assert pending["t5", "i"] == 7
    assert read(node_readings(node), of_nodes.INDEX_COPYING)["t5", "i"] == 2


# Commands by kind, refusals by code, peers by name.
def test_the_rest_of_a_node_is_told() -> None:
    exchange = ExchangeCounts()
    exchange.commands[Get] += 2
    exchange.commands[Write] += 1
    exchange.refused[ErrorCode.NOT_LEADER] += 1
    node = sources(
        exchange=exchange, forwarded=lambda: 6, peers=lambda: {NodeId("n2"): Peer()}, state=lambda: "stopping"
    )
    assert read(node_readings(node), of_nodes.COMMANDS) == {("Get",): 2, ("Write",): 1}
    assert read(node_readings(node), of_nodes.REFUSED) == {("NotLeader",): 1}
    assert read(node_readings(node), of_nodes.FORWARDED) == {(): 6}
    assert read(node_readings(node), of_nodes.PEER_DROPPED) == {("n2",): 4}
    assert read(node_readings(node), of_nodes.READY) == {(): False}
    assert read(node_readings(node), of_nodes.STORAGE_WRITABLE) == {(): 35}


# What a router tells: requests and nodes.
async def test_a_router_is_told() -> None:
    traffic = Traffic({"GetItem"})
    traffic.note("DynamoDB_20120810.GetItem", "OK", 0.003)
    traffic.note_cause("DynamoDB_20120810.GetItem", ErrorCode.NOT_LEADER)
    node = NodeClient(NodeId("n1"), "127.0.0.1:1", SystemClock(), random.Random(1))
    waiting = node.send(PartitionId(1), 1, Get(1, ItemKey(b"k"), consistent=True), catalog_version=1, deadline=1e12)
    router = RouterSources(
        region="us",
        process="us-router",
        state=lambda: "ready",
        catalog_version=lambda: 1,
        traffic=traffic,
        connections=lambda: 3,
        nodes=lambda: [node],
    )
    assert read(router_readings(router), of_routers.REQUESTS) == {("GetItem", "OK"): 1}
    assert read(router_readings(router), of_routers.CAUSES) == {("GetItem", "NotLeader"): 1}
    seconds = read(router_readings(router), of_routers.REQUEST_SECONDS)["GetItem",]
    assert isinstance(seconds, Buckets)
    assert seconds.sum == 0.003
    assert read(router_readings(router), of_routers.NODE_UP) == {("n1",): False}
    assert read(router_readings(router), of_routers.NODE_IN_FLIGHT) == {("n1",): 1}
    assert read(router_readings(router), of_routers.NODE_QUEUED) == {("n1",): 1}
    waiting.cancel()
    await asyncio.wait([waiting])


# What a region's gateway tells, in a process of its own: what other regions sent, and that it is no router.
def test_a_gateway_is_told() -> None:
    received = ReceiverCounts()
    received.changes["eu", "applied"] += 5
    gateway = GatewaySources(
        region="us",
        process="us-gateway",
        state=lambda: "ready",
        catalog_version=lambda: 1,
        nodes=list,
        received=received,
    )
    assert read(router_readings(gateway), of_routers.RECEIVED_CHANGES) == {("eu", "us", "applied"): 5}
    assert read(router_readings(gateway), of_routers.INFO) == {("us", "us-gateway", "gateway", ""): 1}
    assert read(router_readings(gateway), of_routers.REQUESTS) == {}
