"""What a node says when it is asked whether it is ready: that it serves, and that stopping another node would do no harm."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from node.catalog.feed import CatalogFeed
from node.partition.access import ReplicaStatus
from node.partition.catching_up import CatchingUp
from node.rpc.options import CHANNEL_OPTIONS
from wire.catalog import NodeId, PartitionId
from wire.metrics_server import READY
from wire.v1 import admin_pb2, admin_pb2_grpc

ASKED_EVERY_SECONDS: Final = 5.0
ASKED_AGAIN_SECONDS: Final = 0.5  # while something is behind
ANSWERED_WITHIN_SECONDS: Final = 2.0
PARTITIONS_NAMED_MAX: Final = 8


class Readiness:
    """Ask the region's other nodes what they have committed as leaders, until cancelled; tell the node's state at any time."""

    def __init__(
        self,
        node: NodeId,
        replicas: Callable[[], Sequence[ReplicaStatus]],
        feed: CatalogFeed,
        address_of: Callable[[NodeId], str | None],
    ) -> None:
        self._node = node
        self._replicas = replicas
        self._feed = feed
        self._address_of = address_of
        self._catching_up = CatchingUp()

    def state(self) -> str:
        """Return `ready`, or which partitions are behind."""
        behind = self._catching_up.behind(self._replicas())
        if not behind:
            return READY
        more = f" and {len(behind) - PARTITIONS_NAMED_MAX} more" if len(behind) > PARTITIONS_NAMED_MAX else ""
        return f"catching up: partitions {', '.join(map(str, behind[:PARTITIONS_NAMED_MAX]))}{more}"

    async def run(self) -> None:
        """Ask again and again, more often while something is behind."""
        channels: dict[str, grpc.aio.Channel] = {}
        try:
            while True:
                await self._ask(channels)
                await asyncio.sleep(ASKED_EVERY_SECONDS if self.state() == READY else ASKED_AGAIN_SECONDS)
        finally:
            for channel in channels.values():
                await channel.close()

    async def _ask(self, channels: dict[str, grpc.aio.Channel]) -> None:
        addresses = {address for node in self._others() if (address := self._address_of(node)) is not None}
        for address in addresses - set(channels):
            channels[address] = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        answers = await asyncio.gather(*(_committed(channels[address]) for address in sorted(addresses)))
        committed = {each.partition: each.commit for each in self._replicas() if each.is_ready}
        for answer in answers:
            committed |= answer
        self._catching_up.told(committed)

    def _others(self) -> set[NodeId]:
        """Return who has replicas of what this node has."""
        here = [each for each in self._feed.view.placements.values() if self._node in each.nodes()]
        return {node for placement in here for node in placement.nodes()} - {self._node}


async def _committed(channel: grpc.aio.Channel) -> dict[PartitionId, int]:
    """Return how far a node has committed what it leads; nothing if it does not answer."""
    stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
    try:
        answer = await stub.Status(admin_pb2.StatusRequest(), timeout=ANSWERED_WITHIN_SECONDS)
    except grpc.aio.AioRpcError:
        return {}
    return {PartitionId(each.partition): each.commit for each in answer.partitions if each.ready}
