"""The asyncio side of replication: tasks, links and timers around the cores, with gateways in memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from node.replication.cursors import Cursor
from node.replication.driver import ReplicationDriver
from tests.support.replication_node import FakeCatalog, FakeNode, FakeReplica, MemoryGateways, receiver_of, until
from tests.support.replication_store import FakeStore, placements, table_spec
from wire.catalog import CATALOG_PARTITION, LinkSpec, LinkState, PartitionId, encode_row
from wire.catalog_changes import (
    ForgetReplica,
    JoinGlobalTable,
    LeaveGlobalTable,
    MarkOverdue,
    RecordBackfill,
    SetReplicaStatus,
)
from wire.clock import Clock, SystemClock
from wire.cluster import ClusterSpec, NodeEntry, RegionEntry
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus, TableSpec
from wire.versions import Version

PARTITION = PartitionId(1)
TO_B = ReplicaSpec(RegionName("region-b"), ReplicaStatus.ACTIVE, generation=1)
TO_A = ReplicaSpec(RegionName("region-a"), ReplicaStatus.ACTIVE, generation=1)
CREATING_B = ReplicaSpec(RegionName("region-b"), ReplicaStatus.CREATING, source="region-a", generation=2)
CURSOR = "ship/region-b/3"


def cluster() -> ClusterSpec:
    nodes = {name: (NodeEntry(f"{name}-1", "z", "h:1"),) for name in ("region-a", "region-b")}
    regions = (RegionEntry(name, number, "h:2", "h:3", nodes[name]) for number, name in enumerate(nodes, 1))
    return ClusterSpec("test", tuple(regions))


@dataclass(slots=True)
class Rig:
    """A driver in region-a, one partition, and region-b behind gateways in memory."""

    driver: ReplicationDriver
    replica: FakeReplica
    catalog: FakeCatalog
    gateways: MemoryGateways
    store: FakeStore

    def write(self, name: str, time: int, body: bytes | None = b"{}") -> None:
        self.replica.write(name, time, body)
        self.driver.changes_applied(PARTITION, {3}, self.replica.model.sequence)

    def there(self) -> dict[bytes, int]:
        """Return what region-b holds: the version's time by partition key."""
        return {key.partition: change.version.time for (_, key), change in self.store.items.items()}

    def set_table(self, table: TableSpec) -> None:
        self.catalog.set({f"table/{table.name}": encode_row(table)})

    def set_link(self, state: LinkState, delay_ms: int = 0) -> None:
        self.catalog.set({"link/region-b": encode_row(LinkSpec("region-b", state, delay_ms))})

    def cursor(self) -> Cursor:
        return Cursor.decode(self.replica.cursors[CURSOR])


@asynccontextmanager
async def running(*tables: TableSpec, clock: Clock | None = None) -> AsyncIterator[Rig]:
    clock, replica, catalog = clock or SystemClock(), FakeReplica(PARTITION), FakeCatalog()
    store = FakeStore(table_spec(9, "orders", TO_A), partitions=2)
    gateways = MemoryGateways("region-a", {"region-b": receiver_of(store, clock)})
    driver = ReplicationDriver(
        cluster=cluster(),
        region="region-a",
        node=FakeNode(replica),  # type: ignore[arg-type]
        catalog=catalog,
        changes=catalog,
        gateways=gateways,
        clock=clock,
        randomness=random.Random(1),
    )
    catalog.set({f"placement/{each.partition}": encode_row(each) for each in placements(1)})
    catalog.listeners.append(driver.catalog_changed)
    rig = Rig(driver, replica, catalog, gateways, store)
    for table in tables:
        rig.set_table(table)
    task = asyncio.create_task(driver.run())
    driver.leadership_ready(PARTITION)
    try:
        yield rig
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# The whole way through tasks: a write here arrives there, the cursor is stored, the lag is gone.
async def test_driver_ships_writes_and_stores_its_cursor() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        rig.write("k1", 10)
        rig.write("k2", 11)
        await until(lambda: rig.there() == {b"k1": 10, b"k2": 11})
        await until(lambda: rig.cursor().sequence == 2 and not rig.cursor().is_scanning)
        (report,) = rig.driver.status()
    assert (report.state, report.shipper.lag_seconds, report.shipper.pending_records) == ("up", 0, 0)


# A table that is not replicated must not open a single connection.
async def test_driver_connects_only_when_something_is_shared() -> None:
    async with running() as rig:
        rig.write("k1", 10)
        await asyncio.sleep(0)
        assert (rig.gateways.attempts, rig.driver.status()) == (0, ())


# A new leader reads the cursor that the old one stored, and sends nothing twice.
async def test_driver_carries_on_after_leadership_moved() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        rig.write("k1", 10)
        await until(lambda: CURSOR in rig.replica.cursors and rig.cursor().sequence == 1)
        await until(lambda: not rig.cursor().is_scanning)
        rig.driver.leadership_lost(PARTITION)
        rig.write("k2", 11)
        sent = sum(map(len, rig.store.merged.values()))
        rig.driver.leadership_ready(PARTITION)
        await until(lambda: rig.there() == {b"k1": 10, b"k2": 11})
    assert sum(map(len, rig.store.merged.values())) == sent + 1


# A connection that breaks is opened again and what it swallowed is sent again.
async def test_driver_survives_a_broken_connection() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        rig.write("k1", 10)
        await until(lambda: rig.there() == {b"k1": 10})
        rig.gateways.connections[0].break_off()
        rig.write("k2", 11)
        await until(lambda: rig.there() == {b"k1": 10, b"k2": 11})
        assert rig.gateways.attempts == 2


# A cut closes the connection and refuses another; mending ships what waited.
async def test_driver_honours_a_cut_link() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        await until(lambda: rig.gateways.connections)
        rig.set_link(LinkState.CUT)
        await until(lambda: not rig.gateways.connections)
        rig.write("k1", 10)
        (report,) = rig.driver.status()
        assert (report.state, rig.there()) == ("cut", {})
        rig.set_link(LinkState.UP)
        await until(lambda: rig.there() == {b"k1": 10})


# Paused keeps the connection and sends nothing.
async def test_driver_honours_a_paused_link() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        await until(lambda: rig.gateways.connections)
        rig.set_link(LinkState.PAUSED)
        rig.write("k1", 10)
        await until(lambda: rig.driver.status()[0].shipper.pending_records == 1)
        assert (len(rig.gateways.connections), rig.there()) == (1, {})
        rig.set_link(LinkState.UP)
        await until(lambda: rig.there() == {b"k1": 10})
        assert rig.gateways.attempts == 1


# A delayed link holds each shipment for its time, no less.
async def test_driver_honours_a_delayed_link() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        rig.set_link(LinkState.DELAYED, delay_ms=150)
        await until(lambda: rig.gateways.connections)
        clock = SystemClock()
        begun = clock.monotonic()
        rig.write("k1", 10)
        await until(lambda: rig.there() == {b"k1": 10})
        assert clock.monotonic() - begun >= 0.15


# A region that does not know the table yet refuses; the shipper waits for its catalog and loses nothing.
async def test_driver_waits_for_the_other_catalog() -> None:
    async with running(table_spec(3, "orders", TO_B)) as rig:
        await until(lambda: rig.gateways.connections)
        rig.store.failures.append(StoreError(ErrorCode.RESOURCE_NOT_FOUND, "not yet"))
        rig.write("k1", 10)
        await until(lambda: rig.there() == {b"k1": 10})
        (report,) = rig.driver.status()
    assert (report.shipper.errors, report.shipper.last_error) == (1, "ResourceNotFoundException: not yet")


# A replica added to a table with data gets all of it, deletions included, and the catalog hears of it.
async def test_driver_copies_a_table_and_reports_it() -> None:
    async with running() as rig:
        for number in range(10):
            rig.replica.model.put(
                ItemKey(b"k%d" % number), Version(number + 1, 1), None if number == 3 else b"{}", 1, False
            )
        rig.set_table(table_spec(3, "orders", CREATING_B))
        await until(lambda: len(rig.there()) == 10)
        recorded = RecordBackfill(name="orders", region="region-b", generation=2, partition=1)
        await until(lambda: recorded in rig.catalog.asked)


# The catalog's leader creates the table over there, and nobody else does.
async def test_driver_carries_membership_on_where_the_catalog_is_led() -> None:
    async with running(table_spec(3, "orders", CREATING_B)) as rig:
        await until(lambda: rig.gateways.connections)
        assert rig.store.changes == []
        rig.driver.leadership_ready(CATALOG_PARTITION)
        await until(lambda: rig.store.changes)
        join = rig.store.changes[0]
    assert isinstance(join, JoinGlobalTable)
    assert [member.region for member in join.members if member.is_member] == ["region-a", "region-b"]
    assert (join.new_region, join.source) == ("region-b", "region-a")


# When all partitions have copied their share, the new replica is opened there first and here last.
async def test_driver_opens_a_copied_replica_there_first() -> None:
    copied = ReplicaSpec(RegionName("region-b"), ReplicaStatus.CREATING, "region-a", (1,), 2)
    async with running(table_spec(3, "orders", copied)) as rig:
        rig.driver.leadership_ready(CATALOG_PARTITION)
        opened = SetReplicaStatus(
            name="orders", global_table_id="global-1", region="region-b", status=ReplicaStatus.ACTIVE
        )
        await until(lambda: opened in rig.catalog.asked)
        assert opened in rig.store.changes


# Membership steps wait for an unreachable region and go on when it is back.
async def test_driver_retries_membership_steps() -> None:
    async with running() as rig:
        rig.gateways.down.add("region-b")
        rig.driver.leadership_ready(CATALOG_PARTITION)
        rig.set_table(table_spec(3, "orders", CREATING_B))
        await until(lambda: rig.gateways.attempts >= 3)
        rig.gateways.down.clear()
        await until(lambda: rig.store.changes)


# No control call may pass over a cut link either.
async def test_driver_makes_no_membership_step_over_a_cut_link() -> None:
    async with running() as rig:
        rig.set_link(LinkState.CUT)
        rig.driver.leadership_ready(CATALOG_PARTITION)
        rig.set_table(table_spec(3, "orders", CREATING_B))
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.gateways.attempts == 0
        rig.set_link(LinkState.UP)
        await until(lambda: rig.store.changes)


# A replica that leaves is told to drop its table, then forgotten here.
async def test_driver_removes_a_replica() -> None:
    leaving = ReplicaSpec(RegionName("region-b"), ReplicaStatus.DELETING, generation=1)
    async with running(table_spec(3, "orders", leaving)) as rig:
        rig.driver.leadership_ready(CATALOG_PARTITION)
        await until(lambda: any(isinstance(change, ForgetReplica) for change in rig.catalog.asked))
        assert isinstance(rig.store.changes[0], LeaveGlobalTable)


# A region that does not answer, or cannot be reached, is waited for a while and no longer; what is forgotten here says that it is not gone.
@pytest.mark.parametrize("is_cut", [True, False])
async def test_driver_forgets_a_replica_that_does_not_answer(is_cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.replication.membership.WAIT_SECONDS", 0.05)
    leaving = ReplicaSpec(RegionName("region-b"), ReplicaStatus.DELETING, generation=1)
    async with running() as rig:
        rig.gateways.down |= set() if is_cut else {"region-b"}
        if is_cut:
            rig.set_link(LinkState.CUT)
        rig.driver.leadership_ready(CATALOG_PARTITION)
        rig.set_table(table_spec(3, "orders", leaving))
        await until(lambda: any(isinstance(change, ForgetReplica) for change in rig.catalog.asked))
        assert not any(change.is_gone for change in rig.catalog.asked if isinstance(change, ForgetReplica))


class BusyClock(SystemClock):
    """The clock of a machine so busy that 60 ms pass from one look at it to the next."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return self.looks * 0.06


# The time is up between two looks at the clock, and nothing else happens: the driver must not sleep until something does.
async def test_driver_misses_no_end_of_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.replication.membership.WAIT_SECONDS", 0.05)
    leaving = ReplicaSpec(RegionName("region-b"), ReplicaStatus.DELETING, generation=1)
    async with running(clock=BusyClock()) as rig:
        rig.set_link(LinkState.CUT)
        rig.driver.leadership_ready(CATALOG_PARTITION)
        rig.set_table(table_spec(3, "orders", leaving))
        await until(lambda: any(isinstance(change, ForgetReplica) for change in rig.catalog.asked))


# A copy that takes long stops keeping the table here from other changes, once.
async def test_driver_marks_a_replica_that_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.replication.membership.WAIT_SECONDS", 0.05)
    async with running(table_spec(3, "orders", CREATING_B)) as rig:
        rig.driver.leadership_ready(CATALOG_PARTITION)
        await until(lambda: MarkOverdue(name="orders", region="region-b", generation=2) in rig.catalog.asked)
        assert any(isinstance(change, JoinGlobalTable) for change in rig.store.changes)
