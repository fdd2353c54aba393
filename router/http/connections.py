"""The connections of a server: requests in their order, answers in the same, and an end to those that are idle or stuck.

Knows sockets as asyncio's transports; refuses to know what a request means.
"""

import asyncio
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from typing import Final, cast

from router.http.arrival import Arrival, ArrivalBounds, ArrivalListener, Arrived, Refusal
from router.http.framing import CONTINUE, framed, refusal
from router.http.messages import Handler
from wire.telemetry import EventLog

_log = EventLog(__name__)

KEEPALIVE_SECONDS: Final = 75.0
# A request that is not whole after so long is given up.
ARRIVAL_SECONDS_MAX: Final = 60.0
# A client that does not read what it was sent for so long loses its connection.
READ_SECONDS_MAX: Final = 60.0
# After a refusal what still comes is thrown away for so long, so that the client gets to read why.
LINGER_SECONDS: Final = 10.0
SWEEP_SECONDS: Final = 5.0
# Requests sent ahead on one connection; with more waiting, nothing more is read from it.
PIPELINED_MAX: Final = 64
PIPELINED_BYTES_MAX: Final = 1 << 20


class Connections:
    """All connections of a server; called by the event loop for each new one."""

    def __init__(self, handler: Handler, bounds: ArrivalBounds) -> None:
        self.handler = handler
        self.bounds = bounds
        self.is_stopping = False
        self.open: set[Connection] = set()
        self.loop = asyncio.get_running_loop()
        self._lost = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> "Connection":
        """Return the protocol of a new connection."""
        return Connection(self)

    def start(self) -> None:
        """Begin to look after connections."""
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def lost(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""
        self.open.discard(connection)
        self._lost.set()

    async def drain(self, seconds_max: float) -> None:
        """End each connection with the next answer on it, so that no client finds one closed under a request; return when none is left."""
        self.is_stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._until_none_open()

    async def stop(self, grace_seconds: float) -> None:
        """Let the requests in flight finish for `grace_seconds`, then end every connection."""
        self.is_stopping = True
        if self._timer is not None:
            self._timer.cancel()
        for each in list(self.open):
            each.close_if_idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await self._until_none_open()
        for each in list(self.open):
            each.abort()

    async def _until_none_open(self) -> None:
        while self.open:
            self._lost.clear()
            await self._lost.wait()

    def _sweep(self) -> None:
        now = self.loop.time()
        for each in list(self.open):
            each.expire(now)
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)


class Connection(asyncio.Protocol):
    """One connection. A task runs while there are requests to answer, and none while it is idle."""

    __slots__ = (
        "_arrival",
        "_arrived",
        "_drained",
        "_is_reading_paused",
        "_parent",
        "_pipelined_bytes",
        "_refusal",
        "_since",
        "_transport",
        "task",
    )

    def __init__(self, parent: Connections) -> None:
        self._parent = parent
        listener = ArrivalListener(arrived=self._take, expects_continue=self._ask)
        self._arrival = Arrival(listener, parent.bounds)
        self._arrived: deque[Arrived] = deque()
        self._refusal: Refusal | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_reading_paused = False
        self._pipelined_bytes = 0
        self._transport: asyncio.Transport
        self._since = 0.0  # idle, or within a request, or lingering
        self.task: asyncio.Task[None] | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, too, but does not inherit it
        self._since = self._parent.loop.time()
        self._parent.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """End; what is being carried out is carried out, though nobody waits for it."""
        self._parent.lost(self)
        self._arrival.end()
        self._forget_arrived()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes; none after a refusal."""
        if self._refusal is not None:
            return
        was_within = self._arrival.is_within
        try:
            self._arrival.feed(data)
        except Refusal as refused:
            self._refuse(refused)
        if self._arrival.is_within and not was_within:
            self._since = self._parent.loop.time()

    def pause_writing(self) -> None:
        """Wait before the next answer until the client has read."""
        if self._drained is None:
            self._drained = self._parent.loop.create_future()

    def resume_writing(self) -> None:
        """Go on, or notice that the client is gone."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the server calls.

    def close_if_idle(self) -> None:
        """End the connection unless it has requests to answer."""
        if self.task is None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once, and what it waits for."""
        if self.task is not None:
            self.task.cancel()
        self._transport.abort()

    def expire(self, now: float) -> None:
        """End a connection on which nothing has happened for too long."""
        if self.task is not None:
            return
        quiet_seconds = now - self._since
        if self._refusal is not None:
            if quiet_seconds > LINGER_SECONDS:
                self._transport.abort()
        elif self._arrival.is_within:
            if quiet_seconds > ARRIVAL_SECONDS_MAX:
                self._refuse(Refusal.malformed(HTTPStatus.REQUEST_TIMEOUT, "the request does not arrive"))
        elif quiet_seconds > KEEPALIVE_SECONDS:
            self._transport.close()

    # Requests and answers.

    def _take(self, arrived: Arrived) -> None:
        self._arrived.append(arrived)
        if self.task is None:
            self.task = self._parent.loop.create_task(self._serve())
            return
        self._pipelined_bytes += len(arrived.request.body)
        is_full = len(self._arrived) >= PIPELINED_MAX or self._pipelined_bytes >= PIPELINED_BYTES_MAX
        if is_full and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _ask(self) -> None:
        """Ask for the body, unless answers to earlier requests come first."""
        if self.task is None:
            self._transport.write(CONTINUE)

    def _refuse(self, refused: Refusal) -> None:
        self._refusal = refused
        self._arrival.let_go()
        peer = self._transport.get_extra_info("peername")
        _log.info("malformed_request", remote=str(peer), reason=str(refused))
        if self.task is None:
            self._finish_refused(refused)

    async def _serve(self) -> None:
        """Answer what has arrived, one after the other."""
        try:
            while self._arrived and await self._answer(self._arrived.popleft()):
                if self._is_reading_paused:
                    self._is_reading_paused = False
                    self._pipelined_bytes = sum(len(each.request.body) for each in self._arrived)
                    self._transport.resume_reading()
        except Exception:  # noqa: BLE001 - the handler answers everything itself; a bug in it ends the connection
            _log.exception("connection_crashed")
            self._transport.abort()
        finally:
            self.task = None
            self._since = self._parent.loop.time()
            if self._refusal is not None:
                self._finish_refused(self._refusal)
            elif self._parent.is_stopping:
                # The answer went out before the server knew that it would stop; what the client has yet to read is sent first.
                self._transport.close()

    async def _answer(self, arrived: Arrived) -> bool:
        """Answer one request; tell whether the connection goes on."""
        request = arrived.request
        try:
            response = await self._parent.handler(request)
        finally:
            request.release()
        transport = self._transport
        if transport.is_closing():
            return False
        keep_alive = arrived.keep_alive and not self._parent.is_stopping
        transport.write(framed(response, method=request.method, keep_alive=keep_alive))
        if not keep_alive:
            self._forget_arrived()
            transport.close()
        elif self._drained is not None:
            await self._until_read(self._drained)
        return keep_alive

    def _forget_arrived(self) -> None:
        for each in self._arrived:
            each.request.release()
        self._arrived.clear()

    async def _until_read(self, drained: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS_MAX):
                await drained
        except TimeoutError:
            self._transport.abort()

    def _finish_refused(self, refused: Refusal) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        self._since = self._parent.loop.time()
        transport.write(refusal(refused.response))
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
