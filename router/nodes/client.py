"""A node in another process, over gRPC.

One Exchange stream, opened again whenever it breaks. While a node is known to be unreachable, requests to it are refused at once, so
that another replica can be asked.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from router.nodes.inflight import InFlight
from router.nodes.liveness import SILENT_SECONDS, Liveness, Probation, Verdict
from wire.catalog import Delta, NodeId, PartitionId, decode_delta
from wire.clock import Clock
from wire.commands import Command, Failed, Outcome
from wire.convert import UnreadableMessage, response_from_proto
from wire.errors import ErrorCode, StoreError
from wire.limits import EXCHANGE_INFLIGHT_REQUESTS_MAX, GRPC_MESSAGE_BYTES_MAX
from wire.outages import Outage
from wire.recipients import GIVE_UP_SECONDS, RESOLVING_OPTIONS, failure, meant_for
from wire.telemetry import EventLog
from wire.v1 import catalog_pb2, catalog_pb2_grpc, storage_pb2, storage_pb2_grpc

RECONNECT_SECONDS_MIN: Final = 0.02
RECONNECT_SECONDS_MAX: Final = 0.5
CHECK_SECONDS: Final = 0.2
# Nodes send a heartbeat every second when the catalog is quiet.
WATCH_SILENCE_SECONDS_MAX: Final = 3.5
_TIMEOUT_MS_MAX: Final = (1 << 32) - 1

# Pings of gRPC find a broken path while nobody waits; while somebody does, `router.nodes.liveness` is quicker.
CHANNEL_OPTIONS: Final = (
    ("grpc.max_send_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", GRPC_MESSAGE_BYTES_MAX),
    *RESOLVING_OPTIONS,
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 20),
    # In spite of its name: how long an attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 500),
)

# The type stubs of grpc.aio know no read and no write.
_ExchangeCall = Any

_log = EventLog(__name__)


class NodeClient:
    """Satisfy NodeChannel over the network."""

    def __init__(self, node: NodeId, address: str, clock: Clock, randomness: random.Random) -> None:
        self.node = node
        self.breaks = 0
        self._address = address
        self._clock = clock
        self._randomness = randomness
        self._inflight = InFlight(node)
        self._wake = asyncio.Event()
        self._is_down = False
        self._outage = Outage(
            _log, lost="node_lost", lasting="node_unreachable", over="node_reachable", node=node, address=address
        )
        self._liveness = Liveness(clock.monotonic())
        self._probation = Probation()
        self._asks = False
        self._silent = asyncio.Event()
        self._reachable = asyncio.Event()
        self._catalog_version = 0
        self._channel: grpc.aio.Channel | None = None

    def send(
        self,
        partition: PartitionId,
        epoch: int,
        command: Command,
        *,
        catalog_version: int,
        deadline: float,
        forward_to: str = "",
    ) -> asyncio.Future[Outcome]:
        """Queue a command; what is queued in one turn of the event loop leaves as one batch."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        refusal = self._refusal()
        if refusal is not None:
            future.set_result(refusal)
            return future
        timeout_ms = min(max(1, int((deadline - self._clock.monotonic()) * 1000)), _TIMEOUT_MS_MAX)
        self._inflight.add(future, partition, epoch, command, timeout_ms, deadline, forward_to)
        self._catalog_version = catalog_version
        self._wake.set()
        return future

    async def watch(self, known_version: int) -> AsyncIterator[Delta]:
        """Yield catalog deltas; a node that is silent for too long counts as gone."""
        stub: Any = catalog_pb2_grpc.CatalogServiceStub(self._opened())
        call = stub.Watch(catalog_pb2.WatchRequest(known_version=known_version), metadata=meant_for(self.node))
        try:
            while True:
                async with asyncio.timeout(WATCH_SILENCE_SECONDS_MAX):
                    message = await call.read()
                if message is grpc.aio.EOF:
                    raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, f"node {self.node} ended the catalog stream")
                if message.delta:
                    yield decode_delta(message.delta)
        except TimeoutError:
            raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, f"node {self.node} is silent about the catalog") from None
        except grpc.aio.AioRpcError as error:
            reason, _ = await failure(call, error)
            raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, reason) from None
        finally:
            call.cancel()

    @property
    def is_sound(self) -> bool:
        """Tell whether commands are likely to reach the node and their outcomes to come back.

        One that was silent has to answer for a while before it is relied upon again, so that a way that works now and then is not
        taken now and then.
        """
        now = self._clock.monotonic()
        return not (self._is_down or self._liveness.is_doubtful(now) or self._probation.lasts(now))

    @property
    def is_up(self) -> bool:
        """Tell whether the node takes requests."""
        return self._reachable.is_set()

    @property
    def in_flight(self) -> int:
        """Return how many commands are not answered yet."""
        return len(self._inflight)

    @property
    def queued(self) -> int:
        """Return how many of them have not left."""
        return self._inflight.queued

    async def wait_reachable(self) -> None:
        """Return when the node takes requests."""
        await self._reachable.wait()

    async def run(self) -> None:
        """Keep the stream up until cancelled."""
        wait_seconds = RECONNECT_SECONDS_MIN
        checking = asyncio.ensure_future(self._check())
        try:
            while True:
                was_connected = await self._exchange()
                wait_seconds = RECONNECT_SECONDS_MIN if was_connected else min(2 * wait_seconds, RECONNECT_SECONDS_MAX)
                await asyncio.sleep(wait_seconds * self._randomness.uniform(0.5, 1.0))
        finally:
            checking.cancel()
            self._break("")
            await self._close_channel(None)

    def _refusal(self) -> Failed | None:
        if self._is_down:
            return Failed(ErrorCode.NOT_READY, f"node {self.node} at {self._address} cannot be reached")
        if len(self._inflight) >= EXCHANGE_INFLIGHT_REQUESTS_MAX:
            return Failed(ErrorCode.OVERLOADED, f"{len(self._inflight)} requests wait for node {self.node}")
        return None

    def _opened(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)
        return self._channel

    async def _close_channel(self, grace_seconds: float | None) -> None:
        """Close it; whoever wants one after that has the node's name resolved anew."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(grace_seconds)

    async def _exchange(self) -> bool:
        """Serve one stream until it breaks; tell whether the node ever answered on it."""
        stub: Any = storage_pb2_grpc.StorageServiceStub(self._opened())
        call: _ExchangeCall = stub.Exchange(metadata=meant_for(self.node))
        was_connected = False
        reason = ""
        try:
            await self._greet(call)
            was_connected = True
            self._connected()
            reason = await self._until_broken(call)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            reason, is_misdirected = await failure(call, error)
            if is_misdirected:
                await self._close_channel(GIVE_UP_SECONDS)
        except TimeoutError:
            reason = "no answer to the first question"
        finally:
            call.cancel()
            self._break(reason, is_silent=self._silent.is_set())
        return was_connected

    async def _greet(self, call: _ExchangeCall) -> None:
        """Have the node answer once: a stream to a stopped process can be opened, too."""
        async with asyncio.timeout(SILENT_SECONDS):
            await call.write(storage_pb2.RequestBatch())
            if await call.read() is grpc.aio.EOF:
                raise asyncio.InvalidStateError("the node ended the stream at once")

    async def _until_broken(self, call: _ExchangeCall) -> str:
        """Read and write until the stream ends or the node is silent; return why."""
        self._liveness = Liveness(self._clock.monotonic())
        self._silent.clear()
        reading = asyncio.ensure_future(self._read(call))
        others = [asyncio.ensure_future(self._write(call)), asyncio.ensure_future(self._silent.wait())]
        try:
            await asyncio.wait([reading, others[1]], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                self._probation.fell_silent(self._clock.monotonic())
                return f"silent for {SILENT_SECONDS} s"
            reading.result()
            return "the node ended the stream"
        finally:
            for task in (reading, *others):
                task.cancel()
            await asyncio.gather(reading, *others, return_exceptions=True)

    async def _read(self, call: _ExchangeCall) -> None:
        answer = self._inflight.answer
        while (batch := await call.read()) is not grpc.aio.EOF:
            self._liveness.heard(self._clock.monotonic())
            for message in batch.responses:
                try:
                    response = response_from_proto(message)
                except UnreadableMessage as error:
                    answer(error.request_id, Failed(ErrorCode.INTERNAL, str(error)))
                else:
                    answer(response.id, response.outcome)

    async def _write(self, call: _ExchangeCall) -> None:
        """Send batches as they come. When a write fails, reading fails too, and says why."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self._asks:
                    self._asks = False
                    await call.write(storage_pb2.RequestBatch())
                while self._inflight.has_batches:
                    batch = self._inflight.next_batch()
                    batch.catalog_version = self._catalog_version
                    await call.write(batch)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return

    def _connected(self) -> None:
        self._outage.ended(self._clock.monotonic())
        self._probation.answered(self._clock.monotonic())
        self._is_down = False
        self._reachable.set()

    def _break(self, reason: str, *, is_silent: bool = False) -> None:
        # Without a reason it is this side that stops.
        if reason:
            self.breaks += self._reachable.is_set()
            self._outage.failed(self._clock.monotonic(), reason=reason, lost=len(self._inflight))
        self._is_down = True
        self._reachable.clear()
        self._inflight.fail_all(is_silent=is_silent)

    async def _check(self) -> None:
        """Look after what waits: past its deadline, or for a node that is not there any more."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = self._clock.monotonic()
            self._inflight.expire(now)
            match self._liveness.check(now, is_waiting=len(self._inflight) > 0):
                case Verdict.ASK:
                    self._asks = True
                    self._wake.set()
                case Verdict.SILENT:
                    self._silent.set()
                case Verdict.FINE:
                    pass
