"""What dropped tables leave on disk goes, and nothing else does."""

import asyncio

from node.catalog.collector import STEP_ENTRIES_MAX, TableCollector
from node.partition.rows import read_cursor, read_sizes, write_cursor, write_sizes
from node.storage.batch import WriteBatch
from node.storage.digests import DigestChanges
from node.storage.engine import Space
from node.storage.expiry import Expiry, ExpiryIndex, filling_name, store_expiry, table_and_generation_of
from node.storage.layout import change_key, item_key
from node.storage.memory_engine import MemoryEngine
from node.streams.retention import trim_marks, trim_step
from tests.support.rpc_catalog import RULES, Catalog, create
from wire.catalog_changes import DeleteTable, SetTimeToLive
from wire.keys import ItemKey, key_hash
from wire.tables import StreamViewType


class PlainWriter:
    """Satisfy the collector's Writer: writes at once."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.batches: asyncio.Queue[WriteBatch] = asyncio.Queue()

    async def wrote(self, count: int) -> None:
        for _ in range(count):
            await self.batches.get()

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        self.engine.write(batch.apply)
        self.batches.put_nowait(batch)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def stored(table: int, count: int) -> WriteBatch:
    batch = WriteBatch()
    for number in range(count):
        key, _ = item_key(table, 0, key_hash(b"%d" % number), b"")
        batch.put(Space.ITEMS, key, b"item")
        batch.put(Space.CHANGES, change_key(number % 3 + 1, table, number), b"a change of this age")
    return batch


def tables_stored(engine: MemoryEngine) -> tuple[set[int], set[int]]:
    with engine.snapshot() as snapshot:
        items = {int.from_bytes(key[:4], "big") for key, _ in snapshot.scan(Space.ITEMS, b"", None)}
        changes = {int.from_bytes(key[4:8], "big") for key, _ in snapshot.scan(Space.CHANGES, b"", None)}
    return items, changes


# Table 1 was dropped, 2 lives, 3 is newer than this node's catalog: only the first may go, in bounded steps.
async def test_only_dropped_tables_are_deleted() -> None:
    engine, catalog = MemoryEngine(), Catalog()
    for name in ("a", "b"):
        catalog.change(create(name))
    catalog.change(DeleteTable(name="a", now_ms=1))
    for table, count in ((1, STEP_ENTRIES_MAX + 5), (2, 10), (3, 10)):
        engine.write(stored(table, count).apply)
    collector = TableCollector(engine, PlainWriter(engine), lambda: catalog.view)
    steps = await collector.collect()
    assert tables_stored(engine) == ({2, 3}, {2, 3})
    assert steps == 5


# What a partition has counted of a table goes with the table, and other counts and other state stay.
async def test_counts_of_dropped_tables_go() -> None:
    engine, catalog = MemoryEngine(), Catalog()
    for name in ("a", "b"):
        catalog.change(create(name))
    catalog.change(DeleteTable(name="a", now_ms=1))
    with engine.transaction() as transaction:
        for partition in (1, 2):
            for table in (1, 2, 3):
                write_sizes(transaction, partition, table, {0: (1, 10)})
            write_cursor(transaction, partition, "sizes", b"1")
    await TableCollector(engine, PlainWriter(engine), lambda: catalog.view).collect()
    with engine.snapshot() as view:
        left = [(partition, table) for partition in (1, 2) for table in (1, 2, 3) if read_sizes(view, partition, table)]
        assert left == [(1, 2), (1, 3), (2, 2), (2, 3)]
        assert [read_cursor(view, partition, "sizes") for partition in (1, 2)] == [b"1", b"1"]


# A stream outlives its table: change records and the marks of trimming stay while a row says so, and go with it.
async def test_changes_of_a_dropped_table_stay_while_its_stream_does() -> None:
    engine, catalog = MemoryEngine(), Catalog()
    catalog.change(create("a", stream_view=StreamViewType.KEYS_ONLY))
    with engine.transaction() as transaction:
        for table in (1, 12):
            stored(table, 9).apply(transaction)
        trim_step(transaction, 1, 1 << 63, 6)
    catalog.change(DeleteTable(name="a", now_ms=1))
    collector = TableCollector(engine, PlainWriter(engine), lambda: catalog.view)
    await collector.collect()
    assert tables_stored(engine) == ({12}, {1, 12})
    with engine.snapshot() as view:
        # Who reads the stream now must hear that its beginning is gone.
        assert [table for _, table in trim_marks(view, 1)] == [1, 12]
    catalog.change(create("b"))
    catalog.change(DeleteTable(name="b", now_ms=1 + RULES.stream_retention_ms))
    await collector.collect()
    assert tables_stored(engine) == ({12}, {12})
    with engine.snapshot() as view:
        assert [table for _, table in trim_marks(view, 1)] == [12]


# Expiry indexes go that are never read again; one of a change that this node has not heard of yet stays.
async def test_earlier_expiry_indexes_go() -> None:
    engine, catalog = MemoryEngine(), Catalog()
    for name in ("a", "b"):
        catalog.change(create(name))
    catalog.change(SetTimeToLive(name="b", attribute="x", is_enabled=True, now_ms=1))
    catalog.change(DeleteTable(name="a", now_ms=1))
    time_to_live = catalog.view.tables["b"].time_to_live
    assert time_to_live is not None
    present = time_to_live.generation
    with engine.transaction() as transaction:
        for partition in (1, 2):
            for table, generation in ((1, 2), (2, present - 1), (2, present), (2, present + 1), (3, 9)):
                for second in range(STEP_ENTRIES_MAX + 1 if partition == 1 else 1):
                    index = ExpiryIndex(partition, table, generation)
                    store_expiry(transaction, index, Expiry(1, second + 1), ItemKey(b"k"), DigestChanges())
            for table in (1, 2, 3):
                write_cursor(transaction, partition, filling_name(table), b"how far")
    await TableCollector(engine, PlainWriter(engine), lambda: catalog.view).collect()
    with engine.snapshot() as view:
        left = {table_and_generation_of(key) for key, _ in view.scan(Space.EXPIRY, b"", None)}
        fillings = [read_cursor(view, partition, filling_name(table)) for partition in (1, 2) for table in (1, 2, 3)]
    assert left == {(2, present), (2, present + 1), (3, 9)}
    assert fillings == [None, b"how far", b"how far"] * 2


# An expiry index that is over wakes the collector, too.
async def test_an_earlier_expiry_index_is_noticed() -> None:
    engine, catalog = MemoryEngine(), Catalog()
    writer = PlainWriter(engine)
    collector = TableCollector(engine, writer, lambda: catalog.view)
    catalog.change(create("a"))
    catalog.change(SetTimeToLive(name="a", attribute="x", is_enabled=True, now_ms=1))
    collector.catalog_changed()
    task = asyncio.ensure_future(collector.run())
    for _ in range(3):
        await asyncio.sleep(0)
    with engine.transaction() as transaction:
        store_expiry(transaction, ExpiryIndex(1, 1, catalog.view.version), Expiry(1, 1), ItemKey(b"k"), DigestChanges())
    catalog.change(SetTimeToLive(name="a", attribute="x", is_enabled=False, now_ms=2))
    collector.catalog_changed()
    await writer.wrote(1)
    task.cancel()
    await asyncio.wait([task])
    with engine.snapshot() as view:
        assert not list(view.scan(Space.EXPIRY, b"", None))


# A dropped table wakes the collector; a new one does not make it look through the disk.
async def test_a_drop_is_noticed() -> None:
    engine, catalog = MemoryEngine(), Catalog()
    writer = PlainWriter(engine)
    collector = TableCollector(engine, writer, lambda: catalog.view)
    task = asyncio.ensure_future(collector.run())
    catalog.change(create("a"))
    collector.catalog_changed()
    engine.write(stored(1, 1).apply)
    for _ in range(3):
        await asyncio.sleep(0)
    assert tables_stored(engine) == ({1}, {1})
    catalog.change(DeleteTable(name="a", now_ms=1))
    collector.catalog_changed()
    await writer.wrote(2)
    assert tables_stored(engine) == (set(), set())
    task.cancel()
    await asyncio.wait([task])
