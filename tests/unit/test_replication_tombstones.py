"""Letting tombstones go: whose they are, when, and in which order regions forget them."""

from node.partition.access import StoredItem
from node.replication.tombstones import Forgetting, Tombstone, forgettable
from tests.support.replication_model import RETENTION_SECONDS, ModelRegion, World
from wire.commands import Position
from wire.keys import ItemKey, key_hash
from wire.versions import COUNTER_BITS, Version

KEY = ItemKey(b"key")
NOW_MS = 1_000


def stored(region: int, wall_ms: int, *, tombstone: bool = True) -> StoredItem:
    position = Position(key_hash(KEY.partition), KEY)
    return StoredItem(position, Version(wall_ms << COUNTER_BITS, region), tombstone, 0, b"" if tombstone else b"{}")


def chosen(*items: StoredItem) -> tuple[Tombstone, ...]:
    return forgettable(items, region=1, members=(1, 2), written_before_ms=NOW_MS)


# Until retention has passed, an older write may still be on its way; and an item is no tombstone.
def test_only_old_tombstones_are_let_go() -> None:
    old, young, item = stored(1, NOW_MS - 1), stored(1, NOW_MS), stored(1, NOW_MS - 1, tombstone=False)
    assert chosen(old, young, item) == (Tombstone(KEY, old.version),)


# Only the writer's region knows that everybody has its tombstone; of a region that has left, those who stay know.
def test_only_ones_own_and_orphaned_tombstones_are_let_go() -> None:
    own, anothers, orphaned = stored(1, 1), stored(2, 1), stored(3, 1)
    assert chosen(own, anothers, orphaned) == (Tombstone(KEY, own.version), Tombstone(KEY, orphaned.version))


# Here last: whoever forgets before the others could not tell them again after a crash.
def test_a_region_forgets_after_all_others() -> None:
    forgetting = Forgetting([Tombstone(KEY, Version(1, 1))], ["b", "c"])
    forgetting.confirmed("b")
    assert (forgetting.waiting, forgetting.may_forget_here) == (("c",), False)
    forgetting.confirmed("c")
    assert forgetting.may_forget_here


# The case that makes tombstones hard: a region that never heard of the deletion still holds the item, and must not be able to bring
# it back to a region that forgot.
def test_a_deletion_that_a_region_missed_is_not_forgotten() -> None:
    world = World(1, partitions=1)
    world.form("a", "b", "c")
    region_a, region_b, region_c = world.regions.values()
    world.settle()
    world.set_link("c", "a", cut=True)
    region_c.write(KEY, b'{"n":1}')
    run(world, 5)
    world.set_link("b", "c", cut=True)
    region_b.write(KEY, None)
    run(world, RETENTION_SECONDS + 10)
    for region in (region_a, region_b, region_c) * 5:
        region.sweep(0)
        run(world, 1)
    assert holds_tombstone(region_a)
    assert holds_tombstone(region_b)
    world.settle()
    assert all(holds_tombstone(region) for region in (region_a, region_b, region_c))


def run(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.drain()
        world.advance(1)


def holds_tombstone(region: ModelRegion) -> bool:
    return region.partitions[0].items[KEY].tombstone
