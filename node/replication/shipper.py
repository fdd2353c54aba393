"""Carries out what a shipper core asks for: reads, timers, cursors and reports, in order.

Knows one partition led here and one destination. Refuses to know when to do what: the core decides.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from node.partition.access import StoredItem
from node.replication import events as e
from node.replication.core import ShipperCore
from node.replication.cursors import Cursor, cursor_name
from node.replication.held import HeldRow, held_name, held_names
from node.replication.link import Link
from node.replication.reports import HeldReport, ShipperReport
from node.replication.selection import changes_to_ship, items_to_ship, present_to_ship
from node.replication.timer import Timer
from wire.catalog import PartitionId
from wire.catalog_changes import CatalogChange, Decided, RecordBackfill
from wire.clock import Clock
from wire.commands import Ahead, Changes, Position, ReadChanges
from wire.errors import StoreError
from wire.keys import ItemKey
from wire.limits import SHIPMENT_BYTES_MAX, SHIPMENT_CHANGES_MAX

SCAN_ITEMS_MAX: Final = SHIPMENT_CHANGES_MAX


class Replica(Protocol):
    """The part of `node.partition.access.ReplicaAccess` that a shipper uses."""

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
        """Return items and tombstones after a position; fewer than both bounds allow: the end."""
        ...

    def find_record(self, table: int, key: ItemKey) -> StoredItem | None:
        """Return one item or tombstone, or None."""
        ...

    def cursor(self, name: str) -> bytes | None:
        """Return the applied value of a replicated cursor, or None."""
        ...

    def cursors_under(self, prefix: str) -> Mapping[str, bytes]:
        """Return the applied values of all replicated cursors whose names begin so."""
        ...

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        """Set a replicated cursor (empty value = remove it); True once that is committed."""
        ...


class CatalogChanges(Protocol):
    """The region's catalog, as whoever asks it for changes sees it."""

    async def change(self, change: CatalogChange) -> Decided:
        """Have the catalog leader decide a change. Raises StoreError."""
        ...


class Shipper:
    """Drive one core."""

    def __init__(
        self, *, replica: Replica, link: Link, core: ShipperCore, region: int, clock: Clock, catalog: CatalogChanges
    ) -> None:
        self._replica = replica
        self._link = link
        self._core = core
        self._region = region
        self._clock = clock
        self._catalog = catalog
        self._effects: asyncio.Queue[e.Effect | None] = asyncio.Queue()  # bounded by the core: a few per table
        self._timer = Timer(clock, lambda: self.step(e.Ticked()))

    @property
    def partition(self) -> int:
        """Return the partition this ships."""
        return self._replica.partition

    @property
    def destination(self) -> str:
        """Return the region this ships to."""
        return self._link.destination

    def step(self, event: e.Event) -> None:
        """Let the core take an event; what it asks for is done at once or queued."""
        for effect in self._core.step(event, self._clock.monotonic()):
            match effect:
                case e.Send():
                    self._link.send(self, effect)
                case e.WakeAt():
                    self._timer.set(effect.time)
                case e.ResetLink():
                    self._link.reset(effect.reason)
                case _:
                    self._effects.put_nowait(effect)

    def report(self) -> ShipperReport:
        """Return what happened and what is outstanding."""
        return self._core.report(self._clock.monotonic())

    def held(self) -> Sequence[HeldReport]:
        """Return the changes that are held back over there."""
        now = self._clock.monotonic()
        return [
            HeldReport(
                destination=self.destination,
                partition=self._replica.partition,
                table=table,
                key=item.key,
                version=item.version,
                ahead_seconds=item.ahead_ms / 1000,
                waiting_seconds=max(0.0, now - item.since),
            )
            for table, item in self._core.held()
        ]

    def release(self, ahead: Ahead) -> int:
        """Have an operator's decision carried out on all that is held back now; return how many changes that are."""
        held = sum(1 for _ in self._core.held())
        self.step(e.Released(ahead=ahead))
        return held

    def is_settled(self, table: int, through: int | None = None) -> bool:
        """Tell whether everything applied of a table, up to a sequence number if one is given, is acknowledged over there."""
        return self._core.is_settled(table, through)

    def retire(self) -> None:
        """End `run` once what is queued has been done."""
        self._effects.put_nowait(None)

    async def run(self) -> None:
        """Ship until retired or cancelled."""
        self._link.attach(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                while (effect := await self._effects.get()) is not None:
                    self._carry_out(effect, tasks)
                    await asyncio.sleep(0)  # one read per turn of the loop: requests come first
        finally:
            self._link.detach(self)
            self._timer.cancel()

    def _carry_out(self, effect: e.Effect, tasks: asyncio.TaskGroup) -> None:
        match effect:
            case e.LoadCursor():
                self._load_cursor(effect.table)
            case e.ReadRecords():
                self._read_records(effect)
            case e.ReadItems():
                self._read_items(effect)
            case e.ReadHeld():
                self._read_held(effect)
            case e.StoreHeld():
                tasks.create_task(self._store_held(effect))
            case e.DropHeld():
                tasks.create_task(self._drop_held(effect))
            case e.AwaitBarrier():
                tasks.create_task(self._await_barrier(effect))
            case e.StoreCursor():
                tasks.create_task(self._store_cursor(effect))
            case e.ReportBackfill():
                tasks.create_task(self._report_backfill(effect.membership))
            case _:
                raise AssertionError(f"not an effect that is queued: {effect}")

    def _load_cursor(self, table: int) -> None:
        stored = self._replica.cursor(cursor_name(self.destination, table))
        now, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        rows = self._replica.cursors_under(held_names(self.destination, table)).values()
        held = tuple(msgspec.msgpack.decode(row, type=HeldRow).item(now, now_ms) for row in rows)
        self.step(e.CursorLoaded(table=table, cursor=Cursor.decode(stored) if stored else None, held=held))

    def _read_records(self, effect: e.ReadRecords) -> None:
        page = self._changes(effect.table, effect.after, SHIPMENT_CHANGES_MAX)
        shipment = changes_to_ship(page.records, lambda key: self._replica.find_record(effect.table, key), self._region)
        self.step(
            e.ChangesRead(
                table=effect.table,
                shipment=shipment,
                after=effect.after,
                through=max(page.next_after, effect.after),
                oldest=page.oldest,
                latest=page.latest,
                has_more=page.next_after < page.latest,
                read_ms=self._clock.wall_ms(),
            )
        )

    def _read_items(self, effect: e.ReadItems) -> None:
        items = self._replica.scan_records(effect.table, effect.after, SCAN_ITEMS_MAX, SHIPMENT_BYTES_MAX)
        self.step(
            e.ItemsRead(
                table=effect.table,
                shipment=items_to_ship(items, self._region, effect.everything, effect.members),
                after=effect.after,
                through=items[-1].position if items else effect.after,
                members=effect.members,
                # A page may also end early because it is large; only an empty one is surely the last.
                is_last=not items,
            )
        )

    def _read_held(self, effect: e.ReadHeld) -> None:
        found = [(item, self._replica.find_record(effect.table, item.key)) for item in effect.items]
        present = [stored for item, stored in found if stored is not None and stored.version == item.version]
        gone = tuple(item for item, stored in found if stored is None or stored.version != item.version)
        ahead = effect.items[0].ahead if effect.items else Ahead.HOLD
        self.step(e.HeldRead(table=effect.table, shipment=present_to_ship(present), gone=gone, ahead=ahead))

    def _changes(self, table: int, after: int, limit: int) -> Changes:
        return self._replica.read_changes(ReadChanges(table, 0, after, limit, SHIPMENT_BYTES_MAX))

    async def _await_barrier(self, effect: e.AwaitBarrier) -> None:
        if await self._replica.applied_barrier():
            latest = self._changes(effect.table, 0, 1).latest
            self.step(e.BarrierPassed(table=effect.table, generation=effect.generation, latest=latest))

    async def _store_cursor(self, effect: e.StoreCursor) -> None:
        value = effect.cursor.encode() if effect.cursor is not None else b""
        is_stored = await self._replica.propose_cursor(cursor_name(self.destination, effect.table), value)
        if effect.cursor is not None:
            self.step(e.CursorStored(table=effect.table, cursor=effect.cursor, is_stored=is_stored))

    async def _store_held(self, effect: e.StoreHeld) -> None:
        now, now_ms = self._clock.monotonic(), self._clock.wall_ms()
        rows = [
            (held_name(self.destination, effect.table, item), msgspec.msgpack.encode(HeldRow.of(item, now, now_ms)))
            for item in effect.items
        ]
        are_stored = await asyncio.gather(*(self._replica.propose_cursor(name, row) for name, row in rows))
        self.step(e.HeldStored(table=effect.table, batch=effect.batch, items=effect.items, is_stored=all(are_stored)))

    async def _drop_held(self, effect: e.DropHeld) -> None:
        names = [held_name(self.destination, effect.table, item) for item in effect.items]
        await asyncio.gather(*(self._replica.propose_cursor(name, b"") for name in names))

    async def _report_backfill(self, membership: e.Membership) -> None:
        change = RecordBackfill(
            name=membership.name,
            region=self.destination,
            generation=membership.generation,
            partition=self.partition,
        )
        try:
            await self._catalog.change(change)
            is_recorded = True
        except StoreError:
            is_recorded = False
        self.step(e.BackfillRecorded(table=membership.table, generation=membership.generation, is_recorded=is_recorded))
