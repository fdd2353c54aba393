"""Pages in slices: whose turn it is, when a page ends, and what becomes of it when leadership goes."""

from collections.abc import Callable

import pytest

from node.partition.page_turns import PageTurns, PageTurnsSpec
from tests.support.clock import ManualClock
from tests.support.partition_core import PARTITION, CoreBench
from tests.support.partition_items import put, table
from wire.commands import Failed, NotLeader, Outcome, Page, Range
from wire.errors import ErrorCode

SPEC = PageTurnsSpec(slice_seconds=0.002, turn_seconds=0.005, page_seconds_max=0.1, begun_max=3, waiting_max=4)
RECORD_SECONDS = 0.001


class LongPage:
    """A page of so many records, each of which takes a millisecond."""

    partition = PARTITION

    def __init__(self, clock: ManualClock, records: int, log: list[str], name: str, seconds: float = 10.0) -> None:
        self.deadline = clock.monotonic() + seconds
        self.records = records
        self.answer = ""
        self._clock, self._log, self._name = clock, log, name

    def read_slice(self, is_over: Callable[[], bool]) -> bool:
        self._log.append(self._name)
        while self.records:
            self.records -= 1
            self._clock.advance(RECORD_SECONDS)
            if self.records and is_over():
                return False
        self.answer = "whole"
        return True

    def end(self) -> None:
        self.answer = "part"

    def refuse(self, outcome: Failed) -> None:
        self.answer = outcome.code

    def expire(self) -> None:
        self.answer = "late"


class Bench:
    """Turns on a clock by hand; what a turn took is looked at after each."""

    def __init__(self, spec: PageTurnsSpec = SPEC) -> None:
        self.clock = ManualClock()
        self.wakes = 0
        self.log: list[str] = []
        self.turns = PageTurns(self.clock.monotonic, self._woken, spec)

    def _woken(self) -> None:
        self.wakes += 1

    def page(self, name: str, records: int, seconds: float = 10.0) -> LongPage:
        page = LongPage(self.clock, records, self.log, name, seconds)
        self.turns.submit(page)
        return page

    def run(self) -> float:
        """Run one turn; return how long it took."""
        began = self.clock.monotonic()
        self.turns.run()
        return self.clock.monotonic() - began


# Nearly all pages are short: they must not wait for another turn of the loop.
def test_a_short_page_is_answered_at_once() -> None:
    bench = Bench()
    assert bench.page("short", 2).answer == "whole"
    assert bench.turns.waiting == 0


# Whatever is asked of a node, consensus and other requests have their turn after a few milliseconds.
def test_no_turn_takes_longer_than_its_share() -> None:
    bench = Bench()
    pages = [bench.page(f"page {number}", 40) for number in range(6)]
    assert bench.clock.monotonic() - 1_000.0 < SPEC.turn_seconds + SPEC.slice_seconds
    while bench.turns.waiting:
        assert bench.run() < SPEC.turn_seconds + SPEC.slice_seconds
    assert {page.answer for page in pages} <= {"whole", "part", ErrorCode.OVERLOADED}


# A short page comes between the slices of long ones, and they go on between short ones, even when either takes all of a turn.
@pytest.mark.parametrize("turn_seconds", [0.005, 0.0])
def test_neither_long_nor_short_pages_keep_the_other_waiting(turn_seconds: float) -> None:
    bench = Bench(PageTurnsSpec(slice_seconds=0.002, turn_seconds=turn_seconds, page_seconds_max=10.0))
    long = bench.page("long", 400)
    for _ in range(10):
        for _ in range(6):
            bench.page("short", 1)
        bench.run()
    before = bench.log.count("long"), bench.log.count("short")
    assert min(before) >= 5
    assert not long.answer


# Two long pages advance together.
def test_long_pages_take_turns() -> None:
    bench = Bench()
    for name in ("a", "b"):
        bench.page(name, 20)
    while bench.turns.waiting:
        bench.run()
    assert abs(bench.log.index("a", len(bench.log) // 2) - bench.log.index("b", len(bench.log) // 2)) <= 2


# However selective a filter is, a page ends after a while, with what it has: the caller goes on from there.
def test_a_page_ends_on_the_time_it_took() -> None:
    bench = Bench()
    page = bench.page("endless", 10_000)
    while not page.answer:
        bench.run()
    assert page.answer == "part"
    assert 10_000 - page.records == pytest.approx(SPEC.page_seconds_max / RECORD_SECONDS, abs=3)


# An answer after the deadline is of no use to anybody: a page on a busy node ends in good time, shorter.
def test_a_page_ends_before_its_deadline() -> None:
    bench = Bench()
    page = bench.page("hasty", 90, seconds=0.06)
    while not page.answer:
        bench.run()
    assert page.answer == "part"
    assert bench.clock.monotonic() < page.deadline


# Nobody waits any more: nothing is read for it.
def test_a_page_whose_time_is_up_is_not_read() -> None:
    bench = Bench()
    bench.page("long", 40)
    bench.page("long", 40)
    bench.page("long", 40)
    late = bench.page("late", 5, seconds=0.001)
    bench.clock.advance(0.5)
    while bench.turns.waiting:
        bench.run()
    assert (late.answer, late.records) == ("late", 5)


# Pages that have begun hold what they have read: there is room for so many, and more end after their first slice instead.
def test_what_begun_pages_hold_is_bounded() -> None:
    bench = Bench()
    pages = []
    for number in range(6):
        pages.append(bench.page(f"page {number}", 50))
        bench.clock.advance(0.01)
        bench.turns._is_awake = False  # each in a turn of its own
    assert [page.answer for page in pages] == ["", "", "", "part", "part", "part"]


# A queue without a bound would only make everybody late.
def test_too_many_pages_are_refused() -> None:
    bench = Bench()
    pages = [bench.page(f"page {number}", 50) for number in range(20)]
    assert pages[-1].answer == ErrorCode.OVERLOADED
    assert bench.turns.waiting <= SPEC.waiting_max + SPEC.begun_max


# An idle node must not wake up for pages that nobody reads.
def test_turns_end_with_the_last_page() -> None:
    bench = Bench()
    bench.page("page", 10)
    while bench.turns.waiting:
        bench.run()
    bench.run()
    wakes = bench.wakes
    bench.run()
    assert bench.wakes == wakes


# On a replica: every record a slice.

ONE_BY_ONE = PageTurnsSpec(slice_seconds=0.0, turn_seconds=0.0, slice_weight=1)
EVERYTHING = Range(1, consistent=True)


def begun(command: Range, lease_seconds: float = 0.8) -> tuple[CoreBench, int]:
    """Return a leader that has read the first record of a page of three."""
    bench = CoreBench(table(), pages=ONE_BY_ONE, lease_seconds=lease_seconds).elect()
    for name in "xyz":
        bench.ask(put(name))
    request = bench.submit(command)
    bench.pages.run()
    return bench, request


def finished(bench: CoreBench, request: int) -> Outcome | None:
    while bench.pages.waiting:
        bench.pages.run()
    return bench.outcomes.get(request)


# What a deposed leader read may be old: a strong page that it has begun is not finished, whoever leads when it ends.
@pytest.mark.parametrize("is_elected_again", [False, True])
def test_a_strong_page_ends_with_the_term_it_began_in(is_elected_again: bool) -> None:
    bench, request = begun(EVERYTHING)
    bench.depose()
    if is_elected_again:
        bench.elect()
    assert isinstance(finished(bench, request), NotLeader)


# One that need not be strong is none of the leader's business.
def test_an_eventually_consistent_page_outlives_the_leadership() -> None:
    bench, request = begun(EVERYTHING._replace(consistent=False))
    bench.depose()
    page = finished(bench, request)
    assert isinstance(page, Page)
    assert page.count == 3


# Between two slices another may have come to lead without this one knowing: without a lease a quorum has to say that it has not.
@pytest.mark.parametrize("lease_seconds", [0.8, 0.0])
def test_a_strong_page_is_confirmed_after_its_last_slice(lease_seconds: float) -> None:
    bench, request = begun(EVERYTHING, lease_seconds)
    bench.run()
    bench.peers_answer = False
    bench.clock.advance(2.0)
    assert finished(bench, request) is None
    bench.peers_answer = True
    bench.run()
    page = finished(bench, request)
    assert isinstance(page, Page)
    assert page.count == 3


# What happens to a table while a page of it is read must end the page, not the node.
def test_a_page_of_a_table_that_goes_is_refused() -> None:
    bench, request = begun(EVERYTHING)
    bench.tables.clear()
    outcome = finished(bench, request)
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.RESOURCE_NOT_FOUND


# A snapshot that is being installed takes rows away: what a page read of it would be neither old nor new.
def test_a_page_is_not_read_on_from_half_a_snapshot() -> None:
    bench, request = begun(EVERYTHING._replace(consistent=False))
    bench.core.is_installing = True
    outcome = finished(bench, request)
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.NOT_READY
