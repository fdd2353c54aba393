"""Disks that lie: rows of a replica flipped, moved, lost, brought back from yesterday, and the scrub that has to find them."""

import asyncio
import random

from node.partition.effects import apply_effect, plain_effect
from node.partition.lost_logs import lost_reason
from node.partition.scrubber import Scrubber, ScrubPass
from node.partition.tally import RowTally
from node.storage.digests import DIGESTED, Tokens
from node.storage.engine import Space
from node.storage.records import encode_record
from tests.support.partition_items import key
from tests.support.partition_simulation import PARTITION, SimulatedNode, SimulatedRegion
from tests.support.scrubbing import WHOLE, flipped
from wire.catalog import NodeId, PartitionId
from wire.versions import Version

PLENTY = 1 << 40
PASSES_MAX = 200
KINDS = ("flip key", "flip value", "lose", "yesterday")


class Damager:
    """Does to the disks of a region what disks do, and knows which of them have not been scrubbed since."""

    def __init__(self, region: SimulatedRegion, seed: int) -> None:
        self.region = region
        self.rng = random.Random(seed)
        self.damaged: set[NodeId] = set()
        self.rows = 0
        self.findings: dict[NodeId, list[str]] = {node: [] for node in region.nodes}
        self._odd_at: dict[NodeId, dict[PartitionId, int]] = {}
        self._yesterday: dict[NodeId, dict[bytes, bytes]] = {}

    def remember(self) -> None:
        """Take note of what is stored now, to come back later."""
        self._yesterday = {node: self.region.rows(node, Space.ITEMS) for node in self.region.nodes}

    def damage(self, node: NodeId) -> None:
        """Damage a few rows of one node's replica."""
        for _ in range(self.rng.randint(1, 3)):
            kind = self.rng.choice(KINDS)
            space = Space.ITEMS if kind == "yesterday" else self.rng.choice(DIGESTED[:2])
            self.rows += self._damage_row(node, kind, space)
        self.damaged.add(node)

    def _damage_row(self, node: NodeId, kind: str, space: Space) -> bool:
        rows, rng = self.region.rows(node, space), self.rng
        before = self._yesterday.get(node, {})
        keys = sorted(rows if kind != "yesterday" else [key for key in before if rows.get(key) != before[key]])
        if not keys:
            return False
        chosen = rng.choice(keys)
        with self.region.nodes[node].engine.transaction() as transaction:
            if kind == "yesterday":
                transaction.put(space, chosen, before[chosen])
                return True
            transaction.delete(space, chosen)
            value = rows[chosen]
            if kind == "flip key":
                transaction.put(space, flipped(chosen, rng.randrange(8 * len(chosen))), value)
            elif kind == "flip value":
                transaction.put(space, chosen, flipped(value, rng.randrange(8 * len(value))))
        return True

    def diverge(self, node: NodeId) -> None:
        """Change a replica as if an entry had come to it alone: rows and digests agree."""
        record = encode_record(key("only here"), Version(1 << 60, 1), 9, b'{"p":{"S":"only here"},"s":{"S":"a"}}')
        tally = RowTally(Tokens.of(WHOLE))
        with self.region.nodes[node].engine.transaction() as transaction:
            apply_effect(plain_effect(1, record, removes=False), PARTITION, 0, transaction, tally)
            tally.write(PARTITION, transaction)

    async def scrub(self) -> None:
        """Scrub every node, until a pass of each has come to its end since it was last damaged."""
        waiting = set(self.region.nodes)
        for _ in range(PASSES_MAX):
            if not waiting:
                return
            for node in sorted(waiting):
                if await self._scrubbed(self.region.nodes[node]):
                    waiting.discard(node)
                    self.damaged.discard(node)
            await asyncio.sleep(0.02)
        raise AssertionError(f"scrubs find damage again and again on {sorted(waiting)}, and nobody withdraws")

    async def _scrubbed(self, node: SimulatedNode) -> bool:
        driver, writer = node.driver, node.writer
        if driver is None or writer is None:
            return False
        scrubber = Scrubber(
            replicas=driver.replicas,
            here=driver.hosted,
            engine=node.engine,
            writer=writer,
            catalog=self.region.catalog_of(node.node),
            monotonic=self.region.loop.time,
            damaged_storage=lambda error: driver.replicas()[PARTITION].quarantine(str(error)),
            permits=node,
            node=node.node,
            period_seconds=1.0,
            bytes_per_second=PLENTY,
        )
        # The node's own loop goes on with what it has seen before.
        scrubber._comparing._odd_at = self._odd_at.setdefault(node.node, {})
        found: ScrubPass = await scrubber.scrub()
        self.findings[node.node] += [each.text for each in found.findings]
        replica = driver.replica(PARTITION)
        is_out = replica is None or replica.core.is_withdrawn or replica.scrub_life is None
        return node.driver is driver and (is_out or not found.findings)


def count_recovering(region: SimulatedRegion) -> int:
    """Return how many replicas have lost their logs, as their disks say."""
    count = 0
    for node in region.nodes.values():
        with node.engine.snapshot() as view:
            count += lost_reason(view, PARTITION) is not None
    return count


async def never_two_recover(region: SimulatedRegion, until: float) -> None:
    """Watch that a majority keeps its log, whatever is damaged."""
    while region.loop.time() < until:
        assert count_recovering(region) <= 1, "two replicas of three have cleared their logs at once"
        await asyncio.sleep(0.002)
