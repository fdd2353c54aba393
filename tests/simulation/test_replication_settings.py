"""Shared settings of global tables on one seed: changed in all regions at once, told, lost, told twice, and the same in the end."""

from random import Random

import pytest

from tests.support.replication_catalogs import NOW_MS, ModelCatalogs
from wire.catalog_changes import AddReplica, CatalogChange, IndexSettings, SetTimeToLive, UpdateTable
from wire.tables import Encryption, IndexSpec, KeyAttribute, OnDemandMaxima, Throughput

SEEDS = range(150)
STEPS = 60
NAMES = ("one", "two")


def add(region: str) -> AddReplica:
    return AddReplica(name="orders", region=region, now_ms=NOW_MS, global_table_id="global-1")


def change(random: Random) -> CatalogChange:
    """Return what a client might ask for; clocks of regions differ by some seconds."""
    now_ms = NOW_MS + random.randrange(5_000)
    name = random.choice(NAMES)
    maxima = OnDemandMaxima(0, random.randrange(1, 9))
    partition = (KeyAttribute(random.choice(("by", "of")), "S"),)
    made = IndexSpec(number=0, name=name, is_local=False, partition=partition, on_demand=maxima)
    members = random.choice(
        (
            {"on_demand": maxima},
            {"on_demand": OnDemandMaxima(0, -1)},
            {"warm": Throughput(random.randrange(12_000, 13_000), random.randrange(4_000, 5_000))},
            {"encryption": Encryption("")},
            {"disables_encryption": True},
            {"creates_index": made},
            {"creates_index": made},
            {"deletes_index": name},
            {"index_settings": (IndexSettings(name=name, on_demand=maxima),)},
        )
    )
    if random.random() < 0.2:
        return SetTimeToLive(name="orders", attribute=name, is_enabled=random.random() < 0.6, now_ms=now_ms)
    return UpdateTable(name="orders", now_ms=now_ms, **members)  # type: ignore[arg-type]


def tell_and_change(world: ModelCatalogs, regions: tuple[str, ...]) -> None:
    for _ in range(STEPS):
        if world.random.random() < 0.3:
            world.ask(world.random.choice(regions), change(world.random))
        else:
            world.disturb()


# Whoever changes what, and whatever of it is lost or comes late: when all have been told, all have the same.
@pytest.mark.parametrize("seed", SEEDS)
def test_settings_come_out_the_same_everywhere(seed: int) -> None:
    world = ModelCatalogs(seed, "a", "b", "c", "d")
    world.create("a")
    for _ in range(seed % 4):
        world.ask("a", change(world.random))
    for region in ("b", "c"):
        assert world.ask("a", add(region))
        world.settle()
    tell_and_change(world, ("a", "b", "c"))
    world.settle()
    world.assert_agreed("orders", "a", "b", "c")
    world.assert_same_settings("orders")


# A region that joins while settings change misses none: neither what came before its table nor what came with it.
@pytest.mark.parametrize("seed", SEEDS)
def test_a_region_joins_while_settings_change(seed: int) -> None:
    world = ModelCatalogs(seed, "a", "b", "c")
    world.create("a")
    assert world.ask("a", add("b"))
    world.settle()
    assert world.ask("a", add("c"))
    tell_and_change(world, ("a", "b"))
    world.settle()
    world.assert_agreed("orders", "a", "b", "c")
    world.assert_same_settings("orders")
