"""Regions on a seed whose items expire: what has to go goes, what has to stay stays, through crashes, cuts and late catalogs."""

import asyncio
import random
from contextlib import suppress

import pytest

from node.storage.engine import Space
from node.storage.expiry import Expiry, ExpiryIndex, ExpiryRow, all_rows
from node.storage.items import scan_tokens
from tests.support.expiry_simulation import Clients, ExpiringRegion
from tests.support.partition_items import table
from tests.support.partition_nemesis import nemesis
from tests.support.partition_simulation import PARTITION
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.errors import StoreError
from wire.keys import RING_TOKENS, TokenRange
from wire.tables import TimeToLiveStatus

STORM_SECONDS = 4.0
CLIENTS = 8


async def switch(region: ExpiringRegion, rng: random.Random, until: float) -> None:
    """Switch time to live on and off, on one attribute and another, and leave it on."""
    while region.loop.time() < until:
        await asyncio.sleep(rng.uniform(0.1, 0.8))
        attribute, is_enabled = rng.choice("xxy"), rng.random() < 0.6
        with suppress(StoreError):
            await region.change(region.set_time_to_live(attribute, is_enabled=is_enabled))
    region.catalog_loss = 0.0
    for attribute in "xy":
        with suppress(StoreError):
            await region.change(region.set_time_to_live(attribute, is_enabled=False))
    await region.change(region.set_time_to_live("x", is_enabled=True))


async def enabled(region: ExpiringRegion) -> None:
    """Wait until every item is in the expiry index."""
    for _ in range(2_000):
        time_to_live = region.table.time_to_live
        if time_to_live is not None and time_to_live.status is TimeToLiveStatus.ENABLED:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the expiry index is never filled: {region.table.time_to_live}")


async def converge(region: ExpiringRegion) -> None:
    """Wait until all replicas hold the same rows, those of the expiry index included."""
    spaces = (Space.ITEMS, Space.CHANGES, Space.STATE, Space.EXPIRY)
    for _ in range(1_000):
        states = [[region.rows(node, space) for space in spaces] for node in region.nodes]
        if all(state == states[0] for state in states):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the replicas do not come to agree")


def check_rows(region: ExpiringRegion) -> None:
    """The index of the present generation must say what the items say."""
    time_to_live = region.table.time_to_live
    assert time_to_live is not None
    with next(iter(region.nodes.values())).engine.snapshot() as view:
        rows = list(all_rows(view, ExpiryIndex(PARTITION, 1, time_to_live.generation)))
        expected = []
        for record in scan_tokens(view, 1, 0, TokenRange(0, RING_TOKENS)):
            _, _, text = record.body.partition(b'"x":{"N":"')
            if text:
                second = int(text[: text.index(b'"')])
                expected.append(ExpiryRow(Expiry(record.version.region, second), record.key))
    assert sorted(rows) == sorted(expected)


def simulated(seed: int) -> tuple[list[str], dict[str, int]]:
    """Run one seed to its end; return the trace and what happened."""
    found: list[tuple[list[str], dict[str, int]]] = []

    async def main(loop: VirtualLoop) -> None:
        region = ExpiringRegion(loop, seed, table(streams=True))
        clients = Clients(region, seed + 1, CLIENTS)
        region.start()
        expiring = loop.create_task(region.expire())
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(clients.run(number, STORM_SECONDS))
            group.create_task(nemesis(region, random.Random(seed + 2), STORM_SECONDS))
            group.create_task(switch(region, random.Random(seed + 4), STORM_SECONDS * 0.6))
        region.heal()
        await enabled(region)
        await clients.settle()
        expiring.cancel()
        await converge(region)
        check_rows(region)
        assert not region.fatal, f"nodes failed: {region.fatal}"
        await region.stop()
        found.append((clients.trace, {**region.counts, "acknowledged": clients.acknowledged}))

    run_virtually(main)
    return found[0]


# Nothing that was given more time is lost, nothing goes earlier than the worst clock allows, everything that has expired goes in the
# end, and rows and items agree on every replica.
@pytest.mark.parametrize("seed", range(40))
def test_what_expires_goes_in_a_storm(seed: int) -> None:
    print(f"seed {seed}")
    simulated(seed)


# A failing seed is only worth something if it fails again.
def test_an_expiring_seed_gives_the_same_trace_again() -> None:
    assert simulated(3) == simulated(3)


# Storms in which nothing is written or nothing goes wrong would prove nothing.
def test_expiring_storms_are_storms() -> None:
    totals: dict[str, int] = {}
    for seed in range(5):
        for name, count in simulated(seed)[1].items():
            totals[name] = totals.get(name, 0) + count
    print(totals)
    assert totals["acknowledged"] > 300
    assert min(totals["snapshots"], totals["crashes"]) > 0
