"""Whole regions on a seed while clocks are set hours wrong: the usual promises, and stamps that are never wrong.

CLOCK_SEEDS says how many seeds are tried (500 for a long run).
"""

import asyncio
import os
import random

import pytest

from tests.simulation.test_partition_simulation import TABLE
from tests.support.partition_clocks import ClockNemesis, check_stamps
from tests.support.partition_convergence import check_log_tells_state, converge, recover
from tests.support.partition_history import History
from tests.support.partition_nemesis import nemesis
from tests.support.partition_simulation import SimulatedRegion
from tests.support.virtual_loop import VirtualLoop, run_virtually

SEEDS = int(os.environ.get("CLOCK_SEEDS", "15"))
STORM_SECONDS = 3.0
CLIENTS = 4


def stormed(seed: int) -> dict[str, int]:
    """Run one seed to its end; return what happened."""
    found: list[dict[str, int]] = []

    async def main(loop: VirtualLoop) -> None:
        region = SimulatedRegion(loop, seed, TABLE)
        region.has_clocks = True
        history = History(region, seed + 1)
        clocks = ClockNemesis(region, random.Random(seed + 5))
        region.start()
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(history.client(f"client-{number}", STORM_SECONDS))
            group.create_task(clocks.run(STORM_SECONDS))
            # Every other seed has nothing else go wrong.
            if seed % 2:
                group.create_task(nemesis(region, random.Random(seed + 2), STORM_SECONDS))
        for node in region.nodes.values():
            node.set_clock(0)
        region.heal()
        await recover(region)
        await history.settle()
        await converge(region)
        check_log_tells_state(region, TABLE)
        check_stamps(region)
        assert not region.fatal, f"nodes failed: {region.fatal}"
        await region.stop()
        found.append({**region.counts, **clocks.counts})

    run_virtually(main)
    return found[0]


# A clock that is hours wrong costs no promise and no wrong stamp, whoever leads, crashes and comes back meanwhile.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_clocks_cost_no_promise(seed: int) -> None:
    print(f"seed {seed}")
    stormed(seed)


# Storms in which nothing is written, or no clock is known to be off, would prove nothing.
def test_clock_storms_of_regions_are_storms() -> None:
    totals: dict[str, int] = {}
    for seed in range(4):
        for name, count in stormed(seed).items():
            totals[name] = totals.get(name, 0) + count
    print(totals)
    assert min(totals[name] for name in ("acknowledged", "ahead", "back", "all_back", "off")) > 0
