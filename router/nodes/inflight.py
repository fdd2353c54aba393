"""Requests on their way to one node: who waits for which id, what has left, what has lasted too long."""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from wire.commands import Command, Failed, Get, Merge, Outcome, Range, Request, Write
from wire.convert import request_to_proto
from wire.errors import ErrorCode
from wire.limits import EXCHANGE_BATCH_REQUESTS_MAX, SHIPMENT_BYTES_MAX
from wire.v1 import storage_pb2

# A batch stays far below the largest message that gRPC is told to take.
BATCH_BYTES_MAX: Final = 4 << 20

_LOST = "the connection to node {node} broke before it answered"
_NOT_SENT = "the connection to node {node} broke before the request left"
_SILENT = "node {node} did not answer in time"


class _Waiting(NamedTuple):
    future: asyncio.Future[Outcome]
    deadline: float


class InFlight:
    """Hold the requests to one node, in batches until they leave and by id until they are answered."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._waiting: dict[int, _Waiting] = {}
        self._batches: deque[storage_pb2.RequestBatch] = deque()
        self._last_bytes = 0
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def queued(self) -> int:
        """Return how many requests have not left."""
        return sum(len(batch.requests) for batch in self._batches)

    @property
    def has_batches(self) -> bool:
        """Tell whether something is waiting to leave."""
        return bool(self._batches)

    def add(
        self,
        future: asyncio.Future[Outcome],
        partition: int,
        epoch: int,
        command: Command,
        timeout_ms: int,
        deadline: float,
        forward_to: str = "",
    ) -> None:
        """Queue a request in the last batch, or in a new one when that is full."""
        self._next_id += 1
        self._waiting[self._next_id] = _Waiting(future, deadline)
        batch = self._batch_for(_weight(command))
        request_to_proto(batch, Request(self._next_id, partition, epoch, timeout_ms, command, forward_to))

    def next_batch(self) -> storage_pb2.RequestBatch:
        """Return the next batch; from now on its requests count as sent."""
        return self._batches.popleft()

    def answer(self, request_id: int, outcome: Outcome) -> None:
        """Hand an outcome to whoever waits for it; nobody does after the deadline or a cancellation."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_result(outcome)

    def fail_all(self, *, is_silent: bool = False) -> None:
        """Answer everything: what has not left can be sent elsewhere, of the rest nobody knows.

        A node that `is_silent` may be gone, or at work on what was asked: then the same question might silence the next one.
        """
        not_sent = Failed(ErrorCode.NOT_READY, _NOT_SENT.format(node=self._node))
        for batch in self._batches:
            for request in batch.requests:
                self.answer(request.id, not_sent)
        self._batches.clear()
        code = ErrorCode.UNANSWERED if is_silent else ErrorCode.UNKNOWN_OUTCOME
        lost = Failed(code, _LOST.format(node=self._node))
        for request_id in list(self._waiting):
            self.answer(request_id, lost)

    def expire(self, now: float) -> None:
        """Answer what has waited past its deadline."""
        silent = Failed(ErrorCode.UNANSWERED, _SILENT.format(node=self._node))
        for request_id in [each for each, waiting in self._waiting.items() if waiting.deadline <= now]:
            self.answer(request_id, silent)

    def _batch_for(self, weight: int) -> storage_pb2.RequestBatch:
        if self._batches:
            batch = self._batches[-1]
            if len(batch.requests) < EXCHANGE_BATCH_REQUESTS_MAX and self._last_bytes + weight <= BATCH_BYTES_MAX:
                self._last_bytes += weight
                return batch
        batch = storage_pb2.RequestBatch()
        self._batches.append(batch)
        self._last_bytes = weight
        return batch


def _weight(command: Command) -> int:
    """Return about how many bytes a command takes, as far as it may be many."""
    # A tree holds the names in its expression, and those may have as many bytes as its values.
    match command:
        case Get():
            return len(command.projection)
        case Write():
            return len(command.body) + len(command.condition) + len(command.update) + len(command.values)
        case Range():
            return len(command.filter) + len(command.projection) + len(command.values)
        case Merge():
            return SHIPMENT_BYTES_MAX
        case _:
            return 0
