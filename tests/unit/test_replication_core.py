"""The shipper core as transcripts: events in, effects out."""

from typing import TypeVar

from node.replication import events as e
from node.replication.core import (
    ACKNOWLEDGED_WITHIN_SECONDS,
    CURSOR_SECONDS,
    SCAN_BATCHES_MAX,
)
from node.replication.progress import AGAIN_SECONDS
from node.replication.window import LINGER_SECONDS, SMALL_BATCHES_MAX, WINDOW_BATCHES_MAX, WINDOW_BYTES_MAX
from tests.support.replication_transcript import DOWN, PAUSED, UP, Transcript, cursor, member, position
from wire.limits import SHIPMENT_CHANGES_MAX

Effect = TypeVar("Effect")


# The plain way: a record is applied, read, sent, acknowledged, and then, not at once, the cursor is stored.
def test_core_ships_a_change_and_then_moves_its_cursor() -> None:
    transcript = Transcript().started()
    assert transcript.applied(11) == [e.ReadRecords(table=1, after=10)]
    transcript.read(after=10, through=11, latest=11)
    sent = transcript.one(e.Send)
    assert (sent.membership.name, len(sent.changes), sent.due) == ("table1", 1, transcript.now)
    assert transcript.acknowledged(sent.batch) == []
    assert transcript.cursor_after() == 11


# Idle must cost nothing: once all is acknowledged and stored there is no effect but a far-away alarm.
def test_core_at_rest_asks_for_nothing() -> None:
    transcript = Transcript().started()
    batch = transcript.ships(10, 11)
    transcript.acknowledged(batch)
    transcript.wait(CURSOR_SECONDS)
    stored = transcript.one(e.StoreCursor).cursor
    assert stored is not None
    assert transcript.step(e.CursorStored(table=1, cursor=stored, is_stored=True)) == []
    assert transcript.wait(30) == []


# Acknowledgements come in any order; a cursor that passed an unacknowledged batch would lose it with the leader.
def test_core_never_moves_the_cursor_past_a_gap() -> None:
    transcript = Transcript().started()
    first, second, third = transcript.ships(10, 11), transcript.ships(11, 12), transcript.ships(12, 13)
    transcript.acknowledged(third)
    transcript.acknowledged(first)
    assert transcript.cursor_after() == 11
    stored = transcript.one(e.StoreCursor).cursor
    assert stored is not None
    transcript.step(e.CursorStored(table=1, cursor=stored, is_stored=True))
    transcript.acknowledged(second)
    assert transcript.cursor_after() == 13


# A refused batch is read again from the cursor after a pause that doubles, whatever else was in flight; one success starts over.
def test_core_backs_off_and_returns_to_the_cursor() -> None:
    transcript = Transcript().started()
    first, second = transcript.ships(10, 11), transcript.ships(11, 12)
    assert transcript.refused(first) == []
    assert transcript.refused(second) == []
    assert transcript.wait(0.06) == [e.ReadRecords(table=1, after=10)]
    transcript.read(after=10, through=12, latest=12)
    transcript.refused(transcript.one(e.Send).batch)
    assert transcript.wait(0.06) == []
    assert transcript.wait(0.06) == [e.ReadRecords(table=1, after=10)]


# One table whose gateway refuses must not hold the others up.
def test_core_blocks_only_the_refused_table() -> None:
    transcript = Transcript().started()
    transcript.step(e.TablesChanged(memberships=(member(1), member(2))))
    transcript.step(e.CursorLoaded(table=2, cursor=cursor(10)))
    transcript.read(after=10, through=10, latest=10, changes=0, table=2)
    transcript.refused(transcript.ships(10, 11))
    assert transcript.applied(12, table=2) == [e.ReadRecords(table=2, after=10)]


# Tables take turns: a busy one gives way after every batch.
def test_core_reads_tables_in_turn() -> None:
    transcript = Transcript().started()
    transcript.step(e.TablesChanged(memberships=(member(1), member(2))))
    transcript.step(e.CursorLoaded(table=2, cursor=cursor(10)))
    transcript.read(after=10, through=10, latest=10, changes=0, table=2)
    transcript.step(e.ChangesApplied(tables=(1, 2), latest=1000))
    transcript.read(after=10, through=300, latest=1000)
    assert transcript.one(e.ReadRecords).table == 2
    transcript.read(after=10, through=300, latest=1000, table=2)
    assert transcript.one(e.ReadRecords) == e.ReadRecords(table=1, after=300)


# The window is what bounds memory here and work over there: by batches for small items.
def test_core_stops_reading_at_a_full_window() -> None:
    transcript = Transcript().started()
    transcript.applied(1_000_000)
    place = 10
    while transcript.effects and isinstance(transcript.effects[-1], e.ReadRecords):
        transcript.read(place, place + SHIPMENT_CHANGES_MAX, 1_000_000)
        place += SHIPMENT_CHANGES_MAX
    assert place == 10 + WINDOW_BATCHES_MAX * SHIPMENT_CHANGES_MAX
    transcript.acknowledged(1)
    assert transcript.one(e.ReadRecords).after == place


# And by bytes for large ones.
def test_core_stops_reading_at_a_window_of_bytes() -> None:
    transcript = Transcript().started()
    transcript.applied(1_000_000)
    transcript.read(10, 300, 1_000_000, size=WINDOW_BYTES_MAX)
    assert [type(effect) for effect in transcript.effects] == [e.Send]
    transcript.acknowledged(1)
    assert transcript.one(e.ReadRecords).after == 300


# Many tiny batches cost more than they are worth: beyond a few in flight they wait a moment for company.
def test_core_lingers_over_small_batches() -> None:
    transcript = Transcript().started()
    for number in range(SMALL_BATCHES_MAX):
        transcript.ships(10 + number, 11 + number)
    assert transcript.applied(20) == []
    assert transcript.wait(LINGER_SECONDS) == [e.ReadRecords(table=1, after=10 + SMALL_BATCHES_MAX)]


# A delay is a property of the wire, not of the window: batches follow one another without waiting for answers.
def test_core_pipelines_over_a_delayed_link() -> None:
    transcript = Transcript().started(link=e.LinkChanged(is_connected=True, delay_ms=300))
    transcript.applied(10_000)
    transcript.read(10, 300, 10_000)
    assert transcript.one(e.Send).due == transcript.now + 0.3
    transcript.read(300, 600, 10_000)
    assert transcript.one(e.Send).due == transcript.now + 0.3


# A cut link costs no memory and no work: one look to know since when we are behind, then silence until it is mended.
def test_core_waits_behind_a_cut_link() -> None:
    transcript = Transcript().started(link=DOWN)
    assert transcript.applied(11) == [e.ReadRecords(table=1, after=10)]
    assert transcript.read(10, 11, 11) == []
    assert transcript.applied(12) == []
    report = transcript.core.report(transcript.now + 0.5)
    assert (report.lag_seconds, report.pending_records) == (2.5, 2)
    assert transcript.step(UP) == [e.ReadRecords(table=1, after=10)]


# What was in flight when the connection broke is unknown, so it is read again; and it still counts as lag.
def test_core_reads_again_what_a_broken_link_swallowed() -> None:
    transcript = Transcript().started()
    batch = transcript.ships(10, 11)
    assert transcript.step(DOWN) == []
    assert transcript.core.report(transcript.now - 1.0).lag_seconds == 1.0
    assert transcript.acknowledged(batch) == []
    assert transcript.step(UP) == [e.ReadRecords(table=1, after=10)]


# Paused means nothing is sent, not even what was read before.
def test_core_sends_nothing_while_paused() -> None:
    transcript = Transcript().started()
    transcript.applied(11)
    transcript.step(PAUSED)
    assert transcript.read(10, 11, 11) == []
    assert transcript.step(UP) == [e.ReadRecords(table=1, after=10)]


# Records of other regions are passed over; they must neither be sent nor hold the cursor back for ever.
def test_core_passes_over_what_need_not_go() -> None:
    transcript = Transcript().started()
    transcript.applied(11)
    assert transcript.read(10, 11, 11, changes=0) == []
    report = transcript.core.report(transcript.now)
    assert (report.lag_seconds, report.pending_records) == (0, 0)
    assert transcript.cursor_after(60) == 11


# A connection may die without a word: a batch that is not answered for long has the link opened anew.
def test_core_gives_a_silent_link_up() -> None:
    transcript = Transcript().started()
    transcript.ships(10, 11)
    transcript.wait(ACKNOWLEDGED_WITHIN_SECONDS)
    assert "no acknowledgement" in transcript.one(e.ResetLink).reason
    assert transcript.step(UP) == [e.ReadRecords(table=1, after=10)]


# A cursor that may be lost is stored again, or a new leader would start too far back.
def test_core_stores_a_lost_cursor_again() -> None:
    transcript = Transcript().started()
    transcript.acknowledged(transcript.ships(10, 11))
    transcript.wait(CURSOR_SECONDS)
    lost = transcript.one(e.StoreCursor).cursor
    assert lost is not None
    transcript.step(e.CursorStored(table=1, cursor=lost, is_stored=False))
    assert transcript.cursor_after(AGAIN_SECONDS) == 11


# A new membership begins behind a barrier, because writes evaluated before it was known left no record; then scan and stream run.
def test_core_begins_a_membership_with_a_scan_behind_a_barrier() -> None:
    transcript = Transcript()
    transcript.step(UP)
    assert transcript.step(e.TablesChanged(memberships=(member(source=True),))) == [e.LoadCursor(table=1)]
    assert transcript.step(e.CursorLoaded(table=1, cursor=None)) == [e.AwaitBarrier(table=1, generation=5)]
    transcript.step(e.BarrierPassed(table=1, generation=5, latest=40))
    stored = transcript.one(e.StoreCursor).cursor
    assert stored is not None
    assert (stored.sequence, stored.is_scanning, stored.position) == (40, True, None)
    assert transcript.one(e.ReadRecords).after == 40
    transcript.read(40, 40, 40, changes=0)
    assert transcript.one(e.ReadItems) == e.ReadItems(table=1, after=None, everything=True, members=(1, 2, 3))


# The catalog hears of a finished copy exactly once, and only when all of it is acknowledged.
def test_core_reports_a_finished_copy_once() -> None:
    transcript = Transcript()
    transcript.step(UP)
    transcript.step(e.TablesChanged(memberships=(member(source=True),)))
    transcript.step(e.CursorLoaded(table=1, cursor=cursor(10, scanning=True)))
    transcript.read(10, 10, 10, changes=0)
    transcript.scanned(None, position("a"))
    batch = transcript.one(e.Send).batch
    assert transcript.scanned(position("a"), position("a"), last=True) == []
    assert transcript.acknowledged(batch) == [e.ReportBackfill(membership=member(source=True))]
    assert transcript.step(e.BackfillRecorded(table=1, generation=5, is_recorded=True)) == []
    assert [type(effect) for effect in transcript.wait(5)] == [e.StoreCursor]


# A catalog without a leader must be told again later.
def test_core_reports_again_when_the_catalog_did_not_hear() -> None:
    transcript = Transcript()
    transcript.step(e.TablesChanged(memberships=(member(source=True),)))
    report = e.ReportBackfill(membership=member(source=True))
    assert report in transcript.step(e.CursorLoaded(table=1, cursor=cursor(10)))
    transcript.step(e.BackfillRecorded(table=1, generation=5, is_recorded=False))
    assert report in transcript.wait(AGAIN_SECONDS)


# A copy must not crowd out live changes: few of its batches are in flight.
def test_core_paces_a_scan() -> None:
    transcript = Transcript()
    transcript.step(UP)
    transcript.step(e.TablesChanged(memberships=(member(),)))
    transcript.step(e.CursorLoaded(table=1, cursor=cursor(10, scanning=True)))
    transcript.read(10, 10, 10, changes=0)
    places = [None, *(position(name) for name in "abc")]
    for number in range(SCAN_BATCHES_MAX):
        transcript.scanned(places[number], places[number + 1])
    assert [type(effect) for effect in transcript.effects] == [e.Send]
    transcript.acknowledged(1)
    assert transcript.one(e.ReadItems).after == places[SCAN_BATCHES_MAX]


# A scan that is interrupted after its last page was read is not over: what was not acknowledged is read again, to its end.
def test_core_does_not_end_a_scan_early_after_a_broken_link() -> None:
    transcript = Transcript()
    transcript.step(UP)
    transcript.step(e.TablesChanged(memberships=(member(source=True),)))
    transcript.step(e.CursorLoaded(table=1, cursor=cursor(10, scanning=True)))
    transcript.read(10, 10, 10, changes=0)
    transcript.scanned(None, position("a"))
    transcript.scanned(position("a"), position("a"), last=True)
    transcript.step(DOWN)
    transcript.step(UP)
    transcript.scanned(None, position("a"))
    assert transcript.acknowledged(transcript.one(e.Send).batch) == []
    assert transcript.core.report(transcript.now).backfilling_tables == 1


# A leader that did not know of a membership may have let writes through without records, whatever the cursor says.
def test_core_scans_when_its_leader_was_behind_the_catalog() -> None:
    transcript = Transcript(catalog_version=4)
    transcript.step(e.TablesChanged(memberships=(member(generation=5),)))
    loaded = e.CursorLoaded(table=1, cursor=cursor(10, generation=5))
    assert transcript.step(loaded) == [e.AwaitBarrier(table=1, generation=5)]


# A replica that was removed and added again has nothing of before: the old cursor must not be believed.
def test_core_does_not_believe_a_cursor_of_another_membership() -> None:
    transcript = Transcript()
    transcript.step(e.TablesChanged(memberships=(member(generation=8),)))
    loaded = e.CursorLoaded(table=1, cursor=cursor(10, generation=5))
    assert transcript.step(loaded) == [e.AwaitBarrier(table=1, generation=8)]


# Records that were trimmed before they were read are made up for by a scan of what this region wrote.
def test_core_scans_when_records_are_gone() -> None:
    transcript = Transcript().started()
    transcript.applied(500)
    transcript.read(10, 500, 500, oldest=400)
    assert transcript.one(e.ReadItems) == e.ReadItems(table=1, after=None, everything=False, members=(1, 2, 3))


# When a region leaves, what it wrote and only we received has to come from us.
def test_core_scans_when_a_member_has_left() -> None:
    transcript = Transcript().started()
    changed = e.TablesChanged(memberships=(member(members=(1, 2)),))
    assert transcript.step(changed) == [e.AwaitBarrier(table=1, generation=5)]
    assert transcript.step(changed) == []
    transcript.step(e.BarrierPassed(table=1, generation=5, latest=10))
    assert transcript.one(e.ReadItems) == e.ReadItems(table=1, after=None, everything=False, members=(1, 2))


# A page that was chosen before a member left lacks what that member wrote: it must be read again, even as the first of a scan.
def test_core_drops_a_page_that_was_chosen_for_other_members() -> None:
    transcript = Transcript()
    transcript.step(UP)
    transcript.step(e.TablesChanged(memberships=(member(),)))
    transcript.step(e.CursorLoaded(table=1, cursor=cursor(10, scanning=True)))
    transcript.read(10, 10, 10, changes=0)
    transcript.step(e.TablesChanged(memberships=(member(members=(1, 2)),)))
    transcript.step(e.BarrierPassed(table=1, generation=5, latest=10))
    transcript.scanned(None, position("a"), members=(1, 2, 3))
    assert transcript.one(e.ReadItems) == e.ReadItems(table=1, after=None, everything=False, members=(1, 2))


# A table that is not shared any more leaves nothing behind: no batches, no cursor.
def test_core_forgets_a_table() -> None:
    transcript = Transcript().started()
    batch = transcript.ships(10, 11)
    assert transcript.step(e.TablesChanged(memberships=())) == [e.StoreCursor(table=1, cursor=None)]
    assert transcript.acknowledged(batch) == []
    assert transcript.applied(12) == []


# What operators see adds up: shipped, superseded, errors with the last reason.
def test_core_counts_what_happens() -> None:
    transcript = Transcript().started()
    transcript.acknowledged(transcript.ships(10, 11), superseded=1)
    transcript.refused(transcript.ships(11, 12))
    report = transcript.core.report(transcript.now)
    assert (report.shipped, report.superseded, report.errors, report.last_error) == (1, 1, 1, "NotReady: later")


# Tombstones are let go by this: a table that is never at rest must still tell what is everywhere, and never sooner.
def test_core_tells_what_is_acknowledged_of_a_busy_table() -> None:
    transcript = Transcript().started()
    first = transcript.ships(10, 11)
    transcript.ships(11, 12)
    assert not transcript.core.is_settled(1, 11)
    transcript.acknowledged(first)
    assert (transcript.core.is_settled(1, 11), transcript.core.is_settled(1, 12), transcript.core.is_settled(1)) == (
        True,
        False,
        False,
    )


# A scan brings what the stream does not, so while one is to come nothing counts as being everywhere.
def test_core_is_not_settled_before_a_scan() -> None:
    transcript = Transcript().started()
    transcript.step(e.TablesChanged(memberships=(member(members=(1, 2)),)))
    assert not transcript.core.is_settled(1, 10)
