"""The expirer on a real node: bounded batches, all tables in turn, and patience where the catalog cannot be asked."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules
from node.partition.driver import PartitionDriver
from node.partition.expirer import BATCH_ITEMS_MAX, PAGE_ITEMS_MAX, Expirer
from node.partition.expiry import Expire, ExpiryClock, ExpiryCommand
from tests.support.partition_items import key, put, query, table
from tests.support.partition_region import SECONDS_MAX, Region
from wire.catalog import Delta, PartitionId
from wire.catalog_changes import CatalogChange, Decided
from wire.clock import SystemClock
from wire.commands import Page, Written
from wire.errors import ErrorCode, StoreError
from wire.tables import TableSpec, TimeToLive

GENERATION = 1
RULES = CatalogRules(region="us-east-1", regions=frozenset({"us-east-1"}))


def expiring(number: int, *, is_complete: bool = True) -> TableSpec:
    return replace(table(number), time_to_live=TimeToLive("x", True, 0, GENERATION, is_complete=is_complete))


class WatchedReplica:
    """A replica that counts what is on its way at once."""

    def __init__(self, replica: PartitionDriver) -> None:
        self._replica = replica
        self.expiring = self.expiring_max = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._replica, name)

    async def propose_expiry(self, command: ExpiryCommand) -> bool:
        self.expiring += isinstance(command, Expire)
        self.expiring_max = max(self.expiring_max, self.expiring)
        try:
            return await self._replica.propose_expiry(command)
        finally:
            self.expiring -= isinstance(command, Expire)


class Bench:
    """One node with an expirer, and a catalog that is out of reach as often as the test says."""

    def __init__(self, region: Region, refusals: int = 0) -> None:
        self.region = region
        self.refusals = refusals
        driver = region.network.drivers[region.nodes[0]]
        self.watched = {partition: WatchedReplica(replica) for partition, replica in driver.replicas().items()}
        due = ExpiryClock(SystemClock().wall_ms, 1, 0)
        self.expirer = Expirer(node=self, catalog=region.catalog, changes=self, due=due, sweep_seconds=0.001)

    def replicas(self) -> Mapping[PartitionId, Any]:
        return self.watched

    async def change(self, change: CatalogChange) -> Decided:
        if self.refusals:
            self.refusals -= 1
            raise StoreError(ErrorCode.NOT_READY, "the catalog has no leader")
        view = self.region.catalog.view
        decision = decide(view, change, RULES)
        view.apply(Delta(view.version + 1, decision.rows))
        return Decided(view.version, decision.table)

    async def until(self, holds: Any) -> None:
        """Run the expirer until something holds."""
        running = asyncio.ensure_future(self.expirer.run())
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while not await holds():  # what the expirer does has no event here
                    await asyncio.sleep(0)
                    assert not running.done(), running
        finally:
            running.cancel()
            await asyncio.wait([running])


async def count(region: Region, number: int) -> int:
    page = await region.ask(query("p", number))
    assert isinstance(page, Page)
    return page.count


async def fill(region: Region, number: int, items: int, second: int) -> None:
    leader = await region.leader()
    puts = [put("p", f"{each:04}", number, x={"N": str(second)}) for each in range(items)]
    outcomes = await asyncio.gather(*(region.submit(leader, each) for each in puts))
    assert all(isinstance(outcome, Written) for outcome in outcomes)


# Requests share every turn: however much is due, a partition only ever has one bounded batch of it on its way.
async def test_batches_are_bounded_and_tables_take_turns() -> None:
    past = SystemClock().wall_ms() // 1_000 - 60
    async with Region(expiring(1), expiring(2), nodes=1) as region:
        for number in (1, 2):
            await fill(region, number, 3 * BATCH_ITEMS_MAX, past)
        bench = Bench(region)

        async def is_empty() -> bool:
            return await count(region, 1) + await count(region, 2) == 0

        await bench.until(is_empty)
        assert bench.watched[PartitionId(1)].expiring_max == BATCH_ITEMS_MAX


# A table that had items is gone through page by page; the catalog hears when that is done, as soon as it can be asked, and then
# nothing is left of how far it was.
async def test_an_index_is_filled_and_told() -> None:
    items = PAGE_ITEMS_MAX + 3
    past = SystemClock().wall_ms() // 1_000 - 60
    async with Region(table(1), nodes=1) as region:
        await fill(region, 1, items, past)
        await region.ask(put("p", "later", 1, x={"N": str(past + 10_000)}))
        view = region.catalog.view
        view.tables["table-1"] = view.tables_by_number[1] = expiring(1, is_complete=False)
        bench = Bench(region, refusals=3)
        replica = await region.replica()

        async def is_told() -> bool:
            time_to_live = view.tables_by_number[1].time_to_live
            assert time_to_live is not None
            return time_to_live.is_complete and replica.cursor("ttl/1") is None and await count(region, 1) == 1

        await bench.until(is_told)
        assert bench.refusals == 0
        assert replica.find_record(1, key("p", "later")) is not None
