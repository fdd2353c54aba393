"""Writes as the leader decides them and as replicas apply them."""

import orjson

from node.streams.records import ChangeFlag, ChangeKind
from tests.support.partition_items import body, delete, key, key_item, put, table, update
from tests.support.partition_machine import MachineBench
from wire.commands import ConditionFailed, Failed, Returned, Written
from wire.errors import ErrorCode
from wire.expressions import add, assign, comparison, exists, not_exists, path, remove, value
from wire.expressions import update as update_tree

ONE = {"N": "1"}


def increment(name: str = "n") -> list[object]:
    return update_tree(add(path(name), value(0)))


# The simplest path there is: what was put is what is stored, byte for byte, with its size.
def test_a_put_stores_the_body_and_tells_sizes() -> None:
    bench = MachineBench(table())
    evaluation = bench.run(put("x", n=ONE))
    record = bench.record(key("x"))
    assert record is not None
    assert record.body == body("x", n=ONE)
    assert evaluation.outcome == Written(b"", 0, record.size)


# Two writes in one turn: the second has to see the first although nothing is applied yet.
def test_a_write_sees_what_was_evaluated_before_it() -> None:
    bench = MachineBench(table())
    first = bench.evaluate(update("x", tree=increment(), values=[ONE], returned=Returned.UPDATED_NEW))
    second = bench.evaluate(update("x", tree=increment(), values=[ONE], returned=Returned.UPDATED_NEW))
    assert isinstance(first.outcome, Written)
    assert isinstance(second.outcome, Written)
    assert orjson.loads(second.outcome.attributes) == {"n": {"N": "2"}}
    assert (first.rests_on, second.rests_on) == (0, 1)


# A read must never show a write that could still be lost.
def test_a_read_sees_committed_states_only() -> None:
    bench = MachineBench(table())
    bench.evaluate(put("x", n=ONE))
    bench.evaluate(put("x", n={"N": "2"}))
    assert bench.record(key("x"), commit=0) is None
    first = bench.record(key("x"), commit=1)
    assert first is not None
    assert first.body == body("x", n=ONE)
    bench.apply(1)
    again = bench.record(key("x"), commit=1)
    assert again is not None
    assert again.body == body("x", n=ONE)


# Leadership lost: what was never committed must not be judged upon.
def test_discarded_writes_are_forgotten() -> None:
    bench = MachineBench(table())
    bench.run(put("x", n=ONE))
    bench.evaluate(put("x", n={"N": "2"}))
    bench.machine.discard(2)
    bench.index = 1
    after = bench.evaluate(put("x", condition=comparison("=", path("n"), value(0)), values=[ONE], n=ONE))
    assert isinstance(after.outcome, Written)


# Conditions of DynamoDB: unique puts, and the item shown to the one that lost.
def test_a_failed_condition_changes_nothing_and_may_show_the_item() -> None:
    bench = MachineBench(table())
    bench.run(put("x", n=ONE))
    lost = bench.evaluate(put("x", condition=not_exists(path("p")), n={"N": "9"}, return_on_failure=True))
    assert lost.effect == b""
    assert isinstance(lost.outcome, ConditionFailed)
    assert lost.outcome.item == body("x", n=ONE)
    silent = bench.evaluate(put("x", condition=not_exists(path("p")), n={"N": "9"}))
    assert isinstance(silent.outcome, ConditionFailed)
    assert silent.outcome.item == b""


# An update of nothing starts from the key; one that only removes creates nothing.
def test_an_update_creates_from_the_key_unless_it_only_removes() -> None:
    bench = MachineBench(table())
    assert bench.run(update("x", tree=update_tree(remove(path("n"))))).effect == b""
    bench.run(update("x", tree=update_tree(assign(path("n"), value(0))), values=[ONE], returned=Returned.ALL_NEW))
    record = bench.record(key("x"))
    assert record is not None
    assert orjson.loads(record.body) == {**key_item("x"), "n": ONE}
    bare = bench.run(update("y"))
    assert bare.outcome == Written(b"", 0, 4)


# The 400 KB limit holds after the update too, in AWS's words; nothing is written.
def test_an_update_cannot_grow_an_item_beyond_the_limit() -> None:
    bench = MachineBench(table())
    bench.run(put("x", a={"S": "x" * 300_000}))
    grown = bench.run(update("x", tree=update_tree(assign(path("b"), value(0))), values=[{"S": "y" * 200_000}]))
    expected = "Item size to update has exceeded the maximum allowed size"
    assert grown.outcome == Failed(ErrorCode.VALIDATION, expected)
    assert grown.effect == b""


# ALL_OLD is what people use to pop an item.
def test_a_delete_returns_what_was_there() -> None:
    bench = MachineBench(table())
    bench.run(put("x", n=ONE))
    gone = bench.run(delete("x", condition=exists(path("n")), returned=Returned.ALL_OLD))
    assert isinstance(gone.outcome, Written)
    assert gone.outcome.attributes == body("x", n=ONE)
    assert bench.record(key("x")) is None
    again = bench.run(delete("x", returned=Returned.ALL_OLD))
    assert (again.effect, again.outcome) == (b"", Written(b"", 0, 0))


# Tables with replicas must remember deletes, or an older write from elsewhere would bring the item back.
def test_a_delete_leaves_a_tombstone_only_with_replicas() -> None:
    bench = MachineBench(table(), table(2, global_=True))
    for number in (1, 2):
        bench.run(put("x", number=number))
        bench.run(delete("x", number=number))
    assert bench.record(key("x"), 1) is None
    kept = bench.record(key("x"), 2)
    assert kept is not None
    assert kept.tombstone


# Last writer wins needs versions that grow with causality even if the wall clock is set back.
def test_versions_grow_when_the_clock_goes_back() -> None:
    bench = MachineBench(table(global_=True))
    bench.run(put("x", n=ONE))
    before = bench.record(key("x"))
    bench.clock.jump_wall(-3_600)
    bench.run(delete("x"))
    after = bench.record(key("x"))
    assert before is not None
    assert after is not None
    assert after.version > before.version


# A stream shows every change once, with dense numbers and both images.
def test_changes_are_logged_with_images_and_dense_numbers() -> None:
    bench = MachineBench(table(streams=True), table(2))
    bench.evaluate(put("x", n=ONE))
    bench.evaluate(put("x", number=2))
    bench.evaluate(put("x", n={"N": "2"}))
    bench.evaluate(delete("x"))
    bench.apply()
    records = bench.changes()
    assert [record.sequence for record in records] == [1, 2, 3]
    assert [record.kind for record in records] == [ChangeKind.INSERT, ChangeKind.MODIFY, ChangeKind.REMOVE]
    assert [record.old_image for record in records] == [b"", body("x", n=ONE), body("x", n={"N": "2"})]
    assert [record.new_image for record in records] == [body("x", n=ONE), body("x", n={"N": "2"}), b""]
    assert {(record.generation, record.flags, record.origin) for record in records} == {(7, ChangeFlag.NONE, 1)}


# DynamoDB writes no stream record when a write changes nothing.
def test_a_write_that_changes_nothing_has_no_effect() -> None:
    bench = MachineBench(table(streams=True))
    bench.run(put("x", n=ONE, m={"S": "a"}))
    same = bench.run(put("x", m={"S": "a"}, n=ONE))
    assert same.effect == b""
    assert isinstance(same.outcome, Written)
    assert bench.run(update("x")).effect == b""
    assert len(bench.changes()) == 1


# With replicas such a write is still the later one: it must win over an earlier, different one of another region. Readers of the
# stream are not told.
def test_a_write_that_changes_nothing_is_a_newer_version_where_there_are_replicas() -> None:
    bench = MachineBench(table(global_=True))
    bench.run(put("x", n=ONE))
    before = bench.record(key("x"))
    bench.run(put("x", n=ONE))
    after = bench.record(key("x"))
    assert before is not None
    assert after is not None
    assert after.version > before.version
    assert [record.flags for record in bench.changes()] == [ChangeFlag.NONE, ChangeFlag.UNCHANGED]


# A table that is gone, or not known yet, answers like AWS.
def test_an_unknown_table_is_refused() -> None:
    outcome = MachineBench().evaluate(put("x")).outcome
    assert outcome == Failed(ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found")
