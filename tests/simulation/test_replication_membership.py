"""Membership of global tables on one seed: catalogs that decide for real, steps that are lost, repeated and interrupted."""

import os
from random import Random

import pytest

from node.replication.growth import Step
from tests.support.replication_catalogs import NOW_MS, ModelCatalogs, create_table
from wire.catalog_changes import AddReplica, CatalogChange, DeleteTable, RemoveReplica
from wire.tables import ReplicaStatus, TableStatus

SEEDS = range(100)
STEPS = 60


def add(region: str) -> AddReplica:
    return AddReplica(name="orders", region=region, now_ms=NOW_MS, global_table_id="global-1")


def remove(region: str) -> RemoveReplica:
    return RemoveReplica(name="orders", region=region, now_ms=NOW_MS)


def formed(seed: int, *regions: str) -> ModelCatalogs:
    """Return catalogs in which `a` holds the table and replicated it to `regions`."""
    world = ModelCatalogs(seed, "a", "b", "c", "d")
    world.create("a")
    for region in regions:
        assert world.ask("a", add(region))
        world.settle()
    return world


# Growing must come out the same whoever crashed and whatever was lost on the way: all members know all others, all ACTIVE.
@pytest.mark.parametrize("seed", SEEDS)
def test_a_table_grows_through_any_interruption(seed: int) -> None:
    world = formed(seed)
    for region in ("b", "c"):
        assert world.ask("a", add(region))
        for _ in range(STEPS):
            world.disturb()
        world.settle()
    world.assert_agreed("orders", "a", "b", "c")


# Two members may add a region each at the same time: the two newcomers have to learn of each other.
@pytest.mark.parametrize("seed", SEEDS)
def test_two_members_add_regions_at_once(seed: int) -> None:
    world = formed(seed, "b")
    assert world.ask("a", add("c"))
    for _ in range(world.random.randrange(20)):
        world.disturb()
    while not world.ask("b", add("d")):
        world.disturb()
    for _ in range(STEPS):
        world.disturb()
    world.settle()
    world.assert_agreed("orders", "a", "b", "c", "d")


# Removing, too; and the table of the region that stays goes on as a regional one.
@pytest.mark.parametrize("seed", SEEDS)
def test_a_table_shrinks_through_any_interruption(seed: int) -> None:
    world = formed(seed, "b", "c")
    for region in ("c", "b"):
        assert world.ask("a", remove(region))
        for _ in range(STEPS):
            world.disturb()
        world.settle()
    world.assert_agreed("orders", "a")
    table = world.catalogs["a"].table("orders")
    assert table is not None
    assert (table.global_table_id, table.replicas) == ("", ())


# DeleteTable in one region takes only that replica away.
@pytest.mark.parametrize("seed", SEEDS)
def test_dropping_one_replica_leaves_the_others(seed: int) -> None:
    world = formed(seed, "b", "c")
    assert world.ask("b", DeleteTable(name="orders", now_ms=NOW_MS))
    for _ in range(STEPS):
        world.disturb()
    world.settle()
    world.assert_agreed("orders", "a", "c")


def anything(random: Random, now_ms: int) -> CatalogChange:
    """Return what a client might ask for of the members of a table."""
    region = random.choice("abcd")
    return random.choice(
        (
            AddReplica(name="orders", region=region, now_ms=now_ms, global_table_id=f"global-{now_ms}"),
            AddReplica(name="orders", region=region, now_ms=now_ms, global_table_id=f"global-{now_ms}"),
            RemoveReplica(name="orders", region=region, now_ms=now_ms),
            DeleteTable(name="orders", now_ms=now_ms),
            create_table(region, "orders", now_ms),
        )
    )


class Late:
    """Steps that were sent and have not arrived; whoever sent them has given up on the answer."""

    def __init__(self, world: ModelCatalogs) -> None:
        self._world = world
        self._held: list[Step] = []

    def hold(self) -> None:
        """Send a step to another region, which does not hear of it yet."""
        catalog = self._world.random.choice(self._world.living)
        self._held += [step for step in catalog.steps() if step.destination != catalog.region][:1]

    def deliver(self) -> bool:
        """Let a step arrive; tell whether there was one."""
        if not self._held:
            return False
        step = self._held.pop(self._world.random.randrange(len(self._held)))
        self._world.ask(step.destination, step.change)
        return True


# Single links fail, in one direction or both, steps arrive very late, and clients go on asking everywhere, by clocks that differ: when all
# is mended, all regions know of each other what is so. Nothing that anybody asked for is left half done.
@pytest.mark.parametrize("seed", range(int(os.environ.get("GLOBETABLE_MEMBERSHIP_SEEDS", "300"))))
def test_members_agree_after_any_cuts(seed: int) -> None:
    world = formed(seed, "b", "c")
    regions, late = tuple(world.catalogs), Late(world)
    for moment in range(STEPS):
        draw = world.random.random()
        if draw < 0.1:
            world.cut ^= {tuple(world.random.sample(regions, 2))}
        elif draw < 0.2:
            skew_ms = world.random.randrange(50)
            world.ask(world.random.choice(regions), anything(world.random, NOW_MS + 10 * moment + skew_ms))
        elif draw < 0.3:
            world.random.choice(world.living).wait_long()
        elif draw < 0.35:
            late.hold()
        elif draw < 0.4:
            late.deliver()
        else:
            world.disturb()
    world.cut = set()
    world.settle()
    world.wait_long()
    while late.deliver():
        world.settle()
        world.wait_long()
    world.assert_consistent("orders")


# A copy that is begun so late that it was removed meanwhile, by a message that nobody waits for any more, does not stay behind half made,
# whether its global table goes on without it or not.
@pytest.mark.parametrize("others", [(), ("c",)])
def test_a_replica_that_is_made_after_it_was_removed_goes(others: tuple[str, ...]) -> None:
    world = formed(1, *others)
    assert world.ask("a", add("b"))
    (join,) = (step for step in world.catalogs["a"].steps() if step.id.action == "join")
    world.isolate("b")
    world.wait_long()
    assert world.ask("a", remove("b"))
    world.wait_long()
    world.cut = set()
    world.settle()
    assert world.ask("b", join.change)
    world.settle()
    world.assert_agreed("orders", "a", *others)


# A name that is taken in the new region fails the replica with AWS's words, harms nobody's table, and can be taken back.
def test_a_taken_name_fails_the_replica_and_can_be_removed() -> None:
    world = formed(1, "b")
    world.create("c")
    before = world.catalogs["c"].table("orders")
    assert world.ask("a", add("c"))
    world.settle()
    table = world.catalogs["a"].table("orders")
    assert table is not None
    replica = table.replica("c")
    assert replica is not None
    assert (replica.status, table.status) == (ReplicaStatus.CREATION_FAILED, TableStatus.ACTIVE)
    assert "because one or more replicas already existed as tables." in replica.status_text
    assert world.ask("a", remove("c"))
    world.settle()
    assert world.catalogs["c"].table("orders") == before
    assert {each.region for each in world.catalogs["a"].view.tables["orders"].replicas} == {"b"}
