"""Capacity of tables: how it is switched, raised and lowered, and how often AWS lets one do that."""

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.support.rpc_catalog import HERE, HOUR_MS, RULES, Catalog, create
from wire.capacity import warm_throughput
from wire.catalog_changes import CatalogChange, FinishTable, UpdateTable
from wire.errors import ErrorCode, StoreError
from wire.tables import BillingMode, CapacityHistory, Encryption, OnDemandMaxima, TableSpec, Throughput

# Noon, UTC.
NOON_MS = 1_700_049_600_000
DAY_MS = 24 * HOUR_MS
ON_DEMAND = BillingMode.PAY_PER_REQUEST
PROVISIONED = BillingMode.PROVISIONED


def update(now_ms: int = NOON_MS, **members: Any) -> UpdateTable:
    return UpdateTable(name="t", now_ms=now_ms, **members)


def provisioned(read: int = 9, write: int = 9) -> Catalog:
    catalog = Catalog()
    catalog.change(create("t", billing_mode=PROVISIONED, throughput=Throughput(read, write)))
    return catalog


def on_demand(**members: Any) -> Catalog:
    catalog = Catalog()
    catalog.change(create("t", **members))
    return catalog


def table(catalog: Catalog) -> TableSpec:
    return catalog.view.tables["t"]


def warm(catalog: Catalog) -> Throughput:
    spec = table(catalog)
    return warm_throughput(spec.billing_mode, spec.throughput, spec.warm)


def refused(catalog: Catalog, change: CatalogChange, text: str, code: ErrorCode = ErrorCode.VALIDATION) -> None:
    with pytest.raises(StoreError, match=re.escape(text)) as caught:
        catalog.change(change)
    assert caught.value.code is code


# Raising and lowering leaves its times, and a change that does both counts as both.
def test_raising_and_lowering_is_remembered() -> None:
    catalog = provisioned()
    catalog.change(update(NOON_MS + 1, throughput=Throughput(10, 9)))
    assert table(catalog).history == CapacityHistory(NOON_MS + 1, 0, 0)
    catalog.change(update(NOON_MS + 2, throughput=Throughput(11, 8)))
    assert table(catalog).history == CapacityHistory(NOON_MS + 2, NOON_MS + 2, 1)


# Four decreases a day, then one an hour after the last; refused ones count for nothing.
def test_decreases_are_limited() -> None:
    catalog = provisioned()
    for number in range(4):
        catalog.change(update(NOON_MS + number, throughput=Throughput(8 - number, 9)))
    text = (
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first 4 "
        "decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds. Number "
        "of decreases today: 4. Last decrease at Wednesday, November 15, 2023 at 12:00:00 PM Coordinated Universal Time. "
        "Next decrease can be made at Wednesday, November 15, 2023 at 1:00:00 PM Coordinated Universal Time"
    )
    lower = Throughput(4, 9)
    refused(catalog, update(NOON_MS + HOUR_MS, throughput=lower), text, ErrorCode.LIMIT_EXCEEDED)
    catalog.change(update(NOON_MS + HOUR_MS + 3, throughput=lower))
    assert table(catalog).history.decreases == 5
    catalog.change(update(NOON_MS + HOUR_MS + 4, throughput=Throughput(40, 40)))


# The count begins anew with the (UTC) day.
def test_decreases_are_counted_by_day() -> None:
    catalog = provisioned()
    midnight_ms = NOON_MS + 12 * HOUR_MS
    for number in range(4):
        catalog.change(update(midnight_ms - 9 + number, throughput=Throughput(8 - number, 9)))
    catalog.change(update(midnight_ms, throughput=Throughput(4, 9)))
    assert table(catalog).history.decreases == 1


# AWS's quotas of a table and of all tables of a region.
def test_provisioned_capacity_is_limited() -> None:
    catalog = provisioned(40_000, 40_000)
    text = (
        f"The requested WriteCapacityUnits, 40001, is above the per table maximum for the account in {HERE}. Per table "
        "maximum: 40000."
    )
    refused(catalog, update(throughput=Throughput(40_000, 40_001)), text, ErrorCode.LIMIT_EXCEEDED)
    catalog.change(create("u", billing_mode=PROVISIONED, throughput=Throughput(39_999, 1)))
    third = create("v", billing_mode=PROVISIONED, throughput=Throughput(2, 1))
    text = (
        f"This request would have caused the ReadCapacityUnits limit to be exceeded for the account in {HERE}. Current "
        "ReadCapacityUnits reserved by the account: 79999. Limit: 80000. Requested: 2."
    )
    refused(catalog, third, text, ErrorCode.LIMIT_EXCEEDED)


# Four switches to on-demand capacity a day; switching back is free.
def test_switches_to_on_demand_are_limited() -> None:
    catalog = provisioned()
    for number in range(4):
        catalog.change(update(NOON_MS + number, billing_mode=ON_DEMAND))
        catalog.change(update(NOON_MS + number, billing_mode=PROVISIONED, throughput=Throughput(9, 9)))
    text = (
        "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 1 day(s). Last update at Wed"
    )
    refused(catalog, update(NOON_MS + 9, billing_mode=ON_DEMAND), text, ErrorCode.LIMIT_EXCEEDED)
    catalog.change(update(NOON_MS + DAY_MS, billing_mode=ON_DEMAND))


# Warm throughput follows capacity upwards, and what was reached once stays.
def test_warm_throughput_never_falls() -> None:
    catalog = provisioned(9, 9)
    assert warm(catalog) == Throughput(9, 9)
    catalog.change(update(throughput=Throughput(20, 5)))
    assert warm(catalog) == Throughput(20, 9)
    catalog.change(update(throughput=Throughput(1, 1)))
    assert warm(catalog) == Throughput(20, 9)
    catalog.change(update(billing_mode=ON_DEMAND))
    assert warm(catalog) == Throughput(12_000, 4_000)
    catalog.change(update(billing_mode=PROVISIONED, throughput=Throughput(1, 1)))
    assert warm(catalog) == Throughput(12_000, 4_000)


# It is raised on request, one of the two at a time if one likes, and asking for what is there is no mistake.
def test_warm_throughput_is_raised() -> None:
    catalog = on_demand()
    catalog.change(update(warm=Throughput(12_000, 0)))
    catalog.change(update(warm=Throughput(0, 5_000)))
    assert warm(catalog) == Throughput(12_000, 5_000)
    text = "Requested WriteUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput"
    refused(catalog, update(warm=Throughput(0, 4_999)), text)
    text = (
        "Requested ReadUnitsPerSecond for WarmThroughput for table exceeds TableMaxReadCapacityUnits of the account in"
    )
    refused(catalog, update(warm=Throughput(40_001, 0)), text, ErrorCode.LIMIT_EXCEEDED)


# Maxima are merged member by member, removed with -1, and go with the mode they belong to.
def test_maxima_are_merged() -> None:
    catalog = on_demand(on_demand=OnDemandMaxima(5, 6))
    catalog.change(update(on_demand=OnDemandMaxima(7, 0)))
    assert table(catalog).on_demand == OnDemandMaxima(7, 6)
    catalog.change(update(on_demand=OnDemandMaxima(-1, 0)))
    assert table(catalog).on_demand == OnDemandMaxima(0, 6)
    catalog.change(update(billing_mode=PROVISIONED, throughput=Throughput(1, 1)))
    assert table(catalog).on_demand == OnDemandMaxima()
    text = "MaxWriteRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
    refused(catalog, update(on_demand=OnDemandMaxima(0, 5)), text)


# The table class can be changed twice a month; naming the one that is there is nothing.
def test_class_changes_are_limited() -> None:
    catalog = on_demand()
    catalog.change(update(table_class="STANDARD"))
    catalog.change(update(table_class="STANDARD_INFREQUENT_ACCESS"))
    catalog.change(update(table_class="STANDARD"))
    text = "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s)."
    third = update(NOON_MS + 29 * DAY_MS, table_class="STANDARD_INFREQUENT_ACCESS")
    refused(catalog, third, text, ErrorCode.LIMIT_EXCEEDED)
    catalog.change(update(NOON_MS + 30 * DAY_MS, table_class="STANDARD_INFREQUENT_ACCESS"))


# Encryption can be changed four times a day, then every six hours.
def test_encryption_changes_are_limited() -> None:
    catalog = on_demand()
    refused(catalog, update(disables_encryption=True), "Table is already encrypted by default")
    for _ in range(2):
        catalog.change(update(encryption=Encryption("key")))
        refused(catalog, update(encryption=Encryption("key")), "Table is already encrypted with given KMSMasterKeyId.")
        catalog.change(update(disables_encryption=True))
    text = (
        "Encryption mode changes are limited in the 24h window ending at 2023-11-16T12:00:00.000Z. After the first 4 change, "
        "each subsequent change in the same window can be performed at most once every 21600 seconds. Number of updates "
        "today: 4. Last change at 2023-11-15T12:00:00.000Z. Next changes can be made at 2023-11-15T18:00:00.000Z."
    )
    refused(catalog, update(NOON_MS + 1, encryption=Encryption("")), text, ErrorCode.LIMIT_EXCEEDED)
    catalog.change(update(NOON_MS + 6 * HOUR_MS, encryption=Encryption("")))


# With AWS's timing a setting rests after a change; without, nobody waits.
def test_protection_rests_with_awss_timing() -> None:
    slow = Catalog(replace(RULES, takes_time=True))
    slow.change(create("t"))
    slow.change(FinishTable(name="t", number=table(slow).number, now_ms=NOON_MS))
    slow.change(update(deletion_protection=True))
    text = (
        "Deletion protection setting for table t modified within the previous 15000 milliseconds. Please try again after "
        "2023-11-15T12:00:15.000Z"
    )
    refused(slow, update(NOON_MS + 14_999, deletion_protection=False), text, ErrorCode.THROTTLING)
    slow.change(update(NOON_MS + 15_000, deletion_protection=False))
