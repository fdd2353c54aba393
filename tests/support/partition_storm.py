"""One seed of a region that loses disks and gets older copies back, among crashes, stalls, cuts, full disks and late messages."""

import asyncio
import random

from msgspec import structs

from tests.support.partition_convergence import check_indexes, check_log_tells_state, converge, recover
from tests.support.partition_history import History
from tests.support.partition_indexes import BY_N, BY_T, indexed_table
from tests.support.partition_losses import Losses
from tests.support.partition_nemesis import nemesis
from tests.support.partition_simulation import SimulatedRegion, Weather
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.tables import KeyAttribute

STORM_SECONDS = 4.0
CLIENTS = 4
TABLE = indexed_table(BY_N, structs.replace(BY_T, sort=(KeyAttribute("by", "S"),)), streams=True)


def stormed(seed: int) -> dict[str, int]:
    """Run one seed to its end and return what happened. Raises AssertionError."""
    found: list[dict[str, int]] = []

    async def main(loop: VirtualLoop) -> None:
        region = SimulatedRegion(loop, seed, TABLE, lease_reads=seed % 2 == 0)
        region.weather = Weather(late=0.02)
        history = History(region, seed + 1)
        losses = Losses(region, random.Random(seed + 3))
        region.start()
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(history.client(f"client-{number}", STORM_SECONDS))
            group.create_task(losses.run(STORM_SECONDS))
            # Every other seed has nothing else go wrong, so that losses follow one another faster.
            if seed % 4 < 2:
                group.create_task(nemesis(region, random.Random(seed + 2), STORM_SECONDS))
        region.heal()
        await recover(region)
        await history.settle()
        await converge(region)
        check_log_tells_state(region, TABLE)
        check_indexes(region, TABLE)
        assert not region.fatal, f"nodes failed: {region.fatal}"
        await region.stop()
        found.append(region.counts)

    run_virtually(main)
    return found[0]
