"""The port on which a process tells how it is: GET /metrics for Prometheus, /health for whoever waits for it, /live for who restarts it.

Knows just enough HTTP for a question without a body: one request per connection, within bounds. Refuses to know what is measured.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from wire.metrics import Metric, Reading
from wire.telemetry import EventLog

HEAD_BYTES_MAX: Final = 8 << 10
ASKED_WITHIN_SECONDS: Final = 5.0
CONNECTIONS_MAX: Final = 32
"""Connections at a time; a further one is closed at once."""
READY: Final = "ready"

_log = EventLog(__name__)


class MetricsAddressError(Exception):
    """The address for metrics cannot be listened on; the message says which and why, in one line."""


class _Answer(NamedTuple):
    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class MetricsServer:
    """Answer at one address until stopped.

    `state` tells what /health says: `ready` is healthy, anything else is not. `readings` is called on the event loop, once per scrape; the
    text is made on a thread, so that requests do not wait for it. A `listener` that listens already is used as it is.
    """

    def __init__(
        self,
        address: str,
        *,
        metrics: Sequence[Metric],
        readings: Callable[[], Iterable[Reading]],
        state: Callable[[], str],
        listener: socket.socket | None = None,
    ) -> None:
        self._address = address
        self._listener = listener
        self._metrics = metrics
        self._readings = readings
        self._state = state
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen; port 0 takes a free one. Raises MetricsAddressError."""
        if self._listener is not None:
            self._server = await asyncio.start_server(self._serve, sock=self._listener, limit=HEAD_BYTES_MAX)
        else:
            self._server = await self._bound()
        self.port = self._server.sockets[0].getsockname()[1]

    async def _bound(self) -> asyncio.Server:
        host, _, port = self._address.rpartition(":")
        # Without a host asyncio would listen everywhere, which has to be said.
        if not host or not port.isdigit():
            raise MetricsAddressError(f"--metrics {self._address}: expected HOST:PORT, as in 127.0.0.1:9100")
        try:
            return await asyncio.start_server(self._serve, host.strip("[]"), int(port), limit=HEAD_BYTES_MAX)
        except (OSError, OverflowError) as error:  # a port past 65535 is the latter
            why = "the port is in use" if getattr(error, "errno", None) == errno.EADDRINUSE else str(error)
            raise MetricsAddressError(f"cannot listen on {self._address} for metrics: {why}") from None

    async def stop(self) -> None:
        """Close, whoever is being answered; twice is once."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio serves each connection in a task"
        self._serving.add(task)
        try:
            if len(self._serving) <= CONNECTIONS_MAX:
                async with asyncio.timeout(ASKED_WITHIN_SECONDS):
                    await self._converse(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # whoever asked went away, took too long, or speaks something else
        finally:
            self._serving.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        answer = await self._answer(method, path)
        writer.write(_head(answer) + (b"" if method == "HEAD" else answer.body))
        await writer.drain()

    async def _answer(self, method: str, path: str) -> _Answer:
        if method not in {"GET", "HEAD"}:
            return _Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET is answered here\n")
        if path == "/health":
            state = self._state()
            status = HTTPStatus.OK if state == READY else HTTPStatus.SERVICE_UNAVAILABLE
            return _Answer(status, f"{state}\n".encode())
        if path == "/live":
            return _Answer(HTTPStatus.OK, b"live\n")  # whoever gets this far runs, whatever it waits for
        if path == "/metrics":
            return await self._scraped()
        return _Answer(HTTPStatus.NOT_FOUND, b"there is /metrics, /health and /live\n")

    async def _scraped(self) -> _Answer:
        try:
            readings = tuple(self._readings())
            return await asyncio.get_running_loop().run_in_executor(None, _rendered, self._metrics, readings)
        except Exception:  # noqa: BLE001  # the end of the line: a bug becomes an answer and a line in the log, and hurts nobody else
            _log.exception("scrape_failed")
            return _Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"the metrics could not be read; see the log\n")


def _rendered(metrics: Sequence[Metric], readings: Sequence[Reading]) -> _Answer:
    # On a thread from the first line: loading this library takes longer than all the rest.
    from wire.exposition import CONTENT_TYPE, rendered

    return _Answer(HTTPStatus.OK, rendered(metrics, readings), CONTENT_TYPE)


def _head(answer: _Answer) -> bytes:
    return (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    ).encode("latin-1")
