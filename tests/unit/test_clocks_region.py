"""The region's clock: what it follows, what it doubts, and that it never goes back."""

import pytest

from node.clocks.judgement import Standing
from node.clocks.peers import Reading
from node.clocks.region import BELIEVED_AFTER_MS, MARK_AHEAD_MS, Mark, RegionClock
from tests.support.clock import ManualClock
from wire.catalog import NodeId
from wire.versions import COUNTER_BITS, HybridClock, Version

SKEW_MS = 60_000
HOUR = 3_600.0


class Bench:
    """One node's clock, and peers whose clocks are given as seconds by which they differ from true time."""

    def __init__(self, *peers: float, mark: Mark | None = None, has_peers: bool = True) -> None:
        self.machine = ManualClock()
        self.true_ms = self.machine.wall_ms()
        self.errors = list(peers)
        self.told_ahead = [0.0 for _ in peers]
        self.clock = RegionClock(self.machine, SKEW_MS, has_peers=has_peers, mark=mark)
        self.hear()

    def hear(self) -> None:
        for number, error in enumerate(self.errors):
            wall_ms = int(self.true_ms + error * 1_000)
            told_ms = wall_ms + int(self.told_ahead[number] * 1_000)
            self.clock.heard(NodeId(f"n{number + 2}"), Reading(wall_ms, told_ms, 2.0, self.machine.monotonic() * 1_000))
        self.clock.judge()

    def advance(self, seconds: float) -> None:
        self.machine.advance(seconds)
        self.true_ms += int(seconds * 1_000)
        self.clock.judge()

    def live(self, seconds: float) -> None:
        """Let time pass with heartbeats."""
        for _ in range(int(seconds)):
            self.advance(1.0)
            self.hear()

    @property
    def off_seconds(self) -> float:
        """Return how far the time told is off true time."""
        return (self.clock.wall_ms() - self.true_ms) / 1_000


# In fair weather the region's time is the machine's.
def test_a_clock_that_the_others_confirm_is_followed() -> None:
    bench = Bench(0.5, -0.5)
    bench.live(5)
    assert (bench.clock.standing, bench.clock.may_stamp) == (Standing.RIGHT, True)
    assert abs(bench.off_seconds) < 0.01


# What is stamped ahead cannot be taken back: a node hours ahead must stop at once, name itself, and have told nothing of it.
def test_a_node_that_jumps_hours_ahead_is_off_and_tells_the_right_time() -> None:
    bench = Bench(0.0, 0.0)
    bench.machine.jump_wall(2 * HOUR)
    assert abs(bench.off_seconds) < 0.01
    assert bench.clock.standing is Standing.UNSETTLED
    bench.hear()
    assert bench.clock.standing is Standing.AHEAD
    assert bench.clock.judgement.text == "this node's clock is 7200.0 s ahead of 2 of 3 nodes"
    assert abs(bench.off_seconds) < 0.01


# Nobody has to restart a node whose clock was set right.
def test_a_clock_that_is_set_right_is_followed_again() -> None:
    bench = Bench(0.0, 0.0)
    bench.machine.jump_wall(2 * HOUR)
    bench.live(5)
    assert bench.clock.standing is Standing.AHEAD
    bench.machine.jump_wall(-2 * HOUR)
    bench.live(1)
    assert (bench.clock.standing, bench.clock.may_stamp) == (Standing.RIGHT, True)
    assert abs(bench.off_seconds) < 0.01


# A node that is wrong from its start has no history that could tell it so; the others do, and its first word is not its own clock's.
def test_a_node_that_starts_with_a_wrong_clock_waits_for_the_others() -> None:
    machine = ManualClock()
    true_ms = machine.wall_ms()
    machine.jump_wall(2 * HOUR)
    clock = RegionClock(machine, SKEW_MS, has_peers=True, mark=Mark(true_ms - 5_000))
    assert clock.standing is Standing.UNSETTLED
    for node in ("n2", "n3"):
        clock.heard(NodeId(node), Reading(true_ms, true_ms, 2.0, machine.monotonic() * 1_000))
    assert clock.standing is Standing.AHEAD
    assert clock.wall_ms() <= true_ms


# All nodes of a region an hour back: nobody is off among them, and the region's time goes on as if nothing had happened.
def test_a_region_that_goes_back_goes_on() -> None:
    bench = Bench(0.0, 0.0)
    bench.live(5)
    bench.machine.jump_wall(-HOUR)
    bench.errors, bench.told_ahead = [-HOUR, -HOUR], [HOUR, HOUR]
    before = bench.clock.wall_ms()
    bench.live(60)
    assert (bench.clock.standing, bench.clock.may_stamp) == (Standing.RIGHT, True)
    assert bench.clock.wall_ms() - before >= 59_000 * 511 / 512


# ... and the first node that is repaired is not ahead of anybody: the others tell the same time by other means.
def test_the_first_node_set_right_is_no_outcast() -> None:
    bench = Bench(-HOUR, -HOUR)
    bench.told_ahead = [HOUR, HOUR]
    bench.hear()
    assert bench.clock.standing is Standing.RIGHT


# One node behind: its own clock no longer counts, the others' does; so whatever it tells is right, and it is named.
def test_a_node_behind_tells_what_the_majority_says() -> None:
    bench = Bench(0.0, 0.0)
    bench.machine.jump_wall(-HOUR)
    bench.live(60)
    assert bench.clock.standing is Standing.BEHIND
    assert bench.clock.judgement.text == "this node's clock is 3600.0 s behind 2 of 3 nodes"
    assert abs(bench.off_seconds) < 0.1


# A machine may be told by its host that hours have passed while it stood still. Everybody else agrees, so that is the time.
def test_a_paused_machine_is_believed_once_the_others_confirm_it() -> None:
    bench = Bench(0.0, 0.0)
    bench.true_ms += int(2 * HOUR * 1_000)
    bench.machine.jump_wall(2 * HOUR)
    assert bench.clock.wall_ms() < bench.true_ms - HOUR
    assert not bench.clock.may_stamp
    bench.hear()
    assert bench.clock.may_stamp
    assert abs(bench.off_seconds) < 0.01


# A slow drift shows in no jump, only in the others' clocks.
def test_a_clock_that_drifts_away_is_noticed() -> None:
    bench = Bench(0.0, 0.0)
    for _ in range(65):
        bench.machine.jump_wall(1.0)
        bench.live(1)
    assert bench.clock.standing is Standing.AHEAD
    assert bench.off_seconds <= SKEW_MS / 1_000 + 1


# With one other node nobody can tell who is right; a clock that goes on as it did is believed, one that has just jumped is not.
@pytest.mark.parametrize(("jumps", "standing"), [(True, Standing.AHEAD), (False, Standing.RIGHT)])
def test_one_against_one_is_decided_by_history(jumps: bool, standing: Standing) -> None:
    bench = Bench(0.0)
    bench.live(2)
    if jumps:
        bench.machine.jump_wall(2 * HOUR)
    else:
        bench.errors = [-2 * HOUR]
    bench.live(2)
    assert bench.clock.standing is standing
    assert abs(bench.off_seconds) < 0.1


# All wall clocks an hour back, and a node that has lost its disk, and with it what it knew of the time: that another node's clock agrees
# with its own confirms nothing while that one tells a later time. It waits for a majority that knows, or goes by the one there is.
@pytest.mark.parametrize("others", [1, 2])
def test_a_node_that_remembers_nothing_goes_by_those_that_do(others: int) -> None:
    bench = Bench()
    bench.machine.jump_wall(-HOUR)
    bench.errors, bench.told_ahead = [-HOUR], [HOUR]
    bench.hear()
    assert (bench.clock.standing, bench.clock.may_stamp) == (Standing.UNSETTLED, False)
    bench.errors, bench.told_ahead = [-HOUR] * others, [HOUR] * others
    bench.live(1 if others == 2 else BELIEVED_AFTER_MS / 1_000)
    assert (bench.clock.standing, bench.clock.may_stamp) == (Standing.RIGHT, True)
    assert abs(bench.off_seconds) < 0.1


# ... but a single one that tells another time than a majority is not waited for.
def test_a_new_node_does_not_wait_for_one_that_nobody_confirms() -> None:
    bench = Bench()
    bench.errors, bench.told_ahead = [0.0, 0.0], [0.0, HOUR]
    bench.hear()
    assert (bench.clock.standing, bench.clock.may_stamp) == (Standing.RIGHT, True)
    assert abs(bench.off_seconds) < 0.1


# A clock that has jumped is not confirmed by another that is wrong as well, and further ahead.
def test_a_jump_is_not_confirmed_by_one_that_is_further_ahead() -> None:
    bench = Bench(0.0)
    bench.live(2)
    bench.machine.jump_wall(2 * HOUR)
    bench.clock.judge()
    bench.errors = [3 * HOUR]
    bench.live(1)
    assert not bench.clock.may_stamp
    assert abs(bench.off_seconds) < 0.1


# Where nobody can be asked there must be an end to doubt, and what was not confirmed must not be stamped before it.
@pytest.mark.parametrize("has_peers", [False, True])
def test_a_jump_that_nobody_can_confirm_is_believed_after_a_while(has_peers: bool) -> None:
    bench = Bench(has_peers=False)
    bench.clock._has_peers = has_peers
    bench.machine.jump_wall(2 * HOUR)
    bench.clock.judge()
    bench.advance(BELIEVED_AFTER_MS / 1_000 - 1)
    assert (bench.clock.may_stamp, bench.off_seconds < 1) == (False, True)
    bench.advance(2)
    assert bench.clock.may_stamp
    assert abs(bench.off_seconds - 2 * HOUR) < 1


# The mistake of a whole region, two hours ahead and then repaired: it must not stay ahead for ever.
def test_what_a_jump_gained_is_given_back() -> None:
    bench = Bench(has_peers=False)
    bench.machine.jump_wall(2 * HOUR)
    for _ in range(20):
        bench.advance(1)
    bench.machine.jump_wall(-2 * HOUR)
    before = bench.clock.wall_ms()
    for _ in range(100):
        bench.advance(1)
    assert 49_000 <= bench.clock.wall_ms() - before <= 51_000
    for _ in range(500):
        bench.advance(30)
    assert abs(bench.off_seconds) < 1


# Contradicted and then cut off: silence makes nobody right.
def test_a_node_that_is_off_stays_so_while_it_hears_nobody() -> None:
    bench = Bench(0.0, 0.0)
    bench.machine.jump_wall(2 * HOUR)
    bench.hear()
    for _ in range(60):
        bench.advance(1)
    assert bench.clock.standing is Standing.AHEAD
    assert abs(bench.off_seconds) < 0.1


# Just beyond the bound is off, well below is right, and in between nothing changes: no flapping at the edge.
def test_the_edge_of_the_bound_is_no_place_to_flap() -> None:
    bench = Bench(0.0, 0.0)
    for jump, standing in ((59, Standing.RIGHT), (2, Standing.AHEAD), (-5, Standing.AHEAD), (-30, Standing.RIGHT)):
        bench.machine.jump_wall(jump)
        bench.live(1)
        assert bench.clock.standing is standing, jump


# What others told is caught up with where a majority tells the same: two of three that disagree by an hour vouch for nothing.
def test_two_that_are_ahead_by_different_times_are_no_majority() -> None:
    bench = Bench(0.0, 0.0)
    bench.told_ahead = [HOUR, 2 * HOUR]
    bench.live(5)
    assert abs(bench.off_seconds) < 0.01
    bench.told_ahead = [HOUR, HOUR]
    bench.live(5)
    assert abs(bench.off_seconds - HOUR) < 10


# A bad time server sets one node after another two hours ahead; none of them tells that time, and nobody is to catch up with it. Found by a
# storm: the second node was heard while the last that was known of the first was from before it had been set right.
def test_wall_clocks_that_nobody_believes_take_nobody_along() -> None:
    bench = Bench(0.0, 0.0)
    bench.live(5)
    bench.errors, bench.told_ahead = [2 * HOUR, 2 * HOUR - 45], [-2 * HOUR, 45 - 2 * HOUR]
    bench.live(5)
    assert not bench.clock.may_stamp
    assert abs(bench.off_seconds) < 0.1


# Versions must not go back over a restart, even if the wall clock did: nothing at or above the durable mark is ever told.
def test_time_goes_on_from_the_mark_after_a_restart() -> None:
    machine = ManualClock()
    clock = RegionClock(machine, SKEW_MS, has_peers=False, mark=Mark())
    assert (clock.wall_ms(), clock.may_stamp) == (0, False)
    mark = clock.wanted_mark()
    assert mark == Mark(machine.wall_ms() + MARK_AHEAD_MS, 0, machine.wall_ms(), machine.wall_ms())
    clock.marked(mark)
    assert (clock.wall_ms(), clock.may_stamp) == (machine.wall_ms(), True)
    machine.advance(100)
    assert (clock.wall_ms(), clock.may_stamp) == (mark.limit_ms - 1, False)
    machine.jump_wall(-HOUR)
    again = RegionClock(machine, SKEW_MS, has_peers=False, mark=mark)
    further = again.wanted_mark()
    assert further is not None
    again.marked(further)
    assert again.may_stamp
    assert mark.limit_ms <= again.wall_ms() < mark.limit_ms + 100


# What a version of another clock drags along must not be lost by a restart either: beyond the mark it drags nothing.
def test_versions_beyond_the_mark_drag_nothing_along() -> None:
    machine = ManualClock()
    clock = RegionClock(machine, SKEW_MS, has_peers=False, mark=Mark(machine.wall_ms() + 5_000))
    hybrid = HybridClock(clock, 1, limit_ms=lambda: clock.limit_ms)
    for ahead_ms, is_dragged in ((4_999, True), (5_000, False)):
        seen = Version((machine.wall_ms() + ahead_ms) << COUNTER_BITS, 2)
        hybrid.observe(seen)
        assert hybrid.stamp(seen) > seen
        assert (hybrid.stamp() > seen) is is_dragged


# A node that was stopped cleanly and comes back at once is not ahead, and nothing that was stamped is forgotten, whatever dragged it.
@pytest.mark.parametrize("ahead_ms", [0, 3_000])
def test_a_clean_stop_leaves_the_time_as_it_was(ahead_ms: int) -> None:
    machine = ManualClock()
    clock = RegionClock(machine, SKEW_MS, has_peers=False, mark=Mark(machine.wall_ms() + MARK_AHEAD_MS))
    machine.advance(MARK_AHEAD_MS / 1_000)
    hybrid = HybridClock(clock, 1, limit_ms=lambda: clock.limit_ms)
    pending = clock.wanted_mark()
    assert pending is not None
    clock.marked(Mark(pending.limit_ms + ahead_ms))
    told_ms = clock.wall_ms()
    hybrid.observe(Version((told_ms + ahead_ms) << COUNTER_BITS, 2))
    last = hybrid.stamp()
    mark = clock.end(hybrid.latest_ms)
    assert mark.limit_ms == told_ms + ahead_ms + 1
    clock.marked(pending)
    machine.advance(1)
    assert clock.wall_ms() < mark.limit_ms
    again = RegionClock(machine, SKEW_MS, has_peers=False, mark=mark)
    assert not again.may_stamp
    further = again.wanted_mark()
    assert further is not None
    again.marked(further)
    assert again.may_stamp
    assert HybridClock(again, 1, limit_ms=lambda: again.limit_ms).stamp() > last
    assert again.wall_ms() <= max(mark.limit_ms, told_ms + 1_000) + 1


# Where all wall clocks are an hour back, a restart costs no time, that in which the node was down included.
def test_a_clean_restart_of_a_region_an_hour_back_loses_no_time() -> None:
    machine = ManualClock()
    before = RegionClock(machine, SKEW_MS, has_peers=False, mark=Mark(machine.wall_ms()))
    before.marked(Mark(machine.wall_ms() + MARK_AHEAD_MS))
    for _ in range(3):
        machine.advance(1)
        machine.jump_wall(-HOUR)
        before.judge()
        told_ms = before.wall_ms()
        mark = before.end(0)
        machine.advance(4)
        after = RegionClock(machine, SKEW_MS, has_peers=False, mark=mark)
        further = after.wanted_mark()
        assert further is not None
        after.marked(further)
        assert 3_990 <= after.wall_ms() - told_ms <= 4_010
        before = after


# A node that comes back at once from a crash begins at its mark, ahead of time; soon it must not win against later writes of other regions.
def test_a_quick_restart_is_ahead_for_moments_only() -> None:
    machine = ManualClock()
    clock = RegionClock(
        machine,
        SKEW_MS,
        has_peers=False,
        mark=Mark(machine.wall_ms() + MARK_AHEAD_MS, 0, machine.wall_ms(), machine.wall_ms()),
    )
    for _ in range(110):
        machine.advance(0.1)
        clock.judge()
    assert clock.wall_ms() - machine.wall_ms() <= 1
