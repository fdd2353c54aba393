"""Which items expire, how their rows follow them, and what the leader decides about rows that are due."""

from typing import Any

import pytest
from msgspec.structs import replace

from node.partition.expiry import PAST_SECONDS_MAX, Expire, ExpiryClock, IndexExpiries, second_of
from node.storage.expiry import SECONDS_MAX, Expiry, ExpiryIndex, ExpiryRow, all_rows
from node.streams.records import ChangeFlag, ChangeKind
from tests.support.partition_items import change, delete, key, merge, put, table, update
from tests.support.partition_machine import PARTITION, REGION, MachineBench
from wire.expressions import assign, path, remove, value
from wire.expressions import update as update_tree
from wire.tables import TableSpec, TimeToLive

NOW = 1_700_000_000
OTHER_REGION = 2
GENERATION = 5


def expiring(*, generation: int = GENERATION, is_enabled: bool = True, **options: Any) -> TableSpec:
    return replace(table(**options), time_to_live=TimeToLive("x", is_enabled, 0, generation))


def at(second: float) -> dict[str, dict[str, str]]:
    return {"x": {"N": str(second)}}


def rows(bench: MachineBench, generation: int = GENERATION) -> list[ExpiryRow]:
    bench.apply()
    with bench.engine.snapshot() as view:
        return list(all_rows(view, ExpiryIndex(PARTITION, 1, generation)))


def row(partition: str, second: int, region: int = REGION) -> ExpiryRow:
    return ExpiryRow(Expiry(region, second), key(partition))


def expire(partition: str, second: int, region: int = REGION, generation: int = GENERATION) -> Expire:
    return Expire(1, generation, Expiry(region, second), key(partition))


def is_there(bench: MachineBench, partition: str) -> bool:
    bench.apply()
    record = bench.record(key(partition))
    return record is not None and not record.tombstone


# AWS takes Numbers at the top level only, in seconds; whoever writes milliseconds has written a time far ahead.
@pytest.mark.parametrize(
    ("attribute", "second"),
    [
        ({"N": "1700000000"}, 1_700_000_000),
        ({"N": "1700000000.25"}, 1_700_000_001),
        ({"N": "0.5"}, 1),
        ({"N": "0"}, 0),
        ({"N": "-1700000000"}, 0),
        ({"N": str(SECONDS_MAX)}, SECONDS_MAX),
        ({"N": f"{SECONDS_MAX}.5"}, 0),
        ({"N": "1700000000000"}, 0),
        ({"N": "9" * 38 + "0" * 88}, 0),
        ({"S": "1700000000"}, 0),
        ({"NS": ["1700000000"]}, 0),
        ({"M": {"x": {"N": "1700000000"}}}, 0),
        (None, 0),
    ],
)
def test_the_second_of_an_item(attribute: Any, second: int) -> None:
    assert second_of({} if attribute is None else {"x": attribute}, "x") == second


# Whatever becomes of an item, its row says the same.
def test_a_row_follows_its_item() -> None:
    bench = MachineBench(expiring())
    bench.evaluate(put("a", **at(NOW)))
    assert rows(bench) == [row("a", NOW)]
    bench.evaluate(update("a", tree=update_tree(assign(path("x"), value(0))), values=[{"N": str(NOW + 5)}]))
    assert rows(bench) == [row("a", NOW + 5)]
    bench.evaluate(put("a", **at(NOW + 5), more={"S": "y"}))
    assert rows(bench) == [row("a", NOW + 5)]
    bench.evaluate(update("a", tree=update_tree(remove(path("x")))))
    assert rows(bench) == []
    bench.evaluate(put("a", **at(NOW)))
    bench.evaluate(delete("a"))
    assert rows(bench) == []


# What other regions write expires too, and the row says who wrote it last.
def test_a_row_follows_merges() -> None:
    bench = MachineBench(expiring(global_=True))
    bench.evaluate(put("a", **at(NOW)))
    ahead_ms = NOW * 1_000 + 1_000
    bench.evaluate(merge(change("a", ahead_ms, **at(NOW))))
    assert rows(bench) == [row("a", NOW, OTHER_REGION)]
    bench.evaluate(merge(change("a", ahead_ms + 1)))
    assert rows(bench) == []


# An item goes as any delete would take it, and the change log says why; its row goes with it.
def test_an_expired_item_is_deleted() -> None:
    bench = MachineBench(expiring(streams=True))
    bench.evaluate(put("a", **at(NOW - 1)))
    bench.evaluate(expire("a", NOW - 1))
    assert rows(bench) == []
    assert not is_there(bench, "a")
    removal = bench.changes()[-1]
    assert (removal.kind, removal.flags, removal.new_image) == (ChangeKind.REMOVE, ChangeFlag.EXPIRED, b"")
    assert removal.old_image


# An item that was refreshed between finding and deciding stays, even if the new value is not applied yet.
def test_a_refreshed_item_stays() -> None:
    bench = MachineBench(expiring())
    bench.run(put("a", **at(NOW - 1)))
    bench.evaluate(put("a", **at(NOW + 100)))
    bench.evaluate(expire("a", NOW - 1))
    assert is_there(bench, "a")
    assert rows(bench) == [row("a", NOW + 100)]


# The boundary of AWS's rule: the value has to be less than the time now. A clock set back makes nothing go early.
@pytest.mark.parametrize(("second", "stays"), [(NOW - 1, False), (NOW, True), (NOW - PAST_SECONDS_MAX - 1, True)])
def test_what_is_not_due_stays(second: int, stays: bool) -> None:
    bench = MachineBench(expiring())
    bench.evaluate(put("a", **at(second)))
    evaluation = bench.evaluate(expire("a", second))
    assert bool(evaluation.effect) != stays
    assert is_there(bench, "a") == stays
    assert bool(rows(bench)) == stays


# A row whose item has gone is in nobody's way for long.
def test_a_row_without_its_item_is_removed() -> None:
    bench = MachineBench(expiring())
    bench.evaluate(put("a", **at(NOW - 1)))
    bench.tables[1] = expiring(is_enabled=False)
    bench.evaluate(delete("a"))
    bench.tables[1] = expiring()
    assert rows(bench) == [row("a", NOW - 1)]
    bench.evaluate(expire("a", NOW - 1))
    assert rows(bench) == []


# Rows of an index that is switched off, or of an earlier one, expire nothing.
@pytest.mark.parametrize("after", [expiring(is_enabled=False, generation=9), expiring(generation=9), table()])
def test_rows_of_another_index_expire_nothing(after: TableSpec) -> None:
    bench = MachineBench(expiring())
    bench.evaluate(put("a", **at(NOW - 1)))
    bench.tables[1] = after
    assert not bench.evaluate(expire("a", NOW - 1)).effect
    assert is_there(bench, "a")


# Items of before come in as they are now, pending writes included, and bringing them in twice is once.
def test_items_of_before_are_brought_in() -> None:
    bench = MachineBench(table())
    for name, second in (("a", NOW), ("b", NOW + 1), ("c", NOW + 2)):
        bench.run(put(name, **at(second)))
    bench.run(put("d"))
    bench.tables[1] = expiring()
    bench.evaluate(put("b", **at(NOW + 9)))
    bench.evaluate(delete("c"))
    keys = tuple(key(name) for name in "abcd")
    for _ in range(2):
        bench.evaluate(IndexExpiries(1, GENERATION, keys))
        assert rows(bench) == [row("a", NOW), row("b", NOW + 9)]
    assert not bench.evaluate(IndexExpiries(1, GENERATION - 1, keys)).effect


# One region expires an item and the others hear of it; only where that fails does another step in.
def test_another_regions_item_is_left_to_it_for_a_while() -> None:
    clock = ExpiryClock(lambda: NOW * 1_000, REGION, 60)
    here, there = Expiry(REGION, NOW - 1), Expiry(OTHER_REGION, NOW - 1)
    shared = expiring(global_=True)
    assert clock.is_due(shared, here)
    assert not clock.is_due(shared, there)
    assert clock.is_due(shared, Expiry(OTHER_REGION, NOW - 61))
    assert clock.is_due(expiring(), there), "a table of this region alone has nobody else to wait for"
