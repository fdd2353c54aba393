"""Read what a region's nodes hold, past its router: the catalog, and partitions through their leaders.

Knows how to find who leads, and asks again while nobody does. Refuses to know what is read.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, Self

import grpc

from wire.catalog import CatalogView, PartitionId, Placement, decode_delta
from wire.cluster import NodeEntry, RegionEntry
from wire.commands import Command, Failed, NotLeader, Outcome, Request
from wire.convert import request_to_proto, response_from_proto
from wire.errors import NOT_APPLIED, ErrorCode
from wire.limits import GRPC_MESSAGE_BYTES_MAX, REQUEST_TIMEOUT_MS
from wire.v1 import admin_pb2, admin_pb2_grpc, catalog_pb2, catalog_pb2_grpc, storage_pb2, storage_pb2_grpc

REQUESTS_AT_ONCE_MAX: Final = 128
_CALL_SECONDS: Final = REQUEST_TIMEOUT_MS / 1000
_PAUSE_SECONDS: Final = 0.1
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_reconnect_backoff_ms", 500),
)


class RegionUnreadable(Exception):
    """A region does not answer; the message says what was tried."""


class RegionReader:
    """Ask the nodes of one region; `async with` opens and closes connections. Give up after `patience_seconds` without an answer."""

    def __init__(self, region: RegionEntry, *, patience_seconds: float) -> None:
        self.region = region
        self._patience_seconds = patience_seconds
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._leaders: dict[PartitionId, str] = {}

    async def __aenter__(self) -> Self:
        for node in self.region.nodes:
            self._channels[node.id] = grpc.aio.insecure_channel(node.address, options=_OPTIONS)
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def catalog(self) -> CatalogView:
        """Return the newest catalog that a node knows: one that was away may be behind. Raises RegionUnreadable."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            views = await asyncio.gather(*(self._catalog_of(node) for node in self.region.nodes))
            known = [view for view in views if view is not None]
            if known:
                return max(known, key=lambda view: view.version)
            await self._pause(deadline, "no node tells its catalog")

    async def read(self, placement: Placement, commands: Sequence[Command]) -> list[Outcome]:
        """Carry out reads at the leader of a partition, again while nobody leads it. Raises RegionUnreadable."""
        outcomes: list[Outcome] = []
        for start in range(0, len(commands), REQUESTS_AT_ONCE_MAX):
            outcomes += await self._read(placement, commands[start : start + REQUESTS_AT_ONCE_MAX])
        return outcomes

    async def await_index(self, table: str, index: str, partitions: frozenset[int]) -> None:
        """Wait until all these partitions have fed an index all that they had applied when asked. Raises RegionUnreadable."""
        deadline = time.monotonic() + self._patience_seconds
        missing = partitions
        while True:
            answers = await asyncio.gather(*(self._await_index(node, table, index) for node in self.region.nodes))
            # Whoever leads a partition now has fed it, this time or before: what was written since is not waited for.
            missing -= {partition for fed, _ in answers for partition in fed}
            if not missing:
                return
            reasons = "; ".join(sorted({why for _, why in answers if why})) or "nobody leads them"
            await self._pause(deadline, f"partitions {sorted(missing)} do not feed {index}: {reasons}")

    async def _read(self, placement: Placement, commands: Sequence[Command]) -> list[Outcome]:
        deadline = time.monotonic() + self._patience_seconds
        while True:
            node = self._leader(placement)
            outcomes = await self._execute(node, placement, commands)
            again = next((each for each in outcomes if _is_worth_another_try(each)), None)
            if again is None:
                return outcomes
            self._follow(placement, node, again)
            await self._pause(deadline, f"partition {placement.partition} is not read: {again}")

    def _leader(self, placement: Placement) -> str:
        return self._leaders.get(placement.partition) or placement.nodes()[0]

    def _follow(self, placement: Placement, asked: str, answer: Outcome) -> None:
        nodes = placement.nodes()
        hint = answer.leader if isinstance(answer, NotLeader) else ""
        following = nodes[(list(map(str, nodes)).index(asked) + 1) % len(nodes)]
        self._leaders[placement.partition] = hint if hint in nodes and hint != asked else following

    async def _execute(self, node: str, placement: Placement, commands: Sequence[Command]) -> list[Outcome]:
        batch = storage_pb2.RequestBatch()
        for number, command in enumerate(commands):
            request_to_proto(batch, Request(number, placement.partition, placement.epoch, REQUEST_TIMEOUT_MS, command))
        stub: Any = storage_pb2_grpc.StorageServiceStub(self._channels[node])
        try:
            answer = await stub.Execute(batch, timeout=_CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            return [Failed(ErrorCode.NOT_READY, f"{node}: {error.code().name}")]
        found = {each.id: each.outcome for each in map(response_from_proto, answer.responses)}
        return [found[number] for number in range(len(commands))]

    async def _catalog_of(self, node: NodeEntry) -> CatalogView | None:
        stub: Any = catalog_pb2_grpc.CatalogServiceStub(self._channels[node.id])
        call = stub.Watch(catalog_pb2.WatchRequest(known_version=0), timeout=_CALL_SECONDS)
        try:
            async for message in call:
                if message.delta:
                    view = CatalogView()
                    view.apply(decode_delta(message.delta))
                    return view
        except grpc.aio.AioRpcError:
            return None
        finally:
            call.cancel()
        return None

    async def _await_index(self, node: NodeEntry, table: str, index: str) -> tuple[frozenset[int], str]:
        stub: Any = admin_pb2_grpc.AdminServiceStub(self._channels[node.id])
        request = admin_pb2.AwaitIndexRequest(table_name=table, index_name=index, timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            answer = await stub.AwaitIndex(request, timeout=_CALL_SECONDS + 1)
        except grpc.aio.AioRpcError as error:
            return frozenset(), f"{node.id}: {error.code().name}"
        return frozenset(answer.partitions), f"{node.id}: {answer.failure}" if answer.failure else ""

    async def _pause(self, deadline: float, reason: str) -> None:
        if time.monotonic() > deadline:
            raise RegionUnreadable(f"{self.region.name}: {reason}")
        await asyncio.sleep(_PAUSE_SECONDS)


def _is_worth_another_try(outcome: Outcome) -> bool:
    return isinstance(outcome, NotLeader) or (isinstance(outcome, Failed) and outcome.code in NOT_APPLIED)
