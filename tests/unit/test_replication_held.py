"""Changes that the destination holds back: nothing else waits for them, they are remembered, and they go when their time has come."""

import pytest

from node.replication import events as e
from node.replication.backoff import BACKOFF_SECONDS_MIN, Backoff
from node.replication.cursors import BatchId
from node.replication.held import FULL, HELD_MAX, PROBE_SECONDS, HeldItem, HeldRow, held_name
from tests.support.replication_store import change_of
from tests.support.replication_transcript import DOWN, UP, Transcript, cursor, member
from wire.commands import Ahead, Change, HeldChange
from wire.keys import ItemKey
from wire.versions import Version


def held_back(change: Change, wait_ms: int = 600_000) -> HeldChange:
    return HeldChange(change.key, change.version, wait_ms + 60_000, wait_ms)


def remembered(transcript: Transcript, *names: str, wait_ms: int = 600_000) -> tuple[HeldItem, ...]:
    """Ship one batch of which these are held back, and have them remembered."""
    batch = transcript.ships(10, 11)
    transcript.acknowledged(batch, held=tuple(held_back(change_of(name), wait_ms) for name in names))
    stored = transcript.one(e.StoreHeld)
    transcript.step(e.HeldStored(table=1, batch=batch, items=stored.items, is_stored=True))
    return stored.items


def tried(transcript: Transcript, items: tuple[HeldItem, ...]) -> BatchId:
    """Read and send what the core asks to read; return the batch."""
    asked = transcript.one(e.ReadHeld).items
    assert {item.key for item in asked} == {item.key for item in items}
    changes = tuple(Change(item.key, item.version, False, 2, b"{}") for item in asked)
    shipment = e.Shipment(changes=changes, bytes=2)
    transcript.step(e.HeldRead(table=1, shipment=shipment, gone=(), ahead=asked[0].ahead))
    return transcript.one(e.Send).batch


# Two hours of replication used to wait for one wrong version; and a cursor that passed what nobody remembers would lose it.
def test_the_cursor_passes_a_held_change_once_it_is_remembered() -> None:
    transcript = Transcript().started()
    batch = transcript.ships(10, 11)
    transcript.acknowledged(batch, held=(held_back(change_of("key0")),))
    items = transcript.one(e.StoreHeld).items
    assert transcript.wait(1.0) == []
    transcript.step(e.HeldStored(table=1, batch=batch, items=items, is_stored=True))
    assert transcript.cursor_after() == 11
    assert isinstance(transcript.ships(11, 12), int)


# Replicated state may fail to take it, when leadership is lost: then the cursor must not pass either.
def test_what_could_not_be_remembered_is_read_again() -> None:
    transcript = Transcript().started()
    batch = transcript.ships(10, 11)
    transcript.acknowledged(batch, held=(held_back(change_of("key0")),))
    items = transcript.one(e.StoreHeld).items
    effects = transcript.step(e.HeldStored(table=1, batch=batch, items=items, is_stored=False))
    assert effects == [e.ReadRecords(table=1, after=10)]


# "lag 0.0 s while records wait" must be impossible: held ones count, from when they were written, whatever their versions say.
def test_held_changes_are_pending_and_lag() -> None:
    transcript = Transcript().started()
    remembered(transcript, "key0")
    transcript.now += 100.0
    report = transcript.core.report(transcript.now)
    assert (report.pending_records, report.held, report.lag_seconds) == (1, 1, 102.0)


# A record from a clock that was hours ahead is as old as it is known to be: its own time must not make it younger than that.
def test_lag_of_a_record_from_the_future_grows() -> None:
    transcript = Transcript().started()
    transcript.age_ms = -7_200_000
    transcript.ships(10, 11)
    assert transcript.core.report(transcript.now + 5.0).lag_seconds == 5.0


# Whatever keeps a record from being acknowledged, it is counted from the same moment.
@pytest.mark.parametrize("event", [DOWN, e.Refused(batch=BatchId(1), reason="NotReady: later"), e.Ticked()])
def test_lag_counts_from_the_oldest_record_whatever_the_reason(event: e.Event) -> None:
    transcript = Transcript().started()
    assert transcript.ships(10, 11) == 1
    transcript.ships(11, 12)
    transcript.acknowledged(2)
    transcript.step(event)
    report = transcript.core.report(transcript.now + 5.0)
    assert (report.lag_seconds, report.pending_records > 0) == (7.0, True)


# It goes by itself when its time has come, is forgotten when it is taken, and the row with it.
def test_a_held_change_goes_when_its_time_has_come() -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0", wait_ms=10_000)
    assert not any(isinstance(effect, e.ReadHeld) for effect in transcript.wait(9.9))
    transcript.wait(0.1)
    batch = tried(transcript, items)
    assert transcript.one(e.Send).ahead is Ahead.HOLD
    assert transcript.acknowledged(batch) == [e.DropHeld(table=1, items=items)]
    assert transcript.core.report(transcript.now).pending_records == 0


# The clock over there may have been set right: a few are tried before their time, and if they are taken all others go at once.
def test_a_probe_that_succeeds_releases_all() -> None:
    transcript = Transcript().started()
    names = [f"key{number}" for number in range(40)]
    items = remembered(transcript, *names)
    transcript.wait(PROBE_SECONDS)
    probed = transcript.one(e.ReadHeld).items
    assert 0 < len(probed) < len(items)
    effects = transcript.acknowledged(tried(transcript, probed))
    assert len(next(each for each in effects if isinstance(each, e.ReadHeld)).items) == len(items) - len(probed)


# ... and one that fails leaves everything as it is, and does not turn into a spin.
def test_a_probe_that_fails_changes_nothing() -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0")
    transcript.wait(PROBE_SECONDS)
    batch = tried(transcript, items)
    held = HeldChange(items[0].key, items[0].version, 500_000, 440_000)
    assert transcript.acknowledged(batch, held=(held,)) == []
    assert not any(isinstance(effect, e.ReadHeld) for effect in transcript.wait(PROBE_SECONDS - 1))
    assert transcript.core.report(transcript.now).held == 1


# An item that was written since goes by its own record; the older change must not be sent, nor remembered for ever.
def test_what_was_written_again_is_no_longer_held() -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0", wait_ms=10_000)
    transcript.wait(10)
    gone = e.HeldRead(table=1, shipment=e.Shipment(), gone=items, ahead=Ahead.HOLD)
    assert transcript.step(gone) == [e.DropHeld(table=1, items=items)]


# A newer version of an item that is held takes the older one's place while that is on its way: the answer to the older is not its own.
def test_an_answer_to_an_older_version_settles_no_newer_one() -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0", wait_ms=10_000)
    transcript.wait(10)
    under_way = tried(transcript, items)
    newer = HeldChange(items[0].key, Version(9, 2), 60_000, 60_000)
    batch = transcript.ships(11, 12)
    transcript.acknowledged(batch, held=(newer,))
    stored = transcript.one(e.StoreHeld).items
    effects = transcript.step(e.HeldStored(table=1, batch=batch, items=stored, is_stored=True))
    assert e.DropHeld(table=1, items=items) in effects
    transcript.acknowledged(under_way)
    assert [item.version for _, item in transcript.core.held()] == [Version(9, 2)]


# Answers come in any order: what is said late of an older version must not push a newer one out, which nobody would send again.
def test_an_older_version_pushes_no_newer_one_out() -> None:
    transcript = Transcript().started()
    first, second = transcript.ships(10, 11), transcript.ships(11, 12)
    key = change_of("key0").key
    stored = {}
    for batch, time in ((second, 9), (first, 1)):
        transcript.acknowledged(batch, held=(HeldChange(key, Version(time, 2), 60_000, 60_000),))
        stored[time] = transcript.one(e.StoreHeld).items
        effects = transcript.step(e.HeldStored(table=1, batch=batch, items=stored[time], is_stored=True))
    assert e.DropHeld(table=1, items=stored[1]) in effects
    assert [item.version.time for _, item in transcript.core.held()] == [9]


# The next leader must know them all, and their times.
def test_the_next_leader_goes_on_with_what_is_held() -> None:
    transcript = Transcript()
    (item,) = remembered(Transcript().started(), "key0", wait_ms=10_000)
    row = HeldRow.of(item, now=1_000.0, now_ms=50_000)
    loaded = row.item(now=7.0, now_ms=55_000)
    assert (loaded.version, loaded.since, loaded.due) == (item.version, 0.0, 12.0)
    transcript.step(UP)
    transcript.step(e.TablesChanged(memberships=(member(),)))
    held = (HeldItem(key=item.key, version=item.version, ahead_ms=1, since=990.0, due=1_000.0),)
    effects = transcript.step(e.CursorLoaded(table=1, cursor=cursor(10), held=held))
    assert effects == [e.ReadRecords(table=1, after=10)]
    assert transcript.read(10, 10, 10, changes=0) == [e.ReadHeld(table=1, items=held)]


# Memory and rows are bounded: beyond that the stream stops and says why, instead of losing anything.
def test_a_full_memory_stops_the_stream_and_says_so() -> None:
    transcript = Transcript().started()
    batch = transcript.ships(10, 11)
    too_many = tuple(held_back(change_of(f"key{number}")) for number in range(HELD_MAX + 1))
    assert transcript.acknowledged(batch, held=too_many) == []
    report = transcript.core.report(transcript.now)
    assert (report.last_error, report.held, report.pending_records) == (FULL, 0, 1)
    assert transcript.wait(60.0) == [e.ReadRecords(table=1, after=10)]


# An operator decides: all that is held now goes at once with that decision, and nothing that is held later does.
@pytest.mark.parametrize("decision", [Ahead.ACCEPT, Ahead.OVERRULE])
def test_an_operators_decision_goes_with_what_is_held_now(decision: Ahead) -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0")
    transcript.step(e.Released(ahead=decision))
    batch = tried(transcript, items)
    assert transcript.one(e.Send).ahead is decision
    transcript.acknowledged(batch)
    batch = transcript.ships(11, 12)
    assert transcript.one(e.Send).ahead is Ahead.HOLD
    transcript.acknowledged(batch, held=(held_back(change_of("key1")),))
    assert transcript.one(e.StoreHeld).items[0].ahead is Ahead.HOLD


# A link that breaks swallows what is on its way, decisions included: it goes again.
def test_a_broken_link_loses_no_decision() -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0")
    transcript.step(e.Released(ahead=Ahead.ACCEPT))
    tried(transcript, items)
    transcript.step(DOWN)
    transcript.step(UP)
    transcript.read(11, 11, 11, changes=0)
    tried(transcript, items)
    assert transcript.one(e.Send).ahead is Ahead.ACCEPT


# A table that is not shared any more leaves no rows behind.
def test_a_forgotten_table_forgets_what_is_held() -> None:
    transcript = Transcript().started()
    items = remembered(transcript, "key0")
    effects = transcript.step(e.TablesChanged(memberships=()))
    assert e.DropHeld(table=1, items=items) in effects


# Rows of two versions, and of two items whose keys only differ in where they are cut, must not take each other's place.
def test_rows_have_names_of_their_own() -> None:
    base = HeldItem(key=ItemKey(b"ab", b"c"), version=Version(1, 1), ahead_ms=0, since=0.0, due=0.0)
    others = [
        HeldItem(key=ItemKey(b"a", b"bc"), version=Version(1, 1), ahead_ms=0, since=0.0, due=0.0),
        HeldItem(key=ItemKey(b"ab", b"c"), version=Version(2, 1), ahead_ms=0, since=0.0, due=0.0),
    ]
    assert len({held_name("r", 1, item) for item in (base, *others)}) == 3


# A destination that refused a hundred times and then works must be asked at once again when it refuses next.
def test_success_starts_the_back_off_over() -> None:
    backoff = Backoff(2.0)
    pauses = [backoff.failed() for _ in range(10)]
    assert (pauses[0], pauses[-1]) == (BACKOFF_SECONDS_MIN, 2.0)
    backoff.succeeded()
    assert backoff.failed() == BACKOFF_SECONDS_MIN


# ... and the shipper must tell it of the success.
def test_an_acknowledgement_starts_the_back_off_over() -> None:
    transcript = Transcript().started()
    for _ in range(8):
        transcript.refused(transcript.ships(10, 11))
        transcript.wait(2.0)
    transcript.read(10, 11, 11)
    transcript.acknowledged(transcript.one(e.Send).batch)
    transcript.refused(transcript.ships(11, 12))
    assert transcript.wait(BACKOFF_SECONDS_MIN) == [e.ReadRecords(table=1, after=11)]
