"""Tables that take their time are finished when it is over, by the node that leads the catalog."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from node.catalog.settling import TableSettler
from tests.support.rpc_catalog import RULES, Catalog, create
from tests.support.virtual_loop import VirtualLoop, run_virtually
from wire.catalog import CATALOG_PARTITION, CatalogView, PartitionId
from wire.catalog_changes import CatalogChange, Decided, DeleteTable
from wire.errors import ErrorCode, StoreError
from wire.tables import TableStatus

START_MS = 1_700_000_000_000


class World:
    """A catalog whose changes take effect at once, on the time of a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.catalog = Catalog(replace(RULES, takes_time=True))
        self.asked: list[CatalogChange] = []
        self.failures = 0
        self.settler = TableSettler(catalog=self, changes=self, clock=self)

    @property
    def view(self) -> CatalogView:
        return self.catalog.view

    def wall_ms(self) -> int:
        return START_MS + round(self.loop.time() * 1_000)

    def wall(self) -> float:
        return self.wall_ms() / 1_000

    def monotonic(self) -> float:
        return self.loop.time()

    async def change(self, change: CatalogChange) -> Decided:
        self.asked.append(change)
        if self.failures:
            self.failures -= 1
            raise StoreError(ErrorCode.UNKNOWN_OUTCOME, "lost")
        return self.decide(change)

    def decide(self, change: CatalogChange) -> Decided:
        decision = self.catalog.change(change)
        self.settler.catalog_changed()
        return Decided(self.view.version, decision.table)

    def status(self, name: str) -> TableStatus | None:
        table = self.view.tables.get(name)
        return None if table is None else table.status


def run(story: Callable[[World], Awaitable[None]]) -> None:
    async def main(loop: VirtualLoop) -> None:
        world = World(loop)
        settling = asyncio.ensure_future(world.settler.run())
        try:
            await story(world)
        finally:
            settling.cancel()
            await asyncio.wait([settling])

    run_virtually(main)


# From CREATING to ACTIVE, and from DELETING to gone, each when its time is over and not before.
def test_a_table_comes_and_goes_in_time() -> None:
    async def story(world: World) -> None:
        world.settler.leadership_ready(CATALOG_PARTITION)
        world.decide(create("t", now_ms=world.wall_ms()))
        await asyncio.sleep(4.9)
        assert world.status("t") is TableStatus.CREATING
        await asyncio.sleep(0.2)
        assert world.status("t") is TableStatus.ACTIVE
        world.decide(DeleteTable(name="t", now_ms=world.wall_ms()))
        await asyncio.sleep(3.9)
        assert world.status("t") is TableStatus.DELETING
        await asyncio.sleep(0.2)
        assert world.status("t") is None
        assert len(world.asked) == 2

    run(story)


# Only the catalog's leader finishes tables; a new one finishes what the old one left.
def test_the_next_leader_goes_on() -> None:
    async def story(world: World) -> None:
        world.settler.leadership_ready(PartitionId(1))
        world.decide(create("t", now_ms=world.wall_ms()))
        await asyncio.sleep(60)
        assert world.status("t") is TableStatus.CREATING
        world.settler.leadership_ready(CATALOG_PARTITION)
        await asyncio.sleep(0.1)
        assert world.status("t") is TableStatus.ACTIVE

    run(story)


# A decision that is lost is asked for again, after a pause.
def test_what_failed_is_tried_again() -> None:
    async def story(world: World) -> None:
        world.failures = 3
        world.settler.leadership_ready(CATALOG_PARTITION)
        world.decide(create("t", now_ms=world.wall_ms()))
        await asyncio.sleep(10)
        assert world.status("t") is TableStatus.ACTIVE
        assert len(world.asked) == 4

    run(story)
