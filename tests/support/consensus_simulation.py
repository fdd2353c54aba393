"""One simulated group on one seed: first faults, then healing, after which it must make progress.

The seed decides the settings, the faults and every delay; the same seed gives the same trace. Run many of them with
scripts/simulate.py, or one again with its seed.
"""

import heapq
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from node.consensus.config import ConsensusConfig
from node.consensus.types import Membership, Message, ReplicaId, Role
from tests.support.consensus_driver import CLOCK_DRIFT_MAX, TICK_US, DriverHabits, SimulatedReplica
from tests.support.consensus_judge import Judge, Violation
from tests.support.consensus_log import MemoryLog
from tests.support.consensus_nemesis import Nemesis
from tests.support.consensus_network import SimulatedNetwork
from tests.support.consensus_words import message_words

FAULTY_US = 2_500_000
HEALING_US = 20_000_000
SETTLE_STEP_US = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOutcome:
    """What happened in one simulation; digest names its trace."""

    seed: int
    digest: int
    events: int
    messages: int
    leaders: int
    committed: int
    crashes: int
    snapshots: int
    index_reads: int
    lease_reads: int
    healed_after_ms: int


class SimulationFailed(AssertionError):
    """A simulation broke a promise or made no progress. Says how to run it again."""


class Simulation:
    """A group of replicas, a network, a nemesis and a judge, in virtual time."""

    def __init__(self, seed: int, *, show: Callable[[str], None] | None = None):
        self.seed = seed
        self.random = Random(seed)
        self.judge = Judge()
        self.network = SimulatedNetwork(self.random, self.after)
        self.network.deliver = self._deliver
        self.network.report_snapshot = self._report_snapshot
        self.replicas: dict[int, SimulatedReplica] = {}
        self.settings = settings_of(self.random)
        self._habits = DriverHabits(self.random.random() < 0.3, self.random.random() < 0.3)
        self._slow_disks = self.random.random() < 0.3
        self.crash_chance = self.random.choice((0.0, 0.001, 0.01))
        self._show = show
        self._now_us = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._events = 0
        self._digest = 0
        voters = tuple(ReplicaId(number) for number in range(1, self.random.choice((3, 3, 5)) + 1))
        for voter in voters:
            self.add_replica(voter, MemoryLog.bootstrapped(Membership(voters=voters)))
        self.nemesis = Nemesis(self)

    # World

    def now_us(self) -> int:
        """Tell the real time."""
        return self._now_us

    def after(self, delay_us: int, action: Callable[[], None]) -> None:
        """Have something done later."""
        self._events += 1
        heapq.heappush(self._queue, (self._now_us + delay_us, self._events, action))

    def draw(self, stop: int, /) -> int:
        """Draw a number below stop."""
        return self.random.randrange(stop)

    def chance(self, probability: float) -> bool:
        """Draw yes or no."""
        return self.random.random() < probability

    def send(self, message: Message) -> None:
        """Give a message to the network."""
        self.network.send(message)

    def durable(self) -> dict[int, MemoryLog]:
        """Give what all replicas have on their disks."""
        return {number: replica.disk.durable for number, replica in self.replicas.items()}

    def write_delay_us(self) -> int:
        """Draw how long a write takes: mostly little, now and then an election timeout."""
        if self._slow_disks and self.chance(0.03):
            return self.draw(20 * TICK_US)
        return 50 + self.draw(1000)

    def add_replica(self, number: ReplicaId, log: MemoryLog | None = None) -> None:
        """Start a replica, with nothing on its disk unless given."""
        config = ConsensusConfig(id=number, **self.settings)
        clock_rate = 1 + self.random.uniform(-CLOCK_DRIFT_MAX, CLOCK_DRIFT_MAX)
        replica = SimulatedReplica(self, config, log or MemoryLog(), clock_rate, self._habits)
        self.replicas[number] = replica
        replica.start()

    def _deliver(self, message: Message) -> None:
        replica = self.replicas[message.recipient]
        key = (
            self._now_us,
            message.kind,
            message.sender,
            message.recipient,
            message.term,
            message.index,
            message.commit,
        )
        self._digest = zlib.crc32(repr(key).encode(), self._digest)
        if self._show is not None:
            self.note(message_words(message))
        replica.receive(message)

    def _report_snapshot(self, message: Message, ok: bool) -> None:
        self.replicas[message.sender].report_snapshot(message, ok)

    def note(self, text: str) -> None:
        """Show what happens, if anybody looks."""
        if self._show is not None:
            self._show(f"{self._now_us / 1000:9.2f} {text}")

    # Phases

    def run(self) -> SimulationOutcome:
        """Run both phases; SimulationFailed says what went wrong."""
        try:
            self.nemesis.begin()
            self._run_until(FAULTY_US)
            healed_after_us = self._heal()
        except AssertionError as failure:
            raise SimulationFailed(f"{failure}; again with: scripts/simulate.py --seed {self.seed} --show") from failure
        return SimulationOutcome(
            seed=self.seed,
            digest=self._digest,
            events=self._events,
            messages=self.network.messages_sent,
            leaders=self.judge.leaders_seen,
            committed=self.judge.last_committed,
            crashes=sum(replica.crashes for replica in self.replicas.values()),
            snapshots=sum(replica.snapshots_installed for replica in self.replicas.values()),
            index_reads=self.judge.reads["index"],
            lease_reads=self.judge.reads["lease"],
            healed_after_ms=healed_after_us // 1000,
        )

    def run_for(self, duration_us: int) -> None:
        """Let time pass, without faults unless they have begun."""
        self._run_until(self._now_us + duration_us)

    def _run_until(self, end_us: int) -> None:
        while self._queue and self._queue[0][0] <= end_us:
            self._now_us, _, action = heapq.heappop(self._queue)
            action()
        self._now_us = end_us

    def _heal(self) -> int:
        self.note("everything is healed")
        self.nemesis.stop()
        self.network.become_perfect()
        self._slow_disks = False
        self.crash_chance = 0.0
        for replica in self.replicas.values():
            replica.start_if_down()
        begun_us = self._now_us
        target = self.judge.last_committed + 5
        while self._now_us < begun_us + HEALING_US:
            self._run_until(self._now_us + SETTLE_STEP_US)
            self._work_in_peace()
            if self._has_progressed(target):
                return self._now_us - begun_us
        raise Violation(f"liveness: no progress to {target} within {HEALING_US // 1000} ms of peace: {self._shown()}")

    def _work_in_peace(self) -> None:
        for leader in self._leaders():
            self.nemesis.settle_membership(leader)
            self.after(TICK_US, lambda leader=leader: leader.propose([b"in peace"]))
            self.after(2 * TICK_US, leader.read_by_index)

    def _leaders(self) -> list[SimulatedReplica]:
        cores = [(replica, replica.core) for replica in self.replicas.values()]
        return [replica for replica, core in cores if core is not None and core.role is Role.LEADER]

    def _has_progressed(self, target: int) -> bool:
        leaders = self._leaders()
        if not leaders:
            return False
        leader = max(leaders, key=lambda replica: replica.core.term if replica.core else 0)
        assert leader.core is not None
        membership = leader.core.membership
        applied = [self.replicas[number].disk.current.applied for number in membership.replicas]
        return not membership.is_joint and min(applied) >= target

    def _shown(self) -> str:
        cores = [replica.core for replica in self.replicas.values() if replica.core is not None]
        return "; ".join(f"{core.id} {core.role.value} {core.term} {core.commit} {core.membership}" for core in cores)


def settings_of(random: Random) -> dict[str, int | bool]:
    """Draw the settings of a group: what production uses most of the time, and the corners."""
    is_usual = random.random() < 0.6
    check_quorum = is_usual or random.random() < 0.5
    return {
        "election_ticks": 10,
        "heartbeat_ticks": random.choice((2, 3)),
        "inflight_messages_max": random.choice((2, 256)),
        "message_bytes_max": random.choice((1, 40, 1 << 20)),
        "committed_bytes_max": random.choice((1, 1 << 20)),
        "uncommitted_bytes_max": random.choice((200, 1 << 20)),
        "tail_entries_max": random.choice((4, 8192)),
        "tail_bytes_max": random.choice((40, 1 << 20)),
        "pre_vote": is_usual or random.random() < 0.5,
        "check_quorum": check_quorum,
        "lease": check_quorum and (is_usual or random.random() < 0.5),
        "eager_commit": random.random() < 0.5,
        "conflict_hints": random.random() < 0.8,
    }
