"""Commands to partitions, in this process and over gRPC: the leader is found, followed and lost."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from node.catalog.feed import CatalogFeed
from node.partition.access import OnDone
from node.rpc.asking import NodeClient
from node.rpc.exchange import StorageService
from node.rpc.partitions import PartitionClient
from node.rpc.server import RpcServer
from wire.catalog import Delta, NodeId, PartitionId, Placement, ReplicaPlacement, encode_row
from wire.clock import SystemClock
from wire.commands import Failed, FeedIndex, Merged, NotLeader, Outcome, Request
from wire.errors import ErrorCode
from wire.v1 import storage_pb2_grpc

HOST = "127.0.0.1"
SECONDS_MAX = 60.0
PARTITION = PartitionId(1)
COMMAND = FeedIndex(1, 1, 2, 3, ())
NODES = (NodeId("n1"), NodeId("n2"), NodeId("n3"))


class Node:
    """A node that answers as it is told."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked = 0

    def submit(self, request: Request, on_done: OnDone) -> None:
        assert request.command == COMMAND
        self.asked += 1
        on_done(request.id, self.outcome)


class Nodes:
    """Three nodes, the first of them in this process, and a client there."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.feed = CatalogFeed()
        replicas = tuple(ReplicaPlacement(number, node) for number, node in enumerate(NODES, 1))
        placement = Placement(PARTITION, 0, 1 << 64, 1, replicas)
        self.feed.publish(Delta(1, {"placement/1": encode_row(placement)}, full=True))
        self.nodes = {node: Node(NotLeader("")) for node in NODES}
        self.addresses: dict[NodeId, str] = {}
        clock = SystemClock()
        self.connections = NodeClient(NODES[0], self.nodes[NODES[0]], self.addresses.get, clock)
        self.client = PartitionClient(self.connections, self.feed, clock)

    async def start(self, node: NodeId) -> None:
        server = RpcServer(f"{HOST}:0", node)
        service = StorageService(self.nodes[node], self.feed, server.streams)
        await server.start(lambda each: storage_pb2_grpc.add_StorageServiceServicer_to_server(service, each))
        self._stack.push_async_callback(server.stop)
        self.addresses[node] = f"{HOST}:{server.port}"

    async def ask(self) -> Outcome:
        return await self.client.execute(PARTITION, COMMAND, timeout_seconds=SECONDS_MAX)

    @property
    def asked(self) -> list[int]:
        return [self.nodes[node].asked for node in NODES]


@pytest.fixture
async def nodes() -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        found = Nodes(stack)
        for node in NODES[1:]:
            await found.start(node)
        stack.push_async_callback(found.connections.stop)
        yield found


# The node itself is asked without a network.
async def test_leader_in_this_process(nodes: Nodes) -> None:
    nodes.nodes[NODES[0]].outcome = Merged(1, 0)
    assert await nodes.ask() == Merged(1, 0)
    assert nodes.asked == [1, 0, 0]


# Who is asked and does not lead says who does; that is remembered.
async def test_leader_is_followed_and_remembered(nodes: Nodes) -> None:
    nodes.nodes[NODES[0]].outcome = NotLeader("n3")
    nodes.nodes[NODES[2]].outcome = Merged(1, 0)
    assert [await nodes.ask(), await nodes.ask()] == [Merged(1, 0)] * 2
    assert nodes.asked == [1, 0, 2]


# While nobody leads, the asker hears so after a bounded number of questions.
async def test_nobody_leads(nodes: Nodes) -> None:
    assert await nodes.ask() == NotLeader("")
    assert sum(nodes.asked) == 4


# A leader that falls silent may be gone: the next question goes to another node.
async def test_silent_leader_is_left(nodes: Nodes) -> None:
    nodes.nodes[NODES[0]].outcome = NotLeader("n2")
    nodes.nodes[NODES[2]].outcome = Merged(1, 0)
    nodes.addresses[NODES[1]] = f"{HOST}:1"
    failed = await nodes.ask()
    assert isinstance(failed, Failed)
    assert failed.code is ErrorCode.UNKNOWN_OUTCOME
    assert await nodes.ask() == Merged(1, 0)


# Any other refusal is the asker's to think about.
async def test_refusal_is_handed_back(nodes: Nodes) -> None:
    refused = Failed(ErrorCode.RESOURCE_NOT_FOUND, "gone")
    nodes.nodes[NODES[0]].outcome = refused
    assert await nodes.ask() == refused
    assert await nodes.client.execute(PartitionId(9), COMMAND, timeout_seconds=1) == Failed(
        ErrorCode.NOT_READY, "it is not known yet where partition 9 is"
    )


# A node's address may have become another's: that one is asked nothing, and the right one is found under the next address.
async def test_nobody_else_is_asked(nodes: Nodes) -> None:
    nodes.nodes[NODES[0]].outcome = NotLeader(NODES[1])
    nodes.nodes[NODES[1]].outcome = nodes.nodes[NODES[2]].outcome = Merged(1, 0)
    own, nodes.addresses[NODES[1]] = nodes.addresses[NODES[1]], nodes.addresses[NODES[2]]
    placement = nodes.feed.view.placements[PARTITION]
    deadline = SystemClock().monotonic() + 5
    asked = await nodes.connections.ask(NODES[1], placement, COMMAND, deadline)
    assert isinstance(asked, Failed)
    assert asked.code is ErrorCode.NOT_READY
    nodes.addresses[NODES[1]] = own
    assert await nodes.connections.ask(NODES[1], placement, COMMAND, deadline) == Merged(1, 0)
    assert nodes.asked == [0, 1, 0]
