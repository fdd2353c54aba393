"""A replica that differs from the others is found and rebuilt; disks that lie under load are in the storms (`test_partition_storm`)."""

import asyncio
import random

from tests.support.partition_convergence import converge
from tests.support.partition_damage import Damager
from tests.support.partition_history import History
from tests.support.partition_simulation import CALM, PARTITION, SimulatedRegion
from tests.support.partition_storm import CLIENTS, TABLE
from tests.support.partition_wholeness import Wholeness
from tests.support.scrubbing import finding
from tests.support.virtual_loop import VirtualLoop, run_virtually


# A replica that is whole by all that it knows of itself, and is not what the others are: only they can tell.
def test_a_replica_that_differs_from_the_others_is_rebuilt() -> None:
    async def main(loop: VirtualLoop) -> None:
        region = SimulatedRegion(loop, 1, TABLE)
        region.weather = CALM
        history, damager = History(region, 2), Damager(region, Wholeness(region), random.Random(3))
        region.start()
        await asyncio.gather(*(history.client(f"client-{number}", 0.5) for number in range(CLIENTS)))
        await converge(region)
        node = next(name for name in region.nodes if name != region.leader)
        damager.diverge(node)
        assert finding(region.nodes[node].engine, PARTITION) is None
        for _ in range(3):
            await damager.scrub()
            await asyncio.sleep(2)
        assert damager.findings[node]
        assert not any(found for name, found in damager.findings.items() if name != node)
        await damager.rebuilt()
        await history.settle()
        await converge(region)
        await region.stop()

    run_virtually(main)
