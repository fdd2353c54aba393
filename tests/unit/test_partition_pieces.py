"""The small parts of a partition: entries, the overlay, leases, trimming, ordered writing, preferred leaders."""

import asyncio
import math
from dataclasses import replace

import pytest

from node.consensus.progress import ProgressState
from node.consensus.status import PeerStatus, Status
from node.consensus.types import Index, Membership, ReplicaId, Role, Term
from node.partition.entries import Cursor, cursor_piece, decode_entry, effect_piece, encode_entry
from node.partition.leadership import CHECK_TICKS, STEADY_CHECKS, PreferredLeader, successor
from node.partition.lease import Lease
from node.partition.log_trim import LogTrim
from node.partition.overlay import Overlay
from node.partition.settings import NodeSettings
from node.partition.waiting import Committing, Judged, Waiting
from node.partition.writing import RETRY_SECONDS, OrderedWriting
from node.storage.engine import Space
from node.storage.errors import StorageFull
from node.storage.writer import WriteBatch
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.catalog import NodeId, PartitionId, Placement, ReplicaPlacement
from wire.commands import Got
from wire.keys import RING_TOKENS, ItemKey

X = ItemKey(b"x")


# Entries are in people's logs: what is written must be read, whatever is in it.
def test_an_entry_becomes_what_it_was_made_from() -> None:
    pieces = [effect_piece(b"one"), cursor_piece(Cursor("ship/é/1", b"17")), effect_piece(b""), effect_piece(b"two")]
    content = decode_entry(encode_entry(9, pieces))
    assert content.catalog_version == 9
    assert list(content.effects) == [b"one", b"", b"two"]
    assert list(content.cursors) == [Cursor("ship/é/1", b"17")]


# A log that a newer release wrote must stop the node, not be half understood.
def test_an_unknown_entry_format_is_refused() -> None:
    with pytest.raises(AssertionError, match="format 1, found 2"):
        decode_entry(b"\x02" + encode_entry(1, [])[1:])


# Newest for the next evaluation, committed for a read, and nothing once it is applied or lost.
def test_the_overlay_tells_newest_from_committed() -> None:
    overlay = Overlay()
    for index in (3, 5, 7):
        overlay.add(1, X, index, None)
    newest, committed = overlay.newest(1, X), overlay.committed(1, X, 6)
    assert (newest and newest.entry_index, committed and committed.entry_index) == (7, 5)
    assert overlay.committed(1, X, 2) is None
    overlay.applied(5)
    overlay.discard(7)
    assert (overlay.newest(1, X), len(overlay), overlay.last_index(1)) == (None, 0, 0)


# A lease counts from when the answered round was sent, not from its answers; a round nobody answered gives none.
def test_a_lease_counts_from_the_sending_of_the_answered_round() -> None:
    lease = Lease(1.0)
    lease.sent(1, 10.0)
    lease.sent(2, 10.5)
    assert not lease.is_valid(0, 10.0)
    assert lease.is_valid(1, 10.9)
    assert not lease.is_valid(1, 11.0)
    assert lease.is_valid(2, 11.4)
    assert not lease.is_valid(2, 11.5)
    lease.reset()
    assert not lease.is_valid(2, 11.0)


# Answers leave in the order of entries, also for those that rest on an earlier entry than the newest.
def test_requests_wait_in_the_order_of_entries() -> None:
    def judged(number: int) -> Judged:
        return Judged(Waiting(number, lambda *_: None, 0.0, Cursor("", b"")), Got(b"", 0), False)

    committing = Committing()
    for index, number in ((4, 1), (6, 2), (4, 3), (5, 4)):
        committing.add(index, [judged(number)])
    assert [each.waiting.id for each in committing.committed(5)] == [1, 3, 4]
    assert [each.waiting.id for each in committing.clear()] == [2]
    assert committing.count == 0


# The log keeps enough entries for followers, and goes in steps so that trimming costs little.
def test_the_log_is_trimmed_in_steps_of_entries() -> None:
    trim = LogTrim(entries_kept=80, bytes_max=1 << 30)
    for index in range(1, 201):
        trim.appended(index, 10)
    assert trim.target(start=0, applied=85) == 0
    assert trim.target(start=0, applied=100) == 20
    assert trim.target(start=20, applied=101) == 20


# Large entries must not fill the disk although there are few of them.
def test_the_log_is_trimmed_by_bytes_too() -> None:
    trim = LogTrim(entries_kept=1_000, bytes_max=1_000)
    for index in range(1, 21):
        trim.appended(index, 500)
    target = trim.target(start=0, applied=20)
    assert 15 <= target <= 18
    assert trim.target(start=0, applied=5) == 0


class FillingWriter:
    """Fails batches that come while it is full, each after as long as it takes now."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.is_full = False
        self.seconds = 0.001
        self.written: list[bytes] = []

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._loop.call_later(self.seconds, self._finish, batch, future, self.is_full)
        return future

    def _finish(self, batch: WriteBatch, future: asyncio.Future[None], was_full: bool) -> None:
        if was_full:
            future.set_exception(StorageFull("full"))
            return
        self.written += [operation[1] for operation in batch.operations if isinstance(operation, tuple)]
        for notice in batch.on_commit:
            notice()
        future.set_result(None)


# When the disk was full everything is written after all: in order, once, without anybody asking again.
def test_batches_survive_a_full_disk_in_order() -> None:
    async def main(loop: VirtualLoop) -> None:
        writer, states = FillingWriter(loop), []
        writing = OrderedWriting(writer, loop, states.append)
        writer.is_full = True
        for name in (b"1", b"2", b"3"):
            writing.submit(put_state(name))
        await asyncio.sleep(3 * RETRY_SECONDS)
        assert (writing.is_full, writer.written) == (True, [])
        writer.is_full = False
        await asyncio.sleep(2 * RETRY_SECONDS)
        assert (writing.is_full, writing.is_idle, writer.written) == (False, True, [b"1", b"2", b"3"])
        assert states == [True, False]

    run_virtually(main)


# A batch whose failure is not known yet when the rest is tried again must wait for it: tried beside itself it could be written
# twice, and its late failure would be taken for a disk that is full for ever.
def test_nothing_is_tried_again_before_everything_has_failed() -> None:
    async def main(loop: VirtualLoop) -> None:
        writer, states = FillingWriter(loop), []
        writing = OrderedWriting(writer, loop, states.append)
        writer.is_full = True
        writing.submit(put_state(b"1"))
        writer.seconds = 1.5 * RETRY_SECONDS
        writing.submit(put_state(b"2"))
        writer.is_full, writer.seconds = False, 0.001
        await asyncio.sleep(1.4 * RETRY_SECONDS)
        assert writer.written == []
        await asyncio.sleep(3 * RETRY_SECONDS)
        assert (writing.is_full, writing.is_idle, writer.written) == (False, True, [b"1", b"2"])
        assert states == [True, False]

    run_virtually(main)


def put_state(name: bytes) -> WriteBatch:
    batch = WriteBatch()
    batch.put(Space.STATE, name, b"")
    return batch


def status(**matches: int) -> Status:
    """Return what replica 1 of three knows while it leads with 100 entries; match < 0: not heard from."""
    peers = tuple(
        PeerStatus(
            replica=ReplicaId(int(name[1:])),
            match=Index(max(match, 0)),
            next=Index(101),
            state=ProgressState.REPLICATE,
            is_active=match >= 0,
            stands_back=False,
            lacks_space=False,
            inflight_messages=0,
        )
        for name, match in matches.items()
    )
    voters = tuple(map(ReplicaId, (1, 2, 3)))
    return Status(
        id=ReplicaId(1),
        term=Term(2),
        vote=ReplicaId(1),
        leader=ReplicaId(1),
        role=Role.LEADER,
        first_index=Index(1),
        last_index=Index(100),
        commit=Index(100),
        applied=Index(100),
        membership=Membership(voters=voters),
        transferee=ReplicaId(0),
        uncommitted_bytes=0,
        peers=peers,
    )


# A node that goes hands over to whoever needs no catching up; to nobody rather than to a replica far behind.
def test_the_fittest_follower_takes_over() -> None:
    assert successor(status(r2=90, r3=100)) == 3
    assert successor(status(r2=100, r3=100)) == 2
    assert successor(status(r2=5, r3=-1)) is None


# What a leader with a full disk hands over must be taken: one that says that it must not lead is no heir, however much it has.
def test_one_that_stands_back_does_not_take_over() -> None:
    follower, heir = status(r2=100, r3=90).peers
    with_full_disk = replace(follower, stands_back=True)
    assert successor(replace(status(), peers=(with_full_disk, heir))) == 3
    assert successor(replace(status(), peers=(with_full_disk,))) is None


# Once in an election timeout a leader has just forgotten who answers: checks must not all fall on that tick, or leadership that has
# once moved never comes back.
def test_checks_and_election_timeouts_do_not_keep_step() -> None:
    election_ticks = NodeSettings().election_ticks
    forgetting = {tick * CHECK_TICKS % election_ticks == 0 for tick in range(1, STEADY_CHECKS + 1)}
    assert math.gcd(CHECK_TICKS, election_ticks) == 1
    assert forgetting == {False}


# Leadership must not flutter: the preferred replica gets it after it has kept up for a while, and not before.
def test_the_preferred_replica_has_to_be_steady() -> None:
    replicas = tuple(ReplicaPlacement(number, NodeId(f"n{number}")) for number in (2, 1, 3))
    placement = Placement(PartitionId(1), 0, RING_TOKENS, 1, replicas)
    preferred = PreferredLeader()
    checks = [preferred.checked(placement, status(r2=100, r3=100)) for _ in range(STEADY_CHECKS - 1)]
    assert checks == [None] * (STEADY_CHECKS - 1)
    assert preferred.checked(placement, status(r2=-1, r3=100)) is None
    checks = [preferred.checked(placement, status(r2=100, r3=100)) for _ in range(STEADY_CHECKS)]
    assert checks == [None] * (STEADY_CHECKS - 1) + [2]
