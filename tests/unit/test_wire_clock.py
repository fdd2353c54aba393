"""The clock of this machine, and the one that tests move."""

from collections.abc import Callable

import pytest

from tests.support.clock import ManualClock
from wire.clock import Clock, SystemClock


# The fake and the real clock keep the same promises, so what works with one works with the other.
@pytest.mark.parametrize("make", [SystemClock, ManualClock])
def test_clock_keeps_its_promises(make: Callable[[], Clock]) -> None:
    clock = make()
    first = clock.monotonic()
    assert clock.monotonic() >= first
    assert clock.wall_ms() > 1_600_000_000_000
    assert abs(clock.wall() * 1_000 - clock.wall_ms()) < 60_000


# Timeouts are tested by moving time by hand.
def test_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(monotonic=10.0, wall_ms=5_000)
    clock.advance(1.5)
    assert (clock.monotonic(), clock.wall_ms(), clock.wall()) == (11.5, 6_500, 6.5)


# Wall time jumps on real machines while monotonic time does not.
def test_wall_time_jumps_alone() -> None:
    clock = ManualClock(monotonic=10.0, wall_ms=5_000)
    clock.jump_wall(-2)
    assert (clock.monotonic(), clock.wall_ms()) == (10.0, 3_000)
