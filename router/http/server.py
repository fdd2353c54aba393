"""The HTTP server: where it listens, how it starts and stops. Its connections do the rest."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from router.http.arrival import ArrivalBounds
from router.http.connections import Connections
from router.http.encoding import BODY_BYTES_MAX
from router.http.listening import BACKLOG_CONNECTIONS, listening
from router.http.messages import Gate, Handler
from router.http.strangers import STRANGERS_BYTES_MAX, StrangersBudget

STOP_GRACE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where to listen, and within which bounds. Port 0 takes any free port; a `listener` that listens already is used as it is."""

    host: str = "127.0.0.1"
    port: int = 0
    listener: socket.socket | None = None
    tls: ssl.SSLContext | None = None
    body_bytes_max: int = BODY_BYTES_MAX
    strangers_bytes_max: int = STRANGERS_BYTES_MAX  # for all bodies of which it is not known who sent them


class HttpServer:
    """Serve one address with one handler until stopped."""

    def __init__(self, handler: Handler, settings: HttpSettings, gate: Gate | None = None) -> None:
        self._handler = handler
        self._bounds = ArrivalBounds(
            body_bytes_max=settings.body_bytes_max,
            strangers=StrangersBudget(settings.strangers_bytes_max),
            gate=gate,
        )
        self._settings = settings
        self._connections: Connections | None = None
        self._listener: asyncio.Server | None = None
        self._port: int | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        assert self._port is not None, "the server has not been started"
        return self._port

    @property
    def connections(self) -> int:
        """Return how many connections there are, idle ones included."""
        return 0 if self._connections is None else len(self._connections.open)

    @property
    def strangers(self) -> StrangersBudget:
        """Return what the bodies of unverified requests take."""
        return self._bounds.strangers

    async def start(self) -> None:
        """Listen and serve.

        Raises ListenError when the address is taken or not ours.
        """
        assert self._listener is None, "the server has been started already"
        settings = self._settings
        connections = Connections(self._handler, self._bounds)
        listener = settings.listener or listening(settings.host, settings.port)
        self._listener = await asyncio.get_running_loop().create_server(
            connections, sock=listener, backlog=BACKLOG_CONNECTIONS, ssl=settings.tls
        )
        connections.start()
        self._connections = connections
        self._port = self._listener.sockets[0].getsockname()[1]

    async def drain(self, seconds_max: float) -> None:
        """Leave new connections to a successor; return when the last of ours has had an answer that ends it, or after `seconds_max`."""
        if self._listener is not None and self._connections is not None:
            self._listener.close()
            await self._connections.drain(seconds_max)

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Stop accepting, let the requests in flight finish for `grace_seconds`, close every connection."""
        if self._listener is None or self._connections is None:
            return
        listener, connections = self._listener, self._connections
        self._listener = self._connections = None
        listener.close()
        await connections.stop(grace_seconds)
        await listener.wait_closed()
