"""Finishes tables that are CREATING, UPDATING or DELETING by time, on the node that leads the catalog.

Knows when the next one is due. Refuses to know how long what takes: the rows say until when (`node.catalog.timing`).
"""

import asyncio
import contextlib
from typing import Final, Protocol

from node.partition.access import CatalogSource
from wire.catalog import CATALOG_PARTITION, PartitionId
from wire.catalog_changes import CatalogChange, Decided, FinishTable
from wire.clock import Clock
from wire.errors import StoreError
from wire.tables import TableSpec
from wire.telemetry import EventLog

RETRY_SECONDS: Final = 0.5

_log = EventLog(__name__)


class CatalogChanges(Protocol):
    """The region's catalog, as whoever asks it for changes sees it."""

    async def change(self, change: CatalogChange) -> Decided:
        """Have the catalog leader decide a change. Raises StoreError."""
        ...


class TableSettler:
    """Finish tables while this node leads the catalog. `run` it; call the rest on the event loop as things happen."""

    def __init__(self, *, catalog: CatalogSource, changes: CatalogChanges, clock: Clock) -> None:
        self._catalog = catalog
        self._changes = changes
        self._clock = clock
        self._is_leading = False
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Finish tables as they are due, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_seconds()):
                    await self._wanted.wait()
            self._wanted.clear()
            for table in self._due():
                await self._finish(table)

    def leadership_ready(self, partition: PartitionId) -> None:
        """Begin, if it is the catalog that is led here now."""
        if partition == CATALOG_PARTITION:
            self._is_leading = True
            self._wanted.set()

    def leadership_lost(self, partition: PartitionId) -> None:
        """Leave everything to the catalog's next leader."""
        if partition == CATALOG_PARTITION:
            self._is_leading = False

    def catalog_changed(self) -> None:
        """Look at the rows again."""
        if self._is_leading:
            self._wanted.set()

    def _wait_seconds(self) -> float | None:
        """Return how long there is nothing to do; None = until something changes."""
        if not self._is_leading:
            return None
        times = [table.settles_ms for table in self._catalog.view.tables.values() if table.settles_ms]
        # Never at once: what is due was tried just now, and has either left the rows or failed.
        return max(RETRY_SECONDS, (min(times) - self._clock.wall_ms()) / 1000) if times else None

    def _due(self) -> list[TableSpec]:
        now_ms = self._clock.wall_ms()
        tables = self._catalog.view.tables.values() if self._is_leading else ()
        return [table for table in tables if 0 < table.settles_ms <= now_ms]

    async def _finish(self, table: TableSpec) -> None:
        change = FinishTable(name=table.name, number=table.number, now_ms=self._clock.wall_ms())
        try:
            await self._changes.change(change)
        except StoreError as error:
            _log.warning("table_not_finished", table=table.name, reason=str(error))
