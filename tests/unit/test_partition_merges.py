"""Changes from other regions."""

import pytest
from msgspec import structs

from node.streams.records import ChangeFlag, ChangeKind
from tests.support.partition_items import body, change, delete, key, merge, put, table
from tests.support.partition_machine import MachineBench
from wire.commands import Ahead, Change, Failed, HeldChange, Merge, Merged
from wire.errors import ErrorCode
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus
from wire.versions import Version

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


# One wild clock must not drag this region's versions into the future; and what it did not touch must not wait for it.
def test_versions_from_far_ahead_hold_back_their_own_changes_only() -> None:
    bench = MachineBench(table(global_=True), max_clock_skew_ms=1_000)
    ahead = change("x", NOW_MS + 5_000, n=ONE)
    merged = bench.run(merge(ahead, change("y", NOW_MS, n=ONE)))
    assert merged.outcome == Merged(1, 0, (HeldChange(key("x"), ahead.version, 5_000, 4_000),))
    assert (bench.record(key("x")), bench.record(key("y")) is None) == (None, False)


# The bound itself is believed, and so is the same change when its time has come.
def test_a_held_change_is_taken_when_its_time_has_come() -> None:
    bench = MachineBench(table(global_=True), max_clock_skew_ms=1_000)
    ahead = merge(change("x", NOW_MS + 5_000, n=ONE))
    bench.run(ahead)
    bench.clock.advance(3.999)
    assert bench.run(ahead).outcome == Merged(0, 0, (HeldChange(key("x"), ahead.changes[0].version, 1_001, 1),))
    bench.clock.advance(0.001)
    assert bench.run(ahead).outcome == Merged(1, 0)


# What has lost is no news, however far ahead: it must not be kept for a later that changes nothing.
def test_a_change_that_has_lost_is_not_held() -> None:
    bench = MachineBench(table(global_=True), max_clock_skew_ms=1_000)
    bench.run(merge(change("x", NOW_MS + 9_000, n=ONE))._replace(ahead=Ahead.ACCEPT))
    assert bench.run(merge(change("x", NOW_MS + 5_000, n=ONE))).outcome == Merged(0, 1)


# An operator lets a change in: the item goes on from there in every region, and no other item is dragged along.
def test_what_an_operator_accepts_goes_on_and_drags_nothing_along() -> None:
    bench = MachineBench(table(global_=True), max_clock_skew_ms=1_000)
    ahead = change("x", NOW_MS + 7_200_000, n=ONE)
    assert bench.run(merge(ahead)._replace(ahead=Ahead.ACCEPT)).outcome == Merged(1, 0)
    bench.run(put("x", n={"N": "2"}))
    bench.run(put("y", n=ONE))
    local, other = bench.record(key("x")), bench.record(key("y"))
    assert local is not None
    assert other is not None
    assert (local.version.time, other.version.wall_ms) == (ahead.version.time + 1, NOW_MS)
    later = change("x", 0, n={"N": "3"})._replace(version=Version(local.version.time + 5, ahead.version.region))
    assert bench.run(merge(later)).outcome == Merged(1, 0)


# An operator refuses a change for good: the item here, or that there is none, must win over it in its own region, too.
@pytest.mark.parametrize("has_item", [True, False])
def test_what_an_operator_overrules_loses_everywhere(has_item: bool) -> None:
    here, there = (MachineBench(table(global_=True), max_clock_skew_ms=1_000) for _ in range(2))
    if has_item:
        here.run(put("x", n={"N": "7"}))
    ahead = change("x", NOW_MS + 7_200_000, n=ONE)
    there.run(merge(ahead)._replace(ahead=Ahead.ACCEPT))
    assert here.run(merge(ahead)._replace(ahead=Ahead.OVERRULE)).outcome == Merged(1, 1)
    kept, told = here.record(key("x")), here.changes()[-1]
    assert kept is not None
    assert (kept.version, kept.tombstone, told.version, told.origin) == (told.version, not has_item, kept.version, 1)
    assert told.flags & ChangeFlag.UNCHANGED
    there.run(merge(Change(kept.key, kept.version, kept.tombstone, kept.size, kept.body)))
    assert there.record(key("x")) == kept


# Readers of the change log look for times by halving, so times must not go back: not when the clock does, not with another leader.
def test_creation_times_never_go_back() -> None:
    bench = MachineBench(table(global_=True))
    bench.run(put("a", n=ONE))
    bench.clock.jump_wall(-3_600)
    bench.run(put("b", n=ONE))
    bench.run(merge(change("c", NOW_MS - 3_600_005, n=ONE)))
    for forget_all in (True, False):
        bench.machine.discard(bench.index + 1)
        if forget_all:
            with bench.engine.snapshot() as view:
                bench.machine.restored(view)
        bench.run(put("d", n={"N": str(forget_all + 2)}))
    assert [record.time_ms for record in bench.changes()] == [NOW_MS] * 5


# A leader that was deposed must not go on from what it evaluated then: the next leader's records may be later.
def test_creation_times_are_looked_up_again_after_leadership_was_lost() -> None:
    bench = MachineBench(table(global_=True))
    bench.run(put("a", n=ONE))
    bench.machine.discard(bench.index + 1)
    other = MachineBench(table(global_=True))
    other.engine, other.index, other.applied, other.sequence = bench.engine, bench.index, bench.applied, bench.sequence
    other.clock.advance(30)
    other.run(put("b", n=ONE))
    bench.index, bench.applied, bench.sequence = other.index, other.applied, other.sequence
    bench.run(put("c", n=ONE))
    assert [record.time_ms - NOW_MS for record in bench.changes()] == [0, 30_000, 30_000]


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
