"""How the nodes of a simulated region reach one another when they start."""

import asyncio
from typing import TYPE_CHECKING

from node.joining.introductions import Answer, Founding, Introduction
from node.joining.joiner import Joiner, JoinerParts
from node.joining.replicas import ReplicasHere
from node.partition.node_driver import NodeDriver
from node.storage.batch import WriteBatch
from node.storage.directory import Identity
from node.storage.disk import Disk
from node.storage.errors import StorageFull
from wire.catalog import NodeId

if TYPE_CHECKING:
    from tests.support.partition_simulation import SimulatedNode

ANSWERED_WITHIN_SECONDS = 0.2
RETRY_SECONDS = 0.05


def identity_of(node: NodeId) -> Identity:
    return Identity(cluster="simulated", region="simulated", node=node)


class SimulatedWays:
    """Satisfy `node.joining.joiner.Region`: calls that take their time and may get no answer."""

    def __init__(self, node: "SimulatedNode") -> None:
        self._node = node

    async def introduce(self, node: NodeId, introduction: Introduction) -> Answer | None:
        receiver = await self._reached(node)
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
                return None if receiver is None else await receiver.answer(introduction)
        except TimeoutError:
            return None

    async def propose(self, node: NodeId, founding: Founding) -> bool:
        receiver = await self._reached(node)
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
                return False if receiver is None else await receiver.adopt_proposed(founding)
        except TimeoutError:
            return False

    async def _reached(self, node: NodeId) -> Joiner | None:
        region = self._node.region
        await asyncio.sleep(region.rng.uniform(0.0005, region.weather.delay_seconds_max))
        ways = {(self._node.node, node), (node, self._node.node)}
        return None if ways & region.cut else region.nodes[node].joiner


def joiner_of(node: "SimulatedNode", driver: NodeDriver, disk: Disk) -> Joiner:
    """Return the way into the region of a node whose disk and driver are these."""

    async def write(batch: WriteBatch) -> None:
        assert node.writer is not None
        writer = node.writer
        while True:
            try:
                await writer.submit(batch)
            except StorageFull:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    here = ReplicasHere(
        node=node.node,
        engine=node.engine,
        driver=driver,
        placements=node.region.catalog_of(node.node).view.placements,
        found_catalog=lambda _: None,
    )
    parts = JoinerParts(
        node=node.node,
        nodes=list(node.region.nodes),
        disk=disk,
        region=SimulatedWays(node),
        replicas=here,
        write=write,
    )
    return Joiner(parts)
