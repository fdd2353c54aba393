"""The clock of this machine, and the one that tests move."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from wire.clock import SHIFTS, Clock, ShiftedClock, SystemClock, process_clock


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


# Tests set one process's clock wrong while it runs; without being asked to, no process may look for such a file.
def test_only_a_test_shifts_a_process_clock(tmp_path: Path) -> None:
    assert type(process_clock("n1", {})) is SystemClock
    clock = process_clock("n1", {SHIFTS: str(tmp_path)})
    assert isinstance(clock, ShiftedClock)
    before = clock.wall_ms()
    (tmp_path / "n1").write_text("7200000")
    assert 7_200_000 <= clock.wall_ms() - before < 7_260_000
    assert abs(clock.wall() * 1_000 - clock.wall_ms()) < 60_000
    (tmp_path / "n1").write_text("")
    assert clock.wall_ms() - before < 60_000
