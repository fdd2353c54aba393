"""Commands to the partitions of this region, from whichever node: in this process if the leader is here, else over the network.

Knows who seems to lead, and how one asks. Refuses to know what is asked; a failure is the asker's to think about, who may ask again.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import grpc

from node.catalog.feed import CatalogFeed
from node.rpc.exchange import RequestTaker
from node.rpc.options import CHANNEL_OPTIONS
from wire.catalog import NodeId, PartitionId, Placement
from wire.clock import Clock
from wire.commands import Command, Failed, NotLeader, Outcome, Request
from wire.convert import request_to_proto, response_from_proto
from wire.errors import ErrorCode
from wire.v1 import storage_pb2, storage_pb2_grpc

REDIRECTS_MAX: Final = 4  # in one call; then the asker backs off, as an election may be going on


class PartitionClient:
    """Ask leaders, over one connection per node that is opened when it is first needed."""

    def __init__(
        self,
        node: NodeId,
        taker: RequestTaker,
        feed: CatalogFeed,
        address_of: Callable[[NodeId], str | None],
        clock: Clock,
    ) -> None:
        self._node = node
        self._taker = taker
        self._feed = feed
        self._address_of = address_of
        self._clock = clock
        self._leaders: dict[PartitionId, NodeId] = {}
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def execute(self, partition: PartitionId, command: Command, *, timeout_seconds: float) -> Outcome:
        """Have a partition's leader carry a command out; return its outcome, or why there is none."""
        deadline = self._clock.monotonic() + timeout_seconds
        outcome: Outcome = Failed(ErrorCode.NOT_READY, f"it is not known yet where partition {partition} is")
        placement = self._feed.view.placements.get(partition)
        for _ in range(REDIRECTS_MAX):
            if placement is None:
                return outcome
            asked = self._leader(placement)
            outcome = await self._ask(asked, placement, command, deadline)
            if not isinstance(outcome, NotLeader):
                break
            self._leaders[partition] = _next(placement, asked, outcome)
            placement = self._feed.view.placements.get(partition)
        if isinstance(outcome, Failed):
            self._note_failure(partition, outcome)
        return outcome

    async def stop(self) -> None:
        """Close every connection; twice is once."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    def _leader(self, placement: Placement) -> NodeId:
        known = self._leaders.get(placement.partition)
        return known if known in placement.nodes() else placement.nodes()[0]

    def _note_failure(self, partition: PartitionId, failure: Failed) -> None:
        """After silence ask another node: the leader may be gone, and then nobody says so."""
        placement = self._feed.view.placements.get(partition)
        if failure.code is ErrorCode.UNKNOWN_OUTCOME and placement is not None:
            self._leaders[partition] = _next(placement, self._leader(placement), NotLeader(""))

    async def _ask(self, node: NodeId, placement: Placement, command: Command, deadline: float) -> Outcome:
        timeout_seconds = max(0.001, deadline - self._clock.monotonic())
        request = Request(1, placement.partition, placement.epoch, int(timeout_seconds * 1000) + 1, command)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await (self._ask_here(request) if node == self._node else self._ask_there(node, request))
        except TimeoutError:
            return Failed(ErrorCode.UNKNOWN_OUTCOME, f"node {node} did not answer in time")

    async def _ask_here(self, request: Request) -> Outcome:
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(_: int, outcome: Outcome) -> None:
            if not answered.done():
                answered.set_result(outcome)

        self._taker.submit(request, done)
        return await answered

    async def _ask_there(self, node: NodeId, request: Request) -> Outcome:
        address = self._address_of(node)
        if address is None:
            return Failed(ErrorCode.NOT_READY, f"the address of node {node} is not known")
        batch = storage_pb2.RequestBatch()
        request_to_proto(batch, request)
        stub: Any = storage_pb2_grpc.StorageServiceStub(self._channel(address))
        try:
            answer = await stub.Execute(batch)
        except grpc.aio.AioRpcError as error:
            return Failed(
                ErrorCode.UNKNOWN_OUTCOME, f"node {node} at {address}: {error.code().name}: {error.details()}"
            )
        return response_from_proto(answer.responses[0]).outcome

    def _channel(self, address: str) -> grpc.aio.Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        return channel


def _next(placement: Placement, asked: NodeId, answer: NotLeader) -> NodeId:
    """Return whom to ask after a node that does not lead: who it says, or else the next replica."""
    nodes = placement.nodes()
    if answer.leader in nodes and answer.leader != asked:
        return NodeId(answer.leader)
    return nodes[(nodes.index(asked) + 1) % len(nodes)] if asked in nodes else nodes[0]
