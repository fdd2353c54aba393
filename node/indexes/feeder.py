"""Carries out what a feeder core asks for: reads, sends, timers, cursors and reports, in order.

Knows one table in one partition led here. Refuses to know when to do what: the core decides.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from node.indexes import events as e
from node.indexes.core import FeederCore
from node.indexes.cursors import FeedCursor
from node.indexes.rows import Ring, rows_of_changes, rows_of_items
from node.partition.access import StoredItem
from node.replication.timer import Timer
from node.storage.layout import feed_cursor_name
from wire.catalog import PartitionId
from wire.catalog_changes import CatalogChange, Decided, RebuildIndex, RecordIndexBackfill
from wire.clock import Clock
from wire.commands import Changes, Command, Failed, FeedIndex, Merged, Outcome, Position, ReadChanges
from wire.errors import ErrorCode, StoreError
from wire.tables import IndexSpec, IndexStatus, TableSpec
from wire.telemetry import EventLog

READ_RECORDS_MAX: Final = 128  # in one turn of the event loop: requests come first
READ_BYTES_MAX: Final = 256 << 10
SEND_SECONDS: Final = 5.0

_log = EventLog(__name__)


class Replica(Protocol):
    """The part of `node.partition.access.ReplicaAccess` that a feeder uses."""

    @property
    def partition(self) -> PartitionId:
        """Return the partition's id."""
        ...

    async def applied_barrier(self) -> bool:
        """Wait until everything evaluated before the call is applied; False when leadership was lost first."""
        ...

    def read_changes(self, request: ReadChanges) -> Changes:
        """Return a page of change records."""
        ...

    def scan_records(
        self, table: int, after: Position | None, limit: int, bytes_max: int = 1 << 20
    ) -> Sequence[StoredItem]:
        """Return items and tombstones after a position; empty at the end."""
        ...

    def cursor(self, name: str) -> bytes | None:
        """Return the applied value of a replicated cursor, or None."""
        ...

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        """Set a replicated cursor; True once that is committed."""
        ...


class Partitions(Protocol):
    """The partitions of this region, wherever they are led."""

    async def execute(self, partition: PartitionId, command: Command, *, timeout_seconds: float) -> Outcome:
        """Have a partition's leader carry a command out; a Failed outcome that does not say otherwise may be lost."""
        ...


class CatalogChanges(Protocol):
    """The region's catalog, as whoever asks it for changes sees it."""

    async def change(self, change: CatalogChange) -> Decided:
        """Have the catalog leader decide a change. Raises StoreError."""
        ...


class Feeder:
    """Drive one core. `table` is followed as the catalog changes."""

    def __init__(
        self,
        *,
        replica: Replica,
        table: TableSpec,
        ring: Callable[[], Ring],
        core: FeederCore,
        copied_at_once_max: int,
        partitions: Partitions,
        catalog: CatalogChanges,
        clock: Clock,
    ) -> None:
        self.table = table
        self._replica = replica
        self._ring = ring
        self._core = core
        self._copied_at_once_max = copied_at_once_max
        self._partitions = partitions
        self._catalog = catalog
        self._clock = clock
        self._effects: asyncio.Queue[e.Effect] = asyncio.Queue()  # bounded by the core: a few per index and partition
        self._timer = Timer(clock, lambda: self.step(e.Ticked()))
        self._moved = asyncio.Event()
        self._is_over = False
        self._storing: set[asyncio.Task[None]] = set()

    @property
    def partition(self) -> PartitionId:
        """Return the partition this feeds from."""
        return self._replica.partition

    def change(self, table: TableSpec) -> None:
        """Take the table as the catalog has it now."""
        self.table = table
        self.step(e.IndexesChanged(indexes=fed_indexes(table)))

    def step(self, event: e.Event) -> None:
        """Let the core take an event; what it asks for is queued."""
        for effect in self._core.step(event, self._clock.monotonic()):
            if isinstance(effect, e.WakeAt):
                self._timer.set(effect.time)
            else:
                self._effects.put_nowait(effect)
        self._moved.set()

    def backlogs(self) -> dict[int, int]:
        """Return how far each index is behind, as `FeederCore.backlogs` says."""
        return self._core.backlogs()

    async def wait_fed(self, index: int) -> int:
        """Return when all that is applied now is fed to an index and acknowledged; return the last change of that.

        Waits as long as the index is not fed. Raises StoreError when this feeder ends first.
        """
        if not await self._replica.applied_barrier():
            raise StoreError(ErrorCode.NOT_LEADER, f"partition {self.partition} is led elsewhere now")
        latest = self._replica.read_changes(ReadChanges(self.table.number, 0, 0, 1, 1)).latest
        self.step(e.ChangesApplied(latest=latest))
        while not self._is_over:
            fed = self._core.fed(index)
            if fed is not None and fed >= latest:
                return latest
            self._moved.clear()
            await self._moved.wait()
        raise StoreError(ErrorCode.NOT_LEADER, f"partition {self.partition} is fed from elsewhere now")

    async def store_cursors(self) -> None:
        """Store every cursor that has moved: leadership is about to be handed over."""
        self.step(e.Leaving())
        await asyncio.sleep(0)  # what was queued is begun
        if self._storing:
            await asyncio.wait(self._storing)

    async def run(self) -> None:
        """Feed until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self.step(e.IndexesChanged(indexes=fed_indexes(self.table)))
                while True:
                    self._carry_out(await self._effects.get(), tasks)
                    await asyncio.sleep(0)  # one read per turn of the loop: requests come first
        finally:
            self._is_over = True
            self._moved.set()
            self._timer.cancel()

    def _carry_out(self, effect: e.Effect, tasks: asyncio.TaskGroup) -> None:
        match effect:
            case e.LoadCursor():
                self._load_cursor(effect.index)
            case e.ReadRecords():
                self._read_records(effect)
            case e.ReadItems():
                self._read_items(effect)
            case e.Send():
                tasks.create_task(self._send(effect))
            case e.AwaitBarrier():
                tasks.create_task(self._await_barrier(effect.index))
            case e.StoreCursor():
                storing = tasks.create_task(self._store_cursor(effect))
                self._storing.add(storing)
                storing.add_done_callback(self._storing.discard)
            case e.ReportBackfill():
                tasks.create_task(self._report_backfill(effect.index))
            case e.AskRebuild():
                tasks.create_task(self._ask_rebuild(effect.index))
            case _:
                raise AssertionError(f"not an effect that is queued: {effect}")

    def _load_cursor(self, index: int) -> None:
        stored = self._replica.cursor(feed_cursor_name(self.table.number, index))
        self.step(e.CursorLoaded(index=index, cursor=FeedCursor.decode(stored) if stored else None))

    def _read_records(self, effect: e.ReadRecords) -> None:
        after = min(index.after for index in effect.indexes)
        page = self._replica.read_changes(ReadChanges(self.table.number, 0, after, READ_RECORDS_MAX, READ_BYTES_MAX))
        self.step(
            e.RecordsRead(
                indexes=effect.indexes,
                rows=rows_of_changes(self.table.key_schema, effect.indexes, page.records, self._ring()),
                through=max(page.next_after, after),
                oldest=page.oldest,
                latest=page.latest,
            )
        )

    def _read_items(self, effect: e.ReadItems) -> None:
        items = self._replica.scan_records(self.table.number, effect.after, self._copied_at_once_max, READ_BYTES_MAX)
        self.step(
            e.ItemsRead(
                index=effect.index.number,
                rows=rows_of_items(self.table.key_schema, effect.index, items, self._ring()),
                after=effect.after,
                through=items[-1].position if items else effect.after,
                count=len(items),
                is_last=not items,
            )
        )

    async def _send(self, effect: e.Send) -> None:
        command = FeedIndex(self.table.number, effect.index, self.partition, effect.through, effect.rows)
        destination = PartitionId(effect.destination)
        outcome = await self._partitions.execute(destination, command, timeout_seconds=SEND_SECONDS)
        if isinstance(outcome, Merged):
            self.step(e.Acknowledged(batch=effect.batch))
        else:
            is_final = isinstance(outcome, Failed) and outcome.code is ErrorCode.RESOURCE_NOT_FOUND
            self.step(e.Refused(batch=effect.batch, is_final=is_final))

    async def _await_barrier(self, index: int) -> None:
        if await self._replica.applied_barrier():
            latest = self._replica.read_changes(ReadChanges(self.table.number, 0, 0, 1, 1)).latest
            self.step(e.BarrierPassed(index=index, latest=latest))

    async def _store_cursor(self, effect: e.StoreCursor) -> None:
        name = feed_cursor_name(self.table.number, effect.index)
        is_stored = await self._replica.propose_cursor(name, effect.cursor.encode())
        self.step(e.CursorStored(index=effect.index, cursor=effect.cursor, is_stored=is_stored))

    async def _report_backfill(self, index: IndexSpec) -> None:
        change = RecordIndexBackfill(
            name=self.table.name, index=index.number, generation=index.generation, partition=self.partition
        )
        if await self._tell(index, change):
            _log.info("index_filled", partition=self.partition, table=self.table.name, index=index.name)

    async def _ask_rebuild(self, index: IndexSpec) -> None:
        # Only who leads now may say that changes are gone: one that was deposed in its sleep has trimmed what others have fed.
        name = feed_cursor_name(self.table.number, index.number)
        if not await self._replica.propose_cursor(name, self._replica.cursor(name) or b""):
            self.step(e.CatalogTold(index=index.number, is_recorded=False))
            return
        _log.error("index_changes_lost", partition=self.partition, table=self.table.name, index=index.name)
        await self._tell(index, RebuildIndex(name=self.table.name, index=index.number, generation=index.generation))

    async def _tell(self, index: IndexSpec, change: CatalogChange) -> bool:
        try:
            await self._catalog.change(change)
            is_recorded = True
        except StoreError:
            is_recorded = False
        self.step(e.CatalogTold(index=index.number, is_recorded=is_recorded))
        return is_recorded


def fed_indexes(table: TableSpec) -> tuple[IndexSpec, ...]:
    """Return the indexes of a table that changes are brought to."""
    return tuple(index for index in table.global_indexes if index.status is not IndexStatus.DELETING)
