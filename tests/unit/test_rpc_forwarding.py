"""Requests passed on to a leader that their sender cannot reach: once, to the one that was meant, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from node.catalog.feed import CatalogFeed
from node.rpc.asking import DETOUR_SECONDS, NodeClient
from node.rpc.exchange import StorageService
from node.rpc.forwarding import FORWARDED_AT_ONCE_MAX, Forwarder
from node.rpc.server import RpcServer
from tests.support.clock import ManualClock
from tests.support.rpc_nodes import FakeNode
from wire.catalog import NodeId, PartitionId, Placement, ReplicaPlacement
from wire.clock import SystemClock
from wire.commands import Failed, Get, Got, NotLeader, Outcome, Request
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.v1 import storage_pb2_grpc

A, B, C = (NodeId(name) for name in ("a", "b", "c"))
GET = Get(1, ItemKey(b"k"), consistent=True)
GOT = Got(b"{}", 1)
PLACEMENT = Placement(
    PartitionId(1), 0, 1 << 64, 1, tuple(ReplicaPlacement(n, node) for n, node in enumerate((A, B, C), 1))
)
UNUSED = "127.0.0.1:1"


class Region:
    """Nodes `b`, which leads, and `c`, which follows it, over gRPC; `a` asks and cannot reach the leader."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.nodes = {node: FakeNode() for node in (A, B, C)}
        self.addresses: dict[NodeId, str] = {}
        self.clock = ManualClock()
        self.client = NodeClient(A, self.nodes[A], self._as_seen_by_a, self.clock)
        self.forwarders: dict[NodeId, Forwarder] = {}

    async def start(self) -> None:
        self.nodes[B].answer = lambda request: GOT
        self.nodes[C].answer = lambda request: NotLeader(B)
        for name in (B, C):
            client = NodeClient(name, self.nodes[name], self.addresses.get, SystemClock())
            forwarder = self.forwarders[name] = Forwarder(self.nodes[name], client.carry)
            server = RpcServer("127.0.0.1:0", name)
            service = StorageService(forwarder, CatalogFeed(), server.streams)
            await server.start(lambda each, service=service: add(service, each))
            self.addresses[name] = f"127.0.0.1:{server.port}"
            for closing in (client.stop, server.stop, forwarder.stop):
                self._stack.push_async_callback(closing)

    async def ask(self) -> Outcome:
        return await self.client.ask(B, PLACEMENT, GET, self.clock.monotonic() + 10)

    def _as_seen_by_a(self, node: NodeId) -> str | None:
        return UNUSED if node == B else self.addresses.get(node)


add = storage_pb2_grpc.add_StorageServiceServicer_to_server


@pytest.fixture
async def region() -> AsyncIterator[Region]:
    async with AsyncExitStack() as stack:
        found = Region(stack)
        stack.push_async_callback(found.client.stop)
        await found.start()
        yield found


def request_to(leader: str) -> Request:
    return Request(7, 1, 1, 5_000, GET, leader)


async def submitted(forwarder: Forwarder, request: Request) -> Outcome:
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    forwarder.submit(request, lambda _, outcome: future.set_result(outcome))
    async with asyncio.timeout(20):
        return await future


# Two nodes that cannot talk to each other need not: the third passes on what one has for the other, until the way is tried again.
async def test_a_node_is_asked_through_another_while_it_is_silent(region: Region) -> None:
    first = await region.ask()
    assert isinstance(first, Failed)
    assert first.code is ErrorCode.UNKNOWN_OUTCOME
    assert [await region.ask() for _ in range(3)] == [GOT] * 3
    assert len(region.nodes[C].requests) == 3
    assert [request.forward_to for request in region.nodes[B].requests] == [""] * 3
    region.clock.advance(DETOUR_SECONDS + 1)
    assert isinstance(await region.ask(), Failed)


# The follower knows better who leads: whoever asks hears it, and nothing is passed to the one that was named.
async def test_only_the_leader_that_was_meant_gets_a_request(region: Region) -> None:
    assert await submitted(region.forwarders[C], request_to("d")) == NotLeader(B)
    assert region.nodes[B].requests == []


# Two nodes that take each other for the leader must not play ball.
async def test_a_request_is_passed_on_once(region: Region) -> None:
    region.nodes[B].answer = lambda request: NotLeader(C)
    assert await submitted(region.forwarders[C], request_to(B)) == NotLeader(C)
    assert (len(region.nodes[C].requests), len(region.nodes[B].requests)) == (1, 1)


# What its sender asks of nobody else is answered here and now, whoever leads.
async def test_other_requests_are_not_passed_on(region: Region) -> None:
    assert await submitted(region.forwarders[C], request_to("")) == NotLeader(B)
    region.nodes[C].answer = lambda request: GOT
    assert await submitted(region.forwarders[C], request_to(B)) == GOT
    assert region.nodes[B].requests == []


# A leader that this node cannot reach either has certainly not got the request: it may be sent again, even a write.
async def test_a_leader_that_nobody_reaches_has_got_nothing(region: Region) -> None:
    region.addresses[B] = UNUSED
    outcome = await submitted(region.forwarders[C], request_to(B))
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.NOT_READY


# A node that passes on for others must not hold any number of their requests.
async def test_requests_on_their_way_are_bounded() -> None:
    node = FakeNode()
    node.answer = lambda request: NotLeader(B)
    held = asyncio.Event()

    async def carry(to: NodeId, request: Request) -> Outcome:
        await held.wait()
        return GOT

    forwarder = Forwarder(node, carry)
    outcomes: list[Outcome] = []
    for _ in range(FORWARDED_AT_ONCE_MAX + 1):
        forwarder.submit(request_to(B), lambda _, outcome: outcomes.append(outcome))
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Failed)] == [ErrorCode.OVERLOADED]
    held.set()
    while len(outcomes) <= FORWARDED_AT_ONCE_MAX:  # noqa: ASYNC110  # tasks that are ready need turns, nothing else
        await asyncio.sleep(0)
    await forwarder.stop()
