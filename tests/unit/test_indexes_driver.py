"""Feeders at work on real partitions: what is written arrives, what was there before is copied, and a new leader carries on."""

import asyncio
from collections.abc import Sequence

from node.indexes.core import FeederCore
from node.indexes.cursors import FeedCursor
from node.indexes.feeder import Feeder
from node.partition.access import StoredItem
from node.storage.layout import feed_cursor_name
from node.streams.retention import trim_step
from tests.support.indexes_region import IndexedRegion, by, delete, indexed_region, put
from tests.support.partition_region import SECONDS_MAX
from wire.catalog import PartitionId
from wire.catalog_changes import CatalogChange, Decided, UpdateTable
from wire.clock import SystemClock
from wire.commands import Changes, Command, Outcome, Position, ReadChanges
from wire.tables import IndexStatus

ROUNDS = 40


async def filled(region: IndexedRegion, mark: str) -> None:
    for number in range(ROUNDS):
        await region.write(put(f"k{number % 15}", owner=f"{mark}{number % 4}", n=str(number)))
        if number % 5 == 0:
            await region.write(delete(f"k{(number * 7) % 15}"))


# The whole way: rows come, move and go with the items they belong to, for every index of the table.
async def test_rows_follow_items() -> None:
    async with indexed_region(by("owner", 1), by("n", 2)) as (region, _):
        await filled(region, "o")
        assert await region.settled("by-owner") == set()
        assert await region.settled("by-n") == set()
        assert len(await region.read(1)) == len(await region.read()) > 5


# Items without the attribute have no row; one that loses it loses its row.
async def test_index_is_sparse() -> None:
    async with indexed_region(by("owner", 1)) as (region, _):
        await region.write(put("a", owner="x"))
        await region.write(put("b"))
        assert await region.settled("by-owner") == set()
        await region.write(put("a"))
        assert await region.settled("by-owner") == set()
        assert await region.read(1) == []


# An index made later has what was there before it, and what is written meanwhile.
async def test_new_index_is_filled_under_writes() -> None:
    async with indexed_region() as (region, _):
        await filled(region, "before")
        await region.change(UpdateTable(name="orders", creates_index=by("owner"), now_ms=2))
        await filled(region, "after")
        assert await region.settled("by-owner") == set()
        assert region.table.indexes[0].status is IndexStatus.ACTIVE
        assert len(await region.read(1)) == len(await region.read())


# Another node that leads from now on reads the cursor, feeds the rest and reports what the first one did not.
async def test_new_leader_carries_on() -> None:
    async with indexed_region(nodes=3, partitions=2) as (region, _):
        await filled(region, "before")
        await region.change(UpdateTable(name="orders", creates_index=by("owner"), now_ms=2))
        gone = await region.region.leader(1)
        region.feeders.pop(gone)
        await region.region.stop(gone)
        await filled(region, "after")
        assert await region.settled("by-owner") == set()


# A dropped index is fed no more, and one of the same name made after it is another one.
async def test_index_is_made_again() -> None:
    async with indexed_region(by("owner", 1)) as (region, _):
        await filled(region, "before")
        await region.change(UpdateTable(name="orders", deletes_index="by-owner", now_ms=2))
        await region.change(UpdateTable(name="orders", creates_index=by("owner"), now_ms=2))
        await filled(region, "after")
        assert await region.settled("by-owner") == set()
        assert region.table.indexes[0].number == 2


# Change records that are gone before they were fed: the index is begun again under a number of its own, and is whole again.
async def test_index_that_misses_changes_is_begun_again() -> None:
    async with indexed_region(by("owner", 1), partitions=1) as (region, _):
        await filled(region, "o")
        await region.settled("by-owner")
        replica = await region.region.replica()
        (feeders,) = region.feeders.values()
        # A feeder stores its cursor now and then: after this it has no reason to, so that the wrong one below stays.
        await feeders.store_cursors()
        feeders.leadership_lost(PartitionId(1))
        await replica.propose_cursor(feed_cursor_name(1, 1), FeedCursor(sequence=3).encode())
        await replica.applied_barrier()
        (engine,) = region.region.engines.values()
        engine.write(lambda transaction: trim_step(transaction, 1, 1 << 62, 20))
        feeders.leadership_ready(PartitionId(1))
        async with asyncio.timeout(SECONDS_MAX):
            while region.table.indexes[0].number == 1:
                await region.changed()
        assert await region.settled("by-owner") == set()
        assert region.table.indexes[0].number == 2


class Deposed:
    """A replica that leads no more without knowing it: it has trimmed what the leader of today has fed."""

    partition = PartitionId(1)

    def __init__(self) -> None:
        self.proposed = asyncio.Event()

    async def applied_barrier(self) -> bool:
        return False

    def read_changes(self, request: ReadChanges) -> Changes:
        return Changes((), next_after=0, oldest=10, latest=20)

    def scan_records(
        self, table: int, after: Position | None, limit: int, bytes_max: int = 1 << 20
    ) -> Sequence[StoredItem]:
        return ()

    def cursor(self, name: str) -> bytes | None:
        return FeedCursor(sequence=3).encode()

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        self.proposed.set()
        return False


# A leader that was deposed in its sleep takes changes for lost that others have fed: it must not have an index begun again.
async def test_a_deposed_leader_asks_for_no_rebuild() -> None:
    async with indexed_region(by("owner", 1), partitions=1) as (region, _):
        replica, asked = Deposed(), Asked()
        feeder = Feeder(
            replica=replica,
            table=region.table,
            ring=tuple,
            core=FeederCore(partition=1, copied_per_second=0),
            copied_at_once_max=10,
            partitions=asked,
            catalog=asked,
            clock=SystemClock(),
        )
        running = asyncio.ensure_future(feeder.run())
        async with asyncio.timeout(SECONDS_MAX):
            await replica.proposed.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert asked.changes == []


class Asked:
    """Satisfy Partitions and CatalogChanges: remembers what it is asked."""

    def __init__(self) -> None:
        self.changes: list[CatalogChange] = []

    async def execute(self, partition: PartitionId, command: Command, *, timeout_seconds: float) -> Outcome:
        raise AssertionError("nothing is sent for an index whose changes are gone")

    async def change(self, change: CatalogChange) -> Decided:
        self.changes.append(change)
        return Decided(1)


# Cursors are stored when leadership is about to go, so that the next leader repeats nothing.
async def test_cursors_are_stored_before_leaving() -> None:
    async with indexed_region(by("owner", 1), partitions=1) as (region, _):
        await filled(region, "o")
        await region.settled("by-owner")
        replica = await region.region.replica()
        (feeders,) = region.feeders.values()
        await feeders.store_cursors()
        await replica.applied_barrier()
        stored = replica.cursor("index/0000000001/00001/")
        latest = replica.read_changes(ReadChanges(1, 0, 0, 1, 1)).latest
    assert stored is not None
    assert FeedCursor.decode(stored) == FeedCursor(sequence=latest)
