"""Delete what is left on this node's disk of tables, indexes and expiry indexes that the catalog no longer has.

Dropping a table removes a row; its items go later, in steps small enough that nobody waits for them, and its change records when no
row says any more that its streams can be read. A table number is never used again, so nothing that is deleted here can be wanted by
anyone.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from node.catalog.expiry_remains import expiry_indexes_of, find_expiry_remains
from node.catalog.index_remains import find_index_remains, indexes_of
from node.catalog.tables import FIRST_TABLE_NUMBER, NEXT_TABLE
from node.storage.batch import WriteBatch
from node.storage.digests import DIGESTED, forget_areas, forgotten_rows
from node.storage.engine import Engine, Space, Transaction, View
from node.storage.errors import StorageFull, StorageOverloaded
from node.storage.layout import sizes_range, successor, table_of_sizes
from node.streams.retention import trim_marks
from wire.catalog import CatalogView
from wire.telemetry import EventLog

STEP_ENTRIES_MAX: Final = 512
STEP_PAUSE_SECONDS: Final = 0.02
# A lagging replica may yet apply writes to a table that is gone: look again from time to time, without being told.
ROUND_SECONDS: Final = 600.0
_TABLE_BYTES = 4
_PARTITION_BYTES = 4

_log = EventLog(__name__)


class Writer(Protocol):
    """The part of the storage writer that is needed here."""

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        """Queue a batch; the future is done once it is durable."""
        ...


Remains = tuple[Space, bytes, bytes | None]
"""A space and the bounds between which everything there is of one dropped table, or of something that it has no more."""


class TableCollector:
    """Look for remains whenever the catalog changes, and delete them step by step."""

    def __init__(self, engine: Engine, writer: Writer, view: Callable[[], CatalogView]) -> None:
        self._engine = engine
        self._writer = writer
        self._view = view
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._tables: frozenset[int] = frozenset()
        self._streamed: frozenset[int] = frozenset()
        self._expiring: frozenset[tuple[int, int]] = frozenset()
        self._indexes: frozenset[tuple[int, int]] = frozenset()

    def catalog_changed(self) -> None:
        """Look again if a table has gone, the last that was kept of one, an index, or an expiry index."""
        view = self._view()
        tables, streamed, expiring = frozenset(view.tables_by_number), frozenset(view.dropped), expiry_indexes_of(view)
        indexes = indexes_of(view)
        have_stayed = self._tables <= tables and self._streamed <= streamed and self._expiring <= expiring
        if not (have_stayed and self._indexes <= indexes):
            self._wanted.set()
        self._tables, self._streamed, self._expiring, self._indexes = tables, streamed, expiring, indexes

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            await self.collect()

    async def collect(self) -> int:
        """Delete everything that remains now; return how many steps that took."""
        for steps in itertools.count():
            with self._engine.snapshot() as snapshot:
                remains = find_remains(snapshot, self._view())
            if remains is None:
                return steps
            await self._step(remains)
        raise AssertionError("counting has no end")

    async def _step(self, remains: Remains) -> None:
        batch = WriteBatch()
        partitions = list(self._view().placements)
        batch.call(lambda transaction: _forget_digests(transaction, remains, partitions))
        batch.delete_range(*remains, STEP_ENTRIES_MAX)
        try:
            await self._writer.submit(batch, lazy=True)
        except (StorageFull, StorageOverloaded) as error:
            _log.warning("table_collection_delayed", error=str(error))
            await asyncio.sleep(1.0)
        await asyncio.sleep(STEP_PAUSE_SECONDS)


def find_remains(view: View, catalog: CatalogView) -> Remains | None:
    """Return the first remains on disk of a table that was dropped; tables not heard of yet are left alone."""
    for space, head_bytes in ((Space.ITEMS, 0), (Space.CHANGES, _PARTITION_BYTES)):
        key = _first_key(view, space, b"")
        while key is not None:
            prefix = key[: head_bytes + _TABLE_BYTES]
            number = int.from_bytes(prefix[head_bytes:], "big")
            if _is_dropped(number, catalog) and not (space is Space.CHANGES and number in catalog.dropped):
                return space, prefix, successor(prefix)
            following = successor(prefix)
            key = None if following is None else _first_key(view, space, following)
    return (
        _find_counts(view, catalog)
        or _find_marks(view, catalog)
        or find_expiry_remains(view, catalog, lambda table: _is_dropped(table, catalog))
        or find_index_remains(view, catalog, lambda table: _is_dropped(table, catalog))
        or _find_forgotten(view, catalog)
    )


def _forget_digests(transaction: Transaction, remains: Remains, partitions: Iterable[int]) -> None:
    """Have no digest say any more what should be where rows are going: these deletions are this node's own."""
    space, lower, _ = remains
    if space is Space.ITEMS:
        for partition in partitions:
            forget_areas(transaction, partition, space, lower)
    elif space in DIGESTED:
        forget_areas(transaction, int.from_bytes(lower[:_PARTITION_BYTES], "big"), space, lower[_PARTITION_BYTES:])


def _find_forgotten(view: View, catalog: CatalogView) -> Remains | None:
    """Return the first row of digests of what is all gone."""
    for partition in catalog.placements:
        for key in forgotten_rows(view, partition):
            return Space.STATE, key, key + b"\x00"
    return None


def _find_counts(view: View, catalog: CatalogView) -> Remains | None:
    """Return the first row that counts what a partition holds of a table that was dropped."""
    for partition in catalog.placements:
        lower, upper = sizes_range(partition)
        for key, _ in view.scan(Space.STATE, lower, upper):
            if _is_dropped(table_of_sizes(key), catalog):
                return Space.STATE, key, key + b"\x00"
    return None


def _find_marks(view: View, catalog: CatalogView) -> Remains | None:
    """Return the first mark of what was trimmed of the change records of a table that was dropped, and its streams with it."""
    for partition in catalog.placements:
        for key, table in trim_marks(view, partition):
            if _is_dropped(table, catalog) and table not in catalog.dropped:
                return Space.STATE, key, key + b"\x00"
    return None


def _is_dropped(table: int, catalog: CatalogView) -> bool:
    known_below = catalog.counters.get(NEXT_TABLE, FIRST_TABLE_NUMBER)
    return table < known_below and table not in catalog.tables_by_number


def _first_key(view: View, space: Space, lower: bytes) -> bytes | None:
    """Return the first key that is not below `lower`; skipping from table to table costs one look-up each."""
    return next((key for key, _ in view.scan(space, lower, None)), None)
