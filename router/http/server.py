"""The HTTP server: sockets in, whole requests out, answers back.

The only import of aiohttp in the data path, and only of its low-level server: no routes, no middlewares, no access log.
Knows sizes, keep-alive and stopping; refuses to know what a request means.
"""

import asyncio
import errno
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from router.http.encoding import BODY_BYTES_MAX
from router.http.messages import Handler, HttpRequest, HttpResponse

BACKLOG_CONNECTIONS: Final = 1024
HEADER_LINE_BYTES_MAX: Final = 16 << 10
HEADERS_MAX: Final = 128
KEEPALIVE_SECONDS: Final = 75.0
STOP_GRACE_SECONDS: Final = 10.0


class ListenError(Exception):
    """An address cannot be listened on; the message says which and why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where to listen, and within which bounds. Port 0 takes any free port."""

    host: str = "127.0.0.1"
    port: int = 0
    reuse_port: bool = False
    tls: ssl.SSLContext | None = None
    body_bytes_max: int = BODY_BYTES_MAX


class HttpServer:
    """Serve one address with one handler until stopped."""

    def __init__(self, handler: Handler, settings: HttpSettings) -> None:
        self._handler = handler
        self._settings = settings
        self._connections: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._port: int | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        assert self._port is not None, "the server has not been started"
        return self._port

    async def start(self) -> None:
        """Listen and serve.

        Raises ListenError when the address is taken or not ours.
        """
        assert self._listener is None, "the server has been started already"
        self._connections = web.Server(
            self._serve,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            auto_decompress=False,
            max_line_size=HEADER_LINE_BYTES_MAX,
            max_field_size=HEADER_LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
        )
        settings = self._settings
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connections,
                settings.host,
                settings.port,
                reuse_port=settings.reuse_port or None,
                backlog=BACKLOG_CONNECTIONS,
                ssl=settings.tls,
            )
        except OSError as error:
            why = "the port is in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
            raise ListenError(f"cannot listen on {settings.host}:{settings.port}: {why}") from error
        self._port = self._listener.sockets[0].getsockname()[1]

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Stop accepting, let the requests in flight finish for `grace_seconds`, close every connection."""
        if self._listener is None or self._connections is None:
            return
        self._listener.close()
        self._connections.pre_shutdown()
        await self._connections.shutdown(grace_seconds)
        await self._listener.wait_closed()
        self._listener = self._connections = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await _whole_body(request, self._settings.body_bytes_max)
        if body is None:
            return _answer(request, HttpResponse(413, b"", {}), keep_alive=False)
        target = request.raw_path
        if target[:1] != "/":  # a proxy's form of it: the whole URL
            target = request.path_qs
        response = await self._handler(HttpRequest(request.method, target, request.headers, body))
        return _answer(request, response, keep_alive=request.keep_alive)


async def _whole_body(request: web.BaseRequest, bytes_max: int) -> bytes | None:
    """Return the body of `request`, or None as soon as it is known to be larger than `bytes_max`."""
    content = request.content
    if content.is_eof():  # nearly always: a small body arrives with its head
        body = content.read_nowait()
        return body if len(body) <= bytes_max else None
    if (request.content_length or 0) > bytes_max:
        return None
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        chunks.append(chunk)
        size += len(chunk)
        if size > bytes_max:
            return None
    return b"".join(chunks)


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
            await request.writer.drain()

    async def write_eof(self) -> None:
        """Do nothing: the end has been written."""


def _answer(request: web.BaseRequest, response: HttpResponse, *, keep_alive: bool) -> web.StreamResponse:
    fields = [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    connection = "keep-alive" if keep_alive else "close"
    head = (
        f"{_STATUS_LINES[response.status]}{''.join(fields)}content-length: {len(response.body)}\r\n"
        f"connection: {connection}\r\nserver: Server\r\n\r\n"
    )
    body = response.body if request.method != "HEAD" else b""
    return cast(web.StreamResponse, _Answer(head.encode("utf-8", "surrogateescape") + body, keep_alive))


_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
