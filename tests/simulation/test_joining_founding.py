"""A region is founded once, whatever dies meanwhile: also when one node loses its disk again and again while that goes on."""

import asyncio
import random

import pytest

from tests.support.partition_convergence import converge, recover
from tests.support.partition_history import History
from tests.support.partition_simulation import RoomyEngine, SimulatedRegion
from tests.support.partition_storm import TABLE
from tests.support.virtual_loop import VirtualLoop, run_virtually

STORM_SECONDS = 1.5
CLIENTS = 3


async def deaths(region: SimulatedRegion, rng: random.Random) -> None:
    """Kill nodes at any moment; one of them, always the same, often loses its disk with it."""
    unlucky = rng.choice(list(region.nodes))
    while region.loop.time() < STORM_SECONDS:
        await asyncio.sleep(rng.uniform(0.0, 0.12))
        node = rng.choice([*region.nodes, unlucky])
        await region.crash(node)
        if node == unlucky and rng.random() < 0.6:
            region.nodes[node].engine = RoomyEngine()
        await asyncio.sleep(rng.uniform(0.0, 0.05))
        region.nodes[node].start()


# Two foundings would be two groups under one name, each of which acknowledges; none would be a region that never serves.
@pytest.mark.parametrize("seed", range(16))
def test_a_region_is_founded_once(seed: int) -> None:
    print(f"seed {seed}")

    async def main(loop: VirtualLoop) -> None:
        region = SimulatedRegion(loop, seed, TABLE)
        history = History(region, seed + 1)
        for node in region.nodes.values():
            node.start()
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(history.client(f"client-{number}", STORM_SECONDS + 0.5))
            group.create_task(deaths(region, random.Random(seed + 2)))
        region.heal()
        await history.settle()
        await recover(region)
        await converge(region)
        assert not region.fatal, f"nodes failed: {region.fatal}"
        await region.stop()

    run_virtually(main)
