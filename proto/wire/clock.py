"""Time as every process sees it: the one place that asks the operating system.

The room knows how to read a clock that never goes back and a clock on the wall; it refuses to know
what either is used for. Everything else receives a `Clock` from the composition root, so that tests
and the simulator decide what time it is.
"""

import time
from typing import Protocol


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
