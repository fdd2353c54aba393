"""Disks that run short, fill up and fail: what a majority can store is stored, by a leader with space, and nothing is lost."""

import asyncio
import os
import random

import pytest

from tests.support.partition_disks import Trouble, leaders, routed, trouble
from tests.support.partition_indexes import BY_N, BY_T, indexed_table
from tests.support.partition_items import put
from tests.support.partition_simulation import PARTITION, SimulatedRegion
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.commands import Written

SEEDS = int(os.environ.get("GLOBETABLE_DISK_SEEDS", "24"))
TABLE = indexed_table(BY_N, BY_T)
# Elections take a tenth of a second or two here; whoever cannot campaign first needs a few.
HAND_OVER_SECONDS = 1.5
WRITES = 15
PATIENCE_SECONDS = 0.6


# Clients notice one bad disk for as long as handing over takes, whatever is the matter with it; then every write is taken, and
# the node leads nothing until it is mended.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_majority_with_space_takes_every_write(seed: int) -> None:
    print(f"seed {seed}")

    async def main(loop: VirtualLoop) -> None:
        region, rng = SimulatedRegion(loop, seed, TABLE), random.Random(seed)
        region.start()
        assert isinstance(await routed(region, put("first"), 5.0), Written)
        for kind in rng.sample(list(Trouble), len(Trouble)):
            # More often than not it is the leader, or nothing would have to be handed over.
            name = rng.choice([*leaders(region), *leaders(region), *region.nodes])
            await trouble(region, name, kind)
            # One that is full learns it by writing; what becomes of that write may stay unknown.
            await routed(region, put(f"learnt {kind.value}"), PATIENCE_SECONDS)
            await asyncio.sleep(HAND_OVER_SECONDS)
            for number in range(WRITES):
                outcome = await routed(region, put(f"{kind.value}{number}"), PATIENCE_SECONDS)
                assert isinstance(outcome, Written), f"{kind} of {name}: {outcome}"
            assert name not in leaders(region), f"{name} leads in spite of its disk: {kind}"
            region.nodes[name].mend()
            await asyncio.sleep(HAND_OVER_SECONDS)
            replica = region.nodes[name].driver.replica(PARTITION)  # type: ignore[union-attr]
            assert replica is not None
            assert not replica.core.stands_back
        assert not region.fatal, f"nodes failed: {region.fatal}"
        await region.stop()

    run_virtually(main)
