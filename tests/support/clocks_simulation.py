"""The clocks of a region on one seed: wall clocks that jump by hours, drift and stand still, restarts, and a network that loses and delays.

What is real: `RegionClock`, `ClockExchange`, `HybridClock` and their marks. What is simulated: machines, disks that lose marks which were
not durable yet, and who leads. At any time most wall clocks are right, or all of them were set back together: then every stamp must be
near true time, must never go back, and once all is well everybody may stamp.
"""

from dataclasses import dataclass, field
from random import Random

from node.clocks.exchange import ClockExchange, ClockStamp
from node.clocks.region import Mark, RegionClock
from tests.support.clock import ManualClock
from wire.catalog import NodeId
from wire.versions import HybridClock, Version

SKEW_MS = 60_000
TOLERANCE_MS = 3_000
"""What readings cannot tell: the longest round trip, and some drift since."""
TICK_SECONDS = 0.1
TICKS_TO_HEAL = 400
TICKS_WRONG_MAX = 30
"""Ticks for which a node may lead whose clock is off while it hears all others: then it has to say so, and let others lead."""
HOURS = 3_600.0
KEYS = 4


@dataclass(slots=True)
class Message:
    """A batch on its way."""

    due: float
    sender: NodeId
    recipient: NodeId
    stamp: ClockStamp


class Node:
    """One machine and the lives of a node on it."""

    def __init__(self, world: "World", node: NodeId) -> None:
        self.world = world
        self.node = node
        self.machine = ManualClock(monotonic=world.random.uniform(0, 1e6), wall_ms=int(world.true_ms))
        self.disk = Mark()
        self.drift = world.random.uniform(-1e-4, 1e-4)
        self.error_seconds = 0.0
        self.last: Version | None = None
        self.start()

    def start(self) -> None:
        self.is_up = True
        self.marking: list[tuple[float, Mark]] = []
        self.clock = RegionClock(self.machine, SKEW_MS, has_peers=True, mark=self.disk)
        self.hybrid = HybridClock(self.clock, 1, limit_ms=lambda: self.clock.limit_ms)
        self.exchange = ClockExchange(self.clock, self.world.random)

    def crash(self) -> None:
        self.is_up = False

    def stop(self) -> None:
        """End cleanly: everything that was to be written is."""
        self.is_up = False
        self.disk = self.clock.end(self.hybrid.latest_ms)

    def set_wrong(self, seconds: float) -> None:
        """Set the wall clock wrong by so much, compared to true time."""
        self.machine.jump_wall(seconds - self.error_seconds)
        self.error_seconds = seconds

    def pass_time(self, seconds: float, *, is_asleep: bool = False) -> None:
        if is_asleep:
            self.machine.jump_wall(seconds)
            return
        self.machine.advance(seconds)
        self.machine.jump_wall(seconds * self.drift)
        self.error_seconds += seconds * self.drift

    def tick(self) -> None:
        """Do what a node does every tick: judge its clock, and keep the mark ahead."""
        self.clock.judge()
        for due, mark in self.marking:
            if due <= self.world.now:
                self.disk = mark
                self.clock.marked(mark)
        self.marking = [each for each in self.marking if each[0] > self.world.now]
        wanted = self.clock.wanted_mark()
        if wanted is not None and not self.marking:
            self.marking.append((self.world.now + self.world.random.uniform(0.001, 0.3), wanted))


@dataclass
class World:
    """The region, and the seed that decides what happens next."""

    seed: int
    now: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: {"stamps": 0, "off": 0, "leaders": 0})

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.true_ms = 1_700_000_000_000.0
        self.messages: list[Message] = []
        self.items: dict[int, Version] = {}
        self.loss = 0.05
        names = [NodeId(f"n{number}") for number in range(1, self.random.choice((3, 3, 5)) + 1)]
        self.nodes = {name: Node(self, name) for name in names}
        self.leader: NodeId | None = None
        self.wrong_ticks = 0

    def run(self, ticks: int = 300) -> None:
        """Let things go wrong, then heal, then require that all is well."""
        for _ in range(ticks):
            self._tick()
            if self.random.random() < 0.08:
                self._disturb()
                self._write_before_anybody_judges()
        self._heal()
        for _ in range(TICKS_TO_HEAL):
            self._tick()
        stuck = [node.node for node in self.nodes.values() if not node.clock.may_stamp]
        assert not stuck, f"{stuck} may not stamp although all clocks are right"

    # Time.

    def _tick(self) -> None:
        self._pass(TICK_SECONDS)
        for message in [each for each in self.messages if each.due <= self.now]:
            self.messages.remove(message)
            recipient = self.nodes[message.recipient]
            if recipient.is_up:
                recipient.exchange.received(message.sender, message.stamp)
        for node in self._up():
            node.tick()
            self.counts["off"] += node.clock.standing.is_off
        self._lead()

    def _pass(self, seconds: float, asleep: Node | None = None) -> None:
        self.now += seconds
        self.true_ms += seconds * 1_000
        for node in self.nodes.values():
            node.pass_time(seconds, is_asleep=node is asleep)

    def _up(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.is_up]

    # Leading: whoever may, with a majority that is up; heartbeats go both ways.

    def _lead(self) -> None:
        fit = [node for node in self._up() if not node.clock.standing.is_off]
        if self.leader not in [node.node for node in fit]:
            self.leader = self.random.choice(fit).node if fit else None
            self.counts["leaders"] += 1
        if self.leader is None or 2 * len(self._up()) <= len(self.nodes):
            return
        leader = self.nodes[self.leader]
        for other in self._up():
            if other is not leader:
                self._send(leader, other)
                self._send(other, leader)
        self._judge_leader(leader)
        if leader.clock.may_stamp:
            for _ in range(self.random.randrange(3)):
                self._write(leader)

    def _judge_leader(self, leader: Node) -> None:
        wrong = [node for node in self.nodes.values() if abs(node.error_seconds) * 1_000 > SKEW_MS + TOLERANCE_MS]
        is_wrong = wrong == [leader] and len(self._up()) == len(self.nodes)
        self.wrong_ticks = self.wrong_ticks + 1 if is_wrong else 0
        assert self.wrong_ticks < TICKS_WRONG_MAX, f"{leader.node} does not say that its clock is off"

    def _send(self, sender: Node, recipient: Node) -> None:
        if self.random.random() >= self.loss:
            due = self.now + self.random.choice((0.0, 0.05, 0.5))
            self.messages.append(Message(due, sender.node, recipient.node, sender.exchange.stamp(recipient.node)))

    def _write_before_anybody_judges(self) -> None:
        leader = self.nodes.get(self.leader) if self.leader is not None else None
        if leader is not None and leader.is_up:
            leader.clock.wall_ms()
            if leader.clock.may_stamp:
                self._write(leader)

    def _write(self, leader: Node) -> None:
        key = self.random.randrange(KEYS)
        before = self.items.get(key)
        version = leader.hybrid.stamp(before)
        assert before is None or version > before, f"item {key} goes back from {before} to {version}"
        if before is None or version.time != before.time + 1:  # else it stands for itself
            assert leader.last is None or version > leader.last, (
                f"{leader.node} goes back from {leader.last} to {version}"
            )
            leader.last = version
        off_ms = version.wall_ms - self.true_ms
        assert abs(off_ms) <= SKEW_MS + TOLERANCE_MS, f"{leader.node} stamps {off_ms / 1_000:.0f} s off true time"
        self.items[key] = version
        self.counts["stamps"] += 1

    # What goes wrong.

    def _disturb(self) -> None:
        draw, node = self.random.random(), self.random.choice(list(self.nodes.values()))
        wrong = [each for each in self.nodes.values() if abs(each.error_seconds) > SKEW_MS / 2_000]
        if draw < 0.3 and wrong:
            self._mend(wrong)
        elif draw < 0.45 and not wrong:
            node.set_wrong(self.random.choice((-1, 1)) * self.random.uniform(70, 3 * HOURS))
        elif draw < 0.55 and not wrong and all(each.clock.may_stamp for each in self.nodes.values()):
            self._set_back(self.random.uniform(60, 2 * HOURS), restarts=self.random.random() < 0.5)
        elif draw < 0.7:
            self._restart(node)
        elif draw < 0.85 and not wrong:
            self._pass(self.random.uniform(1, 2 * HOURS), asleep=node)
        elif not wrong:
            # A drift of hundreds of times what is allowed for, until it is noticed or mended.
            node.drift = self.random.uniform(-0.5, 0.5)
            for _ in range(200):
                self._tick()
            node.drift = 0.0

    def _mend(self, wrong: list[Node]) -> None:
        # Where all went back together, one after the other is set right.
        for node in wrong if self.random.random() < 0.5 else wrong[:1]:
            node.set_wrong(0.0)

    def _set_back(self, seconds: float, *, restarts: bool) -> None:
        """Set all clocks of the region back by the same, perhaps while all of it was off."""
        for node in self.nodes.values():
            if restarts:
                self._end(node)
            node.set_wrong(-seconds)
        for node in self.nodes.values():
            if restarts:
                node.start()

    def _end(self, node: Node) -> None:
        if self.random.random() < 0.5:
            node.crash()
        else:
            node.stop()

    def _restart(self, node: Node) -> None:
        self._end(node)
        for _ in range(self.random.randrange(1, 20)):
            self._tick()
        node.start()

    def _heal(self) -> None:
        self.loss = 0.0
        for node in self.nodes.values():
            node.drift = 0.0
            node.set_wrong(0.0)
            if not node.is_up:
                node.start()
