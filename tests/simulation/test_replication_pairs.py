"""Every pair of changes of the control plane on the two sides of a cut, which then heals or has lost one side for good.

Whatever the two asked for: each side settles without the other, and in the end all that live agree on who holds the table and how.
"""

import os
from collections.abc import Callable
from itertools import product

import pytest

from router.gateway.fanout import member_table
from tests.support.replication_catalogs import NOW_MS, ModelCatalogs, create_table
from wire.catalog_changes import (
    AddReplica,
    CatalogChange,
    DeleteTable,
    IndexSettings,
    RemoveReplica,
    SetTags,
    SetTimeToLive,
    UpdateTable,
)
from wire.errors import StoreError
from wire.tables import (
    BillingMode,
    Encryption,
    IndexSpec,
    KeyAttribute,
    OnDemandMaxima,
    TableStatus,
    Throughput,
)

NAME = "orders"
OUTCOMES = ("heals", "a is lost", "b is lost")
LATER_MS = 10_000
# How many orders of the steps after the cut are tried for each pair.
ORDERS = int(os.environ.get("GLOBETABLE_PAIR_ORDERS", "1"))
NEW = IndexSpec(number=0, name="new", is_local=False, partition=(KeyAttribute("by", "S"),))
OLD = IndexSpec(number=0, name="old", is_local=False, partition=(KeyAttribute("of", "S"),))


def update(now_ms: int, **members: object) -> UpdateTable:
    return UpdateTable(name=NAME, now_ms=now_ms, **members)  # type: ignore[arg-type]


def add(region: str, now_ms: int) -> AddReplica:
    return AddReplica(name=NAME, region=region, now_ms=now_ms, global_table_id=f"global-{now_ms}")


Asked = Callable[[str, int], list[CatalogChange]]


def other_of(region: str) -> str:
    """Return the region on the other side of the cut: a and b stand for the two sides."""
    return "b" if region == "a" else "a"


def drop(now_ms: int) -> CatalogChange:
    return DeleteTable(name=NAME, now_ms=now_ms)


def remove(region: str, now_ms: int) -> CatalogChange:
    return RemoveReplica(name=NAME, region=region, now_ms=now_ms)


def updated(**members: object) -> Asked:
    return lambda region, now_ms: [update(now_ms, **members)]


def time_to_live(attribute: str, *, is_enabled: bool) -> Asked:
    return lambda region, now_ms: [SetTimeToLive(name=NAME, attribute=attribute, is_enabled=is_enabled, now_ms=now_ms)]


# What a client asks for in a region, a or b, one thing after the other.
ACTIONS: dict[str, Asked] = {
    "add d": lambda region, now_ms: [add("d", now_ms)],
    "remove other": lambda region, now_ms: [remove(other_of(region), now_ms)],
    "remove c": lambda region, now_ms: [remove("c", now_ms)],
    "replace other": lambda region, now_ms: [remove(other_of(region), now_ms), add("d", now_ms + 1)],
    "remove and add other": lambda region, now_ms: [
        remove(other_of(region), now_ms),
        add(other_of(region), now_ms + 1),
    ],
    "drop": lambda region, now_ms: [drop(now_ms)],
    "make again": lambda region, now_ms: [drop(now_ms), create_table(region, NAME, now_ms + 1)],
    "make again, add other": lambda region, now_ms: [
        drop(now_ms),
        create_table(region, NAME, now_ms + 1),
        add(other_of(region), now_ms + 2),
    ],
    "create index": updated(creates_index=NEW),
    "delete index": updated(deletes_index="old"),
    "update index": updated(index_settings=(IndexSettings(name="old", on_demand=OnDemandMaxima(0, 7)),)),
    "time to live on": time_to_live("end", is_enabled=True),
    "time to live off": time_to_live("due", is_enabled=False),
    "capacity": lambda region, now_ms: [
        update(now_ms, on_demand=OnDemandMaxima(0, now_ms % 1_000 + 1), warm=Throughput(13_000, 5_000))
    ],
    "billing mode": updated(billing_mode=BillingMode.PROVISIONED, throughput=Throughput(1, 1)),
    "encryption": updated(encryption=Encryption("")),
    "protection": updated(deletion_protection=True),
    "stream": updated(stream_enabled=False),
    "tags": lambda region, now_ms: [SetTags(name=NAME, tags=(("side", region),), now_ms=now_ms)],
}


class Pair:
    """Two changes, asked in a and in b while nothing passes between b and the others."""

    def __init__(self, here: str, there: str, outcome: str, *, third: bool, a_is_later: bool, seed: int) -> None:
        self.world = ModelCatalogs(seed, "a", "b", "c", "d")
        self._outcome = outcome
        self._form("b", *(["c"] if third else []))
        self._held = {region: held.table(NAME) for region, held in self.world.catalogs.items()}
        self._ask_apart(ACTIONS[here]("a", NOW_MS + 1_000 + a_is_later * 500), ACTIONS[there]("b", NOW_MS + 1_250))

    def run(self) -> None:
        """Let the cut end as it does, and check what comes of it."""
        world = self.world
        self._assert_nobody_waits()
        world.cut = set()
        world.dead = {"heals": set(), "a is lost": {"a"}, "b is lost": {"b"}}[self._outcome]
        for catalog in world.catalogs.values():
            catalog.now_ms += LATER_MS
        for _ in range(10):
            world.disturb()
        world.settle()
        world.wait_long()
        self._remove_the_lost()
        world.assert_consistent(NAME)
        self._assert_no_zombie()

    def _form(self, *regions: str) -> None:
        self.world.create("a", NAME)
        for change in (
            update(NOW_MS, creates_index=OLD),
            SetTimeToLive(name=NAME, attribute="due", is_enabled=True, now_ms=NOW_MS),
        ):
            assert self.world.ask("a", change)
        for region in regions:
            assert self.world.ask("a", add(region, NOW_MS))
            self.world.settle()

    def _ask_apart(self, here: list[CatalogChange], there: list[CatalogChange]) -> None:
        self.world.isolate("b")
        for region, asked in (("a", here), ("b", there)):
            for change in asked:
                self.world.ask(region, change)
                self.world.settle()
                self.world.wait_long()

    def _assert_nobody_waits(self) -> None:
        """Each side has settled what it was asked for, and takes changes, though it hears nothing of the other."""
        for region in ("a", "b", "c"):
            table = self.world.catalogs[region].table(NAME)
            assert table is None or table.status is TableStatus.ACTIVE, (region, table)

    def _remove_the_lost(self) -> None:
        """Do what is done about a region that is lost for good, wherever it is still taken for a member."""
        for lost, catalog in product(self.world.dead, self.world.living):
            table = catalog.table(NAME)
            if table is not None and table.replica(lost) is not None and table.status is TableStatus.ACTIVE:
                assert self.world.ask(catalog.region, RemoveReplica(name=NAME, region=lost, now_ms=NOW_MS + LATER_MS))
                self.world.settle()
                self.world.wait_long()

    def _assert_no_zombie(self) -> None:
        """What a region sent as the member that it was before is taken only where it still is that member."""
        for region, held in self._held.items():
            for catalog, table in self.world.held(NAME):
                if held is None or region == catalog.region:
                    continue
                joined_ms = next(member.joined_ms for member in held.members if member.region == region)
                try:
                    member_table(catalog.view, NAME, held.global_table_id, region, joined_ms)
                except StoreError:
                    continue
                present = self.world.catalogs[region].table(NAME)
                assert region not in self.world.dead, (region, catalog.region)
                assert present is not None, (region, catalog.region)
                assert present.number == held.number, (region, catalog.region)
                assert present.replica(catalog.region) is not None, (region, catalog.region, table)


# Two regions, or three of which two stay together; either change may be the later one; the cut heals, or one side is lost for good.
@pytest.mark.parametrize("here", ACTIONS)
def test_any_two_changes_end_in_agreement(here: str) -> None:
    for there, outcome, third, a_is_later in product(ACTIONS, OUTCOMES, (False, True), (False, True)):
        for seed in range(ORDERS):
            print(f"{here} | {there}; {outcome}; third={third} a_is_later={a_is_later} seed={seed}")
            Pair(here, there, outcome, third=third, a_is_later=a_is_later, seed=seed).run()
