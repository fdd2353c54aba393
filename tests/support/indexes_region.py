"""A region of nodes in one process with feeders on every node, and what a test asks of its indexes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import orjson

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules
from node.indexes.feeders import FeedersDriver
from tests.support.partition_region import SECONDS_MAX, Region
from wire.catalog import Delta, NodeId, PartitionId
from wire.catalog_changes import CatalogChange, Decided
from wire.clock import SystemClock
from wire.commands import Command, Failed, Outcome, Page, Range, Write, WriteKind, Written
from wire.errors import ErrorCode
from wire.indexes import row_of
from wire.items import Item, item_size
from wire.keys import ItemKey, encode_key_value, key_hash, token_of
from wire.tables import BillingMode, IndexSpec, KeyAttribute, KeySchema, TableNumber, TableSpec, TableStatus

TABLE = TableNumber(1)
SCHEMA = KeySchema(KeyAttribute("id", "S"))
RULES = CatalogRules(region="a", regions=frozenset({"a"}))


def by(attribute: str, number: int = 0) -> IndexSpec:
    """Return a global index of all attributes, by one of them."""
    return IndexSpec(number=number, name=f"by-{attribute}", is_local=False, partition=(KeyAttribute(attribute, "S"),))


def indexed_table(*indexes: IndexSpec) -> TableSpec:
    """Return a table that was made with these indexes."""
    return TableSpec(
        number=TABLE,
        name="orders",
        table_id="t",
        status=TableStatus.ACTIVE,
        key_schema=SCHEMA,
        created_ms=1,
        billing_mode=BillingMode.PAY_PER_REQUEST,
        indexes=indexes,
        next_index=len(indexes) + 1,
    )


def key_of(name: str) -> ItemKey:
    """Return the key of an item."""
    return ItemKey(encode_key_value("S", name))


def put(name: str, **attributes: str) -> Write:
    """Return a put of an item with string attributes."""
    item: Item = {"id": {"S": name}} | {each: {"S": value} for each, value in attributes.items()}
    return Write(WriteKind.PUT, TABLE, key_of(name), orjson.dumps(item), item_size(item))


def delete(name: str) -> Write:
    """Return a delete of an item."""
    return Write(WriteKind.DELETE, TABLE, key_of(name))


class IndexedRegion:
    """A region whose nodes feed indexes; the catalog decides in memory and everybody sees it at once."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.feeders: dict[NodeId, FeedersDriver] = {}
        self._clock = SystemClock()
        self._changed = asyncio.Event()

    def start_feeders(self, node: NodeId, tasks: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Feed from what a node leads."""
        driver = self.region.network.drivers[node]
        feeders = self.feeders[node] = FeedersDriver(
            node=driver,
            catalog=self.region.catalog,
            changes=self,
            partitions=self,
            clock=self._clock,
            copied_at_once_max=5,
            copied_per_second=0,
        )
        driver.on_leadership(feeders.leadership_ready, feeders.leadership_lost)
        driver.on_changes(feeders.changes_applied)
        return tasks.create_task(feeders.run())

    async def change(self, change: CatalogChange) -> Decided:
        """Decide as partition 0 would."""
        decision = decide(self.region.catalog.view, change, RULES)
        if decision.rows:
            self.region.catalog.view.apply(Delta(self.region.catalog.view.version + 1, decision.rows))
        for driver in self.region.network.drivers.values():
            driver.catalog_changed()
        for feeders in self.feeders.values():
            feeders.catalog_changed()
        self._changed.set()
        return Decided(self.region.catalog.view.version, decision.table)

    async def changed(self) -> None:
        """Wait until the catalog changes."""
        self._changed.clear()
        await self._changed.wait()

    async def execute(self, partition: PartitionId, command: Command, *, timeout_seconds: float) -> Outcome:
        """Ask the leader of a partition, if there is one."""
        try:
            async with asyncio.timeout(timeout_seconds):
                leader = await self.region.leader(partition)
                # Who asks may be cancelled, but the node answers all the same.
                return await asyncio.shield(self.region.submit(leader, command, partition))
        except (TimeoutError, KeyError):
            return Failed(ErrorCode.UNKNOWN_OUTCOME, "no answer")

    async def write(self, write: Write) -> None:
        """Write to the partition that holds the item."""
        outcome = await self.region.ask(write, partition=self._holder(write.key))
        assert isinstance(outcome, Written), outcome

    @property
    def table(self) -> TableSpec:
        return self.region.catalog.view.tables["orders"]

    async def read(self, index: int = 0) -> list[bytes]:
        """Return what all partitions hold of the table or an index, in no order, as their leaders have applied it."""
        bodies: list[bytes] = []
        for partition in self.region.catalog.view.placements:
            page = await self.region.ask(Range(TABLE, index, consistent=True), partition=partition)
            assert isinstance(page, Page), page
            bodies += page.items
        return bodies

    async def differences(self, index: IndexSpec) -> set[bytes]:
        """Return the rows that are missing or too many, as JSON."""
        items = [orjson.loads(body) for body in await self.read()]
        rows = (row_of(SCHEMA, index, key_of(item["id"]["S"]), item) for item in items)
        return _sorted(row.item for row in rows if row is not None) ^ _sorted(
            orjson.loads(body) for body in await self.read(index.number)
        )

    async def settled(self, name: str) -> set[bytes]:
        """Wait until all that is applied is fed to an index; return how it differs from its table then."""
        async with asyncio.timeout(SECONDS_MAX):
            while not (index := self._active(name)):
                await self.changed()
            for feeders in self.feeders.values():
                await feeders.wait_fed("orders", name)
        return await self.differences(index)

    def _active(self, name: str) -> IndexSpec | None:
        index = self.table.index(name)
        return index if index is not None and not index.is_backfilling else None

    def _holder(self, key: ItemKey) -> PartitionId:
        token = token_of(key_hash(key.partition))
        placements = self.region.catalog.view.placements.values()
        return next(each.partition for each in placements if each.lower <= token < each.upper)


def _sorted(items: Iterable[Item]) -> set[bytes]:
    return {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in items}


@asynccontextmanager
async def indexed_region(
    *indexes: IndexSpec, partitions: int = 3, nodes: int = 1
) -> AsyncIterator[tuple[IndexedRegion, asyncio.TaskGroup]]:
    """Start a region with feeders; the task group is for more of them."""
    async with Region(indexed_table(*indexes), nodes=nodes, partitions=partitions) as region:
        indexed = IndexedRegion(region)
        async with asyncio.TaskGroup() as tasks:
            running = [indexed.start_feeders(node, tasks) for node in region.nodes]
            yield indexed, tasks
            for task in running:
                task.cancel()
