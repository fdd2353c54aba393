"""One replica of a partition: requests and messages in, turns and answers out.

Pure: it reads views it is given and calls back with answers, and leaves disks, networks and timers to its driver. One
turn gathers every write that waits into one log entry; a write is answered when its entry is committed, a strong read
when leadership is certain for the moment it was read at.

How a write travels: `submit` queues it, `turn` evaluates it against the newest state and proposes the effect, the
driver persists and sends, `step` and `persisted` move the commit index, which answers it; its effect is applied
later.
"""

from collections.abc import Callable
from dataclasses import dataclass

from node.consensus.core import ConsensusCore
from node.consensus.status import Status
from node.consensus.types import (
    NO_REPLICA,
    Index,
    Message,
    MessageKind,
    NotLeader,
    RefusalReason,
    Refused,
    ReplicaId,
    Role,
)
from node.partition.checkpoints import Checkpoint
from node.partition.entries import Cursor, encode_entry
from node.partition.expiry import ExpiryCommand
from node.partition.items import ItemMachine
from node.partition.lease import Lease
from node.partition.machine import StateMachine
from node.partition.page_reads import PageRead
from node.partition.page_turns import PageTurns
from node.partition.room import QuorumRoom
from node.partition.rounds import Rounds
from node.partition.rows import Progress
from node.partition.settings import PartitionConfig
from node.partition.strong_reads import StrongReads
from node.partition.turns import ApplyPlan, Turn, planned, rejection, withholds
from node.partition.waiting import TOO_LATE, Done, Judged, Waiting
from node.partition.write_queue import WriteQueue
from node.storage.engine import View
from node.storage.errors import DamagedRecord, StorageError
from wire import commands
from wire.catalog import NodeId, Placement
from wire.commands import ChangeCatalog, Failed, Get, Measure, Outcome, Range, ReadChanges, Request
from wire.errors import ErrorCode

_OVERLOADED = Failed(ErrorCode.OVERLOADED, "too many requests wait for this partition")
_FULL = Failed(ErrorCode.STORAGE_FULL, "too many disks are full: writes are refused until there is space")
STALE_TICKS = 50
"""Ticks without a leader, or without being able to store what it sends, after which a replica answers no reads: they would show a past
that grows older without end, while another replica may have the present."""
HELD_TICKS_MAX = 20
"""How long a leader with a full disk keeps writes for the replica that it hands over to; then they are refused."""
_INSTALLING = Failed(ErrorCode.NOT_READY, "this replica is receiving its data")
_QUARANTINED = Failed(ErrorCode.NOT_READY, "this replica holds damaged data and answers nothing")
_ASK_ANOTHER = Failed(ErrorCode.DAMAGED, "this replica holds damaged data and answers nothing")
_RECOVERING = Failed(ErrorCode.NOT_READY, "this replica has lost its log and is receiving it again")
_UNREADY = Failed(ErrorCode.NOT_READY, "the new leader has not caught up yet")
_STALE = Failed(ErrorCode.NOT_READY, "this replica has not kept up with a leader for a while")
_FOREIGN = Failed(ErrorCode.INTERNAL, "this partition does not take such commands")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a partition needs of its node: time, a view of applied state, the catalog's version, and company."""

    monotonic: Callable[[], float]
    open_view: Callable[[], View]
    catalog_version: Callable[[], int]
    rounds: Rounds
    pages: PageTurns
    may_stamp: Callable[[], bool] = lambda: True
    """Whether the node's clock may be believed now; writes wait for it."""


class PartitionCore:
    """One replica.

    Invariants: at most one Ready waits for the disk; nothing is answered as written before it is committed; only a
    leader that has applied an entry of its own term answers writes and strong reads. With `lease_seconds` = 0 every
    strong read asks a quorum.
    """

    def __init__(
        self,
        *,
        config: PartitionConfig,
        lease_seconds: float,
        consensus: ConsensusCore,
        machine: StateMachine,
        placement: Placement,
        progress: Progress,
        surroundings: Surroundings,
    ) -> None:
        self.consensus = consensus
        self.placement = placement
        self.is_storage_full = False
        self.must_not_lead = False
        self.is_installing = False
        self._clock_refusal: Failed | None = None
        self.quarantined: str | None = None
        self.damage: str | None = None
        self._config = config
        self._machine = machine
        self._items = machine if isinstance(machine, ItemMachine) else None
        self._monotonic = surroundings.monotonic
        self._open_view = surroundings.open_view
        self._catalog_version = surroundings.catalog_version
        self._rounds = surroundings.rounds
        self._pages = surroundings.pages
        self._may_stamp = surroundings.may_stamp
        self._catalog_needed = progress.catalog_version
        self._applied = int(consensus.applied)
        self._commit_seen = int(consensus.commit)
        self._leading_term = 0
        self._term_start = 0
        self._is_transferring = False
        self._is_ready = False
        self._room = QuorumRoom()
        self._has_room = True
        self._full_ticks = 0
        self._stale_ticks = 0
        self._in_flight: Turn | None = None
        self._stopped_with: Failed | None = None
        self._lease = Lease(lease_seconds)
        self._writes = WriteQueue(machine, surroundings.monotonic, config.turn_requests_max)
        self._reads = StrongReads()
        self._rejections: list[Message] = []

    # What it is at present.

    @property
    def is_ready(self) -> bool:
        """Tell whether this replica leads and may serve."""
        return self._is_ready

    @property
    def is_leader(self) -> bool:
        """Tell whether this replica leads, ready or not."""
        return self._leading_term != 0

    @property
    def term_led(self) -> int:
        """Return the term in which this replica leads now; 0 when it does not."""
        return self._leading_term

    @property
    def applied_index(self) -> int:
        """Return the index up to which state is applied on disk."""
        return self._applied

    @property
    def waiting_count(self) -> int:
        """Return how many requests are not answered yet."""
        return self._writes.count + self._reads.count

    @property
    def wants_apply(self) -> bool:
        """Tell whether somebody waits for what is committed to be applied, so that it should not be put off."""
        return self._reads.waits_for_apply or (self._leading_term != 0 and not self._is_ready)

    @property
    def leader_node(self) -> NodeId:
        """Return the node of the leader, as far as this replica knows, or empty."""
        return self.placement.node_of(self.consensus.leader) or NodeId("")

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether damage keeps this replica from answering: the only one of its group answers what it can all the same."""
        return self.quarantined is not None and len(self.placement.replicas) > 1

    def quarantine(self, reason: str) -> None:
        """Answer nothing from now on that rests on this replica's data."""
        self.quarantined = reason
        if not self.is_withdrawn:
            return
        self._settle_readiness()
        self._writes.refuse(_QUARANTINED)
        for waiting in self._reads.clear():
            waiting.done(waiting.id, _QUARANTINED)

    # Requests.

    def submit(self, request: Request, done: Done) -> None:
        """Take a request; `done` is called once, perhaps at once."""
        command = request.command
        if request.epoch != self.placement.epoch:
            done(request.id, self._stale(request.epoch))
            return
        if not self._takes(command):
            done(request.id, _FOREIGN)
            return
        deadline = self._monotonic() + request.timeout_ms / 1_000
        waiting = Waiting(request.id, done, deadline, command)
        if isinstance(command, Measure) or (isinstance(command, (Get, Range)) and not command.consistent):
            self._read_eventually(waiting, command)
        elif not self._is_ready:
            done(request.id, self._unready())
        elif isinstance(command, ReadChanges) and not command.bounds:
            done(request.id, self._look(command))
        elif isinstance(command, (Get, Range, ReadChanges)):
            self._read_strongly(waiting)
        else:
            self._enqueue(waiting)

    def propose(self, command: Cursor | ExpiryCommand | Checkpoint, timeout_seconds: float, done: Done) -> None:
        """Decide something of this replica's own; done gets Written once it is committed."""
        if not self._is_ready:
            done(0, self._unready())
            return
        self._enqueue(Waiting(0, done, self._monotonic() + timeout_seconds, command))

    def _enqueue(self, waiting: Waiting) -> None:
        if not self._has_room:
            waiting.done(waiting.id, _FULL)
        elif self._clock_refusal is not None and not isinstance(waiting.command, Cursor):
            waiting.done(waiting.id, self._clock_refusal)
        elif self.waiting_count >= self._config.waiting_requests_max:
            waiting.done(waiting.id, _OVERLOADED)
        else:
            self._writes.add(waiting)

    def _takes(self, command: commands.Command) -> bool:
        return (self._items is None) == isinstance(command, ChangeCatalog)

    def _stale(self, epoch: int) -> Failed:
        text = f"partition {self.placement.partition} is at epoch {self.placement.epoch}, the request at {epoch}"
        return Failed(ErrorCode.STALE_EPOCH, text)

    def _unready(self) -> Outcome:
        if self.is_installing:
            return _INSTALLING
        if self.is_withdrawn and self._leading_term:
            return _QUARANTINED
        return _UNREADY if self._leading_term else commands.NotLeader(self.leader_node)

    # Messages and time.

    def step(self, message: Message) -> None:
        """Take a consensus message in."""
        consensus = self.consensus
        if self.is_withdrawn and message.kind is MessageKind.TIMEOUT_NOW:
            return  # it must not lead
        if self.is_installing and (refused := withholds(message)):
            # Its log is whole but its data is not: appends are refused, so that the leader sends a snapshot again.
            self._rejections += rejection(message, 0 if consensus.loss is None else consensus.loss.life)
            message = refused
        consensus.step(message)
        self._observe()

    def tick(self, *, is_stuck: bool = False) -> None:
        """Let one tick of time pass; `is_stuck` tells that nothing that a leader sends can be stored at present."""
        self.consensus.tick()
        self._stale_ticks = self._stale_ticks + 1 if is_stuck or self.consensus.leader == NO_REPLICA else 0
        self._observe()
        self._look_for_room()
        if self._writes or self._reads.count:
            self._sweep(self._monotonic())
        if self._is_transferring and self.consensus.status().transferee == NO_REPLICA:
            self._is_transferring = False

    def transfer(self, to: ReplicaId) -> bool:
        """Hand leadership to another replica; writes wait meanwhile. Tell whether that has begun."""
        self._is_transferring = self.consensus.transfer_leadership(to) is None
        return self._is_transferring

    def campaign(self) -> None:
        """Try to lead now, where consensus allows it."""
        if not self.is_installing and self.consensus.campaign():
            self._observe()

    def catalog_changed(self) -> None:
        """Look again whether the node's view is as new as the state needs."""
        self._settle_readiness()

    def storage_changed(self, is_full: bool) -> None:
        """Propose nothing from now on, because this replica's disk is full, or go on.

        Writes wait for the replica that takes over; they are refused at once when no quorum has space.
        """
        self.is_storage_full = is_full
        self._full_ticks = 0
        self._stand_back()
        self._settle_room(self.consensus.status())

    def keep_out(self, must_not_lead: bool) -> None:
        """Leave leading to the others for another reason than a full disk, or no longer."""
        self.must_not_lead = must_not_lead
        self._stand_back()

    @property
    def stands_back(self) -> bool:
        """Tell whether this replica must not lead as long as another one can."""
        return self.must_not_lead or self.is_storage_full

    @property
    def has_proposals(self) -> bool:
        """Tell whether somebody waits for an entry to be committed."""
        return self._writes.committing.count > 0

    def resign(self, heir: ReplicaId) -> Message | None:
        """Cease to lead without a turn, and so without the disk; return what is to be sent to the heir."""
        message = self.consensus.resign(heir)
        self._observe()
        return message

    def _stand_back(self) -> None:
        self.consensus.stand_back(must_not_lead=self.stands_back, lacks_space=self.is_storage_full)

    def _look_for_room(self) -> None:
        if self._leading_term:
            self._full_ticks += self.is_storage_full
            status = self.consensus.status()
            self._room.ticked(status)
            self._settle_room(status)

    def _settle_room(self, status: Status) -> None:
        """Refuse writes that could not be kept, those that wait for their turn included, or take them again."""
        is_held = not self.is_storage_full or self._full_ticks < HELD_TICKS_MAX
        self._has_room = is_held and self._room.is_left(status, lacks_space=self.is_storage_full)
        if not self._has_room:
            self._writes.refuse(_FULL)

    def refuse_stamping(self, refusal: Failed | None) -> None:
        """Refuse writes from now on, those that wait for their turn included, because of the node's clock; None = take them."""
        self._clock_refusal = refusal
        if refusal is not None:
            self._writes.refuse(refusal)

    def has_work(self) -> bool:
        """Tell whether a turn now would do anything."""
        if self._in_flight is not None:
            return False
        can_write = self._may_propose()
        can_ask = self._reads.unconfirmed and self._leading_term
        return bool(can_write or can_ask) or self.consensus.has_ready()

    def _may_propose(self) -> bool:
        """Tell whether waiting writes may go into an entry now.

        One entry is on its way at a time, and the node's partitions propose in rounds: what comes meanwhile shares the next.
        Entry after entry in flight would be quicker for nobody, because every fsync and every message costs more than what it
        carries.
        """
        if not self._writes or not self._is_ready or self._is_transferring or self.is_storage_full:
            return False
        if self._items is not None and self._clock_refusal is None and not self._may_stamp():
            return False
        return self._commit_seen >= self.consensus.last_index and self._rounds.may_join()

    # Turns.

    def turn(self) -> Turn | None:
        """Evaluate and propose what waits; return what to persist, send and apply, or None when there is nothing.

        A turn that need not be synced counts as persisted at once; for the others the driver calls `persisted`.
        """
        if self._in_flight is not None:
            return None
        if self._may_propose():
            self._propose()
        if self._reads.unconfirmed and self._leading_term:
            self._reads.ask(self.consensus)
        if not self.consensus.has_ready():
            return None
        now = self._monotonic()
        ready = self.consensus.ready()
        if ready.heartbeat_round:
            self._lease.sent(ready.heartbeat_round, now)
        plan = None
        if ready.committed and not self.is_installing:
            plan = planned(ready.committed, self.consensus)
            self._catalog_needed = max(self._catalog_needed, plan.catalog_version)
        turn = Turn.of(ready, plan, self._rejections, is_silent=self.is_installing)
        self._rejections = []
        if ready.must_sync:
            self._in_flight = turn
        else:
            self.consensus.advance(ready)
            self._observe()
        for context in ready.read_states:
            self._confirmed(self._reads.confirmed(context.context))
        return turn

    def persisted(self, turn: Turn) -> None:
        """Note that a turn is on disk."""
        assert turn is self._in_flight, "expected the turn in flight"
        self._in_flight = None
        self.consensus.advance(turn.ready)
        self._observe()

    def applied(self, plan: ApplyPlan) -> None:
        """Note that a plan is on disk."""
        self._machine.applied(plan.effects, plan.through)
        self._applied = plan.through
        self.consensus.applied_to(Index(plan.through))
        self._observe()
        self._settle_readiness()
        for waiting, is_confirmed in self._reads.applied(plan.through):
            self._read_now(waiting, is_confirmed=is_confirmed)

    def restored(self, view: View, progress: Progress) -> None:
        """Go on from an installed snapshot, which `persisted` has been told of."""
        self._machine.restored(view)
        self._catalog_needed = max(self._catalog_needed, progress.catalog_version)
        self._applied = self._commit_seen = int(self.consensus.applied)
        self.is_installing = False
        self.quarantined = self.damage = None

    def leave(self, outcome: Failed) -> None:
        """Give up leadership, if there is any: this replica ends here, and whatever it decided is void."""
        if self._leading_term:
            self._lose()
        self._is_ready = False
        self.close(outcome)

    def stop(self, outcome: Failed) -> None:
        """Answer everything that waits, and every page under way when its turn comes."""
        self._stopped_with = outcome
        self.close(outcome)

    def close(self, outcome: Outcome) -> None:
        """Answer everything that waits for a leader."""
        for waiting in self._reads.clear():
            waiting.done(waiting.id, outcome)
        self._writes.close(outcome)

    # Writing.

    def _propose(self) -> None:
        index = self.consensus.last_index + 1
        judged, pieces = self._writes.evaluate(index, self._open_view())
        if self._items is not None and self._items.damage is not None:
            self.damage = self.damage or self._items.damage
        if not pieces:
            self._rest(judged)
            return
        proposed = self.consensus.propose((encode_entry(self._catalog_version(), pieces),))
        if isinstance(proposed, (NotLeader, Refused)):
            self._machine.discard(index)
            self._refused(judged, proposed)
            return
        assert proposed == index, f"expected to propose at {index}, found {proposed}"
        self._writes.committing.add(index, [each for each, _ in judged])
        self._rounds.joined(self.placement.partition, len(judged))

    def _rest(self, judged: list[tuple[Judged, int]]) -> None:
        """Let outcomes without an entry of this turn wait for the entries they rest on, and be confirmed then."""
        for each, rests_on in judged:
            if rests_on > self._commit_seen:
                self._writes.committing.add(rests_on, [each])
            else:
                self._confirm(each)

    def _refused(self, judged: list[tuple[Judged, int]], why: NotLeader | Refused) -> None:
        if isinstance(why, Refused) and why.reason is RefusalReason.TRANSFER_IN_PROGRESS:
            self._is_transferring = True
            self._writes.put_back(judged)
            return
        outcome = _OVERLOADED if isinstance(why, Refused) else commands.NotLeader(self.leader_node)
        for each, _ in judged:
            each.waiting.done(each.waiting.id, outcome)

    # Reading.

    def _look(self, command: Get | ReadChanges | Measure) -> Outcome:
        """Read the state that is committed as far as this replica knows; for many records: applied."""
        assert self._items is not None, "only partitions of items are read"
        try:
            return self._items.read(command, self._open_view(), self._commit_seen)
        except DamagedRecord as error:
            return self._damaged(error, is_strong=not isinstance(command, Measure) and _is_strong(command))
        except StorageError as error:
            return self._items.failure(error)

    def _read_eventually(self, waiting: Waiting, command: Get | Range | Measure) -> None:
        """Answer from what is applied here; on the leader a page holds what this leader has answered as written."""
        may_wait = self._is_ready and self.waiting_count < self._config.waiting_requests_max
        if self.is_withdrawn:
            waiting.done(waiting.id, _ASK_ANOTHER)
        elif self.is_installing or self.consensus.loss is not None:
            waiting.done(waiting.id, _INSTALLING if self.is_installing else _RECOVERING)
        elif self._stale_ticks > STALE_TICKS:
            waiting.done(waiting.id, _STALE)
        elif may_wait and (needed := self._index_needed(waiting)) > self._applied:
            self._reads.wait_for_apply(needed, waiting, is_confirmed=True)
        elif isinstance(command, Range):
            self._read_page(waiting, command, is_confirmed=True)
        else:
            waiting.done(waiting.id, self._look(command))

    def _read_strongly(self, waiting: Waiting) -> None:
        if self.waiting_count >= self._config.waiting_requests_max:
            waiting.done(waiting.id, _OVERLOADED)
        elif (needed := self._index_needed(waiting)) > self._applied:
            self._reads.wait_for_apply(needed, waiting, is_confirmed=False)
        else:
            self._read_now(waiting, is_confirmed=False)

    def _index_needed(self, waiting: Waiting) -> int:
        """Return the index that has to be applied before a read: the overlay answers for single items only."""
        command = waiting.command
        if not isinstance(command, (Range, ReadChanges)) or self._items is None:
            return 0
        return min(self._commit_seen, self._items.last_index(command.table))

    def _read_now(self, waiting: Waiting, *, is_confirmed: bool) -> None:
        command = waiting.command
        if isinstance(command, Range):
            self._read_page(waiting, command, is_confirmed=is_confirmed)
            return
        assert isinstance(command, (Get, ReadChanges)), f"expected a read, found {type(command).__name__}"
        outcome = self._look(command)
        # The lease is looked at after the read: it must have held at the moment of reading.
        if is_confirmed or self._has_lease():
            waiting.done(waiting.id, outcome)
        else:
            self._reads.unconfirmed.append(waiting)

    def _read_page(self, waiting: Waiting, command: Range, *, is_confirmed: bool) -> None:
        assert self._items is not None, "only partitions of items are read"
        term = self._leading_term if command.consistent else 0
        reader = self._items.page_reader(command, self.placement)
        self._pages.submit(PageRead(self, waiting, reader, self.placement.epoch, term, is_confirmed=is_confirmed))

    def read_slice(self, page: PageRead, is_over: Callable[[], bool]) -> Failed | commands.NotLeader | None:
        """Let a page go on on the present state; return why it cannot.

        Everything that had to be applied for a strong page was so when it began, and later views only know more. So it is enough that
        leadership is certain once more after its last slice, in the term in which it began.
        """
        assert self._items is not None, "only partitions of items are read"
        if self._stopped_with is not None:
            return self._stopped_with
        if page.epoch != self.placement.epoch:
            return self._stale(page.epoch)
        if self.is_withdrawn:
            return _QUARANTINED if page.term else _ASK_ANOTHER
        if self.is_installing:
            return _INSTALLING
        if page.term and page.term != self._leading_term:
            return commands.NotLeader(self.leader_node)
        try:
            return self._items.read_slice(page.reader, self._open_view(), is_over)
        except DamagedRecord as error:
            return self._damaged(error, is_strong=page.term != 0)
        except StorageError as error:
            return self._items.failure(error)

    def _damaged(self, error: DamagedRecord, *, is_strong: bool) -> Failed:
        """Note damage that a read has met; return its answer: another replica's, but for the only one of its group."""
        assert self._items is not None, "only partitions of items are read"
        self.damage = self.damage or str(error)
        is_alone = len(self.placement.replicas) == 1
        return self._items.failure(error) if is_alone or not is_strong else _QUARANTINED

    def answer_page(self, page: PageRead) -> None:
        """Answer with what a page has read, once leadership is certain where it has to be."""
        outcome = page.reader.page()
        if page.is_confirmed:
            page.waiting.done(page.waiting.id, outcome)
        else:
            self._confirm(Judged(page.waiting, outcome, is_written=False))

    def _has_lease(self) -> bool:
        return self._lease.is_valid(self.consensus.lease_round(), self._monotonic())

    def _confirm(self, judged: Judged) -> None:
        """Answer what was judged on committed state, now or after a quorum has confirmed leadership."""
        if self._has_lease():
            judged.waiting.done(judged.waiting.id, judged.outcome)
        else:
            self._reads.unconfirmed.append(judged)

    def _confirmed(self, confirmed: list[Waiting | Judged]) -> None:
        for each in confirmed:
            if isinstance(each, Judged):
                each.waiting.done(each.waiting.id, each.outcome)
            elif (needed := self._index_needed(each)) > self._applied:
                self._reads.wait_for_apply(needed, each, is_confirmed=True)
            else:
                self._read_now(each, is_confirmed=True)

    # What follows from changes inside consensus.

    def _observe(self) -> None:
        """Notice lost and won leadership, then newly committed entries; in this order, because a commit index that
        moves together with the loss of leadership may speak of another leader's entries.
        """
        consensus = self.consensus
        leads = consensus.role is Role.LEADER
        if self._leading_term and (not leads or consensus.term != self._leading_term):
            self._lose()
        if leads and not self._leading_term:
            self._leading_term = int(consensus.term)
            self._term_start = int(consensus.last_index)
        if consensus.commit > self._commit_seen:
            self._commit_seen = int(consensus.commit)
            if self._leading_term:
                self._answer_committed()
                if self._commit_seen >= consensus.last_index:
                    self._rounds.committed(self.placement.partition)

    def _answer_committed(self) -> None:
        for judged in self._writes.committing.committed(self._commit_seen):
            if judged.is_written:
                judged.waiting.done(judged.waiting.id, judged.outcome)
            else:
                self._confirm(judged)

    def _lose(self) -> None:
        self._leading_term = 0
        self._rounds.left(self.placement.partition)
        self._is_ready = self._is_transferring = False
        self._room, self._has_room, self._full_ticks = QuorumRoom(), True, 0
        self._lease.reset()
        self._machine.discard(self._commit_seen + 1)
        self.close(commands.NotLeader(self.leader_node))

    def _settle_readiness(self) -> None:
        self._is_ready = (
            self._leading_term != 0
            and not self.is_installing
            and not self.is_withdrawn
            and self.consensus.committed_in_term
            and self._applied >= self._term_start
            and self._catalog_version() >= self._catalog_needed
        )

    def _sweep(self, now: float) -> None:
        """Answer requests whose time is up and that have not been proposed."""
        for waiting in self._writes.expired(now) + self._reads.expired(now):
            waiting.done(waiting.id, TOO_LATE)


def _is_strong(command: Get | ReadChanges) -> bool:
    return isinstance(command, ReadChanges) or command.consistent
