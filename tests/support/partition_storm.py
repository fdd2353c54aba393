"""One seed of a region to which everything happens at once that it promises to survive, under clients whose history is judged.

Nodes crash, stall and are cut off; disks are wiped, replaced by older copies, run short, fill up and fail; logs are told to be lost;
rows are damaged; clocks are set hours wrong; messages come late. Then everything works again, and the region has to
come back by itself, to agree, and to hold all that it has acknowledged.

What is kept to is what is promised under (README): one node at a time is without its log or has damaged rows (`partition_wholeness`); a
copy is put back only if the others remember more (`partition_losses`); nobody asks between damage that no checksum shows and the
scrub that finds it (`partition_damage`); one clock is wrong at a time, or all were set back together (`partition_clocks`). Disks need
not have space on a majority: without, writes stop, and nothing else does.
"""

import asyncio
import random
from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from msgspec import structs

from tests.support.partition_clocks import ClockNemesis, check_stamps
from tests.support.partition_convergence import check_indexes, check_log_tells_state, converge, recover
from tests.support.partition_damage import Damager
from tests.support.partition_disks import disks_nemesis
from tests.support.partition_history import History
from tests.support.partition_indexes import BY_N, BY_T, indexed_table
from tests.support.partition_losses import Losses
from tests.support.partition_nemesis import nemesis
from tests.support.partition_simulation import SimulatedRegion, Weather
from tests.support.partition_wholeness import Wholeness, never_two_recover
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.tables import KeyAttribute

STORM_SECONDS = 2.5
CLIENTS = 4
TWO_DAMAGED = 0.25
"""In how many of the storms that damage rows two replicas of three are damaged in the end."""
TABLE = indexed_table(BY_N, structs.replace(BY_T, sort=(KeyAttribute("by", "S"),)), streams=True)


class Fault(Enum):
    """What a storm may consist of."""

    CRASHES = "crashes"
    """Crashes, stalls, cuts, and now and then a full disk."""
    LATE = "late"
    """Messages that come long after their time."""
    LOSSES = "losses"
    """Disks wiped, older copies put back, logs told to be lost."""
    DAMAGE = "damage"
    """Rows changed in place."""
    DISKS = "disks"
    """Disks that are short of space, full or failing."""
    CLOCKS = "clocks"
    """Wall clocks set wrong by hours."""


class Stormed(NamedTuple):
    """What happened in a storm, and what its clients were told."""

    counts: dict[str, int]
    trace: list[str]


def faults_of(seed: int) -> list[Fault]:
    """Return what the storm of a seed consists of: one or two kinds of faults now and then, which then come faster, or more."""
    rng = random.Random(f"faults of {seed}")
    count = rng.choice((1, 2, 3, 4, 5, 6, 6, 6))
    return rng.sample(list(Fault), count)


def stormed(seed: int, faults: Collection[Fault] | None = None) -> Stormed:
    """Run the storm of a seed to its end; `faults` instead of those that the seed chooses. Raises AssertionError."""
    found: list[Stormed] = []

    async def main(loop: VirtualLoop) -> None:
        storm = Storm(loop, seed, faults_of(seed) if faults is None else faults)
        await storm.run()
        found.append(Stormed(storm.region.counts, storm.history.trace))

    run_virtually(main)
    return found[0]


class Storm:
    """A region, its clients, and what goes wrong."""

    def __init__(self, loop: VirtualLoop, seed: int, faults: Collection[Fault]) -> None:
        self.region = SimulatedRegion(loop, seed, TABLE, lease_reads=seed % 2 == 0)
        self.region.has_clocks = True
        self.history = History(self.region, seed + 1)
        wholeness = Wholeness(self.region)
        self._faults = faults
        self._seed = seed
        self._losses = Losses(self.region, wholeness, self._rng("losses"))
        self._damager = Damager(self.region, wholeness, self._rng("damage"))
        self._clocks = ClockNemesis(self.region, self._rng("clocks"))

    def _rng(self, purpose: str) -> random.Random:
        return random.Random(f"{purpose} {self._seed}")

    async def run(self) -> None:
        """Let everything go wrong for a while, then nothing, and see what is left."""
        region = self.region
        if Fault.LATE in self._faults:
            region.weather = Weather(late=0.02)
        region.start()
        await self._rage(STORM_SECONDS)
        region.heal()
        await recover(region)
        if Fault.DAMAGE in self._faults:
            await self._damager.rebuilt()
            if self._rng("two").random() < TWO_DAMAGED:
                await converge(region)
                await self._damager.two()
        await self._check()
        await region.stop()

    async def _rage(self, until: float) -> None:
        region, faults = self.region, self._faults
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self.history.client(f"client-{number}", until))
            group.create_task(never_two_recover(region, until))
            if Fault.CRASHES in faults:
                group.create_task(nemesis(region, self._rng("crashes"), until))
            if Fault.LOSSES in faults:
                group.create_task(self._losses.run(until))
            if Fault.DAMAGE in faults:
                group.create_task(self._damager.run(self.history, until))
            if Fault.DISKS in faults:
                group.create_task(disks_nemesis(region, self._rng("disks"), until))
            if Fault.CLOCKS in faults:
                group.create_task(self._clocks.run(until))

    async def _check(self) -> None:
        region = self.region
        await self.history.settle()
        await converge(region)
        check_log_tells_state(region, TABLE)
        check_indexes(region, TABLE)
        check_stamps(region)
        assert not region.fatal, f"nodes failed: {region.fatal}"
