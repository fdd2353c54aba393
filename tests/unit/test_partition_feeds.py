"""Rows of global indexes as a partition takes them: once each, in order, and never a copy after a change."""

from node.storage.engine import Space
from node.storage.items import scan_tokens
from node.storage.layout import state_key
from tests.support.partition_machine import PARTITION, MachineBench
from tests.support.replication_store import table_spec
from wire.commands import Failed, FeedIndex, IndexRow, Merged, Outcome
from wire.errors import ErrorCode
from wire.keys import RING_TOKENS, ItemKey, TokenRange
from wire.tables import IndexSpec, IndexStatus, KeyAttribute, TableSpec
from wire.versions import Version

TABLE = 3
INDEX = 1
SOURCE = 7


def table(status: IndexStatus = IndexStatus.ACTIVE, number: int = INDEX) -> TableSpec:
    index = IndexSpec(
        number=number, name="by", is_local=False, partition=(KeyAttribute("by", "S"),), sort=(), status=status
    )
    spec = table_spec(TABLE)
    return TableSpec(
        number=spec.number,
        name=spec.name,
        table_id=spec.table_id,
        status=spec.status,
        key_schema=spec.key_schema,
        created_ms=1,
        indexes=(index,),
        next_index=number + 1,
    )


def row(name: str, sequence: int, body: bytes = b"{}") -> IndexRow:
    key = ItemKey(b"p", name.encode())
    return IndexRow(sequence, key, not body, Version(sequence + 1, 1), len(body), body)


class Bench(MachineBench):
    """Feed one index and look at its rows."""

    def feed(self, through: int, *rows: IndexRow, index: int = INDEX, source: int = SOURCE) -> Outcome:
        return self.evaluate(FeedIndex(TABLE, index, source, through, rows)).outcome

    def rows(self) -> dict[bytes, bytes]:
        self.apply()
        with self.engine.snapshot() as view:
            found = scan_tokens(view, TABLE, INDEX, TokenRange(0, RING_TOKENS))
            return {each.key.sort: each.body for each in found}


# What comes again, wholly or in part, changes nothing a second time.
def test_rows_up_to_the_position_are_passed_over() -> None:
    bench = Bench(table())
    assert bench.feed(4, row("a", 3, b"{1}"), row("b", 4)) == Merged(2, 0)
    assert bench.rows() == {b"a": b"{1}", b"b": b"{}"}
    assert bench.feed(5, row("b", 4), row("a", 5, b"")) == Merged(1, 1)
    assert bench.feed(4, row("a", 3, b"{1}"), row("b", 4)) == Merged(0, 2)
    assert bench.rows() == {b"b": b"{}"}


# A batch that is evaluated behind another one of the same turn sees its position, and is answered when that is committed.
def test_position_counts_before_it_is_applied() -> None:
    bench = Bench(table())
    bench.feed(4, row("a", 4))
    again = bench.evaluate(FeedIndex(TABLE, INDEX, SOURCE, 4, (row("a", 4),)))
    assert (again.effect, again.outcome, again.rests_on) == (b"", Merged(0, 1), 1)


# A batch that was evaluated and lost with leadership was never there.
def test_discarded_position_is_forgotten() -> None:
    bench = Bench(table())
    bench.feed(4, row("a", 4))
    bench.machine.discard(1)
    bench.index, bench.effects = 0, {}
    assert bench.feed(4, row("a", 4)) == Merged(1, 0)


# Copies of a backfill may come in any order and number, but none after a change.
def test_copies_stop_counting_with_the_first_change() -> None:
    bench = Bench(table())
    assert bench.feed(0, row("a", 0, b"{1}")) == Merged(1, 0)
    assert bench.feed(0, row("a", 0, b"{2}"), row("b", 0)) == Merged(2, 0)
    assert bench.rows() == {b"a": b"{2}", b"b": b"{}"}
    assert bench.feed(9, row("a", 9, b"")) == Merged(1, 0)
    assert bench.feed(0, row("a", 0, b"{1}")) == Merged(0, 1)
    assert bench.rows() == {b"b": b"{}"}


# Positions are one for each source: another base partition's copies are none of this one's business.
def test_each_source_has_a_position_of_its_own() -> None:
    bench = Bench(table())
    bench.feed(9, row("a", 9))
    assert bench.feed(0, row("b", 0), source=8) == Merged(1, 0)
    assert bench.feed(2, row("c", 2), source=8) == Merged(1, 0)
    assert bench.rows() == {b"a": b"{}", b"b": b"{}", b"c": b"{}"}


# The position stands among the replicated state, so that a snapshot carries it.
def test_position_is_replicated_state() -> None:
    bench = Bench(table())
    bench.feed(9, row("a", 9))
    bench.apply()
    with bench.engine.snapshot() as view:
        assert view.get(Space.STATE, state_key(PARTITION, "fed/0000000003/00001/7")) is not None


# An index not heard of yet is to be asked for again; one that is gone never comes back.
def test_unknown_index_is_refused() -> None:
    bench = Bench(table(number=2))

    def code(outcome: Outcome) -> ErrorCode:
        assert isinstance(outcome, Failed)
        return outcome.code

    assert code(bench.feed(1, row("a", 1), index=3)) is ErrorCode.NOT_READY
    assert code(bench.feed(1, row("a", 1), index=1)) is ErrorCode.RESOURCE_NOT_FOUND
    bench.tables[TABLE] = table(IndexStatus.DELETING)
    assert code(bench.feed(1, row("a", 1))) is ErrorCode.RESOURCE_NOT_FOUND
    del bench.tables[TABLE]
    assert code(bench.feed(1, row("a", 1))) is ErrorCode.NOT_READY
