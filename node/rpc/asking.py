"""One question to one node of this region: in this process if it is this very node, else over the network.

Knows addresses, connections and deadlines. Refuses to know who leads, and whether to ask again.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from node.rpc.exchange import RequestTaker
from node.rpc.options import CHANNEL_OPTIONS
from wire.catalog import NodeId, Placement
from wire.clock import Clock
from wire.commands import Command, Failed, Outcome, Request
from wire.convert import request_to_proto, response_from_proto
from wire.errors import ErrorCode
from wire.recipients import GIVE_UP_SECONDS, MISDIRECTED, meant_for
from wire.v1 import storage_pb2, storage_pb2_grpc


class NodeClient:
    """Ask nodes, over one connection per node that is opened when it is first needed."""

    def __init__(
        self, node: NodeId, taker: RequestTaker, address_of: Callable[[NodeId], str | None], clock: Clock
    ) -> None:
        self.node = node
        self._taker = taker
        self._address_of = address_of
        self._clock = clock
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def ask(self, node: NodeId, placement: Placement, command: Command, deadline: float) -> Outcome:
        """Have a node carry a command to a partition out, by a time on the monotonic clock.

        A node that is silent, gone or too late comes to a Failed outcome.
        """
        timeout_seconds = max(0.001, deadline - self._clock.monotonic())
        request = Request(1, placement.partition, placement.epoch, int(timeout_seconds * 1000) + 1, command)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await (self._ask_here(request) if node == self.node else self._ask_there(node, request))
        except TimeoutError:
            return Failed(ErrorCode.UNKNOWN_OUTCOME, f"node {node} did not answer in time")

    async def stop(self) -> None:
        """Close every connection; twice is once."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

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
            answer = await stub.Execute(batch, metadata=meant_for(node))
        except grpc.aio.AioRpcError as error:
            if error.code() is MISDIRECTED:
                await self._forget(address)
                return Failed(ErrorCode.NOT_READY, f"node {node} at {address}: {error.details()}")
            return Failed(
                ErrorCode.UNKNOWN_OUTCOME, f"node {node} at {address}: {error.code().name}: {error.details()}"
            )
        return response_from_proto(answer.responses[0]).outcome

    async def _forget(self, address: str) -> None:
        channel = self._channels.pop(address, None)
        if channel is not None:
            await channel.close(GIVE_UP_SECONDS)

    def _channel(self, address: str) -> grpc.aio.Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        return channel
