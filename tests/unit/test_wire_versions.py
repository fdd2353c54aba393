"""Versions and the clock that stamps them."""

from itertools import pairwise

import pytest

from tests.support.clock import ManualClock
from wire.versions import HybridClock, Version

MS = 1_700_000_000_000


def stamping(region: int = 1) -> tuple[ManualClock, HybridClock]:
    clock = ManualClock(wall_ms=MS)
    return clock, HybridClock(clock, region)


# Versions cross the wire and stand in records: 10 bytes that sort like them.
@pytest.mark.parametrize("version", [Version(0, 0), Version(MS << 16, 3), Version((1 << 64) - 1, (1 << 16) - 1)])
def test_version_survives_encoding(version: Version) -> None:
    assert len(version.encode()) == 10
    assert Version.decode(version.encode()) == version


# Two regions can write in the same instant; the region decides, everywhere alike.
def test_region_breaks_ties() -> None:
    assert Version(5, 1) < Version(5, 2) < Version(6, 0)


# Users read the time of a write from its version.
def test_stamp_carries_the_wall_time() -> None:
    _, hybrid = stamping(region=4)
    version = hybrid.stamp()
    assert (version.wall_ms, version.region) == (MS, 4)
    assert version.time > MS << 16


# Many writes fit in one millisecond, and time may stand still or go back: stamps still grow.
def test_stamps_grow_while_time_stands_still_or_goes_back() -> None:
    clock, hybrid = stamping()
    first, second = hybrid.stamp(), hybrid.stamp()
    clock.jump_wall(-3_600)
    third = hybrid.stamp()
    assert first < second < third


# More stamps in a millisecond than the counter holds run into the next millisecond and stay in order.
def test_counter_runs_over_into_the_milliseconds() -> None:
    _, hybrid = stamping()
    stamps = [hybrid.stamp() for _ in range(70_000)]
    assert all(earlier < later for earlier, later in pairwise(stamps))
    assert stamps[-1].wall_ms == MS + 1


# A write that saw another always wins over it, whatever the clocks say.
def test_stamp_is_later_than_the_item_it_replaces() -> None:
    _, hybrid = stamping(region=1)
    seen = Version((MS + 60_000) << 16, 9)
    assert hybrid.stamp(after=seen) > seen
    assert hybrid.stamp() > seen


# Time that passed is believed again once it is ahead.
def test_stamp_returns_to_the_wall_clock() -> None:
    clock, hybrid = stamping()
    hybrid.stamp(after=Version((MS + 5) << 16, 2))
    clock.advance(60)
    assert hybrid.stamp().wall_ms == MS + 60_000


# What was received counts as seen, even without replacing anything.
def test_stamp_is_later_than_what_was_observed() -> None:
    _, hybrid = stamping()
    hybrid.observe(Version((MS + 10) << 16, 2))
    hybrid.observe(Version((MS - 10) << 16, 2))
    assert hybrid.stamp() > Version((MS + 10) << 16, 2)


# Versions from the far future are held back by their skew.
def test_skew_is_how_far_a_version_is_ahead() -> None:
    clock, hybrid = stamping()
    ahead = Version((MS + 500) << 16, 2)
    assert hybrid.skew_ms(ahead) == 500
    clock.advance(1)
    assert hybrid.skew_ms(ahead) == -500
