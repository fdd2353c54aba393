"""A simulated replica: a core with the driver's part around it, in virtual time.

Knows how a driver uses a core: one write under way at a time, early and late messages, applying at its own pace, reads by
index and by lease, stalls and missed ticks. Refuses to know when faults happen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.types import (
    Entry,
    EntryKind,
    Index,
    Membership,
    MembershipChange,
    Message,
    Ready,
    Role,
)
from tests.support.consensus_disk import SimulatedDisk
from tests.support.consensus_judge import Judge
from tests.support.consensus_log import MemoryLog

TICK_US = 10_000
CLOCK_DRIFT_MAX = 0.05
CATCH_UP_TICKS_MAX = 30


class World(Protocol):
    """What a simulated replica needs from its simulation."""

    judge: Judge
    crash_chance: float
    """How likely a crash is at each step of a replica's work."""

    def now_us(self) -> int:
        """Tell the real time, which no replica knows."""

    def after(self, delay_us: int, action: Callable[[], None]) -> None:
        """Have something done later."""

    def draw(self, stop: int, /) -> int:
        """Draw a number below stop."""

    def chance(self, probability: float) -> bool:
        """Draw yes or no."""

    def send(self, message: Message) -> None:
        """Give a message to the network."""

    def durable(self) -> dict[int, MemoryLog]:
        """Give what all replicas have on their disks."""

    def write_delay_us(self) -> int:
        """Draw how long a write takes."""


class CoreRandomness:
    """Gives a core its random numbers from the simulation's seed."""

    def __init__(self, world: World):
        self._world = world

    def randrange(self, stop: int, /) -> int:
        return self._world.draw(stop)


@dataclass(frozen=True, slots=True)
class DriverHabits:
    """What drivers may do one way or the other."""

    steps_while_writing: bool
    """Take in messages and ticks while a Ready is being written."""
    plans_early: bool
    """Take a membership into effect when its entry is handed out, before it is applied."""


@dataclass(slots=True)
class PendingRead:
    """A read by index that waits for its confirmation, then for the state machine."""

    told_before: int
    index: Index | None = None


@dataclass(slots=True)
class DriverState:
    """What a crash loses beside the core."""

    writing: Ready | None = None
    inbox: list[Message] = field(default_factory=list)
    missed_ticks: int = 0
    to_apply: list[Entry] = field(default_factory=list)
    is_applying: bool = False
    proposed: dict[tuple[int, int], bool] = field(default_factory=dict)
    reads: dict[int, PendingRead] = field(default_factory=dict)
    round_sent_us: dict[int, float] = field(default_factory=dict)
    # Memberships taken into effect when they were handed out, by a driver that does that before it writes.
    membership_at: dict[int, Membership] = field(default_factory=dict)


class SimulatedReplica:
    """One replica in the simulation. It is down while core is None."""

    def __init__(self, world: World, config: ConsensusConfig, log: MemoryLog, clock_rate: float, habits: DriverHabits):
        self.config = config
        self.disk = SimulatedDisk(log)
        self.clock_rate = clock_rate
        self.core: ConsensusCore | None = None
        self.is_stalled = False
        self.crashes = 0
        self.snapshots_installed = 0
        self._world = world
        self._habits = habits
        self._life = 0
        self._state = DriverState()
        self._reads_begun = 0

    # Life

    def start(self) -> None:
        """Start from what is on the disk."""
        assert self.core is None
        self._state = DriverState()
        log = self.disk.current
        self.core = ConsensusCore(self.config, log, CoreRandomness(self._world), log.applied)
        self._world.judge.started(self.core)
        self._in_life(int(TICK_US / self.clock_rate), self._tick)
        self._pump()

    def crash(self) -> None:
        """Lose everything but the disk; a write under way may or may not have happened."""
        writing = self._state.writing
        if writing is not None and self._world.chance(0.5):
            self.disk.write(writing_of(writing), sync=self._world.chance(0.5))
        self.core = None
        self.is_stalled = False
        self._life += 1
        self.crashes += 1
        self.disk.crash(self._world.draw)

    def stall(self, duration_us: int) -> None:
        """Do nothing for a while, as a paused event loop does. Time goes on."""
        if not self.is_stalled and self.core is not None:
            self.is_stalled = True
            self._in_life(duration_us, self._resume)

    def _resume(self) -> None:
        self.is_stalled = False
        self._catch_up()

    def _in_life(self, delay_us: int, action: Callable[[], None]) -> None:
        life = self._life

        def act() -> None:
            if self._life == life:
                action()

        self._world.after(delay_us, act)

    # Events

    def _is_busy(self) -> bool:
        return self.is_stalled or (self._state.writing is not None and not self._habits.steps_while_writing)

    def _tick(self) -> None:
        assert self.core is not None
        self._in_life(int(TICK_US / self.clock_rate), self._tick)
        if self._is_busy():
            self._state.missed_ticks += 1
        else:
            self.core.tick()
            self._stepped()

    def receive(self, message: Message) -> None:
        """Take in a message from the network."""
        if self.core is None:
            return
        if self._is_busy():
            self._state.inbox.append(message)
        else:
            self.core.step(message)
            self._stepped()

    def _catch_up(self) -> None:
        # Ticks first: time must not seem to pass after a heartbeat that in truth passed before it.
        assert self.core is not None
        if self._is_busy():
            return
        state = self._state
        for _ in range(min(state.missed_ticks, CATCH_UP_TICKS_MAX)):
            self.core.tick()
        state.missed_ticks = 0
        inbox, state.inbox = state.inbox, []
        for message in inbox:
            self.core.step(message)
            self._world.judge.stepped(self.core, self._world.durable())
        self._stepped()

    def report_snapshot(self, message: Message, ok: bool) -> None:
        """Tell the core how the transfer of a snapshot ended. A driver owes it that, unless it has died meanwhile."""
        if self.core is not None and self._is_busy():
            self._in_life(TICK_US, lambda: self.report_snapshot(message, ok))
        else:
            self.act(lambda core: core.report_snapshot(message.recipient, ok))

    def act(self, action: Callable[[ConsensusCore], None]) -> None:
        """Do something else with the core, if it can be reached now."""
        if self.core is not None and not self._is_busy():
            action(self.core)
            self._stepped()

    def _stepped(self) -> None:
        assert self.core is not None
        self._world.judge.stepped(self.core, self._world.durable())
        self._pump()

    # Ready

    def _pump(self) -> None:
        core = self.core
        if core is None or self._state.writing is not None or self.is_stalled or not core.has_ready():
            return
        taken_us = self._local_us()
        ready = core.ready()
        if ready.heartbeat_round:
            self._state.round_sent_us[ready.heartbeat_round] = taken_us
        if ready.soft_state is not None and ready.soft_state.role is not Role.LEADER:
            self._lose_leadership()
        for entry in ready.committed:
            if self._state.proposed.pop((entry.index, entry.term), False):
                self._world.judge.told(entry.index)
        self._send(ready.messages_before_persist)
        if self._habits.plans_early:
            for entry in ready.committed:
                if entry.kind is EntryKind.MEMBERSHIP:
                    self._state.membership_at[entry.index] = _changed_by(core, entry)
        self._state.writing = ready
        if self._crashes_here():
            # What leaves early has left, and the write may or may not have happened.
            return
        self._in_life(self._world.write_delay_us(), self._written)

    def _lose_leadership(self) -> None:
        self._state.proposed = {}
        self._state.reads = {}
        self._state.round_sent_us = {}

    def _written(self) -> None:
        assert self.core is not None
        if self.is_stalled:
            self._in_life(TICK_US, self._written)
            return
        state = self._state
        ready = state.writing
        assert ready is not None
        if ready.entries:
            self._world.judge.put(ready.entries, self._term_before(ready))
        self.disk.write(writing_of(ready), sync=ready.must_sync or self._world.chance(0.2))
        state.writing = None
        self.snapshots_installed += ready.snapshot is not None
        if self._crashes_here():
            # The write is done and nobody hears of it.
            return
        self._send(ready.messages_after_persist)
        self.core.advance(ready)
        state.to_apply += ready.committed
        for read in ready.read_states:
            if read.context in state.reads:
                state.reads[read.context].index = read.index
        self._plan_apply()
        self._serve_reads()
        self._catch_up()

    def _crashes_here(self) -> bool:
        crashes = self._world.chance(self._world.crash_chance)
        if crashes:
            self.crash()
            self._world.after(self._world.draw(20 * TICK_US), self.start_if_down)
        return crashes

    def start_if_down(self) -> None:
        """Start unless somebody else did."""
        if self.core is None:
            self.start()

    def _term_before(self, ready: Ready) -> int:
        index = ready.entries[0].index - 1
        if ready.snapshot is not None and ready.snapshot.index == index:
            return ready.snapshot.term
        return self.disk.current.term(Index(index))

    def _send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._world.judge.sent(message)
            self._world.send(message)

    # Applying

    def _plan_apply(self) -> None:
        state = self._state
        if state.to_apply and not state.is_applying:
            state.is_applying = True
            self._in_life(self._world.write_delay_us(), self._apply)

    def _apply(self) -> None:
        state = self._state
        state.is_applying = False
        if self._is_busy():
            self._plan_apply()
            return
        batch_size = 1 + self._world.draw(8)
        batch, state.to_apply = state.to_apply[:batch_size], state.to_apply[batch_size:]
        for entry in batch:
            if entry.index > self.disk.current.applied:
                self._apply_entry(entry)
        self._plan_apply()
        self._serve_reads()
        self._stepped()

    def _apply_entry(self, entry: Entry) -> None:
        assert self.core is not None
        self._world.judge.applied(self.config.id, entry)
        membership = self._state.membership_at.pop(entry.index, None)
        if membership is None and entry.kind is EntryKind.MEMBERSHIP:
            membership = _changed_by(self.core, entry)
        self.disk.write(applying_of(entry.index, membership), sync=False)
        self.core.applied_to(entry.index)

    # Clients

    def propose(self, payloads: Sequence[bytes]) -> None:
        """Propose, and remember to tell the client when it is committed."""

        def action(core: ConsensusCore) -> None:
            last = core.propose(payloads)
            if isinstance(last, int):
                self._state.proposed.update({(last - back, core.term): True for back in range(len(payloads))})

        self.act(action)

    def read_by_index(self) -> None:
        """Begin a read that a quorum has to confirm."""

        def action(core: ConsensusCore) -> None:
            self._reads_begun += 1
            if core.read_index(self._reads_begun) is None:
                self._state.reads[self._reads_begun] = PendingRead(self._world.judge.told_index)

        self.act(action)

    def _serve_reads(self) -> None:
        applied = self.disk.current.applied
        reads = self._state.reads
        for context in [name for name, read in reads.items() if read.index is not None and read.index <= applied]:
            self._world.judge.read(self.config.id, applied, reads.pop(context).told_before, "index")

    def read_by_lease(self) -> None:
        """Serve a read at once if the lease allows it. A stalled replica does this first when it wakes up."""
        core = self.core
        if core is None or core.role is not Role.LEADER:
            return
        told_before = self._world.judge.told_index
        applied = self.disk.current.applied
        if applied >= core.commit and self._has_lease(core):
            self._world.judge.read(self.config.id, applied, told_before, "lease")

    def _has_lease(self, core: ConsensusCore) -> bool:
        sent_us = self._state.round_sent_us.get(core.lease_round())
        lease_us = (self.config.election_ticks - 1) * TICK_US * (1 - CLOCK_DRIFT_MAX) / (1 + CLOCK_DRIFT_MAX)
        return sent_us is not None and self._local_us() - sent_us < lease_us

    def _local_us(self) -> float:
        return self._world.now_us() * self.clock_rate


def _changed_by(core: ConsensusCore, entry: Entry) -> Membership:
    return core.apply_membership(MembershipChange.decode(entry.payload))


def writing_of(ready: Ready) -> Callable[[MemoryLog], None]:
    """Return the transaction that persists a Ready."""
    return lambda log: log.persist(ready)


def applying_of(index: Index, membership: Membership | None) -> Callable[[MemoryLog], None]:
    """Return the transaction that applies an entry."""

    def transaction(log: MemoryLog) -> None:
        log.applied = index
        if membership is not None:
            log.membership = membership

    return transaction
