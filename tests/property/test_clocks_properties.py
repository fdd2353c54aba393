"""Clocks under any jumps, drifts and delays, against plain models of what must hold."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from node.clocks.exchange import ClockExchange, ClockStamp
from node.clocks.judgement import Standing
from node.clocks.peers import Reading
from node.clocks.region import Mark, RegionClock
from tests.support.clock import ManualClock
from wire.catalog import NodeId
from wire.versions import HybridClock

SKEW_MS = 60_000
PEER = NodeId("n2")
HOURS = 3 * 3_600.0

steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.floats(0.0, 30.0)),
        st.tuples(st.just("jump"), st.floats(-HOURS, HOURS)),
        st.tuples(st.just("hear"), st.floats(-HOURS, HOURS)),
        st.tuples(st.just("restart"), st.floats(-HOURS, HOURS)),
    ),
    max_size=40,
)


# Whatever wall clocks, peers and restarts do, the time told and the versions stamped never go back, and nothing above the mark was told.
@given(steps, st.booleans())
def test_time_and_versions_never_go_back(steps: list[tuple[str, float]], has_peers: bool) -> None:
    machine, mark = ManualClock(), Mark()
    clock = RegionClock(machine, SKEW_MS, has_peers=has_peers, mark=mark)
    hybrid = HybridClock(clock, 1, limit_ms=lambda clock=clock: clock.limit_ms)
    told, stamped = 0, hybrid.stamp()
    for step, seconds in steps:
        if step == "pass":
            machine.advance(seconds)
        elif step == "jump":
            machine.jump_wall(seconds)
        elif step == "hear":
            wall_ms = machine.wall_ms() + int(seconds * 1_000)
            clock.heard(PEER, Reading(wall_ms, wall_ms, 3.0, machine.monotonic() * 1_000))
        else:
            machine.jump_wall(seconds)
            clock = RegionClock(machine, SKEW_MS, has_peers=has_peers, mark=mark)
            hybrid = HybridClock(clock, 1, limit_ms=lambda clock=clock: clock.limit_ms)
        clock.judge()
        if (wanted := clock.wanted_mark()) is not None:
            mark = wanted
            clock.marked(mark)
        assert told <= (told := clock.wall_ms()) <= mark.limit_ms
        if clock.may_stamp:
            assert stamped < (stamped := hybrid.stamp())


# A majority of right clocks: whatever happens to one wall clock, a node that may stamp tells the right time, and one that is off says so.
@given(st.lists(st.tuples(st.floats(0.1, 5.0), st.floats(-HOURS, HOURS)), max_size=30))
def test_one_wrong_clock_of_three_never_stamps_a_wrong_time(steps: list[tuple[float, float]]) -> None:
    machine = ManualClock()
    true_ms = float(machine.wall_ms())
    clock = RegionClock(machine, SKEW_MS, has_peers=True)
    for seconds, jump in steps:
        for node in ("n2", "n3"):
            clock.heard(NodeId(node), Reading(int(true_ms), int(true_ms), 2.0, machine.monotonic() * 1_000))
        clock.judge()
        is_off = abs(machine.wall_ms() - true_ms) > SKEW_MS + 10
        assert not (is_off and clock.standing is Standing.RIGHT)
        machine.advance(seconds)
        true_ms += seconds * 1_000
        machine.jump_wall(jump)
        told_ms = clock.wall_ms()
        if clock.may_stamp:
            assert told_ms - true_ms <= SKEW_MS + 20


class Pair:
    """Two nodes that send each other stamps over wires of any length."""

    def __init__(self, seed: int) -> None:
        self.machines = ManualClock(), ManualClock(monotonic=5.0)
        self.clocks = [RegionClock(machine, SKEW_MS, has_peers=True) for machine in self.machines]
        self.ends = [ClockExchange(clock, Random(seed)) for clock in self.clocks]

    def advance(self, seconds: float) -> None:
        for machine in self.machines:
            machine.advance(seconds)

    def send(self, sender: int) -> ClockStamp:
        return self.ends[sender].stamp(NodeId(f"n{2 - sender}"))

    def receive(self, receiver: int, stamp: ClockStamp) -> None:
        self.ends[receiver].received(NodeId(f"n{2 - receiver}"), stamp)


# The true offset lies within what is said to be known, however long each way takes: nobody is accused for a slow network.
@given(
    st.integers(0, 100),
    st.floats(-HOURS, HOURS),
    st.lists(st.tuples(st.integers(0, 1), st.floats(0.0, 20.0), st.floats(0.0, 1.0)), max_size=30),
)
def test_offsets_are_never_claimed_more_exactly_than_they_are_known(
    seed: int, offset: float, trips: list[tuple[int, float, float]]
) -> None:
    pair = Pair(seed)
    pair.machines[1].jump_wall(offset)
    for sender, delay, pause in trips:
        stamp = pair.send(sender)
        pair.advance(delay)
        pair.receive(1 - sender, stamp)
        pair.advance(pause)
        for here in (0, 1):
            there = 1 - here
            now_ms = pair.machines[here].monotonic() * 1_000
            for known in pair.clocks[here].peers.lately(now_ms):
                true_offset = pair.machines[there].wall_ms() - now_ms
                assert known.lower - 1.5 <= true_offset <= known.upper + 1.5
