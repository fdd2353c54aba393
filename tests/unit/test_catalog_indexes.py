"""Indexes in the catalog: numbers for all time, one online change at a time, and a backfill counted by partition."""

from dataclasses import replace
from typing import Any

import pytest

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules
from tests.support.replication_store import placements
from wire.catalog import CatalogView, Delta, encode_row
from wire.catalog_changes import (
    CatalogChange,
    CreateTable,
    DeleteTable,
    FinishTable,
    IndexSettings,
    RebuildIndex,
    RecordIndexBackfill,
    UpdateTable,
)
from wire.errors import ErrorCode, StoreError
from wire.tables import BillingMode, IndexSpec, IndexStatus, KeyAttribute, KeySchema, TableSpec, TableStatus, Throughput

RULES = CatalogRules(region="a", regions=frozenset({"a"}))
NAME = "orders"
UNITS = Throughput(1, 1)


def index(name: str, *, is_local: bool = False, throughput: Throughput = UNITS) -> IndexSpec:
    return IndexSpec(
        number=0, name=name, is_local=is_local, partition=(KeyAttribute("by", "S"),), throughput=throughput
    )


class Catalog:
    """A view with two data partitions, and what decisions make of it."""

    def __init__(self, *indexes: IndexSpec) -> None:
        self.rules = RULES
        self.view = CatalogView()
        rows = {f"placement/{each.partition}": encode_row(each) for each in placements(2)}
        self.view.apply(Delta(1, dict(rows), full=True))
        self.decide(
            CreateTable(
                name=NAME,
                key_schema=KeySchema(KeyAttribute("id", "S")),
                billing_mode=BillingMode.PROVISIONED,
                throughput=Throughput(5, 5),
                indexes=indexes,
                now_ms=1,
                table_id="t",
            )
        )

    @property
    def table(self) -> TableSpec:
        return self.view.tables[NAME]

    def decide(self, change: CatalogChange) -> TableSpec | None:
        decision = decide(self.view, change, self.rules)
        if decision.rows:
            self.view.apply(Delta(self.view.version + 1, decision.rows))
        return decision.table

    def update(self, **members: Any) -> TableSpec:
        shown = self.decide(UpdateTable(name=NAME, now_ms=2, **members))
        assert shown is not None
        return shown

    def refused(self, **members: Any) -> tuple[ErrorCode, str]:
        with pytest.raises(StoreError) as caught:
            self.update(**members)
        return caught.value.code, caught.value.message

    def backfill(self, *partitions: int) -> None:
        (creating,) = (each for each in self.table.indexes if each.status is IndexStatus.CREATING)
        for partition in partitions:
            self.decide(
                RecordIndexBackfill(
                    name=NAME, index=creating.number, generation=creating.generation, partition=partition
                )
            )


# Indexes that are made with their table have nothing to copy.
def test_new_table_has_its_indexes_at_once() -> None:
    table = Catalog(index("one"), index("two", is_local=True)).table
    assert [(each.number, each.status, each.generation) for each in table.indexes] == [
        (1, IndexStatus.ACTIVE, table.version),
        (2, IndexStatus.ACTIVE, table.version),
    ]
    assert table.next_index == 3


# The answer shows the table on its way, the row goes on at once: as on AWS, the table is ACTIVE while the index is filled.
def test_index_is_created_online() -> None:
    catalog = Catalog()
    shown = catalog.update(creates_index=index("one"))
    assert (shown.status, shown.indexes[0].status) == (TableStatus.UPDATING, IndexStatus.CREATING)
    assert (catalog.table.status, catalog.table.indexes[0].is_backfilling) == (TableStatus.ACTIVE, True)
    assert catalog.table.records_changes


# Every partition has to report, each any number of times.
def test_index_is_active_when_all_partitions_have_copied() -> None:
    catalog = Catalog()
    catalog.update(creates_index=index("one"))
    catalog.backfill(1, 1)
    assert catalog.table.indexes[0].backfilled == (1,)
    catalog.backfill(2)
    assert (catalog.table.indexes[0].status, catalog.table.indexes[0].backfilled) == (IndexStatus.ACTIVE, ())


# Who looks at the index alone must not find it there while its table, on AWS's timing, is still UPDATING for it.
def test_index_is_not_active_before_its_table() -> None:
    catalog = Catalog()
    catalog.rules = replace(RULES, takes_time=True)
    catalog.update(creates_index=index("one"))
    catalog.backfill(1, 2)
    assert (catalog.table.status, catalog.table.indexes[0].status) == (TableStatus.UPDATING, IndexStatus.CREATING)
    catalog.decide(FinishTable(name=NAME, number=catalog.table.number, now_ms=1 << 40))
    assert (catalog.table.status, catalog.table.indexes[0].status) == (TableStatus.ACTIVE, IndexStatus.ACTIVE)
    assert catalog.table.indexes[0].backfilled == ()


# ... and a copy that takes longer than that goes on beside the ACTIVE table.
def test_table_does_not_wait_for_its_index() -> None:
    catalog = Catalog()
    catalog.rules = replace(RULES, takes_time=True)
    catalog.update(creates_index=index("one"))
    catalog.backfill(1)
    catalog.decide(FinishTable(name=NAME, number=catalog.table.number, now_ms=1 << 40))
    assert (catalog.table.status, catalog.table.indexes[0].status) == (TableStatus.ACTIVE, IndexStatus.CREATING)
    catalog.backfill(2)
    assert catalog.table.indexes[0].status is IndexStatus.ACTIVE


# A report about an index that is gone, or was begun again, says nothing of the one of that name now.
def test_late_backfill_report_changes_nothing() -> None:
    catalog = Catalog()
    first = catalog.update(creates_index=index("one")).indexes[0]
    catalog.update(deletes_index="one")
    catalog.update(creates_index=index("one"))
    before = catalog.table
    catalog.decide(RecordIndexBackfill(name=NAME, index=first.number, generation=first.generation, partition=1))
    assert catalog.table == before


# A dropped index is shown on its way out; its number is never used again.
def test_index_is_dropped_and_its_number_with_it() -> None:
    catalog = Catalog(index("one"))
    shown = catalog.update(deletes_index="one")
    assert (shown.status, shown.indexes[0].status) == (TableStatus.UPDATING, IndexStatus.DELETING)
    assert (catalog.table.indexes, catalog.table.status) == ((), TableStatus.ACTIVE)
    assert catalog.update(creates_index=index("one")).indexes[0].number == 2


# AWS's texts, in AWS's order: the name first, then the online change under way, then the quota.
def test_refusals_of_new_indexes() -> None:
    catalog = Catalog(*(index(f"g{number}") for number in range(20)))
    exists = (ErrorCode.VALIDATION, "Attempting to create an index which already exists")
    assert catalog.refused(creates_index=index("g3")) == exists
    too_many = "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of 20"
    assert catalog.refused(creates_index=index("g20")) == (ErrorCode.LIMIT_EXCEEDED, too_many)
    online = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    catalog.update(deletes_index="g3")
    catalog.update(creates_index=index("g20"))
    assert catalog.refused(creates_index=index("g21")) == (ErrorCode.LIMIT_EXCEEDED, online)
    assert catalog.refused(deletes_index="g4") == (ErrorCode.LIMIT_EXCEEDED, online)
    assert catalog.update(deletes_index="g20").indexes[-1].status is IndexStatus.DELETING


# What is not there, or goes with its table only, cannot be dropped or changed.
def test_refusals_of_changes() -> None:
    catalog = Catalog(index("local", is_local=True), index("one", throughput=Throughput(2, 3)))
    missing = (ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found: Index none for table orders")
    assert catalog.refused(deletes_index="none") == missing
    local = (ErrorCode.VALIDATION, "Cannot delete an index that is not a GlobalSecondaryIndex: local")
    assert catalog.refused(deletes_index="local") == local
    code, text = catalog.refused(index_settings=(IndexSettings(name="one", throughput=Throughput(2, 3)),))
    assert (code, text[:61]) == (ErrorCode.VALIDATION, "The provisioned throughput for the index one will not change.")


# The answer still shows the old throughput, the row has the new one.
def test_index_settings_change() -> None:
    catalog = Catalog(index("one", throughput=Throughput(2, 3)))
    shown = catalog.update(index_settings=(IndexSettings(name="one", throughput=Throughput(4, 3)),))
    assert (shown.indexes[0].status, shown.indexes[0].throughput) == (IndexStatus.UPDATING, Throughput(2, 3))
    assert (catalog.table.indexes[0].status, catalog.table.indexes[0].throughput) == (
        IndexStatus.ACTIVE,
        Throughput(4, 3),
    )


# A table cannot be dropped while an index of it is being made.
def test_table_with_a_coming_index_stays() -> None:
    catalog = Catalog()
    catalog.update(creates_index=index("one"))
    with pytest.raises(StoreError, match="Cannot delete table while indexes are being created"):
        catalog.decide(DeleteTable(name=NAME, now_ms=3))


# An index that misses changes is begun again under a number of its own, once, however many partitions say so.
def test_index_is_rebuilt_under_a_new_number() -> None:
    catalog = Catalog(index("one"))
    lost = RebuildIndex(name=NAME, index=1, generation=catalog.table.indexes[0].generation)
    catalog.decide(lost)
    (rebuilt,) = catalog.table.indexes
    assert (rebuilt.number, rebuilt.status, rebuilt.generation) == (2, IndexStatus.CREATING, catalog.table.version)
    catalog.decide(lost)
    assert catalog.table.indexes == (rebuilt,)
    catalog.backfill(1, 2)
    assert catalog.table.indexes[0].status is IndexStatus.ACTIVE
