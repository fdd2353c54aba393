"""Consensus messages and snapshots between nodes, over real streams."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.catalog.feed import CatalogFeed
from node.clocks.exchange import ClockStamp
from node.consensus.types import (
    Entry,
    EntryKind,
    Index,
    Membership,
    Message,
    MessageKind,
    ReplicaId,
    SnapshotMetadata,
    Term,
)
from node.partition.transport import PeerTransport, SnapshotRefusedError, SnapshotTransport
from node.rpc.peers import PeerConnections
from tests.support.rpc_nodes import FakeNode, served
from tests.support.slow_wire import SLOW_SECONDS, slow_wire
from wire.catalog import NodeId, PartitionId
from wire.limits import PEER_QUEUE_MESSAGES_MAX

P1, N1, N2 = PartitionId(1), NodeId("n1"), NodeId("n2")
SECONDS_MAX = 20.0


def message(number: int, payload: bytes = b"") -> Message:
    entries = (Entry(Term(1), Index(number), EntryKind.NORMAL, payload),) if payload else ()
    return Message(MessageKind.APPEND, ReplicaId(1), ReplicaId(2), Term(1), index=Index(number), entries=entries)


def snapshot_message() -> Message:
    membership = Membership(voters=(ReplicaId(1), ReplicaId(2)))
    snapshot = SnapshotMetadata(Index(7), Term(3), membership)
    return Message(MessageKind.SNAPSHOT, ReplicaId(1), ReplicaId(2), Term(3), snapshot=snapshot)


@asynccontextmanager
async def connections(port: int) -> AsyncIterator[PeerConnections]:
    peers = PeerConnections(N1, lambda node: f"127.0.0.1:{port}" if node == N2 else None, random.Random(1))
    try:
        yield peers
    finally:
        await peers.stop()


async def chunks(*rows: bytes) -> AsyncIterator[bytes]:
    for each in rows:
        yield each


# The seams that partitions use; signatures that drift would only show between running nodes.
async def test_it_is_both_transports() -> None:
    async with connections(1) as peers:
        messages: PeerTransport = peers
        snapshots: SnapshotTransport = peers
    assert messages is snapshots


# Consensus relies on messages of one sender arriving in order, or not at all.
async def test_messages_arrive_in_order() -> None:
    node = FakeNode()
    async with served(node, CatalogFeed(), name=N2) as server, connections(server.port) as peers:
        for number in range(500):
            peers.send(N2, P1, message(number, b"payload"))
        async with asyncio.timeout(SECONDS_MAX):
            await node.wait_delivered(500)
    assert node.delivered == [(P1, message(number, b"payload")) for number in range(500)]


# A node that cannot be reached must not cost memory; what is newest is what consensus needs.
async def test_a_full_queue_drops_the_oldest() -> None:
    node = FakeNode()
    async with served(node, CatalogFeed(), name=N2) as server, connections(server.port) as peers:
        for number in range(PEER_QUEUE_MESSAGES_MAX + 10):
            peers.send(N2, P1, message(number))
        async with asyncio.timeout(SECONDS_MAX):
            await node.wait_delivered(PEER_QUEUE_MESSAGES_MAX)
    assert [each.index for _, each in node.delivered] == list(range(10, PEER_QUEUE_MESSAGES_MAX + 10))


# A membership change names a node before its address is known here.
async def test_an_unknown_node_gets_nothing() -> None:
    async with connections(1) as peers:
        peers.send(NodeId("stranger"), P1, message(1))
        with pytest.raises(SnapshotRefusedError, match="address of node stranger is not known"):
            await peers.send_snapshot(NodeId("stranger"), P1, snapshot_message(), chunks())


# A replica that fell behind gets the message and every chunk, and the sender learns that it is installed.
async def test_a_snapshot_arrives_whole() -> None:
    node = FakeNode()
    async with served(node, CatalogFeed(), name=N2) as server, connections(server.port) as peers:
        await peers.send_snapshot(N2, P1, snapshot_message(), chunks(b"a" * (1 << 20), b"b", b""))
    assert node.installed == [(P1, snapshot_message(), [b"a" * (1 << 20), b"b", b""])]


# Over a long way, or to a machine with much else to do, it takes most of a second to connect: that is no reason to give up.
async def test_a_snapshot_arrives_over_a_slow_wire() -> None:
    node = FakeNode()
    async with (
        served(node, CatalogFeed(), name=N2) as server,
        slow_wire(server.port, SLOW_SECONDS) as port,
        connections(port) as peers,
    ):
        await peers.send_snapshot(N2, P1, snapshot_message(), chunks(b"a"))
    assert node.installed == [(P1, snapshot_message(), [b"a"])]


# The receiver has its reasons, and the sender's log should tell them.
async def test_a_refused_snapshot_says_why() -> None:
    node = FakeNode()
    node.refusal = "the disk is full"
    async with served(node, CatalogFeed(), name=N2) as server, connections(server.port) as peers:
        with pytest.raises(SnapshotRefusedError, match="the disk is full"):
            await peers.send_snapshot(N2, P1, snapshot_message(), chunks(b"a"))


# Half a snapshot must never be installed as a whole one.
async def test_a_snapshot_that_breaks_off_is_not_installed() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise SnapshotRefusedError("the sender lost its view")

    node = FakeNode()
    async with served(node, CatalogFeed(), name=N2) as server, connections(server.port) as peers:
        with pytest.raises(SnapshotRefusedError, match="lost its view"):
            await peers.send_snapshot(N2, P1, snapshot_message(), broken())
    assert node.installed == []


# Nobody listens: the leader has to hear of it, to try again later.
async def test_a_snapshot_to_a_dead_node_is_refused() -> None:
    async with served(FakeNode(), CatalogFeed(), name=N2) as server:
        port = server.port
    async with connections(port) as peers:
        with pytest.raises(SnapshotRefusedError, match="n2"):
            await peers.send_snapshot(N2, P1, snapshot_message(), chunks(b"a"))


# An address may have become another node's: what is sent there counts as lost, and goes on once it is the right one's again.
async def test_messages_reach_nobody_else() -> None:
    stranger, node = FakeNode(), FakeNode()
    async with (
        asyncio.timeout(30),
        served(stranger, CatalogFeed(), name=N1) as server,
        connections(server.port) as peers,
    ):
        while not peers.all() or peers.all()[N2].is_up:
            peers.send(N2, P1, message(1))
            await asyncio.sleep(0)
        await server.stop()
        async with served(node, CatalogFeed(), f"127.0.0.1:{server.port}", name=N2):
            while not node.delivered:
                peers.send(N2, P1, message(2))
                await asyncio.sleep(0)
    assert stranger.delivered == []


# A snapshot that reaches somebody else is refused before it has replaced anything.
async def test_a_snapshot_reaches_nobody_else() -> None:
    stranger = FakeNode()
    async with served(stranger, CatalogFeed(), name=N1) as server, connections(server.port) as peers:
        with pytest.raises(SnapshotRefusedError):
            await peers.send_snapshot(N2, P1, snapshot_message(), chunks(b"rows"))
    assert stranger.installed == []


# Nodes learn each other's clocks from what they send anyway: the stamp of a batch arrives with it, and is taken as it leaves.
async def test_a_batch_brings_the_stamp_of_its_sender() -> None:
    node = FakeNode()
    stamp = ClockStamp(1_700_000_000_000, 1_700_000_000_500, 7, 8, 9)
    async with served(node, CatalogFeed(), name=N2) as server, asyncio.timeout(SECONDS_MAX):
        address = f"127.0.0.1:{server.port}"
        peers = PeerConnections(N1, lambda _: address, random.Random(1), stamp=lambda _: stamp)
        try:
            peers.send(N2, P1, message(1))
            await node.wait_delivered(1)
        finally:
            await peers.stop()
    assert node.clocks == [(N1, stamp)]
