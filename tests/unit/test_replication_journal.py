"""The conflict journal: bounded in memory and in lines, exact in its count."""

import pytest

from node.replication.journal import LINES_PER_SECOND_MAX, SUPERSEDED_MAX, ConflictJournal, Superseded
from tests.support.clock import ManualClock
from tests.support.logs import events, listen
from wire.keys import ItemKey
from wire.versions import Version

KEY = ItemKey(b"k", b"s")


def lost(number: int) -> Superseded:
    return Superseded(3, KEY, Version(number + 1, 2), Version(number, 1))


# Testers ask what was overwritten: both versions, the newest losses, and how many there were in all.
def test_journal_keeps_the_newest_losses_and_counts_all() -> None:
    journal = ConflictJournal(ManualClock())
    for number in range(SUPERSEDED_MAX + 5):
        journal.superseded(*lost(number))
    assert journal.count == SUPERSEDED_MAX + 5
    assert len(journal.latest()) == SUPERSEDED_MAX
    assert journal.latest()[-1] == lost(SUPERSEDED_MAX + 4)


# A burst of conflicts must not drown the log; what was left out is said in the next line.
def test_journal_bounds_its_lines(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    journal = ConflictJournal(clock)
    listen(caplog)
    for number in range(LINES_PER_SECOND_MAX + 7):
        journal.superseded(*lost(number))
    clock.advance(1)
    journal.superseded(*lost(0))
    lines = events(caplog)
    assert len(lines) == LINES_PER_SECOND_MAX + 1
    assert (lines[-1]["event"], lines[-1]["unlogged_before"]) == ("write_superseded", 7)
