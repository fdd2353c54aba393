"""Asking the region's catalog for a change, from whichever node: in this process if the leader is here, else over the network."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

import grpc

from node.catalog.feed import CatalogFeed
from node.rpc.exchange import RequestTaker
from node.rpc.options import CHANNEL_OPTIONS
from wire.catalog import CATALOG_PARTITION, CatalogChange, Decided, NodeId, encode_change
from wire.clock import Clock
from wire.commands import CatalogDecided, ChangeCatalog, Failed, NotLeader, Outcome, Request
from wire.convert import request_to_proto, response_from_proto
from wire.errors import NOT_APPLIED, ErrorCode, StoreError
from wire.v1 import storage_pb2, storage_pb2_grpc

CHANGE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.1


class CatalogProposer:
    """Have the catalog leader decide changes; rare, so a connection is opened for each."""

    def __init__(
        self,
        node: NodeId,
        taker: RequestTaker,
        feed: CatalogFeed,
        address_of: Callable[[NodeId], str | None],
        clock: Clock,
        randomness: random.Random,
    ) -> None:
        self._node = node
        self._taker = taker
        self._feed = feed
        self._address_of = address_of
        self._clock = clock
        self._randomness = randomness

    async def change(self, change: CatalogChange) -> Decided:
        """Have a change decided. Raises StoreError when it is refused, or when its outcome is unknown."""
        deadline = self._clock.monotonic() + CHANGE_SECONDS
        command = ChangeCatalog(encode_change(change))
        asked = self._candidates()[0]
        while True:
            outcome = await self._ask(asked, command, deadline)
            if isinstance(outcome, CatalogDecided):
                return Decided.decode(outcome.payload)
            asked = self._next(asked, outcome, deadline)
            await asyncio.sleep(RETRY_SECONDS * self._randomness.uniform(0.5, 1.0))

    def _candidates(self) -> tuple[NodeId, ...]:
        placement = self._feed.view.placements.get(CATALOG_PARTITION)
        if placement is None:
            raise StoreError(ErrorCode.NOT_READY, "it is not known yet where the catalog is")
        nodes = placement.nodes()
        return tuple(sorted(nodes, key=lambda node: node != self._node))

    def _next(self, asked: NodeId, outcome: Outcome, deadline: float) -> NodeId:
        """Return whom to ask after a failure, or raise it."""
        if isinstance(outcome, NotLeader):
            failure = Failed(ErrorCode.NOT_LEADER, "the catalog has no leader that could be found in time")
        else:
            assert isinstance(outcome, Failed), f"expected a decision or a failure, found {type(outcome).__name__}"
            failure = outcome
        if failure.code not in NOT_APPLIED or self._clock.monotonic() >= deadline:
            raise StoreError(failure.code, failure.message)
        candidates = self._candidates()
        if isinstance(outcome, NotLeader) and outcome.leader in candidates and outcome.leader != asked:
            return NodeId(outcome.leader)
        place = candidates.index(asked) if asked in candidates else -1
        return candidates[(place + 1) % len(candidates)]

    async def _ask(self, node: NodeId, command: ChangeCatalog, deadline: float) -> Outcome:
        timeout_seconds = max(0.001, deadline - self._clock.monotonic())
        placement = self._feed.view.placements[CATALOG_PARTITION]
        request = Request(1, CATALOG_PARTITION, placement.epoch, int(timeout_seconds * 1000) + 1, command)
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
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            stub: Any = storage_pb2_grpc.StorageServiceStub(channel)
            call = stub.Exchange()
            try:
                await call.write(batch)
                answer = await call.read()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                return Failed(ErrorCode.UNKNOWN_OUTCOME, f"node {node} at {address}: {error}")
            finally:
                call.cancel()
        if answer is grpc.aio.EOF:
            return Failed(ErrorCode.UNKNOWN_OUTCOME, f"node {node} at {address} ended the stream")
        return response_from_proto(answer.responses[0]).outcome
