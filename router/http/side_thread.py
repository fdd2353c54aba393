"""Work that takes too long for the event loop, done beside it in one thread, in the order asked for.

Python's threads take turns: the loop waits at most for a turn, however long the work is. Knows what a request's texts weigh and
how much of them there may be at a time; refuses to know what is done with them.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar, TypeVarTuple

from wire.clock import Clock
from wire.errors import ErrorCode, StoreError

# Texts of all requests that are here, their values being some twenty times as large.
TEXTS_BYTES_MAX: Final = 64 << 20
TURN_SECONDS: Final = 0.001
# Of a list, so many elements are let go of at once.
_DISCARDED_AT_ONCE: Final = 4096

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class SideThread:
    """The thread, and how much waits for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._executor = ThreadPoolExecutor(
            1, thread_name_prefix="side", initializer=sys.setswitchinterval, initargs=(TURN_SECONDS,)
        )
        self._texts_bytes = 0

    @contextmanager
    def admitted(self, text_bytes: int, values: list[Any]) -> Iterator[None]:
        """Let a request work here; what it leaves in `values` is taken apart here afterwards.

        Raises StoreError THROTTLING when too much is here already.
        """
        if self._texts_bytes and self._texts_bytes + text_bytes > TEXTS_BYTES_MAX:
            raise StoreError(ErrorCode.THROTTLING, "Rate of requests exceeds the allowed throughput.")
        self._texts_bytes += text_bytes
        try:
            yield
        finally:
            discarded = asyncio.get_running_loop().run_in_executor(self._executor, _discard, values)
            discarded.add_done_callback(lambda _: self._leave(text_bytes))

    async def run(
        self, deadline: float, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        """Return what `function` returns. Raises what it raises, or DEADLINE_EXCEEDED when its turn comes too late."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, _in_time, self._clock, deadline, function, arguments
        )

    def _leave(self, text_bytes: int) -> None:
        self._texts_bytes -= text_bytes


def _in_time(clock: Clock, deadline: float, function: Callable[..., _Result], arguments: tuple[Any, ...]) -> _Result:
    if clock.monotonic() > deadline:
        raise StoreError(ErrorCode.DEADLINE_EXCEEDED, "the request waited too long to be read")
    return function(*arguments)


def _discard(values: list[Any]) -> None:
    """Take JSON values apart, a part at a time: to let go of a million of them in one go is one long turn."""
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values.extend(value.values())
            value.clear()
        elif isinstance(value, list):
            last = value[-_DISCARDED_AT_ONCE:]
            del value[-_DISCARDED_AT_ONCE:]
            values += [value, *last] if value else last
