"""An event loop that knows for how long each of its turns kept its thread busy, in CPU time."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any


class MeasuredLoop(asyncio.SelectorEventLoop):
    """Notes the longest turn: one callback, or one step of a task."""

    def __init__(self) -> None:
        super().__init__()
        self.longest_seconds = 0.0

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Run a callback in its turn, and note how long it takes."""
        return super().call_soon(self._measured, callback, args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback of another thread in its turn, and note how long it takes."""
        return super().call_soon_threadsafe(self._measured, callback, args, context=context)

    def _measured(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        began = time.thread_time()
        callback(*args)
        self.longest_seconds = max(self.longest_seconds, time.thread_time() - began)

    def longest_turn(self, make: Callable[[], Any]) -> float:
        """Return the longest turn, in seconds, while the coroutine that `make` returns is run."""
        self.longest_seconds = 0.0
        self.run_until_complete(make())
        return self.longest_seconds


def reference_seconds(repetitions: int = 5) -> float:
    """Return how long work takes here that takes an ordinary machine 20 ms: to make and to walk 64,000 small values."""
    return min(_reference() for _ in range(repetitions))


def _reference() -> float:
    began = time.thread_time()
    values = [{"S": str(number)} for number in range(64_000)]
    assert sum(len(value["S"]) for value in values)
    return time.thread_time() - began
