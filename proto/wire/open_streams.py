"""The streams that a server holds open, so that it can end them itself before it stops.

A stream between processes lasts as long as they do. One that a stopping server just takes away from its handler ends in whatever the
handler was doing, and the library under it warns of that; ended from within, it is an orderly end for both sides. Knows tasks, and
refuses to know what travels.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class OpenStreams:
    """Handlers of open streams, on one event loop."""

    def __init__(self) -> None:
        self._handlers: set[asyncio.Task[object]] = set()
        self._is_ended = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold this task's stream open: when streams are ended, the block is left at its await, and what follows it goes on."""
        handler = asyncio.current_task()
        assert handler is not None, "a stream is handled by a task"
        self._handlers.add(handler)
        try:
            yield
        except asyncio.CancelledError:
            # Anybody else's cancellation goes its way.
            if not self._is_ended or handler.uncancel() > 0:
                raise
        finally:
            self._handlers.discard(handler)

    async def stop_server(self, stop: Callable[[float], Awaitable[None]], grace_seconds: float) -> None:
        """Stop the server; what is under way has `grace_seconds` to end by itself, then streams are ended and have as long again."""
        stopped = asyncio.ensure_future(stop(2 * grace_seconds))
        await asyncio.wait([stopped], timeout=grace_seconds)
        self.end()
        await stopped

    def end(self) -> None:
        """End every stream that is open."""
        self._is_ended = True
        for handler in self._handlers:
            handler.cancel()
