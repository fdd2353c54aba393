"""Back-off: how long to leave something alone that keeps failing.

Knows doubling up to a bound. Refuses to know clocks; whoever wants jitter adds it.
"""

from typing import Final

BACKOFF_SECONDS_MIN: Final = 0.05


class Backoff:
    """Double the pause with every failure, from 50 ms up to a bound; one success starts over."""

    def __init__(self, seconds_max: float) -> None:
        self._seconds_max = seconds_max
        self._failures = 0

    def failed(self) -> float:
        """Note a failure; return the seconds to wait before trying again."""
        pause = min(BACKOFF_SECONDS_MIN * 2.0 ** min(self._failures, 16), self._seconds_max)
        self._failures += 1
        return pause

    def succeeded(self) -> None:
        """Note a success."""
        self._failures = 0
