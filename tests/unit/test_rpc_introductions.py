"""Introductions between nodes, and the lives that messages are sent in, over real gRPC."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from node.consensus.types import Index, Message, MessageKind, ReplicaId, Term
from node.joining.fence import Fence
from node.joining.introductions import Acquaintance, Answer, Founding, Introduction, LogEnd, Objection
from node.rpc.deliveries import PeerService
from node.rpc.introductions import GrpcRegion
from node.rpc.peers import PeerConnections
from node.rpc.server import RpcServer
from node.storage.lives import Life
from tests.support.rpc_nodes import FakeNode
from wire.catalog import NodeId, PartitionId
from wire.v1 import peer_pb2_grpc

N1, N2, P1 = NodeId("n1"), NodeId("n2"), PartitionId(1)
SECONDS_MAX = 20.0
INTRODUCTION = Introduction(
    node=N1,
    disk="d1",
    lives=(Life(1, "a"), Life(2, "b")),
    founding={N1: "d1", N2: "d2"},
    is_lost=True,
    ends={P1: LogEnd(7, 3)},
)
ANSWER = Answer(
    introduction=Introduction(node=N2, disk="d2", lives=(Life(5, "e"),)),
    objection=Objection(reason="too old", lost={P1: "too short"}),
    acquaintances=(
        Acquaintance(node=N1, disk="d1", life=Life(1, "a"), former=("d0",), acknowledged={P1: LogEnd(9, 3)}),
    ),
)


class FakeJoiner:
    """Answer as the test says, and remember what was asked."""

    def __init__(self) -> None:
        self.fence = Fence()
        self.introduced: list[Introduction] = []
        self.proposed: list[Founding] = []

    async def answer(self, introduction: Introduction) -> Answer:
        self.introduced.append(introduction)
        return ANSWER

    async def adopt_proposed(self, founding: Founding) -> bool:
        self.proposed.append(founding)
        return len(self.proposed) == 1


@asynccontextmanager
async def peer(node: FakeNode, joiner: FakeJoiner) -> AsyncIterator[RpcServer]:
    server = RpcServer("127.0.0.1:0", N2)
    service = PeerService(node, server.streams, joiner)
    await server.start(lambda each: peer_pb2_grpc.add_PeerServiceServicer_to_server(service, each))
    try:
        yield server
    finally:
        await server.stop()


# Everything that peers judge by has to arrive as it was sent.
async def test_introductions_and_answers_arrive_whole() -> None:
    joiner = FakeJoiner()
    async with peer(FakeNode(), joiner) as server:
        region = GrpcRegion({N2: f"127.0.0.1:{server.port}"})
        assert await region.introduce(N2, INTRODUCTION) == ANSWER
        assert [await region.propose(N2, {N1: "d1"}) for _ in range(2)] == [True, False]
    assert joiner.introduced == [INTRODUCTION]
    assert joiner.proposed == [{N1: "d1"}] * 2


# A node that is not there has not answered; that is not the same as knowing nothing.
async def test_nobody_is_no_answer() -> None:
    region = GrpcRegion({N2: "127.0.0.1:1"})
    assert await region.introduce(N2, INTRODUCTION) is None
    assert not await region.propose(N2, {N1: "d1"})


# A node of the version before does not know introductions. Its region has lived: nothing may be founded beside it.
async def test_a_node_of_the_version_before_stands_for_a_region_that_has_lived() -> None:
    server = RpcServer("127.0.0.1:0", N2)
    await server.start(lambda each: peer_pb2_grpc.add_PeerServiceServicer_to_server(OlderPeer(), each))
    try:
        answer = await GrpcRegion({N2: f"127.0.0.1:{server.port}"}).introduce(N2, INTRODUCTION)
    finally:
        await server.stop()
    assert answer is not None
    assert answer.introduction.founding == {}
    assert answer.objection == Objection()


class OlderPeer(peer_pb2_grpc.PeerServiceServicer):
    """What generated code makes of a method that is not there: UNIMPLEMENTED."""

    async def Introduce(self, request: object, context: grpc.aio.ServicerContext) -> None:  # type: ignore[override,type-arg]
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")


def message(number: int) -> Message:
    return Message(MessageKind.APPEND_REPLY, ReplicaId(1), ReplicaId(2), Term(1), index=Index(number))


def peers_of(server: RpcServer, life: Callable[[], tuple[str, int]]) -> PeerConnections:
    return PeerConnections(N1, lambda _: f"127.0.0.1:{server.port}", random.Random(1), life)


# What waits to leave when a new life begins was said in the old one: it must not be sent as if it were said in the new one.
async def test_what_was_said_in_an_earlier_life_is_not_sent_in_the_next() -> None:
    node, lives = FakeNode(), [1]
    async with peer(node, FakeJoiner()) as server:
        peers = peers_of(server, lambda: ("d1", lives[-1]))
        peers.send(N2, P1, message(1))
        lives.append(2)
        peers.send(N2, P1, message(2))
        async with asyncio.timeout(SECONDS_MAX):
            await node.wait_delivered(1)
        await peers.stop()
    assert [each.index for _, each in node.delivered] == [2]


# Behind the fence: a whole batch from an earlier life is as if it had never come.
async def test_a_batch_from_an_earlier_life_is_dropped() -> None:
    node, joiner = FakeNode(), FakeJoiner()
    joiner.fence.introduced(N1, "d2", 1)
    async with peer(node, joiner) as server:
        former, present = peers_of(server, lambda: ("d1", 1)), peers_of(server, lambda: ("d2", 1))
        former.send(N2, P1, message(1))
        async with asyncio.timeout(SECONDS_MAX):
            while not joiner.fence.dropped:  # noqa: ASYNC110  # what is dropped has no event
                await asyncio.sleep(0)
        present.send(N2, P1, message(2))
        async with asyncio.timeout(SECONDS_MAX):
            await node.wait_delivered(1)
        await asyncio.gather(former.stop(), present.stop())
    assert [each.index for _, each in node.delivered] == [2]
