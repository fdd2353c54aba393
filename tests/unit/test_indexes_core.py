"""The feeder core, event by event: what leaves when, where cursors stand, and what is never done."""

from collections.abc import Mapping
from typing import TypeVar

from node.indexes import events as e
from node.indexes.core import AGAIN_SECONDS, CURSOR_SECONDS, WINDOW_ROWS_MAX, FeederCore
from node.indexes.cursors import FeedCursor
from node.indexes.lanes import BATCH_ROWS_MAX
from node.indexes.rows import FedIndex, RoutedRow
from wire.commands import IndexRow, Position
from wire.keys import ItemKey
from wire.tables import IndexSpec, IndexStatus, KeyAttribute
from wire.versions import Version

PARTITION = 4
INDEX = IndexSpec(number=1, name="by", is_local=False, partition=(KeyAttribute("by", "S"),), generation=3)
OTHER = IndexSpec(number=2, name="of", is_local=False, partition=(KeyAttribute("of", "S"),), generation=3)
NEW = IndexSpec(
    number=1, name="by", is_local=False, partition=INDEX.partition, status=IndexStatus.CREATING, generation=3
)
PLACE = Position(b"h" * 16, ItemKey(b"k"))

E = TypeVar("E")


def row(destination: int, sequence: int, name: str = "r") -> RoutedRow:
    return RoutedRow(destination, IndexRow(sequence, ItemKey(b"p", name.encode()), False, Version(1, 1), 1, b"{}"))


class Bench:
    """A core, its time, and what it asked for."""

    def __init__(self, *indexes: IndexSpec, copied_per_second: int = 0) -> None:
        self.now = 100.0
        self.core = FeederCore(partition=PARTITION, copied_per_second=copied_per_second)
        self.asked: list[e.Effect] = []
        self.step(e.IndexesChanged(indexes=indexes))

    def step(self, event: e.Event, seconds: float = 0.0) -> list[e.Effect]:
        self.now += seconds
        self.asked = self.core.step(event, self.now)
        return self.asked

    def only(self, kind: type[E]) -> E:
        (found,) = self.all(kind)
        return found

    def all(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.asked if isinstance(effect, kind)]

    def load(self, cursor: FeedCursor | None, index: int = 1) -> None:
        self.step(e.CursorLoaded(index=index, cursor=cursor))

    def records(self, through: int, rows: Mapping[int, list[RoutedRow]], *, oldest: int = 1) -> None:
        """Answer the read that was asked for last."""
        read = self.only(e.ReadRecords)
        self.step(e.RecordsRead(indexes=read.indexes, rows=rows, through=through, oldest=oldest, latest=through))

    def applied(self, through: int, *rows: RoutedRow) -> None:
        """Let changes be applied and read."""
        self.step(e.ChangesApplied(latest=through))
        self.records(through, {1: list(rows)})

    def tick(self, seconds: float) -> None:
        self.step(e.Ticked(), seconds)


def fed(*indexes: IndexSpec) -> Bench:
    """Return a core that has caught up with nothing."""
    bench = Bench(*indexes)
    for index in indexes:
        bench.step(e.CursorLoaded(index=index.number, cursor=FeedCursor(sequence=0)))
        if bench.all(e.ReadRecords):
            bench.records(0, {})
    return bench


def planned() -> Bench:
    """Return a core whose copy begins after change 7, as soon as that is committed."""
    bench = Bench(NEW)
    bench.load(None)
    assert bench.only(e.AwaitBarrier) == e.AwaitBarrier(index=1)
    bench.step(e.BarrierPassed(index=1, latest=7))
    return bench


# Rows for one partition go out batch by batch; those for another do not wait for them.
def test_one_batch_in_flight_for_each_partition() -> None:
    bench = fed(INDEX)
    bench.applied(3, row(1, 2), row(2, 3))
    first, second = bench.all(e.Send)
    assert [(each.destination, each.through) for each in (first, second)] == [(1, 2), (2, 3)]
    bench.applied(5, row(1, 4), row(1, 5))
    assert bench.all(e.Send) == []
    bench.step(e.Acknowledged(batch=first.batch))
    third = bench.only(e.Send)
    assert (third.through, [each.sequence for each in third.rows]) == (5, [4, 5])


# All rows of a change go together: the position would pass over the second half.
def test_batch_is_cut_between_changes() -> None:
    bench = fed(INDEX)
    rows = [row(1, sequence, name) for sequence in range(1, BATCH_ROWS_MAX) for name in ("a", "b")]
    bench.applied(BATCH_ROWS_MAX, *rows)
    send = bench.only(e.Send)
    assert len(send.rows) == BATCH_ROWS_MAX
    assert send.through == BATCH_ROWS_MAX // 2
    bench = fed(INDEX)
    bench.applied(BATCH_ROWS_MAX, row(1, 1), *rows[2:])
    assert len(bench.only(e.Send).rows) == BATCH_ROWS_MAX + 1


# The cursor stands before the first change of which a row is not acknowledged, whatever came of later ones.
def test_cursor_never_passes_what_is_not_acknowledged() -> None:
    bench = fed(INDEX)
    bench.applied(9, row(1, 4), row(2, 6))
    first, second = bench.all(e.Send)
    bench.step(e.Acknowledged(batch=second.batch))
    assert bench.core.fed(1) == 3
    bench.tick(CURSOR_SECONDS)
    assert bench.only(e.StoreCursor).cursor == FeedCursor(sequence=3)
    bench.step(e.Acknowledged(batch=first.batch))
    assert bench.core.fed(1) == 9


# What was refused is sent again as it was, after a while; its answer does not count any more.
def test_refused_batch_is_sent_again() -> None:
    bench = fed(INDEX)
    bench.applied(4, row(1, 4))
    first = bench.only(e.Send)
    bench.step(e.Refused(batch=first.batch))
    assert (bench.all(e.Send), bench.core.fed(1)) == ([], 3)
    bench.tick(0.1)
    again = bench.only(e.Send)
    assert (again.rows, again.batch != first.batch) == (first.rows, True)
    bench.step(e.Acknowledged(batch=first.batch))
    assert bench.core.fed(1) == 3


# An index that a partition knows to be gone is left alone until the catalog says so here.
def test_final_refusal_stops() -> None:
    bench = fed(INDEX)
    bench.applied(4, row(1, 4), row(2, 4))
    first, second = bench.all(e.Send)
    bench.step(e.Refused(batch=first.batch, is_final=True))
    bench.step(e.ChangesApplied(latest=5), 100.0)
    assert bench.asked == []
    # What was under way elsewhere belongs to nothing any more, however it ends.
    assert bench.step(e.Acknowledged(batch=second.batch), 100.0) == []


# The same for one that is refused after all: it must not be sent again for an index that is given up.
def test_what_was_under_way_at_a_final_refusal_is_not_sent_again() -> None:
    bench = fed(INDEX)
    bench.applied(4, row(1, 4), row(2, 4))
    first, second = bench.all(e.Send)
    bench.step(e.Refused(batch=first.batch, is_final=True))
    assert bench.step(e.Refused(batch=second.batch, is_final=False), 1.0) == []
    bench.tick(100.0)
    assert bench.asked == []


# Nothing more is read while too much waits, so that a partition that is away costs no memory without bound.
def test_full_window_stops_reading() -> None:
    bench = fed(INDEX)
    bench.applied(WINDOW_ROWS_MAX, *(row(1, sequence) for sequence in range(1, WINDOW_ROWS_MAX + 1)))
    send = bench.only(e.Send)
    bench.step(e.ChangesApplied(latest=WINDOW_ROWS_MAX + 1))
    assert bench.all(e.ReadRecords) == []
    bench.step(e.Acknowledged(batch=send.batch))
    assert bench.only(e.ReadRecords).indexes == (FedIndex(INDEX, WINDOW_ROWS_MAX),)


# Indexes of one table share a read; one that is ahead takes nothing twice.
def test_one_read_serves_all_indexes() -> None:
    bench = Bench(INDEX, OTHER)
    bench.load(FeedCursor(sequence=5), 1)
    assert bench.only(e.ReadRecords).indexes == (FedIndex(INDEX, 5),)
    bench.records(8, {})
    bench.load(FeedCursor(sequence=2), 2)
    assert bench.only(e.ReadRecords).indexes == (FedIndex(INDEX, 8), FedIndex(OTHER, 2))
    bench.records(6, {2: [row(1, 4)]})
    assert [(each.index, each.through) for each in bench.all(e.Send)] == [(2, 4)]
    assert (bench.core.fed(1), bench.core.fed(2)) == (8, 3)


# An index that was made with its table begins with the first change there ever was.
def test_index_of_a_new_table_is_fed_from_the_start() -> None:
    bench = Bench(INDEX)
    bench.load(None)
    assert bench.only(e.ReadRecords).indexes == (FedIndex(INDEX, 0),)


# Before it is committed where the copy began, a later leader could begin elsewhere and never hear what went between.
def test_no_copy_leaves_before_its_start_is_committed() -> None:
    bench = planned()
    store = bench.only(e.StoreCursor)
    assert store.cursor == FeedCursor(sequence=7, is_copying=True)
    bench.step(e.ChangesApplied(latest=9))
    assert bench.asked == []
    bench.step(e.CursorStored(index=1, cursor=store.cursor, is_stored=False))
    assert not bench.all(e.ReadItems)
    bench.tick(AGAIN_SECONDS)
    assert bench.only(e.StoreCursor) == store
    bench.step(e.CursorStored(index=1, cursor=store.cursor, is_stored=True))
    assert bench.only(e.ReadItems) == e.ReadItems(index=NEW, after=None)


# Pages of copies go out one after the other, then the changes since the start, then the catalog hears of it.
def test_copy_then_changes_then_report() -> None:
    bench = planned()
    bench.step(e.CursorStored(index=1, cursor=bench.only(e.StoreCursor).cursor, is_stored=True))
    bench.step(e.ItemsRead(index=1, rows=[row(1, 0), row(2, 0)], after=None, through=PLACE, count=2, is_last=False))
    first, second = bench.all(e.Send)
    assert (first.through, second.through) == (0, 0)
    bench.step(e.Acknowledged(batch=first.batch))
    assert bench.all(e.ReadItems) == []
    bench.step(e.Acknowledged(batch=second.batch))
    assert bench.only(e.ReadItems).after == PLACE
    bench.step(e.ItemsRead(index=1, rows=[], after=PLACE, through=PLACE, count=0, is_last=True))
    assert bench.only(e.StoreCursor).cursor == FeedCursor(sequence=7)
    bench.records(9, {1: [row(1, 8)]})
    send = bench.only(e.Send)
    bench.step(e.CursorStored(index=1, cursor=FeedCursor(sequence=7), is_stored=True))
    assert bench.all(e.ReportBackfill) == []
    bench.step(e.Acknowledged(batch=send.batch))
    assert bench.only(e.ReportBackfill).index == NEW


# A later leader copies on from where the cursor stands, with the same start.
def test_copy_is_resumed() -> None:
    bench = Bench(NEW)
    bench.load(FeedCursor(sequence=7, is_copying=True, copied=(PLACE.hash, b"k", b"")))
    assert bench.only(e.ReadItems).after == PLACE


# Copies keep to their pace.
def test_copy_is_paced() -> None:
    bench = Bench(NEW, copied_per_second=10)
    bench.load(FeedCursor(sequence=7, is_copying=True))
    bench.step(e.ItemsRead(index=1, rows=[], after=None, through=PLACE, count=5, is_last=False))
    assert bench.all(e.ReadItems) == []
    assert bench.only(e.WakeAt).time == bench.now + 0.5
    bench.tick(0.5)
    assert bench.only(e.ReadItems).after == PLACE


# A report that may be lost is made again; one that is known to have arrived is not.
def test_report_is_repeated_until_recorded() -> None:
    bench = Bench(NEW)
    bench.load(FeedCursor(sequence=7))
    bench.records(7, {})
    assert bench.all(e.ReportBackfill)
    bench.step(e.CatalogTold(index=1, is_recorded=False))
    bench.tick(AGAIN_SECONDS)
    assert bench.all(e.ReportBackfill)
    bench.step(e.CatalogTold(index=1, is_recorded=True))
    bench.applied(8)
    assert bench.all(e.ReportBackfill) == []


# Changes that are gone cannot be passed over: what they removed would stay for ever.
def test_missing_changes_are_not_passed_over() -> None:
    bench = Bench(INDEX)
    bench.load(FeedCursor(sequence=4))
    bench.records(9, {1: [row(1, 9)]}, oldest=6)
    assert (bench.all(e.Send), bench.only(e.AskRebuild).index) == ([], INDEX)
    bench.step(e.CatalogTold(index=1, is_recorded=True))
    bench.step(e.ChangesApplied(latest=10), 100.0)
    assert bench.asked == []


# Every cursor that has moved is stored when leadership is about to go, none that has not.
def test_leaving_stores_cursors() -> None:
    bench = fed(INDEX, OTHER)
    bench.applied(4, row(1, 4))
    bench.step(e.Acknowledged(batch=bench.only(e.Send).batch))
    bench.step(e.Leaving())
    assert {each.index: each.cursor.sequence for each in bench.all(e.StoreCursor)} == {1: 4, 2: 4}
    for each in bench.all(e.StoreCursor):
        bench.core.step(e.CursorStored(index=each.index, cursor=each.cursor, is_stored=True), bench.now)
    bench.step(e.Leaving())
    assert bench.all(e.StoreCursor) == []


# An index that is dropped takes what was under way with it.
def test_dropped_index_is_forgotten() -> None:
    bench = fed(INDEX)
    bench.applied(4, row(1, 4))
    send = bench.only(e.Send)
    bench.step(e.IndexesChanged(indexes=()))
    bench.step(e.Acknowledged(batch=send.batch), 100.0)
    assert (bench.asked, bench.core.fed(1)) == ([], None)


# Operators see how far an index is behind: what is read and not acknowledged counts, and so does what is not read yet.
def test_backlog_is_what_is_not_acknowledged() -> None:
    bench = fed(INDEX)
    bench.applied(3, row(1, 2), row(1, 3))
    assert bench.core.backlogs() == {1: 2}
    sent = bench.only(e.Send)
    bench.step(e.ChangesApplied(latest=9))
    assert bench.core.backlogs() == {1: 8}
    bench.step(e.Acknowledged(batch=sent.batch))
    assert bench.core.backlogs() == {1: 6}


# An index that is being copied into has no distance yet, and is told apart from one that has caught up.
def test_an_index_that_is_filled_has_no_backlog() -> None:
    assert fed(INDEX).core.backlogs() == {1: 0}
    assert planned().core.backlogs() == {1: -1}
