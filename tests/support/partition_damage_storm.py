"""One seed of a region whose disks lie, beside crashes, stalls, cuts and full disks: found, mended, and nothing acknowledged lost."""

import asyncio
import random

from msgspec import structs

from tests.support.partition_convergence import check_indexes, check_log_tells_state, converge, recover
from tests.support.partition_damage import Damager, count_recovering, never_two_recover
from tests.support.partition_history import History
from tests.support.partition_indexes import BY_N, BY_T, indexed_table
from tests.support.partition_nemesis import nemesis
from tests.support.partition_simulation import PARTITION, SimulatedRegion
from tests.support.scrubbing import finding
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.catalog import NodeId
from wire.tables import KeyAttribute

ROUNDS = 3
STORM_SECONDS = 0.7
CLIENTS = 4
ISOLATED_SECONDS = 3.0
TABLE = indexed_table(BY_N, structs.replace(BY_T, sort=(KeyAttribute("by", "S"),)), streams=True)


async def storm(region: SimulatedRegion, history: History, seed: int) -> None:
    """Let clients ask and everything go wrong for a while."""
    until = region.loop.time() + STORM_SECONDS
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(history.client(f"client-{number}", until))
        group.create_task(nemesis(region, random.Random(seed), until))
        group.create_task(never_two_recover(region, until))


def damaged(seed: int) -> dict[str, int]:
    """Run one seed to its end; return what happened."""
    counts: dict[str, int] = {}

    async def main(loop: VirtualLoop) -> None:
        region = SimulatedRegion(loop, seed, TABLE, lease_reads=seed % 2 == 0)
        history, damager = History(region, seed + 1), Damager(region, seed + 3)
        region.start()
        for number in range(ROUNDS):
            await storm(region, history, seed + 10 * number)
            region.heal()
            damager.remember()
            await storm(region, history, seed + 10 * number + 5)
            # One disk, or two of the three. What they do before a scrub has found it is what the README says of it.
            victims = damager.rng.sample(sorted(region.nodes), damager.rng.choice((1, 1, 2)))
            region.heal()
            if len(victims) == 2 or any(what_is_wrong(region, node) for node in region.nodes):
                # The third has to hold everything: nobody can make whole what is whole nowhere.
                await rebuilt(region, damager)
                await converge(region)
            for node in victims:
                damager.damage(node)
            await damager.scrub()
            if len(victims) == 2:
                # While the third cannot be reached, nobody may clear what is there.
                (third,) = region.nodes.keys() - victims
                region.isolate(third, one_way=False)
                await asyncio.sleep(ISOLATED_SECONDS)
                assert count_recovering(region) <= 1, "two replicas of three have cleared their logs at once"
                region.heal()
            # Rebuilding goes on under the next storm.
        await storm(region, history, seed + 100)
        region.heal()
        await recover(region)
        await history.settle()
        await rebuilt(region, damager)
        await converge(region)
        check_log_tells_state(region, TABLE)
        check_indexes(region, TABLE)
        assert not region.fatal, f"nodes failed: {region.fatal}"
        await region.stop()
        counts.update(region.counts, rows=damager.rows)

    run_virtually(main)
    return counts


async def rebuilt(region: SimulatedRegion, damager: Damager) -> None:
    """Wait until no replica is damaged or recovering."""
    for _ in range(100):
        assert count_recovering(region) <= 1, "two replicas of three have cleared their logs at once"
        wrong = [text for node in region.nodes if (text := what_is_wrong(region, node)) is not None]
        if not wrong:
            return
        await asyncio.sleep(3)
        await damager.scrub()
    raise AssertionError(f"not rebuilt although everything works: {wrong}")


def what_is_wrong(region: SimulatedRegion, name: NodeId) -> str | None:
    """Return what is wrong with a replica, or None."""
    node = region.nodes[name]
    replica = node.driver.replica(PARTITION) if node.driver is not None else None
    if replica is None or replica.core.quarantined is not None or replica.scrub_life is None:
        return f"{name}: {None if replica is None else replica.status()}"
    found = finding(node.engine, PARTITION)
    return None if found is None else f"{name}: {found}"
