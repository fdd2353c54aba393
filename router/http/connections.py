"""What aiohttp's low-level server does for one connection, where we do it otherwise: answers, and malformed requests.

With `server`, the only import of aiohttp here. Knows bytes and framing; refuses to know what a request means.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from aiohttp import web

from router.http.messages import HttpResponse

_log = structlog.get_logger(__name__)

# A client that does not read what it was sent for so long loses its connection.
READ_SECONDS_MAX: Final = 60.0

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connections(web.Server):
    """All connections of a server."""

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """One connection. What is not HTTP is answered in one line and logged in one, without a traceback."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Return the answer to a request that could not be parsed, or whose handler failed."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        reason = (message or "").partition("\n")[0]
        _log.info("malformed_request", remote=request.remote, reason=reason)
        return refused(request, HTTPStatus.BAD_REQUEST)


class _Answer:
    """A response as bytes, with the three members by which aiohttp's server sends one.

    Its own response class builds, checks and renders a multidict of fields, which takes longer than everything else the
    edge does to a request together.
    """

    __slots__ = ("_data", "keep_alive")

    def __init__(self, data: bytes, keep_alive: bool) -> None:
        self._data = data
        self.keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write everything; wait when the client does not read what it is sent."""
        protocol = request.protocol
        if protocol.transport is None or protocol.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        protocol.transport.write(self._data)
        if protocol.writing_paused:
            await _drained(request.writer)

    async def write_eof(self) -> None:
        """Do nothing: the end has been written."""


async def _drained(writer: Any) -> None:
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            await writer.drain()
    except TimeoutError:
        raise ConnectionResetError("the client does not read its answer") from None


def answer(request: web.BaseRequest, response: HttpResponse, *, keep_alive: bool) -> web.StreamResponse:
    """Return `response` framed for the connection of `request`."""
    fields = [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    connection = "keep-alive" if keep_alive else "close"
    head = (
        f"{_STATUS_LINES[response.status]}{''.join(fields)}content-length: {len(response.body)}\r\n"
        f"connection: {connection}\r\nserver: Server\r\n\r\n"
    )
    body = response.body if request.method != "HEAD" else b""
    return cast(web.StreamResponse, _Answer(head.encode("utf-8", "surrogateescape") + body, keep_alive))


def refused(request: web.BaseRequest, status: HTTPStatus) -> web.StreamResponse:
    """Return the answer to a request that never became whole; the connection ends with it."""
    return answer(request, HttpResponse(status.value, b"", {}), keep_alive=False)


def invite_body(request: web.BaseRequest) -> None:
    """Tell a client that waits to be asked for its body to send it."""
    transport = request.transport
    if transport is not None and (request.headers.get("Expect") or "").lower() == "100-continue":
        transport.write(_CONTINUE)
