"""Regions of nodes in one process, on real drivers and writers."""

import asyncio

from tests.support.partition_items import body, delete, get, put, query, table, update
from tests.support.partition_region import Region
from wire.commands import ConditionFailed, Got, NotLeader, Page, Returned, Written
from wire.expressions import add, not_exists, path, value
from wire.expressions import update as update_tree

ONE = {"N": "1"}


# A laptop's single node serves at once: there is nobody to vote with.
async def test_a_single_replica_serves() -> None:
    async with Region(table(), nodes=1) as region:
        assert isinstance(await region.ask(put("x", n=ONE)), Written)
        assert await region.ask(get("x")) == Got(body("x", n=ONE), 7)


# Three replicas elect one that serves, and all of them come to hold what it wrote.
async def test_three_replicas_serve() -> None:
    async with Region(table()) as region:
        leader = await region.leader()
        assert isinstance(await region.ask(put("x", n=ONE)), Written)
        assert isinstance(await region.ask(get("x")), Got)
        follower = next(node for node in region.nodes if node != leader)
        assert await region.ask(get("x"), node=follower) == NotLeader(leader)
        await region.eventually(get("x", consistent=False), follower, Got(body("x", n=ONE), 7))


# Many writers of one item in one turn: each is judged on the one before, and none is lost.
async def test_concurrent_increments_all_count() -> None:
    async with Region(table()) as region:
        leader = await region.leader()
        tree = update_tree(add(path("n"), value(0)))
        writes = [
            region.submit(leader, update("x", tree=tree, values=[ONE], returned=Returned.UPDATED_NEW))
            for _ in range(200)
        ]
        outcomes = await asyncio.gather(*writes)
        assert all(isinstance(outcome, Written) for outcome in outcomes)
        assert await region.ask(get("x")) == Got(body("x", n={"N": "200"}), 7)


# Of many unique puts exactly one wins, whether they meet in one turn or not.
async def test_one_of_many_unique_puts_wins() -> None:
    async with Region(table()) as region:
        leader = await region.leader()
        writes = [region.submit(leader, put("x", condition=not_exists(path("p")))) for _ in range(50)]
        outcomes = await asyncio.gather(*writes)
        assert [type(outcome) for outcome in outcomes].count(Written) == 1
        assert [type(outcome) for outcome in outcomes].count(ConditionFailed) == 49


# A strong query right after a write must see it, although it is not applied when the write is answered.
async def test_a_query_sees_what_was_just_written() -> None:
    async with Region(table()) as region:
        for number in range(20):
            await region.ask(put("x", f"{number:02}"))
            page = await region.ask(query("x"))
            assert isinstance(page, Page)
            assert page.count == number + 1


# The leader dies: another one serves, with everything that was acknowledged.
async def test_acknowledged_writes_survive_the_leader() -> None:
    async with Region(table()) as region:
        for number in range(10):
            assert isinstance(await region.ask(put("x", f"{number:02}", n=ONE)), Written)
        first = await region.leader()
        await region.stop(first)
        await region.leader(but=[first])
        page = await region.ask(query("x"))
        assert isinstance(page, Page)
        assert page.count == 10
        region.start(first)
        assert isinstance(await region.ask(delete("x", "00")), Written)


# All nodes stop and start again from their disks.
async def test_everything_is_there_after_a_restart_of_all() -> None:
    async with Region(table()) as region:
        await region.ask(put("x", n=ONE))
        for node in region.nodes:
            await region.stop(node)
        for node in region.nodes:
            region.start(node)
        assert await region.ask(get("x")) == Got(body("x", n=ONE), 7)
