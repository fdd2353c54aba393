"""Rounds of letting tombstones go, between real shippers and gateways in memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from msgspec import structs

from node.replication.shippers import ShippersDriver
from node.replication.sweeper import TombstoneSweeper
from tests.support.replication_node import FakeCatalog, FakeNode, FakeReplica, MemoryGateways, receiver_of, until
from tests.support.replication_store import FakeStore, placements, table_spec
from wire.catalog import LinkSpec, LinkState, PartitionId, encode_row
from wire.clock import SystemClock
from wire.errors import ErrorCode, StoreError
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus, TableSpec
from wire.versions import COUNTER_BITS

PARTITION = PartitionId(1)
NUMBERS = {"region-a": 1, "region-b": 2, "region-c": 3}
TO_A, TO_B, TO_C = (ReplicaSpec(RegionName(name), ReplicaStatus.ACTIVE, generation=1) for name in NUMBERS)
COMING_C = structs.replace(TO_C, status=ReplicaStatus.CREATING, source="region-b")
ORDERS = table_spec(3, "orders", TO_B)


@dataclass(slots=True)
class Rig:
    """A sweeper in region-a with its shippers, one partition, and the other regions behind gateways in memory."""

    sweeper: TombstoneSweeper
    shippers: ShippersDriver
    replica: FakeReplica
    catalog: FakeCatalog
    gateways: MemoryGateways
    stores: dict[str, FakeStore]

    def write(self, name: str, time: int, body: bytes | None = None) -> None:
        self.replica.write(name, time, body)
        self.shippers.changes_applied(PARTITION, {3}, self.replica.model.sequence)

    async def settled(self, *regions: str) -> None:
        await until(lambda: self.shippers.is_settled(PARTITION, 3, regions))

    def set_table(self, table: TableSpec) -> None:
        self.catalog.set({f"table/{table.name}": encode_row(table)})

    def held(self) -> list[list[bytes]]:
        """Return what every region holds: keys in order."""
        there = [[key.partition for _, key in store.items] for store in self.stores.values()]
        return [sorted(keys) for keys in ([key.partition for key in self.replica.model.items], *there)]

    async def rounds(self, number: int) -> None:
        for _ in range(number):
            await self.sweeper.sweep()


@asynccontextmanager
async def running(table: TableSpec = ORDERS) -> AsyncIterator[Rig]:
    clock, replica, catalog = SystemClock(), FakeReplica(PARTITION), FakeCatalog()
    stores = {name: FakeStore(table_spec(9, "orders", TO_A)) for name in ("region-b", "region-c")}
    gateways = MemoryGateways("region-a", {name: receiver_of(store, clock) for name, store in stores.items()})
    node = FakeNode(replica)
    shippers = ShippersDriver(
        region="region-a",
        numbers=NUMBERS,
        backoff_seconds_max=0.1,
        node=node,  # type: ignore[arg-type]
        catalog=catalog,
        changes=catalog,
        gateways=gateways,
        clock=clock,
        randomness=random.Random(1),
    )
    sweeper = TombstoneSweeper(
        region="region-a",
        numbers=NUMBERS,
        retention_seconds=3600,
        round_seconds=60,
        node=node,  # type: ignore[arg-type]
        catalog=catalog,
        shippers=shippers,
        gateways=gateways,
        clock=clock,
    )
    catalog.set({f"placement/{each.partition}": encode_row(each) for each in placements(1)})
    catalog.listeners.append(shippers.catalog_changed)
    rig = Rig(sweeper, shippers, replica, catalog, gateways, stores)
    rig.set_table(table)
    task = asyncio.create_task(shippers.run())
    shippers.leadership_ready(PARTITION)
    sweeper.leadership_ready(PARTITION)
    try:
        yield rig
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# The whole way: found, seen everywhere, gone everywhere; what lives stays. Not a round earlier, or an older change could still come.
async def test_old_tombstones_go_everywhere() -> None:
    async with running(table_spec(3, "orders", TO_B, TO_C)) as rig:
        rig.write("gone", 10)
        rig.write("live", 11, b"{}")
        await rig.settled("region-b", "region-c")
        await rig.rounds(2)
        assert rig.held() == [[b"gone", b"live"]] * 3
        await rig.rounds(1)
        assert rig.held() == [[b"live"]] * 3


# Retention: a young tombstone still has older writes to win over.
async def test_young_tombstones_stay() -> None:
    async with running() as rig:
        rig.write("young", SystemClock().wall_ms() << COUNTER_BITS)
        await rig.settled("region-b")
        await rig.rounds(4)
        assert rig.held()[0] == [b"young"]


# A region that has not got the tombstone must not be missed out: nobody forgets before it has.
async def test_tombstones_wait_for_every_region() -> None:
    async with running() as rig:
        await rig.settled("region-b")
        rig.catalog.set({"link/region-b": encode_row(LinkSpec("region-b", LinkState.CUT))})
        rig.write("gone", 10)
        await rig.rounds(6)
        assert rig.held()[0] == [b"gone"]
        rig.catalog.set({"link/region-b": encode_row(LinkSpec("region-b", LinkState.UP))})
        await rig.settled("region-b")
        await rig.rounds(4)
        assert rig.held()[:2] == [[], []]


# Itself last: if one region cannot forget, this one keeps its tombstone, and tells all of them again later.
async def test_a_refusal_keeps_the_tombstone_here() -> None:
    async with running() as rig:
        rig.write("gone", 10)
        await rig.settled("region-b")
        rig.stores["region-b"].failures.append(StoreError(ErrorCode.DEADLINE_EXCEEDED, "no leader"))
        await rig.rounds(3)
        assert rig.held()[:2] == [[b"gone"], [b"gone"]]
        await rig.rounds(4)
        assert rig.held()[:2] == [[], []]


# A member that comes while a page is on its way has not got what is on that page.
async def test_a_page_is_dropped_when_members_change() -> None:
    async with running() as rig:
        rig.write("gone", 10)
        await rig.settled("region-b")
        await rig.rounds(2)
        rig.set_table(table_spec(3, "orders", TO_B, COMING_C))
        await rig.rounds(4)
        assert rig.held()[:2] == [[b"gone"], [b"gone"]]


# Whoever does not lead any more leaves it to the next leader.
async def test_nothing_goes_without_leadership() -> None:
    async with running() as rig:
        rig.write("gone", 10)
        await rig.settled("region-b")
        await rig.rounds(2)
        rig.sweeper.leadership_lost(PARTITION)
        await rig.rounds(2)
        assert rig.held()[:2] == [[b"gone"], [b"gone"]]


# A table that all other regions have left has nobody to tell, and whoever wrote them: its tombstones are of no use.
async def test_a_table_that_was_global_is_cleared() -> None:
    async with running(structs.replace(ORDERS, replicas=(), global_table_id="")) as rig:
        rig.write("gone", 10)
        await rig.rounds(3)
        assert rig.held()[0] == []
        assert rig.gateways.attempts == 0
