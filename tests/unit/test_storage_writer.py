"""The one writer: order, group commit, lazy batches, a full disk, and the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event
from typing import TypeVar

import pytest

from node.storage.batch import WriteBatch
from node.storage.engine import Space
from node.storage.errors import StorageFull, StorageOverloaded, StorageStopped
from node.storage.memory_engine import MemoryEngine, MemoryTransaction
from node.storage.writer import StorageWriter, WriterSpec
from wire.clock import SystemClock

_Result = TypeVar("_Result")
NEVER_SECONDS = 3_600.0


class GatedEngine(MemoryEngine):
    """Commit only while the gate is open, so that a test decides what waits behind a commit."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Event()
        self.gate.set()

    def write(self, body: Callable[[MemoryTransaction], _Result]) -> _Result:
        assert self.gate.wait(timeout=60), "the test never opened the gate"
        return super().write(body)


@asynccontextmanager
async def writing(
    engine: MemoryEngine, spec: WriterSpec | None = None
) -> AsyncIterator[tuple[StorageWriter, asyncio.Queue[BaseException]]]:
    fatal: asyncio.Queue[BaseException] = asyncio.Queue()
    writer = StorageWriter(engine, SystemClock(), fatal.put_nowait, spec)
    writer.start()
    try:
        yield writer, fatal
    finally:
        await writer.stop()


def putting(key: bytes, value: bytes = b"v") -> WriteBatch:
    batch = WriteBatch()
    batch.put(Space.ITEMS, key, value)
    return batch


def stored(engine: MemoryEngine) -> dict[bytes, bytes]:
    with engine.snapshot() as view:
        return dict(view.scan(Space.ITEMS, b"", None))


# The future is the promise: once it is done, the write is there.
async def test_batch_is_there_when_its_future_is_done() -> None:
    engine = MemoryEngine()
    async with writing(engine) as (writer, _):
        await writer.submit(putting(b"a"))
        assert stored(engine) == {b"a": b"v"}
        assert writer.queued == 0


# Operations of one batch take effect in order, whatever their kind.
async def test_operations_keep_their_order() -> None:
    engine = MemoryEngine()
    batch = putting(b"a", b"1")
    batch.put(Space.ITEMS, b"b", b"2")
    batch.call(lambda transaction: transaction.put(Space.ITEMS, b"c", transaction.get(Space.ITEMS, b"b") or b""))
    batch.delete_range(Space.ITEMS, b"a", b"b\x00", 9)
    batch.put(Space.ITEMS, b"d", b"4")
    batch.delete(Space.ITEMS, b"d")
    async with writing(engine) as (writer, _):
        await writer.submit(batch)
    assert stored(engine) == {b"c": b"2"}


# What waits while the disk is busy shares the next fsync: throughput rests on this.
async def test_waiting_batches_share_one_commit() -> None:
    engine = GatedEngine()
    async with writing(engine) as (writer, _):
        engine.gate.clear()
        futures = [writer.submit(putting(b"%d" % number)) for number in range(100)]
        engine.gate.set()
        await asyncio.gather(*futures)
        assert writer.counts.batches == 100
        assert writer.counts.commits <= 2


# Batches take effect in the order of submission, so the last one wins.
async def test_batches_keep_their_order() -> None:
    engine = MemoryEngine()
    async with writing(engine) as (writer, _):
        await asyncio.gather(*(writer.submit(putting(b"k", b"%d" % number)) for number in range(50)))
    assert stored(engine) == {b"k": b"49"}


# Bounds on one transaction split a long queue and lose nothing.
@pytest.mark.parametrize("spec", [WriterSpec(commit_batches_max=3), WriterSpec(commit_bytes_max=5)])
async def test_commits_are_bounded(spec: WriterSpec) -> None:
    engine = MemoryEngine()
    async with writing(engine, spec) as (writer, _):
        await asyncio.gather(*(writer.submit(putting(b"%d" % number, b"vv")) for number in range(30)))
        assert writer.counts.commits >= 10
    assert len(stored(engine)) == 30


# A lazy batch costs no fsync of its own when another follows.
async def test_lazy_batch_rides_with_the_next_one() -> None:
    engine = MemoryEngine()
    async with writing(engine, WriterSpec(lazy_delay_seconds=NEVER_SECONDS)) as (writer, _):
        lazy = writer.submit(putting(b"lazy"), lazy=True)
        await writer.submit(putting(b"eager"))
        await lazy
        assert writer.counts.commits == 1


# When nothing follows, a lazy batch is written after its delay.
async def test_lazy_batch_is_written_after_its_delay() -> None:
    engine = MemoryEngine()
    async with writing(engine, WriterSpec(lazy_delay_seconds=0.001)) as (writer, _):
        await asyncio.wait_for(writer.submit(putting(b"lazy"), lazy=True), 60)
    assert stored(engine) == {b"lazy": b"v"}


# Stopping writes what was queued, lazy or not: a clean shutdown loses nothing.
async def test_stopping_writes_what_is_queued() -> None:
    engine = MemoryEngine()
    async with writing(engine, WriterSpec(lazy_delay_seconds=NEVER_SECONDS)) as (writer, _):
        futures = [writer.submit(putting(b"a"), lazy=True), writer.submit(putting(b"b"), lazy=True)]
        await writer.stop()
        await asyncio.gather(*futures)
    assert stored(engine) == {b"a": b"v", b"b": b"v"}


# A stopped writer says so at once and does not let anyone wait for ever.
async def test_submitting_after_stop_is_refused() -> None:
    async with writing(MemoryEngine()) as (writer, _):
        await writer.stop()
        with pytest.raises(StorageStopped, match="it is not running"):
            writer.submit(putting(b"a"))


# A full queue refuses at once; what it holds is still written.
async def test_full_queue_refuses() -> None:
    engine = GatedEngine()
    async with writing(engine, WriterSpec(queue_batches_max=3)) as (writer, _):
        engine.gate.clear()
        futures = [writer.submit(putting(b"%d" % number)) for number in range(3)]
        with pytest.raises(StorageOverloaded, match="3 batches wait"):
            writer.submit(putting(b"too many"))
        engine.gate.set()
        await asyncio.gather(*futures)
        await writer.submit(putting(b"again"))
    assert len(stored(engine)) == 4


# A full disk fails the writers that wait, leaves nothing half written, and heals by itself.
async def test_full_disk_fails_whole_batches_and_heals() -> None:
    engine = MemoryEngine(bytes_max=100)
    async with writing(engine) as (writer, fatal):
        await writer.submit(putting(b"a"))
        large = putting(b"b", b"v" * 200)
        large.put(Space.ITEMS, b"c", b"v")
        with pytest.raises(StorageFull):
            await writer.submit(large)
        assert stored(engine) == {b"a": b"v"}
        engine.bytes_max = 1_000
        await writer.submit(large)
        assert set(stored(engine)) == {b"a", b"b", b"c"}
        assert (fatal.empty(), writer.counts.full) == (True, 1)


# A batch behind a failed one may rest on it: it must not overtake it, however small it is.
async def test_nothing_overtakes_a_batch_that_found_no_space() -> None:
    engine = GatedEngine()
    engine.bytes_max = 100
    async with writing(engine, WriterSpec(commit_batches_max=1)) as (writer, _):
        engine.gate.clear()
        futures = [writer.submit(putting(b"large", b"v" * 200)), writer.submit(putting(b"small"))]
        engine.gate.set()
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StorageFull, StorageFull]
        assert stored(engine) == {}
        await writer.submit(putting(b"small"))
    assert stored(engine) == {b"small": b"v"}


# Callers' own state follows what is durable, and only that.
async def test_commit_notices_run_before_the_future_and_only_on_success() -> None:
    engine = MemoryEngine(bytes_max=10)
    seen: list[str] = []
    async with writing(engine) as (writer, _):
        for value in (b"v" * 100, b"v"):
            batch = putting(b"a", value)
            batch.after_commit(lambda: seen.append("durable"))
            future = writer.submit(batch)
            future.add_done_callback(lambda _: seen.append("answered"))
            await asyncio.gather(future, return_exceptions=True)
    assert seen == ["answered", "durable", "answered"]


# Memory that could not follow the disk is no memory to go on from.
async def test_failing_notice_is_final() -> None:
    def failing() -> None:
        raise LookupError("no such partition")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    async with writing(MemoryEngine()) as (writer, fatal):
        batch = putting(b"a")
        batch.after_commit(failing)
        with pytest.raises(LookupError):
            await writer.submit(batch)
        assert isinstance(await fatal.get(), LookupError)
        with pytest.raises(StorageStopped, match="no such partition"):
            writer.submit(putting(b"b"))


# Any failure but a full disk is the end: retrying a failed fsync would lie.
async def test_other_failures_are_final() -> None:
    def failing(_: object) -> None:
        raise OSError("the disk is gone")

    engine = GatedEngine()
    async with writing(engine) as (writer, fatal):
        engine.gate.clear()
        batch = putting(b"a")
        batch.call(failing)
        doomed = [writer.submit(batch), writer.submit(putting(b"b"))]
        engine.gate.set()
        outcomes = await asyncio.gather(*doomed, return_exceptions=True)
        assert all(isinstance(outcome, OSError | StorageStopped) for outcome in outcomes)
        assert str(await fatal.get()) == "the disk is gone"
        with pytest.raises(StorageStopped, match="the disk is gone"):
            writer.submit(putting(b"c"))
    assert stored(engine) == {}


# A caller that gave up waiting must not disturb the others.
async def test_cancelled_future_does_not_stop_the_writer() -> None:
    engine = GatedEngine()
    async with writing(engine) as (writer, fatal):
        engine.gate.clear()
        cancelled, kept = writer.submit(putting(b"a")), writer.submit(putting(b"b"))
        cancelled.cancel()
        engine.gate.set()
        await kept
        assert fatal.empty()
    assert set(stored(engine)) == {b"a", b"b"}
