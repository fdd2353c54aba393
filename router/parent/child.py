"""A child's end of the line to its parent: says when it serves, hears when it is to leave."""

import asyncio
import signal
import socket
from contextlib import suppress

from router.parent.line import (
    CANNOT_START,
    DRAIN,
    HTTP_DESCRIPTOR,
    LINE_DESCRIPTOR,
    METRICS_DESCRIPTOR,
    READY,
    WORDS_BYTES_MAX,
)


class Lifeline:
    """The line, and the signal that ends a child; `stopping` and `draining` are set once."""

    def __init__(self, line: socket.socket) -> None:
        self.stopping = asyncio.Event()
        """Asked to end, by a signal or by the parent's end."""
        self.draining = asyncio.Event()
        """Replaced: a successor serves already."""
        self._line = line
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        loop.add_reader(line, self._heard)

    def tell_ready(self) -> None:
        """Say that requests are served."""
        try:
            self._line.send(READY)
        except OSError:
            self.stopping.set()

    async def wait_told(self) -> None:
        """Return when the process is to end, whether it was replaced or not."""
        waiting = [asyncio.ensure_future(each.wait()) for each in (self.stopping, self.draining)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    def _heard(self) -> None:
        try:
            words = self._line.recv(16)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if DRAIN in words:
            self.draining.set()
        if not words:
            asyncio.get_running_loop().remove_reader(self._line)
            self.stopping.set()


def inherited_line() -> socket.socket:
    """Take up the line that the parent has handed down."""
    # What a terminal sends to all of its processes is for the parent, which tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return socket.socket(fileno=LINE_DESCRIPTOR)


def tell_failure(line: socket.socket, reason: str) -> None:
    """Say why this process cannot start; the parent has the last word when all is ended for it."""
    with suppress(OSError):
        line.send(CANNOT_START + reason.encode()[: WORDS_BYTES_MAX - 1])


def inherited_http() -> socket.socket:
    """Return the socket that the parent listens with."""
    return socket.socket(fileno=HTTP_DESCRIPTOR)


def inherited_metrics() -> socket.socket:
    """Return the socket at which this process tells metrics and health."""
    return socket.socket(fileno=METRICS_DESCRIPTOR)
