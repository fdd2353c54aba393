"""One timer on the event loop, for the drivers of cores that say when to wake them.

Knows one time at a time: a later wish replaces an earlier one.
"""

import asyncio
from collections.abc import Callable

from wire.clock import Clock


class Timer:
    """Call back once at the time that was set last."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._pending: asyncio.TimerHandle | None = None

    def set(self, time: float) -> None:
        """Wake at a time on the monotonic clock, instead of at any set before."""
        self.cancel()
        delay = max(0.0, time - self._clock.monotonic())
        self._pending = asyncio.get_running_loop().call_later(delay, self._fire)

    def cancel(self) -> None:
        """Wake at no time."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _fire(self) -> None:
        self._pending = None
        self._wake()
