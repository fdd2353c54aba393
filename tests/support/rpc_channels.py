"""Nodes for tests of routing: each answers what its script says, and its catalog is the test's."""

import asyncio
from collections.abc import AsyncIterator, Callable

from node.catalog.placement import founding_delta
from tests.support.rpc_catalog import region_entry
from wire.catalog import Delta, NodeId, PartitionId
from wire.cluster import RegionEntry, Settings
from wire.commands import Command, Failed, Outcome
from wire.errors import ErrorCode

Answer = Callable[[PartitionId, Command], Outcome]


class FakeChannel:
    """Satisfy NodeChannel: answers at once with `answer`, and shows the deltas it is given."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.answer: Answer = lambda partition, command: Failed(ErrorCode.NOT_READY, "no answer is set")
        self.asked: list[tuple[PartitionId, Command]] = []
        self.forwarded: list[str] = []
        self.is_sound = True
        self.deltas: asyncio.Queue[Delta] = asyncio.Queue()

    def send(
        self,
        partition: PartitionId,
        epoch: int,
        command: Command,
        *,
        catalog_version: int,
        deadline: float,
        forward_to: str = "",
    ) -> asyncio.Future[Outcome]:
        self.asked.append((partition, command))
        self.forwarded += [forward_to] if forward_to else []
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(self.answer(partition, command))
        return future

    async def watch(self, known_version: int) -> AsyncIterator[Delta]:
        while True:
            yield await self.deltas.get()

    async def run(self) -> None:
        await asyncio.Event().wait()


class FakeRegion:
    """Three nodes in three zones, all with the founding catalog."""

    def __init__(self, partitions: int = 3) -> None:
        self.entry: RegionEntry = region_entry()
        self.founding = founding_delta(self.entry, Settings(partitions=partitions))
        self.channels = {NodeId(node.id): FakeChannel(node.id) for node in self.entry.nodes}
        self.publish(self.founding)

    def publish(self, delta: Delta) -> None:
        for channel in self.channels.values():
            channel.deltas.put_nowait(delta)

    def answer_all(self, answer: Answer) -> None:
        for channel in self.channels.values():
            channel.answer = answer

    def asked(self) -> list[str]:
        return [channel.node for channel in self.channels.values() for _ in channel.asked]
