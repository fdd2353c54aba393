"""What the parent of a router's processes decides: who serves, who follows, who is asked to end, and when to try again."""

import random

import pytest

from router.parent.core import (
    CANNOT_START,
    DRAIN_SECONDS_MAX,
    RETRY_SECONDS_MAX,
    STEADY_SECONDS,
    STOP_SECONDS_MAX,
    SUCCESSOR_SECONDS_MAX,
    Drain,
    Effect,
    Exit,
    Kill,
    Parent,
    Place,
    Say,
    Spawn,
    Terminate,
)

HTTP = Place("http-0", overlaps=True)
GATEWAY = Place("gateway", overlaps=False)


class Machine:
    """Carries out what the parent decides, with a clock that tests move."""

    def __init__(self, *places: Place) -> None:
        self.parent = Parent(places)
        self.now = 0.0
        self.pids: dict[int, Place] = {}
        self.exited: int | None = None
        self._last = 0
        self.do(self.parent.begin())

    def do(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            if isinstance(effect, Spawn):
                self._last += 1
                self.pids[self._last] = effect.place
                self.parent.spawned(effect, self._last, self.now)
            if isinstance(effect, Exit):
                self.exited = effect.status
        return [effect for effect in effects if not isinstance(effect, Say)]

    def ready(self, pid: int) -> list[Effect]:
        return self.do(self.parent.ready(pid, self.now))

    def ends(self, pid: int, status: int = -9) -> list[Effect]:
        del self.pids[pid]
        return self.do(self.parent.ended(pid, status, self.now)) + self.waits(0)

    def waits(self, seconds: float) -> list[Effect]:
        self.now += seconds
        return self.do(self.parent.tick(self.now))

    def restarts(self) -> list[Effect]:
        return self.do(self.parent.restart(self.now))

    def stops(self) -> list[Effect]:
        return self.do(self.parent.stop(self.now))


# Who serves goes on until its successor is ready: then it is told, and not before.
def test_a_successor_takes_over_when_it_is_ready() -> None:
    machine = Machine(HTTP)
    machine.ready(1)
    assert machine.restarts() == [Spawn(HTTP, succeeds=True)]
    assert machine.ready(2) == [Drain(1)]
    assert machine.ends(1, 0) == []
    assert set(machine.pids) == {2}


# A gateway binds its own port, so its successor begins when it has ended; that is no crash, and is not waited for.
def test_a_place_that_cannot_overlap_is_left_first() -> None:
    machine = Machine(GATEWAY)
    machine.ready(1)
    assert machine.restarts() == [Terminate(1)]
    assert machine.restarts() == []
    assert machine.ends(1, 0) == [Spawn(GATEWAY, succeeds=False)]


# A process that crashes is started again at once; the connections that wait for it have waited long enough.
def test_a_crash_is_followed_at_once() -> None:
    machine = Machine(HTTP, GATEWAY)
    machine.ready(1)
    assert machine.ends(1) == [Spawn(HTTP, succeeds=False)]


# One that keeps crashing is tried later and later, but never later than a bound; once it has served for a while all is forgotten.
def test_back_off_grows_is_bounded_and_is_reset() -> None:
    machine = Machine(HTTP)
    waits = []
    for _ in range(12):
        pid = next(iter(machine.pids))
        machine.ready(pid)
        machine.ends(pid)
        due = machine.parent.due()
        waits.append(0.0 if due is None else round(due - machine.now, 6))
        machine.waits(waits[-1] + 0.001)
    assert waits == sorted(waits)
    assert waits[:2] == [0.0, 0.2]
    assert waits[-1] == RETRY_SECONDS_MAX
    pid = next(iter(machine.pids))
    machine.ready(pid)
    machine.waits(STEADY_SECONDS)
    assert machine.ends(pid) == [Spawn(HTTP, succeeds=False)]


# A wrong cluster file, or a port that somebody has: the process has said so, and to try again would only say it again.
def test_one_that_cannot_start_ends_all() -> None:
    machine = Machine(HTTP, GATEWAY)
    assert machine.ends(2, CANNOT_START) == [Terminate(1)]
    assert machine.exited is None
    machine.ends(1, 0)
    assert machine.exited == CANNOT_START


# The same later is a fault of the moment: the region must not lose its router for it.
def test_one_that_could_start_is_tried_again() -> None:
    machine = Machine(GATEWAY)
    machine.ready(1)
    assert machine.ends(1, CANNOT_START) == [Spawn(GATEWAY, succeeds=False)]


# A new version that does not come up must not take the old one with it.
@pytest.mark.parametrize("hangs", [False, True])
def test_a_successor_that_fails_changes_nothing(hangs: bool) -> None:
    machine = Machine(HTTP)
    machine.ready(1)
    machine.restarts()
    if hangs:
        assert machine.waits(SUCCESSOR_SECONDS_MAX) == [Kill(2)]
    assert machine.ends(2) == []
    assert set(machine.pids) == {1}
    assert machine.restarts() == [Spawn(HTTP, succeeds=True)]


# The old one may crash while the new one starts: that is then the one that serves, ready or not.
def test_a_predecessor_that_crashes() -> None:
    machine = Machine(HTTP)
    machine.ready(1)
    machine.restarts()
    assert machine.ends(1) == []
    assert machine.ready(2) == []
    assert machine.waits(SUCCESSOR_SECONDS_MAX) == []
    assert machine.ends(2) == [Spawn(HTTP, succeeds=False)]


# Who does not end when asked is killed, whether it was replaced or everything is stopped.
def test_deadlines() -> None:
    machine = Machine(HTTP)
    machine.ready(1)
    machine.restarts()
    machine.ready(2)
    assert machine.waits(DRAIN_SECONDS_MAX) == [Kill(1)]
    assert set(machine.stops()) == {Terminate(1), Terminate(2)}
    machine.ends(1)
    assert machine.waits(STOP_SECONDS_MAX) == [Kill(2)]
    machine.ends(2)
    assert machine.exited == 0


# A machine out of memory or processes refuses a start: that is tried again, and the parent lives on.
def test_a_start_that_the_machine_refuses() -> None:
    parent = Parent([HTTP])
    (spawn,) = parent.begin()
    assert isinstance(spawn, Spawn)
    parent.unspawned(spawn, "Resource temporarily unavailable", 0.0)
    assert parent.due() == RETRY_SECONDS_MAX
    assert parent.tick(RETRY_SECONDS_MAX) == [spawn]


# Whatever happens in whatever order: no place is without a process for longer than the bound, and stopping leaves none.
@pytest.mark.parametrize("seed", range(50))
def test_any_course_of_events(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    machine = Machine(HTTP, Place("http-1", overlaps=True), GATEWAY)
    for pid in list(machine.pids):
        machine.ready(pid)
    for _ in range(200):
        event = chance.choice(["ends", "ready", "waits", "restarts"])
        if event == "ends" and machine.pids:
            machine.ends(chance.choice(sorted(machine.pids)), chance.choice([0, 1, -9]))
        elif event == "ready" and machine.pids:
            machine.ready(chance.choice(sorted(machine.pids)))
        elif event == "restarts":
            machine.restarts()
        else:
            machine.waits(chance.random() * RETRY_SECONDS_MAX)
        filled = {place.name for place in machine.pids.values()}
        assert len(machine.pids) <= 2 * len(filled) + 20
    machine.waits(RETRY_SECONDS_MAX)
    assert {place.name for place in machine.pids.values()} == {"http-0", "http-1", "gateway"}
    machine.stops()
    for pid in list(machine.pids):
        machine.ends(pid, 0)
    assert (machine.exited, machine.pids) == (0, {})
