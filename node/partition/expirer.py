"""Expires items in every partition that this node leads, and fills expiry indexes, a bounded batch at a time.

Knows paces, bounds and where an index that is being filled has got to. Refuses to decide what expires: it only finds rows that seem to
be due, and the leader decides about each when its turn comes, as about any write. So whatever this node forgets or sees too late does no
harm, and the next leader goes on from what is stored.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from node.partition.access import CatalogSource, StoredItem
from node.partition.expiry import Expire, ExpiryClock, ExpiryCommand, IndexExpiries, second_of_body
from node.storage.errors import StorageError
from node.storage.expiry import filling_name
from wire.catalog import CATALOG_PARTITION, PartitionId
from wire.catalog_changes import CatalogChange, Decided, RecordTimeToLive
from wire.commands import Position
from wire.errors import StoreError
from wire.keys import ItemKey
from wire.tables import TableSpec, TimeToLive
from wire.telemetry import EventLog

BATCH_ITEMS_MAX: Final = 32
"""Items that one partition expires at once: so many of the requests of a turn are its share, and no more."""
PAGE_ITEMS_MAX: Final = 256
"""Items that are looked through at once when an index is filled."""
PAUSE_SECONDS: Final = 0.01
"""Between two batches of one partition, so that requests have the better part of the time."""

_log = EventLog(__name__)


class Replica(Protocol):
    """The part of a partition's replica that is needed here; useful on the leader only."""

    @property
    def partition(self) -> PartitionId:
        """Return the partition's id."""
        ...

    @property
    def is_ready(self) -> bool:
        """Tell whether this replica leads and may serve."""
        ...

    async def applied_barrier(self) -> bool:
        """Wait until everything evaluated before the call is applied; False when leadership was lost first."""
        ...

    def scan_records(
        self, table: int, after: Position | None, limit: int, bytes_max: int = 1 << 20
    ) -> Sequence[StoredItem]:
        """Return items and tombstones of a table after a position; empty at the end."""
        ...

    def due_expiries(
        self, table: int, generation: int, since: int, until_of: Callable[[int], int], rows_max: int
    ) -> Sequence[Expire]:
        """Return what to decide about applied rows of an expiry index that are due."""
        ...

    async def propose_expiry(self, command: ExpiryCommand) -> bool:
        """Decide about expired items, or bring items into an expiry index; True once that is committed."""
        ...

    def cursor(self, name: str) -> bytes | None:
        """Return the applied value of a replicated cursor, or None."""
        ...

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        """Set a replicated cursor (empty value = remove it); True once that is committed."""
        ...


class Node(Protocol):
    """The part of a node's driver that is needed here."""

    def replicas(self) -> Mapping[PartitionId, Replica]:
        """Return every replica hosted here."""
        ...


class CatalogChanges(Protocol):
    """The way to this region's catalog."""

    async def change(self, change: CatalogChange) -> Decided:
        """Have a change decided. Raises StoreError."""
        ...


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition has filled the expiry index of a generation, as its replicated state keeps it."""

    generation: int
    # Hash, partition key and sort key of the last item looked at; None = none yet.
    after: tuple[bytes, bytes, bytes] | None = None
    is_done: bool = False

    @property
    def position(self) -> Position | None:
        """Return the place after which to go on."""
        return None if self.after is None else Position(self.after[0], ItemKey(*self.after[1:]))


class Expirer:
    """Look through what this node leads, every so often. `run` it."""

    def __init__(
        self, *, node: Node, catalog: CatalogSource, changes: CatalogChanges, due: ExpiryClock, sweep_seconds: float
    ) -> None:
        self._node = node
        self._catalog = catalog
        self._changes = changes
        self._due = due
        self._sweep_seconds = sweep_seconds
        self._busy: set[PartitionId] = set()
        self.expired = 0
        """Due rows that were decided about; nearly all are deleted items, the others had changed meanwhile."""

    async def run(self) -> None:
        """Sweep until cancelled. A partition that takes long keeps no other waiting."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(self._sweep_seconds)
                tables = self._expiring_tables()
                for partition, replica in self._node.replicas().items() if tables else ():
                    if replica.is_ready and partition not in self._busy and partition != CATALOG_PARTITION:
                        self._busy.add(partition)
                        tasks.create_task(self._swept(replica, tables))

    def _expiring_tables(self) -> list[int]:
        tables = self._catalog.view.tables_by_number.values()
        return [table.number for table in tables if table.time_to_live is not None and table.time_to_live.is_enabled]

    async def _swept(self, replica: Replica, tables: list[int]) -> None:
        """Take batches of all tables in turn until nothing is due in any, or something is in the way: then until next time."""
        try:
            while tables and replica.is_ready:
                tables = [table for table in tables if await self._step(replica, table)]
        except (StorageError, StoreError, TimeoutError) as error:
            _log.warning("expiry_delayed", partition=replica.partition, error=str(error))
        finally:
            self._busy.discard(replica.partition)

    async def _step(self, replica: Replica, number: int) -> bool:
        """Take one batch of a table; tell whether there may be more to do now."""
        table = self._catalog.view.tables_by_number.get(number)
        time_to_live = None if table is None else table.time_to_live
        if table is None or time_to_live is None or not time_to_live.is_enabled or not replica.is_ready:
            return False
        is_filling = await self._filled(replica, table, time_to_live)
        is_expiring = await self._expired(replica, table, time_to_live)
        if is_filling or is_expiring:
            await asyncio.sleep(PAUSE_SECONDS)
        return is_filling or is_expiring

    # Expiring.

    async def _expired(self, replica: Replica, table: TableSpec, time_to_live: TimeToLive) -> bool:
        """Expire a batch; tell whether there may be more."""
        due = replica.due_expiries(
            table.number,
            time_to_live.generation,
            self._due.since(),
            lambda region: self._due.until(table, region),
            BATCH_ITEMS_MAX,
        )
        if not due:
            return False
        # Each on its own, so that an entry takes as many as it has room for and no more.
        are_decided = await asyncio.gather(*(replica.propose_expiry(each) for each in due))
        self.expired += sum(are_decided)
        _log.debug("items_expired", partition=replica.partition, table=table.name, count=len(due))
        # Rows are read from applied state: before these have gone they would be found again.
        return all(are_decided) and await replica.applied_barrier() and len(due) == BATCH_ITEMS_MAX

    # Filling the index of a table that had items before.

    async def _filled(self, replica: Replica, table: TableSpec, time_to_live: TimeToLive) -> bool:
        """Bring a page of items in; tell whether there may be more."""
        name = filling_name(table.number)
        stored = replica.cursor(name)
        if time_to_live.is_complete:
            # Who leads next sees this too, or fills the index once more, which changes nothing.
            if stored is not None:
                await replica.propose_cursor(name, b"")
            return False
        filling = None if stored is None else msgspec.msgpack.decode(stored, type=Filling)
        if filling is not None and filling.generation == time_to_live.generation and filling.is_done:
            await self._record(replica.partition, table, time_to_live)
            return False
        if filling is None or filling.generation != time_to_live.generation:
            filling = Filling(generation=time_to_live.generation)
            # What was decided under an older catalog keeps no rows of this index: it has to be there to be found.
            if not await replica.applied_barrier():
                return False
        following = await self._page(replica, table, time_to_live, filling)
        if following is None or not await replica.propose_cursor(name, msgspec.msgpack.encode(following)):
            return False
        return await replica.applied_barrier()

    async def _page(
        self, replica: Replica, table: TableSpec, time_to_live: TimeToLive, filling: Filling
    ) -> Filling | None:
        """Bring the items of a page in; return how far that is, or None when it failed."""
        items = replica.scan_records(table.number, filling.position, PAGE_ITEMS_MAX)
        if not items:
            return Filling(generation=filling.generation, is_done=True)
        # An item that gains the attribute from now on gets its row with that write.
        keys = tuple(item.position.key for item in items if second_of_body(time_to_live, item.body))
        if keys and not await replica.propose_expiry(IndexExpiries(table.number, filling.generation, keys)):
            return None
        hashed, key = items[-1].position
        return Filling(generation=filling.generation, after=(hashed, key.partition, key.sort))

    async def _record(self, partition: PartitionId, table: TableSpec, time_to_live: TimeToLive) -> None:
        if partition not in time_to_live.backfilled:
            generation = time_to_live.generation
            await self._changes.change(RecordTimeToLive(name=table.name, generation=generation, partition=partition))
            _log.info("expiry_index_filled", partition=partition, table=table.name, generation=generation)
