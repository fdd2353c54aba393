"""A stream's end as a partition's leader tells it: nothing comes after it, whoever leads, and it outlives its table."""

import asyncio

from msgspec.structs import replace

from tests.support.partition_items import STREAM, put, table
from tests.support.partition_region import SECONDS_MAX, Region
from wire.commands import Changes, ReadChanges, Written
from wire.tables import IndexSpec, KeyAttribute, TableSpec

ENDED = replace(STREAM, disabled_ms=1)
INDEX = IndexSpec(number=1, name="i", is_local=False, partition=(KeyAttribute("q", "S"),))


def believe(region: Region, spec: TableSpec) -> None:
    """Let the catalog say something else of a table, as every node hears it."""
    region.catalog.view.tables[spec.name] = spec
    region.catalog.view.tables_by_number[spec.number] = spec


async def read(region: Region, generation: int = 7) -> Changes:
    outcome = await region.ask(ReadChanges(1, generation, 0, 1_000, 1 << 20, bounds=True))
    assert isinstance(outcome, Changes)
    return outcome


async def closed(region: Region) -> Changes:
    """Return the whole of the stream once it is closed."""
    async with asyncio.timeout(SECONDS_MAX):
        while not (page := await read(region)).is_closed:  # noqa: ASYNC110  # nobody is told of a stream's end
            await asyncio.sleep(0)
    return page


async def fill(region: Region, numbers: range) -> None:
    outcomes = await asyncio.gather(*(region.ask(put("x", f"{number:04}")) for number in numbers))
    assert all(isinstance(outcome, Written) for outcome in outcomes)


# While a stream is enabled it is open, whatever has been read of it.
async def test_an_enabled_stream_is_open() -> None:
    async with Region(table(streams=True), nodes=1) as region:
        await fill(region, range(3))
        assert not (await read(region)).is_closed


# Indexes still need the changes of a table whose stream has ended: these are not the stream's, and a new stream has its own.
async def test_an_ended_stream_gets_nothing_more() -> None:
    async with Region(table(streams=True), nodes=1) as region:
        await fill(region, range(3))
        believe(region, replace(table(), stream=ENDED, indexes=(INDEX,)))
        await fill(region, range(3, 6))
        page = await closed(region)
        assert [record.sequence for record in page.records] == [1, 2, 3]
        assert (page.starting, page.ending) == (1, 3)
        believe(region, replace(table(), stream=replace(STREAM, generation=12), past_streams=(ENDED,)))
        await fill(region, range(6, 8))
        page = await read(region, 12)
        assert ([record.sequence for record in page.records], page.is_closed) == ([7, 8], False)
        assert (page.starting, page.ending) == (7, 8)


# What is under way when a stream ends may still be the stream's: it is not closed before that is in it.
async def test_a_stream_is_not_closed_before_its_last_record() -> None:
    async with Region(table(streams=True)) as region:
        await fill(region, range(20))
        leader = await region.leader()
        writes = [region.submit(leader, put("x", f"{number:04}")) for number in range(20, 60)]
        await asyncio.sleep(0)  # the writes are evaluated in the turn that comes now
        await asyncio.sleep(0)
        believe(region, replace(table(), stream=ENDED))
        page = await closed(region)
        assert all(isinstance(outcome, Written) for outcome in await asyncio.gather(*writes))
        assert await closed(region) == page


# A new leader knows the same of the stream as the one before.
async def test_a_new_leader_tells_the_same() -> None:
    async with Region(table(streams=True)) as region:
        await fill(region, range(30))
        believe(region, replace(table(), stream=ENDED))
        before = await closed(region)
        first = await region.leader()
        await region.stop(first)
        await region.leader(but=[first])
        assert await closed(region) == before
        assert len(before.records) == 30


# Who asks where a stream ends begins to read after it: everything that was answered before has to be in it.
async def test_the_end_of_a_stream_is_after_all_that_was_answered() -> None:
    async with Region(table(streams=True)) as region:
        for count in range(1, 40):
            await fill(region, range(count, count + 1))
            page = await read(region)
            assert (page.latest, page.ending) == (count, count)


# A table that is gone leaves its changes, in full: a consumer reads them for a day more.
async def test_changes_outlive_their_table() -> None:
    async with Region(table(streams=True), nodes=1) as region:
        await fill(region, range(3))
        del region.catalog.view.tables_by_number[1]
        page = await closed(region)
        assert [record.key for record in page.records] == [put("x", f"{number:04}").key for number in range(3)]
