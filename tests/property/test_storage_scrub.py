"""A scrub finds whatever a disk does to a row, in its key or in its value, in every space; and says nothing of what is whole."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from node.consensus.types import Entry, EntryKind, Index, Term
from node.partition.rows import Progress, write_cursor, write_fed, write_progress
from node.partition.stored_log import found_to, open_log
from node.storage.batch import WriteBatch
from node.storage.digests import DIGESTED
from node.storage.engine import Space
from node.storage.memory_engine import MemoryEngine
from node.storage.snapshots import begin_install_to, chunks, clear_step, finish_install_to, install_to
from node.streams.retention import trim_step
from tests.support.partition_indexes import BY_N, BY_T, GLOBAL_T, indexed_table
from tests.support.partition_items import delete, put
from tests.support.partition_machine import PARTITION, MachineBench
from tests.support.scrubbing import WHOLE, all_rows, finding, flipped, put_raw
from tests.support.storage import commit
from wire.catalog import NodeId, PartitionId, Placement, ReplicaPlacement
from wire.keys import RING_TOKENS
from wire.tables import TimeToLive

NODE = NodeId("n1")
PLACEMENT = Placement(PartitionId(PARTITION), 0, RING_TOKENS, 1, (ReplicaPlacement(1, NODE),))
TTL = TimeToLive(attribute="ttl", is_enabled=True, generation=3, changed_ms=0)
TABLE = structs.replace(indexed_table(BY_N, BY_T, GLOBAL_T, streams=True), time_to_live=TTL)
LONG = "s" * 600


def founded() -> MachineBench:
    """Return a partition as its founding leaves it."""
    bench = MachineBench(TABLE)
    batch = WriteBatch()
    found_to(batch, bench.engine, NODE, [PLACEMENT])
    commit(bench.engine, batch)
    return bench


def filled() -> MachineBench:
    """Return a partition with a few rows in every space, some of them sharing a place."""
    bench = founded()
    for name in ("a", "b"):
        for sort in ("x", LONG + "1", LONG + "2"):
            bench.run(put(name, sort, n={"N": "7"}, t={"S": sort[:3]}, ttl={"N": "1800000000"}))
    bench.run(delete("a", "x"))
    with bench.engine.transaction() as transaction:
        write_progress(transaction, PARTITION, Progress(bench.sequence, 4))
        write_cursor(transaction, PARTITION, "eu-west-1", b"17")
        write_fed(transaction, PARTITION, 1, 3, 2, 9)
    log = open_log(bench.engine, PARTITION)
    batch = WriteBatch()
    first = log.last_index + 1
    entries = [Entry(Term(2), Index(first + each), EntryKind.NORMAL, b"entry %d" % each) for each in range(3)]
    log.append_to(batch, entries)
    log.set_hard_state_to(batch, 2, 1, first + 2)
    commit(bench.engine, batch)
    return bench


FILLED = filled().engine
ROWS = all_rows(FILLED)


# What is whole must pass, or every scrub would cost a replica.
def test_what_is_whole_is_left_alone() -> None:
    assert finding(FILLED, PARTITION) is None
    assert {space for space, _, _ in ROWS} >= {Space.ITEMS, Space.CHANGES, Space.LOG, Space.STATE, Space.EXPIRY}


# One flipped bit anywhere in any row, in its value, in its key, or in the digests themselves.
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(range(len(ROWS))), st.integers(0, 1 << 30), st.booleans())
def test_any_flipped_bit_is_found(number: int, bit: int, in_key: bool) -> None:
    space, key, value = ROWS[number]
    engine = copied(FILLED)
    if in_key or not value:
        put_raw(engine, space, key, None)
        put_raw(engine, space, flipped(key, bit % (8 * len(key))), value)
    else:
        put_raw(engine, space, key, flipped(value, bit % (8 * len(value))))
    assert finding(engine, PARTITION) is not None


# Each bit of the key of one row of every kind: the ones that were served as absence.
def test_every_bit_of_a_key_counts() -> None:
    kinds = {
        (space, key[:6] if space is Space.ITEMS else b""): (space, key, value) for space, key, value in reversed(ROWS)
    }
    for space, key, value in kinds.values():
        for bit in range(8 * len(key)):
            engine = copied(FILLED)
            put_raw(engine, space, key, None)
            put_raw(engine, space, flipped(key, bit), value)
            assert finding(engine, PARTITION) is not None, f"bit {bit} of {space.name} {key.hex()}"


# A row that is gone with its page leaves no checksum that could be wrong.
def test_a_row_that_is_gone_is_found() -> None:
    for space, key, _ in ROWS:
        if space in DIGESTED or space is Space.LOG:
            engine = copied(FILLED)
            put_raw(engine, space, key, None)
            assert finding(engine, PARTITION) is not None, f"{space.name} {key.hex()} is gone"


# A page of yesterday has rows that are whole, and wrong.
def test_a_row_of_yesterday_is_found() -> None:
    bench = founded()
    bench.run(put("a", "x", n={"N": "1"}))
    before = [row for row in all_rows(bench.engine) if row[0] is Space.ITEMS]
    bench.run(put("a", "x", n={"N": "2"}))
    for space, key, value in before:
        put_raw(bench.engine, space, key, value)
    assert "digest" in (finding(bench.engine, PARTITION) or "")


_operations = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete", "trim", "snapshot"]),
        st.sampled_from("abc"),
        st.sampled_from(["x", "y", LONG + "1", LONG + "2"]),
        st.integers(0, 3),
    ),
    max_size=25,
)


# Digests kept along the way are those of the rows, whatever is written, overwritten, trimmed, or copied to another replica.
@settings(max_examples=30, deadline=None)
@given(_operations)
def test_digests_follow_the_rows(operations: list[tuple[str, str, str, int]]) -> None:
    bench = founded()
    for what, name, sort, number in operations:
        if what == "put":
            seconds = {"N": str(1_800_000_000 + number * 5_000)}
            bench.run(put(name, sort, n={"N": str(number)}, t={"S": "t"}, ttl=seconds))
        elif what == "delete":
            bench.run(delete(name, sort))
        elif what == "trim":
            with bench.engine.transaction() as transaction:
                trim_step(transaction, PARTITION, bench.clock.wall_ms() + 1, rows_max=1 + number)
        else:
            bench.engine = reinstalled(bench.engine)
        bench.clock.advance(0.01)
        assert finding(bench.engine, PARTITION) is None


# What an earlier release wrote has no digests: nothing can be said of what is missing there, and nothing is invented.
def test_rows_from_before_digests_are_believed_until_they_are_counted() -> None:
    engine = copied(FILLED)
    for space, key, _ in ROWS:
        if b"local/digest" in key:
            put_raw(engine, space, key, None)
    assert finding(engine, PARTITION) is None


def copied(engine: MemoryEngine) -> MemoryEngine:
    """Return another disk with the same rows."""
    twin = MemoryEngine()
    twin._spaces = [rows.copied() for rows in engine._spaces]
    return twin


def reinstalled(source: MemoryEngine) -> MemoryEngine:
    """Return a disk that has received a snapshot over other data."""
    target = MemoryEngine()
    put_raw(target, Space.ITEMS, b"\0\0\0\1\0\0" + bytes(17), b"left over")
    batch = WriteBatch()
    begin_install_to(batch, PARTITION, b"snapshot")
    commit(target, batch)
    target.write(lambda transaction: clear_step(transaction, PARTITION, WHOLE, 1 << 20))
    with source.snapshot() as view:
        for chunk in chunks(view, PARTITION, WHOLE, random.Random(1).randrange(100, 5_000)):
            batch = WriteBatch()
            install_to(batch, PARTITION, WHOLE, chunk)
            commit(target, batch)
    batch = WriteBatch()
    finish_install_to(batch, PARTITION)
    commit(target, batch)
    return target
