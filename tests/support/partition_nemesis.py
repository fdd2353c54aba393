"""What goes wrong in a simulated region: crashes, stalls, cuts and full disks, one after another."""

import asyncio
import random

from tests.support.partition_simulation import SimulatedRegion


async def nemesis(region: SimulatedRegion, rng: random.Random, until: float) -> None:
    """Break one thing after another, never waiting long."""
    while region.loop.time() < until:
        await asyncio.sleep(rng.uniform(0.02, 0.3))
        node = rng.choice(list(region.nodes))
        choice = rng.random()
        writer = region.nodes[node].writer
        assert writer is not None
        if region.nodes[node].driver is None:
            region.nodes[node].start()
        elif choice < 0.25:
            await region.crash(node)
        elif choice < 0.4:
            region.counts["stalls"] += 1
            # A leader that stalls may not know that another one leads.
            region.nodes[region.leader or node].stall(rng.uniform(0.05, 0.5))
        elif choice < 0.65:
            region.isolate(node, one_way=rng.random() < 0.5)
        elif choice < 0.85:
            region.cut.clear()
        elif writer.is_full:
            writer.is_full = False
        else:
            writer.is_full = True
            region.counts["full"] += 1
