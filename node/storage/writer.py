"""The one writer of a node: everything durable goes through its thread.

It knows how to gather what all partitions want written into one transaction and one fsync, and how to tell each of
them; it refuses to know what is written. Batches take effect in the order of their submission, each of them whole or
not at all.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from node.storage.batch import WriteBatch
from node.storage.engine import Engine, Transaction
from node.storage.errors import StorageFull, StorageOverloaded, StorageStopped
from wire.metrics import COUNTS, Histogram

RETRY_SECONDS = 0.25


class MonotonicClock(Protocol):
    """Tell monotonic time; the part of a clock that the writer needs."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSpec:
    """Bound the writer: what may wait, what one transaction takes at most, how long a lazy batch may wait.

    Where `siblings_min` batches that are not lazy wait together, more are on their way: the commit is put off by
    `gather_seconds` for them, because a commit and the messages after it cost more than what is in it.
    """

    queue_batches_max: int = 16_384
    commit_bytes_max: int = 16 << 20
    commit_batches_max: int = 4_096
    lazy_delay_seconds: float = 0.005
    siblings_min: int = 2
    gather_seconds: float = 0.002


@dataclass(slots=True)
class _Waiting:
    batch: WriteBatch
    future: asyncio.Future[None]
    generation: int
    lazy: bool


@dataclass(slots=True)
class WriterCounts:
    """Count what the writer did since it was started."""

    commits: int = 0
    batches: int = 0
    full: int = 0
    commit_seconds: Histogram = field(default_factory=Histogram)
    """Of each transaction that was committed, from its beginning until it was fsynced."""
    commit_batches: Histogram = field(default_factory=lambda: Histogram(COUNTS))

    def committed(self, batches: int, seconds: float) -> None:
        """Count a transaction."""
        self.commits += 1
        self.batches += batches
        self.commit_seconds.observe(seconds)
        self.commit_batches.observe(batches)


class StorageWriter:
    """Write batches on a thread of its own: one transaction and one fsync for all that wait.

    When the disk is full, the batches of that commit and all that were submitted before the failure became known fail
    with StorageFull, none of them having had any effect, so that no later batch overtakes an earlier one. Batches
    submitted after that are tried again. Any other failure is final: `on_fatal` hears of it once and nothing more is
    written.
    """

    def __init__(
        self,
        engine: Engine,
        clock: MonotonicClock,
        on_fatal: Callable[[BaseException], None],
        spec: WriterSpec | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._on_fatal = on_fatal
        self._spec = spec or WriterSpec()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._accepts = False
        self._queued = 0
        self._generation = 0
        self._refused: tuple[int, StorageFull] | None = None
        self.counts = WriterCounts()

    def start(self) -> None:
        """Start the thread; call it on the event loop that will submit."""
        assert self._thread is None, "a writer is started once"
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name="storage-writer", daemon=True)
        self._accepts = True
        self._thread.start()

    async def stop(self) -> None:
        """Write what is queued, then end the thread; twice is once."""
        self._accepts = False
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    @property
    def queued(self) -> int:
        """Return how many batches wait or are being written."""
        return self._queued

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        """Queue a batch; the future is done once it is durable. Call it on the event loop.

        A lazy batch waits for the next one that is not, or for `lazy_delay_seconds`, whichever comes first. Raises
        StorageOverloaded when the queue is full and StorageStopped when the writer has ended.
        """
        if not self._accepts or self._loop is None:
            raise StorageStopped(f"the storage writer takes no batches: {self._failure or 'it is not running'}")
        if self._queued >= self._spec.queue_batches_max:
            raise StorageOverloaded(f"{self._queued} batches wait for the disk, which is the bound")
        self._queued += 1
        future = self._loop.create_future()
        self._queue.put(_Waiting(batch, future, self._generation, lazy))
        return future

    async def written(self, batch: WriteBatch) -> None:
        """Make a batch durable, however long the disk is full. For what nothing else may overtake meanwhile."""
        while True:
            try:
                await self.submit(batch)
            except (StorageFull, StorageOverloaded):
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    # On the writer thread from here.

    def _run(self) -> None:
        try:
            while (waiting := self._gathered()) is not None:
                self._commit(waiting)
        except BaseException as error:  # noqa: BLE001  # the one loop that owns this thread: report and end it
            self._tell(self._fail_for_good, error)

    def _gathered(self) -> list[_Waiting] | None:
        """Wait for work and return what one transaction takes, or None when it is time to end."""
        first = self._queue.get()
        if first is None:
            return None
        waiting = [first]
        self._gather(waiting, self._clock.monotonic() + self._spec.lazy_delay_seconds if first.lazy else None)
        if sum(not each.lazy for each in waiting) >= self._spec.siblings_min and self._accepts:
            time.sleep(self._spec.gather_seconds)
            self._gather(waiting, None)
        return waiting

    def _gather(self, waiting: list[_Waiting], deadline: float | None) -> None:
        """Add what waits in the queue as well; until the deadline, if there is one, as long as everything is lazy."""
        batch_bytes = sum(each.batch.bytes for each in waiting)
        while len(waiting) < self._spec.commit_batches_max and batch_bytes < self._spec.commit_bytes_max:
            following = self._following(deadline)
            if following is None:
                return
            waiting.append(following)
            batch_bytes += following.batch.bytes
            if not following.lazy:
                deadline = None

    def _following(self, deadline: float | None) -> _Waiting | None:
        """Return the next batch that is there, or that comes before the deadline."""
        try:
            if deadline is None:
                following = self._queue.get_nowait()
            else:
                following = self._queue.get(timeout=max(0.0, deadline - self._clock.monotonic()))
        except Empty:
            return None
        if following is None:
            # The end is next, after what was gathered.
            self._queue.put(None)
        return following

    def _commit(self, waiting: list[_Waiting]) -> None:
        allowed = [each for each in waiting if not self._is_refused(each)]
        if len(allowed) < len(waiting):
            assert self._refused is not None
            self._tell(self._fail, [each for each in waiting if self._is_refused(each)], self._refused[1])
        if not allowed:
            return
        began = self._clock.monotonic()
        try:
            self._engine.write(lambda transaction: _apply_all(allowed, transaction))
        except StorageFull as full:
            self._refused = (allowed[-1].generation, full)
            self.counts.full += 1
            self._tell(self._refuse, allowed, full)
        except BaseException as error:
            self._tell(self._fail, allowed, error)
            raise
        else:
            self.counts.committed(len(allowed), self._clock.monotonic() - began)
            self._tell(self._succeed, allowed)

    def _is_refused(self, waiting: _Waiting) -> bool:
        return self._refused is not None and waiting.generation <= self._refused[0]

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None, "the writer was started"
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed under us: nobody is left to tell.
            self._accepts = False

    # On the event loop again.

    def _succeed(self, waiting: list[_Waiting]) -> None:
        self._queued -= len(waiting)
        try:
            for each in waiting:
                for notice in each.batch.on_commit:
                    notice()
                if not each.future.done():
                    each.future.set_result(None)
        except BaseException as error:
            # A notice that fails leaves its owner's memory behind the disk: nobody may go on from there.
            self._queued += len(waiting)
            self._fail(waiting, error)
            self._fail_for_good(error)
            raise

    def _refuse(self, waiting: list[_Waiting], full: StorageFull) -> None:
        self._generation = waiting[-1].generation + 1
        self._fail(waiting, full)

    def _fail(self, waiting: list[_Waiting], error: BaseException) -> None:
        self._queued -= len(waiting)
        for each in waiting:
            if not each.future.done():
                each.future.set_exception(error)

    def _fail_for_good(self, error: BaseException) -> None:
        self._accepts = False
        self._failure = error
        stopped = StorageStopped(f"the storage writer failed and stopped: {error}")
        abandoned: list[_Waiting] = []
        while not self._queue.empty():
            each = self._queue.get_nowait()
            if each is not None:
                abandoned.append(each)
        self._fail(abandoned, stopped)
        self._on_fatal(error)


def _apply_all(waiting: list[_Waiting], transaction: Transaction) -> None:
    for each in waiting:
        each.batch.apply(transaction)
