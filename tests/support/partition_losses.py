"""Disks that are lost and copies that are put back, in a simulated region, as far as a region promises to survive that.

One node at a time is without its log: another one loses its own only when all others are whole. A copy is put back only
when all others remember a later life of its disk: of a copy that nobody can tell from the newest one, nothing is promised.
"""

import asyncio
import random
from dataclasses import dataclass

from node.storage.disk import Disk
from node.storage.engine import Space
from tests.support.partition_joining import identity_of
from tests.support.partition_simulation import PARTITION, RoomyEngine, SimulatedRegion
from tests.support.partition_wholeness import Wholeness
from wire.catalog import NodeId

COPIES_MAX = 4


@dataclass(frozen=True)
class Copy:
    """A node's directory as it was once."""

    engine: RoomyEngine
    disk: str
    life: int


class Losses:
    """Lose disks and put copies back until a time."""

    def __init__(self, region: SimulatedRegion, wholeness: Wholeness, rng: random.Random) -> None:
        self.region = region
        self.wholeness = wholeness
        self.rng = rng
        self.copies: dict[NodeId, list[Copy]] = {node: [] for node in region.nodes}
        region.counts |= {"wipes": 0, "second wipes": 0, "copies": 0, "losses": 0}

    async def run(self, until: float) -> None:
        """Do one thing after another, never waiting long."""
        region, rng = self.region, self.rng
        while region.loop.time() < until:
            await asyncio.sleep(rng.uniform(0.01, 0.15))
            node = rng.choice(list(region.nodes))
            self._copy(rng.choice(list(region.nodes)))
            async with self.wholeness.one_at_a_time:
                if self.wholeness.spares(node):
                    await self._take_from(node)

    async def _take_from(self, node: NodeId) -> None:
        choice = self.rng.random()
        if choice < 0.3:
            await self._wipe(node)
            self._perhaps_start(node)
        elif choice < 0.5:
            await self._put_back(node)
        elif choice < 0.65:
            await self._lose(node)
        elif (leader := self.region.leader) is not None:
            await self._try_to_forget(leader, node)

    async def _try_to_forget(self, leader: NodeId, victim: NodeId) -> None:
        """Have a leader and one follower acknowledge something alone, and see what that follower does without its log.

        The other follower comes back when the leader is gone: whoever votes for it now votes away what was acknowledged.
        """
        region, rng = self.region, self.rng
        bystander = next(node for node in region.nodes if node not in (leader, victim))
        if victim == leader or not self.wholeness.is_whole(victim):
            return
        copy = self._copied(victim)
        await self._restart(victim)
        await asyncio.sleep(rng.uniform(0.1, 0.4))
        region.isolate(bystander, one_way=False)
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        await region.nodes[victim].crash()
        if rng.random() < 0.5 or not self._others_know_more(victim, copy):
            await self._wipe(victim)
        else:
            await self._replace(victim, copy)
        for _ in range(rng.randrange(3)):
            await self._restart(victim)
            await asyncio.sleep(rng.uniform(0.0, 0.1))
        await region.nodes[victim].crash()
        await region.nodes[leader].crash()
        region.cut.clear()
        await self._restart(bystander)
        await self._restart(victim)
        await asyncio.sleep(rng.uniform(0.3, 0.6))
        await self._restart(leader)
        await asyncio.sleep(rng.uniform(0.0, 0.4))

    async def _restart(self, node: NodeId) -> None:
        await self.region.nodes[node].crash()
        self.region.nodes[node].start()

    async def _lose(self, node: NodeId) -> None:
        """Lose a running replica's log; often the node dies in the middle of that."""
        driver = self.region.nodes[node].driver
        if driver is None or driver.replica(PARTITION) is None:
            return
        self.region.counts["losses"] += 1
        driver.begin_loss([PARTITION], "simulated")
        self.wholeness.told(node, driver)
        if self.rng.random() < 0.6:
            await asyncio.sleep(self.rng.uniform(0.0, 0.012))
            await self._restart(node)

    def _copy(self, node: NodeId) -> None:
        if len(self.copies[node]) < COPIES_MAX:
            self.copies[node].append(self._copied(node))

    def _copied(self, node: NodeId) -> Copy:
        engine = copied(self.region.nodes[node].engine)
        disk = Disk(engine, identity_of(node))
        return Copy(engine, disk.disk, disk.life)

    async def _wipe(self, node: NodeId) -> None:
        self.region.counts["wipes"] += 1
        self.region.counts["second wipes"] += not self.wholeness.is_whole(node)
        await self.region.nodes[node].replace_disk(RoomyEngine())
        self.wholeness.wiped(node)

    async def _put_back(self, node: NodeId) -> None:
        tellable = [copy for copy in self.copies[node] if self._others_know_more(node, copy)]
        if not tellable:
            return
        copy = self.rng.choice(tellable)
        self.copies[node].remove(copy)
        await self._replace(node, copy)
        self._perhaps_start(node)

    async def _replace(self, node: NodeId, copy: Copy) -> None:
        self.region.counts["copies"] += 1
        await self.region.nodes[node].replace_disk(copy.engine)
        self.wholeness.made_stale(node)

    def _perhaps_start(self, node: NodeId) -> None:
        if self.rng.random() < 0.8:
            self.region.nodes[node].start()

    def _others_know_more(self, node: NodeId, copy: Copy) -> bool:
        return all(
            knows_more(self.region.nodes[other].engine, other, node, copy)
            for other in self.region.nodes
            if other != node
        )


def knows_more(engine: RoomyEngine, knowing: NodeId, node: NodeId, copy: Copy) -> bool:
    """Tell whether what a node remembers of another one is more than a copy of that one's disk knows."""
    fields = Disk(engine, identity_of(knowing)).peers.get(node)
    if fields is None:
        return False
    return copy.disk in fields["former"] or (fields["disk"] == copy.disk and fields["life"][0] > copy.life)


def copied(engine: RoomyEngine) -> RoomyEngine:
    """Return an engine that holds the same."""
    copy = RoomyEngine()
    with engine.snapshot() as view, copy.transaction() as transaction:
        for space in Space:
            for key, value in view.scan(space, b"", None):
                transaction.put(space, key, value)
    return copy
