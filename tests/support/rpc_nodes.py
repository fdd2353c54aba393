"""A node's network edge for tests: real gRPC on a free port of loopback, a scripted node behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from node.catalog.feed import CatalogFeed
from node.clocks.exchange import ClockStamp
from node.consensus.types import Message
from node.partition.access import OnDone
from node.partition.transport import SnapshotRefusedError
from node.rpc.catalog import CatalogService
from node.rpc.deliveries import PeerService
from node.rpc.exchange import StorageService
from node.rpc.server import RpcServer
from wire.catalog import NodeId, PartitionId
from wire.commands import Outcome, Request
from wire.v1 import catalog_pb2_grpc, peer_pb2_grpc, storage_pb2_grpc


class FakeNode:
    """Take requests and messages; answer when the test says so, or at once with `answer`."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Outcome] | None = None
        self.requests: list[Request] = []
        self.waiting: list[tuple[int, OnDone]] = []
        self.delivered: list[tuple[int, Message]] = []
        self.installed: list[tuple[int, Message, list[bytes]]] = []
        self.refusal = ""
        self.clocks: list[tuple[NodeId, ClockStamp]] = []
        self._arrived = asyncio.Event()

    async def wait_requests(self, count: int) -> None:
        """Return when that many requests have come in all."""
        while len(self.requests) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def wait_delivered(self, count: int) -> None:
        """Return when that many messages have come in all."""
        while len(self.delivered) < count:
            self._arrived.clear()
            await self._arrived.wait()

    def submit(self, request: Request, on_done: OnDone) -> None:
        self.requests.append(request)
        self._arrived.set()
        if self.answer is not None:
            on_done(request.id, self.answer(request))
        else:
            self.waiting.append((request.id, on_done))

    def deliver(self, partition: PartitionId, message: Message) -> None:
        self.delivered.append((partition, message))
        self._arrived.set()

    def clock_heard(self, node: NodeId, stamp: ClockStamp) -> None:
        self.clocks.append((node, stamp))

    async def install_snapshot(self, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]) -> None:
        received = [chunk async for chunk in chunks]
        if self.refusal:
            raise SnapshotRefusedError(self.refusal)
        self.installed.append((partition, message, received))


@asynccontextmanager
async def served(
    node: FakeNode, feed: CatalogFeed, address: str = "127.0.0.1:0", *, name: str = "n1"
) -> AsyncIterator[RpcServer]:
    """Serve a node's storage, peer and catalog services."""
    server = RpcServer(address, name)
    await server.start(
        lambda each: storage_pb2_grpc.add_StorageServiceServicer_to_server(
            StorageService(node, feed, server.streams), each
        ),
        lambda each: peer_pb2_grpc.add_PeerServiceServicer_to_server(PeerService(node, server.streams), each),
        lambda each: catalog_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogService(feed, server.streams), each),
    )
    try:
        yield server
    finally:
        await server.stop()
