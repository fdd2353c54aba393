"""Disks that lie: rows of a replica flipped, moved, lost, brought back from yesterday, and the scrub that has to find them.

A row whose bytes have changed is known by its checksum when it is read, so that may happen under any load. A row that is gone, or is
what it was once, may be missing from answers until a scrub has found it: from the damage until that is durable nobody asks anything.
"""

import asyncio
import random

from node.partition.effects import apply_effect, plain_effect
from node.partition.lost_logs import lost_reason
from node.partition.quarantine import quarantine_reason
from node.partition.scrubber import Scrubber, ScrubPass
from node.partition.tally import RowTally
from node.storage.digests import DIGESTED, Tokens
from node.storage.engine import Space
from node.storage.records import encode_record
from tests.support.partition_history import History
from tests.support.partition_items import key
from tests.support.partition_simulation import PARTITION, PLENTY_BYTES, SimulatedNode, SimulatedRegion
from tests.support.partition_wholeness import Wholeness, count_recovering
from tests.support.scrubbing import WHOLE, finding, flipped
from wire.catalog import NodeId, PartitionId
from wire.versions import Version

PASSES_MAX = 200
ISOLATED_SECONDS = 2.0
CHECKED = ("flip value",)
KINDS = (*CHECKED, "flip key", "lose", "yesterday")


class Damager:
    """Does to the disks of a region what disks do, and scrubs them."""

    def __init__(self, region: SimulatedRegion, wholeness: Wholeness, rng: random.Random) -> None:
        self.region = region
        self.rng = rng
        self.findings: dict[NodeId, list[str]] = {node: [] for node in region.nodes}
        self._wholeness = wholeness
        self._odd_at: dict[NodeId, dict[PartitionId, int]] = {}
        self._yesterday: dict[NodeId, dict[bytes, bytes]] = {}
        # What damage has just taken away comes back with no other: it would be none, but for a row of a table that does not exist.
        self._taken: set[bytes] = set()
        region.counts |= {"rows": 0, "unseen": 0, "two": 0}

    async def run(self, history: History, until: float) -> None:
        """Damage one node after another, each when all others are whole."""
        loop, rng = self.region.loop, self.rng
        while loop.time() < until:
            await asyncio.sleep(rng.uniform(0.05, 0.3))
            await self._look_for(self._wholeness.damaged, until)
            if rng.random() < 0.4:
                await self._damage_one(CHECKED, rng.uniform(0.0, 0.3), until)
            else:
                self._remember()
                await asyncio.sleep(rng.uniform(0.0, 0.2))
                async with history.silence():
                    await self._damage_one(KINDS, 0.0, until)

    async def _damage_one(self, kinds: tuple[str, ...], unscrubbed_seconds: float, until: float) -> None:
        """Damage a node that may be damaged now, if there is one, and scrub it until what was done is known."""
        if self.region.loop.time() < until and (victims := self._victims()):
            node = self.rng.choice(victims)
            self.damage(node, kinds)
            await asyncio.sleep(unscrubbed_seconds)
            await self._look_for({node}, until)

    def _victims(self) -> list[NodeId]:
        wholeness = self._wholeness
        if wholeness.one_at_a_time.locked():
            return []
        found = [node for node in self.region.nodes if wholeness.is_whole(node) and wholeness.spares(node)]
        # One that has promised another to stay is not rebuilt for half a minute: seldom, or a storm would be waiting most of the time.
        return found if self.rng.random() < 0.03 else [node for node in found if not self._has_promised(node)]

    def _has_promised(self, name: NodeId) -> bool:
        node = self.region.nodes[name]
        replica = node.driver.replica(PARTITION) if node.driver is not None else None
        return replica is not None and node.clock is not None and not replica.permits.may_ask(node.clock.monotonic())

    def _remember(self) -> None:
        """Take note of what is stored now, to come back later."""
        self._yesterday = {node: self.region.rows(node, Space.ITEMS) for node in self.region.nodes}

    def damage(self, node: NodeId, kinds: tuple[str, ...] = KINDS) -> None:
        """Damage a few rows of one node's replica."""
        self._wholeness.damaged.add(node)
        self._taken.clear()
        for _ in range(self.rng.randint(1, 3)):
            kind = self.rng.choice(kinds)
            space = Space.ITEMS if kind == "yesterday" else self.rng.choice(DIGESTED[:2])
            is_done = self._damage_row(node, kind, space)
            self.region.counts["rows"] += is_done
            self.region.counts["unseen"] += is_done and kind not in CHECKED

    def _damage_row(self, node: NodeId, kind: str, space: Space) -> bool:
        rows, rng = self.region.rows(node, space), self.rng
        before = self._yesterday.get(node, {})
        keys = sorted(rows if kind != "yesterday" else before.keys() - self._taken)
        keys = [key for key in keys if kind != "yesterday" or rows.get(key) != before[key]]
        if not keys:
            return False
        chosen = rng.choice(keys)
        with self.region.nodes[node].engine.transaction() as transaction:
            if kind == "yesterday":
                transaction.put(space, chosen, before[chosen])
                return True
            transaction.delete(space, chosen)
            self._taken.add(chosen)
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

    async def two(self) -> None:
        """Damage two replicas of three, while the third holds everything: nobody can make whole what is whole nowhere."""
        region = self.region
        self.region.counts["two"] += 1
        victims = self.rng.sample(sorted(region.nodes), 2)
        (third,) = region.nodes.keys() - set(victims)
        for node in victims:
            self.damage(node)
        await self.scrub()
        # While the third cannot be reached, nobody may clear what is there.
        region.isolate(third, one_way=False)
        await asyncio.sleep(ISOLATED_SECONDS)
        assert count_recovering(region) <= 1, "two replicas of three have cleared their logs at once"
        region.heal()
        await self.rebuilt()

    async def rebuilt(self) -> None:
        """Wait until no replica is damaged or recovering."""
        for _ in range(PASSES_MAX):
            assert count_recovering(self.region) <= 1, "two replicas of three have cleared their logs at once"
            wrong = [text for node in self.region.nodes if (text := self._what_is_wrong(node)) is not None]
            if not wrong:
                return
            await asyncio.sleep(0.5)
            await self.scrub()
        raise AssertionError(f"not rebuilt although everything works: {wrong}")

    def _what_is_wrong(self, name: NodeId) -> str | None:
        node = self.region.nodes[name]
        replica = node.driver.replica(PARTITION) if node.driver is not None else None
        if replica is None or replica.core.quarantined is not None or replica.scrub_life is None:
            return f"{name}: {None if replica is None else replica.status()}"
        found = finding(node.engine, PARTITION)
        return None if found is None else f"{name}: {found}"

    async def scrub(self) -> None:
        """Scrub every node, until each is known to be damaged or a pass has come to its end and found nothing."""
        waiting = set(self.region.nodes)
        for _ in range(PASSES_MAX):
            passes = await asyncio.gather(*(self._is_settled(node) for node in sorted(waiting)))
            waiting -= {node for node, is_settled in zip(sorted(waiting), passes, strict=True) if is_settled}
            if not waiting:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"scrubs find damage again and again on {sorted(waiting)}, and nobody withdraws")

    async def _look_for(self, damaged: set[NodeId], until: float) -> None:
        """Scrub nodes until their damage is known, or gone."""
        for node in sorted(damaged):
            while self.region.loop.time() < until and not await self._is_settled(node):  # noqa: ASYNC110  # passes are no events
                await asyncio.sleep(0.02)

    async def _is_settled(self, node: NodeId) -> bool:
        """Tell whether the disk knows that it is damaged, or a pass just now has found nothing."""
        if self._is_known(node):
            return True
        if await self._is_found_whole(self.region.nodes[node]):
            self._wholeness.damaged.discard(node)
            return True
        return self._is_known(node)

    def _is_known(self, name: NodeId) -> bool:
        node = self.region.nodes[name]
        # One whose log cannot be read is not opened, this time and any other.
        if node.driver is not None and PARTITION in node.driver._closed:
            return True
        with node.engine.snapshot() as view:
            return any(reason(view, PARTITION) is not None for reason in (quarantine_reason, lost_reason))

    async def _is_found_whole(self, node: SimulatedNode) -> bool:
        driver = node.driver
        replica = driver.replica(PARTITION) if driver is not None else None
        if replica is None or (life := replica.scrub_life) is None:
            return False
        found = await self._passed(node)
        self.findings[node.node] += [each.text for each in found.findings]
        return node.driver is driver and replica.scrub_life == life and not found.findings

    async def _passed(self, node: SimulatedNode) -> ScrubPass:
        driver, writer = node.driver, node.writer
        assert driver is not None
        assert writer is not None
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
            bytes_per_second=PLENTY_BYTES,
        )
        # The node's own loop goes on with what it has seen before.
        scrubber._comparing._odd_at = self._odd_at.setdefault(node.node, {})
        return await scrubber.scrub()
