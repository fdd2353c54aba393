"""Changes from other regions."""

import pytest
from msgspec import structs

from node.streams.records import ChangeFlag, ChangeKind
from tests.support.partition_items import body, change, delete, key, merge, put, table
from tests.support.partition_machine import MachineBench
from wire.commands import Change, Failed, Merge, Merged
from wire.errors import ErrorCode
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus

ONE = {"N": "1"}
NOW_MS = 1_700_000_000_000


def forget(*tombstones: Change, source: str = "eu-west-1") -> Merge:
    return merge(*tombstones, source=source)._replace(forgets=True)


# Convergence: whatever the order of arrival, the highest version stays.
def test_the_highest_version_stays_in_any_order() -> None:
    older, newer = change("x", NOW_MS - 2, n=ONE), change("x", NOW_MS - 1, n={"N": "2"})
    for order in ((older, newer), (newer, older)):
        bench = MachineBench(table(global_=True))
        for each in order:
            bench.run(merge(each))
        record = bench.record(key("x"))
        assert record is not None
        assert (record.version, record.body) == (newer.version, newer.body)


# At least once delivery: the same change again is neither applied nor counted as a conflict.
def test_a_change_seen_twice_is_ignored() -> None:
    bench = MachineBench(table(global_=True))
    assert bench.run(merge(change("x", NOW_MS, n=ONE))).outcome == Merged(1, 0)
    again = bench.run(merge(change("x", NOW_MS, n=ONE)))
    assert (again.outcome, again.effect) == (Merged(0, 0), b"")


# A local delete must win over an older remote put that arrives later.
def test_an_older_put_loses_to_a_tombstone() -> None:
    bench = MachineBench(table(global_=True))
    bench.run(put("x", n=ONE))
    bench.run(delete("x"))
    assert bench.run(merge(change("x", NOW_MS - 60_000, n=ONE))).outcome == Merged(0, 1)
    record = bench.record(key("x"))
    assert record is not None
    assert record.tombstone


# A local write after a merge has seen it, so it must win everywhere even if the other clock is ahead.
def test_a_later_local_write_wins_over_what_it_saw() -> None:
    bench = MachineBench(table(global_=True))
    ahead = change("x", NOW_MS + 30_000, n=ONE)
    bench.run(merge(ahead))
    bench.run(put("x", n={"N": "2"}))
    record = bench.record(key("x"))
    assert record is not None
    assert record.version > ahead.version


# One wild clock must not drag this region's versions into the future.
def test_versions_from_far_ahead_are_held_back() -> None:
    bench = MachineBench(table(global_=True), max_clock_skew_ms=1_000)
    held = bench.run(merge(change("y", NOW_MS, n=ONE), change("x", NOW_MS + 5_000, n=ONE)))
    expected = "held back: clock of region eu-west-1 is 5000 ms ahead"
    assert (held.outcome, held.effect) == (Failed(ErrorCode.NOT_READY, expected), b"")
    assert bench.record(key("y")) is None


# Stream readers see replicated changes, marked; shippers must be able to tell them from their own.
def test_merged_changes_are_logged_as_replicated() -> None:
    bench = MachineBench(table(global_=True))
    bench.run(merge(change("x", NOW_MS - 5, n=ONE), change("y", NOW_MS - 5), change("x", NOW_MS - 4)))
    records = bench.changes()
    assert [(record.kind, record.flags) for record in records] == [
        (ChangeKind.INSERT, ChangeFlag.REPLICATED),
        (ChangeKind.REMOVE, ChangeFlag.REPLICATED),
    ]
    assert (records[0].origin, records[0].time_ms) == (2, NOW_MS)
    assert records[1].old_image == body("x", n=ONE)


# The end of a tombstone: it is gone for reads at once and on disk after, and no stream reader hears of it.
@pytest.mark.parametrize("source", ["eu-west-1", ""], ids=["asked from elsewhere", "here"])
def test_a_tombstone_is_forgotten(source: str) -> None:
    bench = MachineBench(table(global_=True))
    tombstone = change("x", NOW_MS - 5)
    bench.run(merge(tombstone))
    assert bench.evaluate(forget(tombstone, source=source)).outcome == Merged(1, 0)
    assert bench.record(key("x")) is None
    bench.apply()
    assert (bench.record(key("x")), bench.machine.pending_count, len(bench.changes())) == (None, 0, 0)


# Only that very tombstone: a later deletion, a later item, and what is already gone are left as they are.
def test_forgetting_leaves_everything_else() -> None:
    bench = MachineBench(table(global_=True))
    older, deleted, live = change("x", NOW_MS - 9), change("x", NOW_MS - 5), change("y", NOW_MS - 5, n=ONE)
    bench.run(merge(deleted, live))
    forgotten = bench.run(forget(older, live, change("z", NOW_MS - 5)))
    assert (forgotten.outcome, forgotten.effect) == (Merged(0, 0), b"")
    assert bench.record(key("x")) is not None
    assert bench.record(key("y")) is not None


# What is evaluated right after must see that the item is gone, even of its tombstone, and rest on that entry.
def test_an_item_may_come_back_after_its_tombstone() -> None:
    bench = MachineBench(table(global_=True))
    tombstone = change("x", NOW_MS + 5_000)
    bench.run(merge(tombstone))
    bench.evaluate(forget(tombstone))
    again = bench.evaluate(put("x", n=ONE))
    assert again.rests_on == bench.index - 1
    bench.apply()
    record = bench.record(key("x"))
    assert record is not None
    assert record.version > tombstone.version


# A copy under way may have read the item before its tombstone came: with the tombstone gone nothing would win over it there.
def test_nothing_is_forgotten_while_replicas_come_and_go() -> None:
    coming = ReplicaSpec(RegionName("eu-west-1"), ReplicaStatus.CREATING)
    bench = MachineBench(structs.replace(table(global_=True), replicas=(coming,)))
    tombstone = change("x", NOW_MS - 5)
    bench.run(merge(tombstone))
    expected = Failed(ErrorCode.RESOURCE_IN_USE, "tombstones are kept while replicas come and go")
    assert bench.run(forget(tombstone)).outcome == expected


# A region that left does not decide any more what is kept here.
def test_a_stranger_forgets_nothing() -> None:
    bench = MachineBench(table(global_=True))
    outcome = bench.run(forget(change("x", NOW_MS - 5), source="elsewhere")).outcome
    assert outcome == Failed(ErrorCode.RESOURCE_NOT_FOUND, "region elsewhere does not replicate this table")
