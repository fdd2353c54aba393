"""Settings on their way to other regions: a region that is away keeps nobody waiting, and what was told is told once."""

import asyncio
import random
from contextlib import AbstractAsyncContextManager

from msgspec.structs import replace

from node.replication.gateways import GatewayConnection
from node.replication.membership import STEPS_MAX, STEPS_PER_REGION_MAX, MembershipDriver
from tests.support.clock import ManualClock
from tests.support.replication_node import FakeCatalog, until
from tests.support.replication_store import table_spec
from wire.catalog import CATALOG_PARTITION, encode_row
from wire.catalog_changes import CatalogChange, Decided, SyncGlobalTable
from wire.members import Told
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus, SettingStamp, TableSpec

B = ReplicaSpec(RegionName("region-b"), ReplicaStatus.ACTIVE, generation=1)
C = ReplicaSpec(RegionName("region-c"), ReplicaStatus.ACTIVE, generation=1)


def changed_table(number: int, time_ms: int = 1) -> TableSpec:
    """Return a table in three regions with a setting that was changed here."""
    stamps = (SettingStamp(time_ms, "region-a", "warm"),)
    return replace(table_spec(number, f"t{number:02}", B, C), stamps=stamps, news_version=time_ms)


class Regions:
    """Gateways of regions that take whatever they are told, but for one that never answers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, CatalogChange]] = []
        self.waiting = 0

    def connect(self, destination: str) -> AbstractAsyncContextManager[GatewayConnection]:
        raise AssertionError(f"settings need no stream to {destination}")

    async def control(self, destination: str, change: CatalogChange, *, timeout_seconds: float) -> Decided:
        if destination == "region-c":
            self.waiting += 1
            await asyncio.Event().wait()
        self.told.append((destination, change))
        return Decided(1)

    def times(self) -> list[int]:
        """Return the stamps told, in order."""
        told = (change for _, change in self.told if isinstance(change, SyncGlobalTable))
        return [change.settings.stamps[0].time_ms for change in told if change.settings and change.settings.stamps]


class Rig:
    """A driver in region-a that leads the catalog."""

    def __init__(self, *tables: TableSpec) -> None:
        self.catalog, self.regions = FakeCatalog(), Regions()
        self.driver = MembershipDriver(
            region="region-a",
            catalog=self.catalog,
            changes=self.catalog,
            gateways=self.regions,
            clock=ManualClock(),
            randomness=random.Random(1),
            backoff_seconds_max=0.01,
        )
        self.catalog.listeners.append(self.driver.catalog_changed)
        self.set(*tables)

    def set(self, *tables: TableSpec) -> None:
        self.catalog.set({f"table/{table.name}": encode_row(table) for table in tables})

    async def __aenter__(self) -> "Rig":
        self.driver.leadership_ready(CATALOG_PARTITION)
        self._running = asyncio.ensure_future(self.driver.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])


# Many tables, and a region that swallows what it is told: the other region hears of every one of them.
async def test_a_silent_region_keeps_nobody_waiting() -> None:
    count = 2 * STEPS_MAX
    async with Rig(*(changed_table(number) for number in range(1, count + 1))) as rig:
        await until(lambda: len(rig.regions.told) == count)
        assert {destination for destination, _ in rig.regions.told} == {"region-b"}
        assert rig.regions.waiting == STEPS_PER_REGION_MAX


# What has been acknowledged is not told again until it changes.
async def test_settings_are_told_once() -> None:
    async with Rig(changed_table(1)) as rig:
        await until(lambda: rig.regions.told)
        rig.set(table_spec(2, "other", B))
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.regions.times() == [1]
        rig.set(changed_table(1, time_ms=2))
        await until(lambda: rig.regions.times() == [1, 2])


# What regions have acknowledged is in the row, so that the next leader of the catalog tells none of it again.
async def test_the_next_leader_tells_nothing_again() -> None:
    told = (Told("region-b", 1), Told("region-c", 1))
    async with Rig(replace(changed_table(1), told=told), changed_table(2)) as rig:
        await until(lambda: rig.regions.told)
        assert {change.name for _, change in rig.regions.told if isinstance(change, SyncGlobalTable)} == {"t02"}
