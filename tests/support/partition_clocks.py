"""What goes wrong with the clocks of a simulated region, and what must be true of what was stamped meanwhile."""

import asyncio
import random

from node.partition.clock_watch import read_mark
from node.storage.engine import Space
from node.storage.layout import change_sequence_of
from node.streams.records import decode_row
from tests.support.partition_simulation import SimulatedNode, SimulatedRegion

HOUR_MS = 3_600_000
SKEW_MS = 60_000
TOLERANCE_MS = 5_000
"""How far simulated clocks are off when they are right, and how inexact they are known."""
BEGAN_MS = 1_700_000_000_000


class ClockNemesis:
    """Set clocks wrong: of one node at a time, or all of them back together, with restarts. Counts what it did.

    All are set back only while the disks of a majority remember the time: nobody can know what most of a region never knew, or lost.
    """

    def __init__(self, region: SimulatedRegion, rng: random.Random) -> None:
        self._region = region
        self._rng = rng
        self.counts = region.counts
        self.counts |= {"ahead": 0, "back": 0, "all back": 0, "off": 0}

    async def run(self, until: float) -> None:
        """Break one clock after another, never waiting long."""
        region, rng = self._region, self._rng
        while region.loop.time() < until:
            await asyncio.sleep(rng.uniform(0.05, 0.4))
            self._judge()
            wrong = [node for node in region.nodes.values() if node.shift_ms]
            if wrong:
                for node in wrong:
                    node.set_clock(0)
            elif rng.random() < 0.2 and sum(map(remembers_time, region.nodes.values())) >= 2:
                await self._set_all_back(rng.randrange(2 * SKEW_MS, 2 * HOUR_MS))
            else:
                self._set_one(region.nodes[region.leader or rng.choice(list(region.nodes))])

    def _set_one(self, node: SimulatedNode) -> None:
        is_ahead = self._rng.random() < 0.5
        self.counts["ahead" if is_ahead else "back"] += 1
        node.set_clock((1 if is_ahead else -1) * self._rng.randrange(2 * SKEW_MS, 2 * HOUR_MS))

    async def _set_all_back(self, shift_ms: int) -> None:
        self.counts["all back"] += 1
        nodes = list(self._region.nodes.values())
        restarts = self._rng.random() < 0.5
        for node in nodes:
            if restarts:
                await node.crash()
            node.set_clock(-shift_ms)
        for node in nodes:
            if node.driver is None:
                node.start()

    def _judge(self) -> None:
        """Who may stamp must tell about the right time."""
        true_ms = BEGAN_MS + self._region.loop.time() * 1_000
        for node in self._region.nodes.values():
            driver = node.driver
            if driver is not None and driver.is_started:
                self.counts["off"] += driver.clock.standing.is_off
                off_ms = driver.clock.wall_ms() - true_ms
                assert not driver.clock.may_stamp or abs(off_ms) <= SKEW_MS + TOLERANCE_MS, (
                    f"{node.node}: {off_ms} ms off"
                )


def remembers_time(node: SimulatedNode) -> bool:
    """Tell whether a disk says how late it was once."""
    with node.engine.snapshot() as view:
        return read_mark(view).limit_ms > 0


def check_stamps(region: SimulatedRegion) -> None:
    """Creation times never go back, and neither they nor versions are hours off true time."""
    node = next(iter(region.nodes))
    rows = sorted(region.rows(node, Space.CHANGES).items(), key=lambda row: change_sequence_of(row[0]))
    records = [decode_row(1, key, row) for key, row in rows]
    times = [record.time_ms for record in records]
    assert times == sorted(times), "creation times go back"
    ended_ms = BEGAN_MS + region.loop.time() * 1_000
    stamps = [*times, *(record.version.wall_ms for record in records)] or [BEGAN_MS]
    assert min(stamps) >= BEGAN_MS - SKEW_MS - TOLERANCE_MS, (
        f"a stamp is {BEGAN_MS - min(stamps)} ms before the beginning"
    )
    assert max(stamps) <= ended_ms + SKEW_MS + TOLERANCE_MS, f"a stamp is {max(stamps) - ended_ms} ms after the end"
