"""Time as every process sees it: the one place that asks the operating system.

The room knows how to read a clock that never goes back and a clock on the wall; it refuses to know
what either is used for. Everything else receives a `Clock` from the composition root, so that tests
and the simulator decide what time it is.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

SHIFTS: Final = "GLOBETABLE_TEST_CLOCKS"
"""For tests only: the environment variable that names a folder of shifts, see `ShiftedClock`."""


class Clock(Protocol):
    """Tell monotonic and wall time."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 in UTC; may jump either way."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970 in UTC; may jump either way."""
        ...


class SystemClock:
    """Tell the time of this machine."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 in UTC; may jump either way."""
        return time.time_ns() // 1_000_000

    def wall(self) -> float:
        """Return seconds since 1970 in UTC; may jump either way."""
        return time.time()


class ShiftedClock(SystemClock):
    """Tell the machine's time, its wall clock shifted by what a file says: whole milliseconds, read anew each time.

    For tests only: they set one process's wall clock wrong while it runs. Without the file nothing is shifted.
    """

    def __init__(self, shift: Path) -> None:
        self._shift = shift

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 in UTC, shifted."""
        return super().wall_ms() + self._shift_ms()

    def wall(self) -> float:
        """Return seconds since 1970 in UTC, shifted."""
        return super().wall() + self._shift_ms() / 1_000

    def _shift_ms(self) -> int:
        try:
            return int(self._shift.read_text() or 0)
        except FileNotFoundError:
            return 0


def process_clock(name: str, environment: Mapping[str, str] = os.environ) -> Clock:
    """Return the clock of the process of that name: the machine's, unless a test shifts it."""
    folder = environment.get(SHIFTS)
    return ShiftedClock(Path(folder) / name) if folder else SystemClock()
