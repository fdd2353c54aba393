"""Three regions on one seed, one of whose clocks is hours ahead for a while: nothing but its own writes of that time waits.

CLOCK_SEEDS says how many seeds each test takes (500 for a long run).
"""

import os

import pytest

from tests.simulation.test_replication_regions import KEYS, disturbed
from tests.support.replication_model import World
from wire.commands import Ahead
from wire.keys import ItemKey

SEEDS = int(os.environ.get("CLOCK_SEEDS", "25"))
STEPS = 300
HOURS_MS = 2 * 3_600_000
WRONG = KEYS[: len(KEYS) // 2]


def stormy(seed: int) -> World:
    """Run a storm, in the middle of which region a writes some items two hours ahead of time."""
    world = World(seed)
    world.form("a", "b", "c")
    for step in range(STEPS):
        if step == STEPS // 3:
            world.regions["a"].set_clock(HOURS_MS)
            for key in WRONG:
                world.regions["a"].write(key, b'{"n":-%d}' % next(world.bodies))
            world.regions["a"].set_clock(0)
        disturbed(world)
        world.assert_lag_is_told()
    return world


# The lane goes on: with all faults mended, what was written at the right time arrives everywhere, long before the wrong versions' time.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_wrong_versions_hold_back_nothing_else(seed: int) -> None:
    world = stormy(seed)
    probes = [ItemKey(f"probe{number}".encode()) for number in range(6)]
    for key in probes:
        world.regions["a"].write(key, b"{}")
    world.settle()
    for region in world.regions.values():
        contents = world.contents(region.name)
        assert all(contents.get(key) == world.written[key] for key in probes)
    assert world.held() > 0
    world.assert_lag_is_told()


# ... and when that time has come they arrive by themselves; nothing is lost, nobody is behind, no row is left.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_wrong_versions_arrive_when_their_time_has_come(seed: int) -> None:
    world = stormy(seed)
    world.settle()
    world.advance(HOURS_MS / 1_000)
    world.settle()
    world.assert_converged()
    world.assert_newest()
    world.assert_quiet()
    assert world.held() == 0


# An operator need not wait: after either decision all regions hold the same, and what is written next goes as usual.
@pytest.mark.parametrize("decision", [Ahead.ACCEPT, Ahead.OVERRULE])
@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_regions_are_identical_after_an_operators_decision(seed: int, decision: Ahead) -> None:
    world = stormy(seed)
    world.settle()
    world.release(decision)
    world.settle()
    # What a region has overruled, or passed on, may be held by a third one: it is another change, and another decision.
    world.release(decision)
    world.settle()
    world.assert_converged()
    for key in WRONG:
        world.regions["b"].write(key, b'{"n":0}')
    world.settle()
    world.assert_converged()
    world.assert_newest()
    assert world.held() == 0


# A clock that is an hour behind (a region that lost its marks) makes a region hold back everything new, until it is set right.
@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_a_region_that_is_behind_catches_up_when_it_is_set_right(seed: int) -> None:
    world = World(seed)
    world.form("a", "b", "c")
    world.regions["b"].set_clock(-3_600_000)
    for _ in range(STEPS):
        disturbed(world)
    world.regions["b"].set_clock(0)
    world.settle()
    world.assert_converged()
    world.assert_quiet()
    assert world.held() == 0


# The number that operators look at, seen from the one place that it must not lie: a single record that is held.
def test_one_held_record_is_one_pending_record() -> None:
    world = World(1)
    world.form("a", "b")
    world.settle()
    world.regions["a"].set_clock(HOURS_MS)
    world.regions["a"].write(KEYS[0], b"{}")
    world.settle(30.0)
    reports = [each.core.report(world.now) for each in world.shippers() if each.destination == "b"]
    held = [report for report in reports if report.held]
    assert [(report.pending_records, report.lag_seconds > 20) for report in held] == [(1, True)]
