"""Items are counted over all partitions, at most once in a while, and a partition that is silent counts with what it said last."""

import asyncio

from tests.support.clock import ManualClock
from tests.support.store_fake import Api, FakeStore, table_spec
from wire.commands import Measure, Measured
from wire.errors import ErrorCode, StoreError

SILENT = StoreError(ErrorCode.DEADLINE_EXCEEDED, "no answer")


def measures(store: FakeStore) -> int:
    return sum(isinstance(command, Measure) for command in store.commands)


async def described(api: Api) -> tuple[int, int]:
    table = (await api("DescribeTable", TableName="things"))["Table"]
    return table["ItemCount"], table["TableSizeBytes"]


# The figures are sums over partitions.
async def test_partitions_are_added_up() -> None:
    api = Api(FakeStore(table_spec()))
    for name in ("a", "b", "c", "d"):
        await api("PutItem", TableName="things", Item={"pk": {"S": name}})
    assert await described(api) == (4, 4 * 3)


# Waiters of many programs poll DescribeTable; partitions are asked once a second at most.
async def test_figures_are_remembered_for_a_moment() -> None:
    clock = ManualClock()
    api = Api(FakeStore(table_spec(), partitions=2), clock)
    api.store.script(Measure, *[Measured(((0, 2, 20),))] * 2, *[Measured(((0, 3, 30),))] * 2)
    assert await asyncio.gather(described(api), described(api)) == [(4, 40), (4, 40)]
    assert await described(api) == (4, 40)
    assert measures(api.store) == 2
    clock.advance(1.0)
    assert await described(api) == (6, 60)


# A partition without a leader must not make a table look empty, nor DescribeTable fail.
async def test_a_silent_partition_counts_as_before() -> None:
    clock = ManualClock()
    api = Api(FakeStore(table_spec(), partitions=2), clock)
    api.store.script(Measure, Measured(((0, 2, 20),)), Measured(((0, 3, 30),)))
    assert await described(api) == (5, 50)
    clock.advance(1.0)
    api.store.script(Measure, SILENT, Measured(((0, 4, 40),)))
    assert await described(api) == (6, 60)


# What was never measured counts nothing.
async def test_nothing_known_is_nothing() -> None:
    api = Api(FakeStore(table_spec(), partitions=1))
    api.store.script(Measure, SILENT)
    assert await described(api) == (0, 0)
