"""Barriers: waiting until everything evaluated so far is applied, or leadership is lost.

Knows order. Refuses to know how state comes to be applied.
"""

import asyncio
from collections import deque


class Barriers:
    """Hold those who wait, the earliest index first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[int, int, asyncio.Future[bool]]] = deque()

    def raised(self, index: int, term: int) -> asyncio.Future[bool]:
        """Return what will tell whether a leader of that term came to apply everything up to an index."""
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append((index, term, future))
        return future

    def release(self, applied: int, term: int, *, lost: bool = False) -> None:
        """Answer whoever need not wait any longer, now that this much is applied and this term is led (0 = none).

        With `lost` nobody waits any longer.
        """
        waiting = self._waiting
        while waiting and (lost or waiting[0][1] != term or waiting[0][0] <= applied):
            index, term_awaited, future = waiting.popleft()
            if not future.done():
                future.set_result(index <= applied and term_awaited == term)
