"""The HTTP server: sockets in, whole requests out, answers back.

Built on aiohttp's low-level server: no routes, no middlewares, no access log. Knows sizes, keep-alive and stopping;
refuses to know what a request means.
"""

import asyncio
import errno
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import StreamReader, web

from router.http.connections import Connections, answer, invite_body, refused
from router.http.encoding import BODY_BYTES_MAX
from router.http.messages import Handler, HttpRequest

BACKLOG_CONNECTIONS: Final = 1024
HEADER_LINE_BYTES_MAX: Final = 16 << 10
HEADERS_MAX: Final = 128
KEEPALIVE_SECONDS: Final = 75.0
BODY_SECONDS_MAX: Final = 60.0
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
        self._connections: Connections | None = None
        self._stopping = False
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
        self._connections = Connections(
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
        self._stopping = True
        self._listener.close()
        self._connections.pre_shutdown()
        await self._connections.shutdown(grace_seconds)
        await self._listener.wait_closed()
        self._listener = self._connections = None
        self._stopping = False

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await _whole_body(request, self._settings.body_bytes_max)
        except TimeoutError:
            return refused(request, HTTPStatus.REQUEST_TIMEOUT)
        except (web.RequestPayloadError, ConnectionError):
            return refused(request, HTTPStatus.BAD_REQUEST)
        if body is None:
            return refused(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        target = request.raw_path
        if target[:1] != "/":  # a proxy's form of it: the whole URL
            target = request.path_qs
        response = await self._handler(HttpRequest(request.method, target, request.headers, body))
        return answer(request, response, keep_alive=request.keep_alive and not self._stopping)


async def _whole_body(request: web.BaseRequest, bytes_max: int) -> bytes | None:
    """Return the body of `request`, or None as soon as it is known to be larger than `bytes_max`.

    Raises TimeoutError when it does not come.
    """
    content = request.content
    if content.is_eof():  # nearly always: a small body arrives with its head
        body = content.read_nowait()
        return body if len(body) <= bytes_max else None
    if (request.content_length or 0) > bytes_max:
        return None
    async with asyncio.timeout(BODY_SECONDS_MAX):
        invite_body(request)
        return await _collected(content, bytes_max)


async def _collected(content: StreamReader, bytes_max: int) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        chunks.append(chunk)
        size += len(chunk)
        if size > bytes_max:
            return None
    return b"".join(chunks)
