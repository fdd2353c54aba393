"""Requests from routers: one task reads a stream, one writes; outcomes of one event-loop turn leave as one batch."""

import asyncio
from collections import defaultdict, deque
from typing import Any, Final, Protocol

import grpc

from node.catalog.feed import CatalogFeed
from node.partition.access import OnDone
from wire.commands import (
    Changes,
    Command,
    ConditionFailed,
    Failed,
    Got,
    NotLeader,
    Outcome,
    Page,
    Request,
    Response,
    Written,
)
from wire.convert import UnreadableMessage, request_from_proto, response_to_proto
from wire.errors import ErrorCode
from wire.limits import EXCHANGE_BATCH_REQUESTS_MAX, EXCHANGE_INFLIGHT_REQUESTS_MAX
from wire.open_streams import OpenStreams
from wire.telemetry import EventLog
from wire.v1 import storage_pb2, storage_pb2_grpc

# A batch stays far below the largest message that gRPC is told to take.
BATCH_BYTES_MAX: Final = 4 << 20
# How long a request that was built with a newer catalog waits for it here; then the router may ask elsewhere.
CATALOG_WAIT_SECONDS_MAX: Final = 1.0
# How long the requests of one batch are handed on before others have a turn: a batch may ask for a hundred items of 400 KB.
SUBMITTING_SECONDS_MAX: Final = 0.005

_log = EventLog(__name__)


class RequestTaker(Protocol):
    """The part of a node that takes requests; `node.partition.access.NodeAccess` has it."""

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a request; `on_done` gets its outcome exactly once, perhaps before this returns."""
        ...


class ExchangeCounts:
    """Count what routers ask of this node, and what of it was not done."""

    __slots__ = ("commands", "refused", "streams")

    def __init__(self) -> None:
        self.commands: defaultdict[type[Command], int] = defaultdict(int)
        self.refused: defaultdict[ErrorCode, int] = defaultdict(int)
        self.streams = 0
        """Routers that are connected now."""


class StorageService(storage_pb2_grpc.StorageServiceServicer):
    """Receive routers' streams."""

    def __init__(self, node: RequestTaker, feed: CatalogFeed, streams: OpenStreams) -> None:
        self._node = node
        self._feed = feed
        self._streams = streams
        self.counts = ExchangeCounts()

    # The stubs know generators only; grpc.aio also takes a coroutine that writes.
    async def Exchange(self, request_iterator: object, context: Any) -> None:  # type: ignore[override]
        """Serve one router until it leaves."""
        with self._streams.opened():
            await ExchangeStream(self._node, self._feed, self.counts).serve(context)

    async def Execute(self, request: storage_pb2.RequestBatch, context: Any) -> storage_pb2.ResponseBatch:
        """Carry out one batch and answer when all of it is done; what is not readable is answered so."""
        answered = storage_pb2.ResponseBatch()
        done = asyncio.Event()

        def answer(request_id: int, outcome: Outcome) -> None:
            response_to_proto(answered, Response(request_id, outcome))
            if len(answered.responses) == len(request.requests):
                done.set()

        for message in request.requests:
            try:
                self._node.submit(request_from_proto(message), answer)
            except UnreadableMessage as error:
                answer(error.request_id, Failed(ErrorCode.INTERNAL, str(error)))
        if request.requests:
            await done.wait()
        return answered


class ExchangeStream:
    """One router's stream. When it ends, outcomes that come later are dropped: nobody is left to tell."""

    def __init__(self, node: RequestTaker, feed: CatalogFeed, counts: ExchangeCounts) -> None:
        self._node = node
        self._feed = feed
        self._counts = counts
        self._batches: deque[storage_pb2.ResponseBatch] = deque()
        self._last_bytes = 0
        # Requests that were read and whose responses have not left.
        self._open_requests = 0
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._is_read_out = False
        self._is_closed = False

    async def serve(self, context: Any) -> None:
        """Read and write until the router has closed its side and everything is answered."""
        self._counts.streams += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(context, tasks))
                tasks.create_task(self._write(context))
        finally:
            self._counts.streams -= 1
            self._is_closed = True
            self._batches.clear()

    async def _read(self, context: Any, tasks: asyncio.TaskGroup) -> None:
        while (batch := await context.read()) is not grpc.aio.EOF:
            self._open_requests += len(batch.requests)
            if not batch.requests:
                self._answer_greeting()
            elif batch.catalog_version > self._feed.view.version:
                tasks.create_task(self._submit_later(batch))
            else:
                await self._submit(batch)
            await self._hold()
        self._is_read_out = True
        self._wake.set()

    def _answer_greeting(self) -> None:
        """Show that this node is there: an empty batch asks for an empty one in return."""
        if not self._batches:
            self._batch_for(0)
            self._wake.set()

    async def _submit(self, batch: storage_pb2.RequestBatch) -> None:
        """Hand a batch on, in order, but no more at a time than a turn of the event loop has room for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SUBMITTING_SECONDS_MAX
        submit, done, commands = self._node.submit, self._done, self._counts.commands
        if self._open_requests > EXCHANGE_INFLIGHT_REQUESTS_MAX:
            self._refuse(batch, ErrorCode.OVERLOADED, f"{self._open_requests} requests of one router are under way")
            return
        for message in batch.requests:
            try:
                request = request_from_proto(message)
            except UnreadableMessage as error:
                done(error.request_id, Failed(ErrorCode.INTERNAL, str(error)))
            else:
                commands[type(request.command)] += 1
                submit(request, done)
            if loop.time() >= until:
                await asyncio.sleep(0)
                until = loop.time() + SUBMITTING_SECONDS_MAX

    async def _submit_later(self, batch: storage_pb2.RequestBatch) -> None:
        """Wait for the catalog with which the requests were built, but not long: it may never come here."""
        try:
            async with asyncio.timeout(CATALOG_WAIT_SECONDS_MAX):
                await self._feed.wait_beyond(batch.catalog_version - 1)
        except TimeoutError:
            text = f"the catalog here is at {self._feed.view.version}, the request needs {batch.catalog_version}"
            self._refuse(batch, ErrorCode.NOT_READY, text)
        else:
            await self._submit(batch)

    async def _hold(self) -> None:
        """Stop reading while a router does not take its answers; flow control then stops the router."""
        while self._open_requests > 2 * EXCHANGE_INFLIGHT_REQUESTS_MAX:
            self._drained.clear()
            await self._drained.wait()

    def _refuse(self, batch: storage_pb2.RequestBatch, code: ErrorCode, text: str) -> None:
        for message in batch.requests:
            self._done(message.id, Failed(code, text))

    def _done(self, request_id: int, outcome: Outcome) -> None:
        if isinstance(outcome, (Failed, NotLeader)):
            self._note_refused(request_id, outcome)
        if self._is_closed:
            return
        response_to_proto(self._batch_for(_weight(outcome)), Response(request_id, outcome))
        self._wake.set()

    def _note_refused(self, request_id: int, outcome: Failed | NotLeader) -> None:
        code = outcome.code if isinstance(outcome, Failed) else ErrorCode.NOT_LEADER
        self._counts.refused[code] += 1
        if isinstance(outcome, Failed) and code is ErrorCode.DAMAGED:
            _log.error("damaged_record", request_id=request_id, reason=outcome.message)

    def _batch_for(self, weight: int) -> storage_pb2.ResponseBatch:
        if self._batches:
            batch = self._batches[-1]
            if len(batch.responses) < EXCHANGE_BATCH_REQUESTS_MAX and self._last_bytes + weight <= BATCH_BYTES_MAX:
                self._last_bytes += weight
                return batch
        batch = storage_pb2.ResponseBatch()
        self._batches.append(batch)
        self._last_bytes = weight
        return batch

    async def _write(self, context: Any) -> None:
        while not (self._is_read_out and self._open_requests == 0):
            await self._wake.wait()
            self._wake.clear()
            while self._batches:
                batch = self._batches.popleft()
                await context.write(batch)
                self._open_requests -= len(batch.responses)
                self._drained.set()


def _weight(outcome: Outcome) -> int:
    """Return about how many bytes an outcome takes, as far as it may be many."""
    match outcome:
        case Got():
            return len(outcome.item)
        case Written():
            return len(outcome.attributes)
        case ConditionFailed():
            return len(outcome.item)
        case Page():
            return sum(map(len, outcome.items))
        case Changes():
            return sum(len(record.old_image) + len(record.new_image) for record in outcome.records)
        case _:
            return 0
