"""One question to one node of this region: in this process if it is this very node, else over the network.

Knows addresses, connections and deadlines. Refuses to know who leads, and whether to ask again.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

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

CONNECT_SECONDS_MAX: Final = 0.5
# For how long a node that was silent is asked through another one, before it is asked itself again.
DETOUR_SECONDS: Final = 15.0


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
        self._silent_until: dict[NodeId, float] = {}
        self._detours = 0

    async def ask(self, node: NodeId, placement: Placement, command: Command, deadline: float) -> Outcome:
        """Have a node carry a command to a partition out, by a time on the monotonic clock.

        A node that is silent, gone or too late comes to a Failed outcome. It is then asked through another one for a while: what
        separates the two of us may not separate it from the rest.
        """
        now = self._clock.monotonic()
        timeout_seconds = max(0.001, deadline - now)
        by = self._way_to(node, placement, now)
        request = Request(
            1,
            placement.partition,
            placement.epoch,
            int(timeout_seconds * 1000) + 1,
            command,
            "" if by == node else node,
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                return await (self._ask_here(request) if node == self.node else self._ask_there(by, request))
        except TimeoutError:
            self._note_silence(by)
            return Failed(ErrorCode.UNKNOWN_OUTCOME, f"node {by} did not answer in time")

    async def carry(self, node: NodeId, request: Request) -> Outcome:
        """Have another node carry out what somebody else could not send there; NOT_READY when it cannot be reached from here either."""
        timeout_seconds = request.timeout_ms / 1_000
        address = self._address_of(node)
        if address is None or not await self._connects(address, min(timeout_seconds, CONNECT_SECONDS_MAX)):
            return Failed(ErrorCode.NOT_READY, f"node {node} at {address} cannot be reached from node {self.node}")
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._ask_there(node, request)
        except TimeoutError:
            return Failed(ErrorCode.UNKNOWN_OUTCOME, f"node {node} did not answer node {self.node} in time")

    async def stop(self) -> None:
        """Close every connection; twice is once."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()

    def _way_to(self, node: NodeId, placement: Placement, now: float) -> NodeId:
        """Return whom to send to: the node itself, or while it is silent another one that may hear it."""
        silent = {each for each, until in self._silent_until.items() if now < until}
        ways = [each for each in placement.nodes() if each not in silent and each not in (node, self.node)]
        if node not in silent or not ways:
            return node
        self._detours += 1
        return ways[self._detours % len(ways)]

    def _note_silence(self, node: NodeId) -> None:
        if node != self.node:
            self._silent_until[node] = self._clock.monotonic() + DETOUR_SECONDS

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
            self._note_silence(node)
            return Failed(
                ErrorCode.UNKNOWN_OUTCOME, f"node {node} at {address}: {error.code().name}: {error.details()}"
            )
        return response_from_proto(answer.responses[0]).outcome

    async def _connects(self, address: str, timeout_seconds: float) -> bool:
        """Tell whether there is a connection, or one can be made at once."""
        channel = self._channel(address)
        state = channel.get_state(try_to_connect=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING):
                    await channel.wait_for_state_change(state)
                    state = channel.get_state()
        return state is grpc.ChannelConnectivity.READY

    async def _forget(self, address: str) -> None:
        channel = self._channels.pop(address, None)
        if channel is not None:
            await channel.close(GIVE_UP_SECONDS)

    def _channel(self, address: str) -> grpc.aio.Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        return channel
