"""An event loop on virtual time: nothing ever waits, and the same calls run in the same order every time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class _NoSelector:
    """Lets time pass instead of waiting for sockets."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        assert timeout is not None, "nothing is left that could ever happen"
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Run timers in order of their time, at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._selector = _NoSelector()
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, _: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end on virtual time; whatever fails in a callback fails the caller."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main(loop))
        loop.run_until_complete(loop.shutdown_asyncgens())
        assert not loop.failures, f"callbacks failed: {loop.failures}"
    finally:
        asyncio.set_event_loop(None)
        loop.close()
