"""A replica's way to the node's writer: batches in order, and the same batches again when the disk was full.

Knows what was submitted and is not durable yet. Refuses to know what batches hold. A failure other than a full disk is the
writer's to report: it ends the process.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from node.storage.batch import WriteBatch
from node.storage.errors import StorageFull, StorageOverloaded, StorageStopped

RETRY_SECONDS = 0.25


class Writer(Protocol):
    """Write batches durably, in order. `node.storage.writer.StorageWriter` is one."""

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        """Queue a batch; the future is done once it is durable."""
        ...


class OrderedWriting:
    """Submit batches of one replica.

    Invariant: batches take effect in the order in which they were given, whatever happens between. While the disk is full
    nothing is lost: everything that is not durable is submitted again, first things first.
    """

    def __init__(self, writer: Writer, loop: asyncio.AbstractEventLoop, on_full: Callable[[bool], None]) -> None:
        self._writer = writer
        self._loop = loop
        self._on_full = on_full
        self._outstanding: deque[WriteBatch] = deque()
        self._retry: asyncio.TimerHandle | None = None
        self._is_full = self._is_stopped = False
        self._unsettled = 0

    @property
    def is_full(self) -> bool:
        """Tell whether the disk is full: nothing new should be begun."""
        return self._is_full

    @property
    def is_idle(self) -> bool:
        """Tell whether everything is durable."""
        return not self._outstanding

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> None:
        """Write a batch after all earlier ones; once stopped, do nothing."""
        if self._is_stopped:
            return
        batch.on_commit.insert(0, self._written)
        self._outstanding.append(batch)
        if not self._is_full:
            self._send(batch, lazy=lazy)

    def stop(self) -> None:
        """Take no more batches and try none again; what was given to the writer may still be written."""
        self._is_stopped = True
        if self._retry is not None:
            self._retry.cancel()

    def _send(self, batch: WriteBatch, *, lazy: bool = False) -> None:
        try:
            future = self._writer.submit(batch, lazy=lazy)
        except StorageOverloaded:
            self._failed()
        except StorageStopped:
            # The process is on its way out; what is not durable was never promised.
            return
        else:
            self._unsettled += 1
            future.add_done_callback(self._settled)

    def _written(self) -> None:
        self._outstanding.popleft()
        if self._is_full and self._retry is None:
            self._is_full = False
            self._on_full(False)

    def _settled(self, future: asyncio.Future[None]) -> None:
        self._unsettled -= 1
        if not future.cancelled() and isinstance(future.exception(), StorageFull) and not self._is_stopped:
            self._failed()

    def _failed(self) -> None:
        if self._retry is None:
            self._retry = self._loop.call_later(RETRY_SECONDS, self._again)
        if not self._is_full:
            self._is_full = True
            self._on_full(True)

    def _again(self) -> None:
        self._retry = None
        if self._unsettled:
            # Something is still on its way to fail, and must not be written twice.
            self._failed()
            return
        for batch in list(self._outstanding):
            self._send(batch)
            if self._retry is not None:
                # Refused at once: the rest follows, in order, next time.
                return
