"""Capacity of global indexes under either billing mode."""

from typing import Any

import pytest

from node.catalog.capacity import with_capacity
from node.catalog.index_capacity import require_allowed, require_fitting_capacity, under_mode
from tests.support.rpc_catalog import RULES
from wire.catalog import CatalogView
from wire.catalog_changes import IndexSettings, UpdateTable
from wire.errors import ErrorCode, StoreError
from wire.tables import (
    BillingMode,
    IndexSpec,
    KeyAttribute,
    KeySchema,
    OnDemandMaxima,
    TableNumber,
    TableSpec,
    TableStatus,
    Throughput,
)

UNITS = Throughput(read_units=1, write_units=1)
INVALID = "One or more parameter values were invalid: "


def _table(mode: BillingMode, *indexes: IndexSpec) -> TableSpec:
    return TableSpec(
        number=TableNumber(1),
        name="t",
        table_id="id",
        status=TableStatus.ACTIVE,
        key_schema=KeySchema(KeyAttribute("pk", "S")),
        created_ms=1,
        billing_mode=mode,
        indexes=indexes,
    )


def _index(**settings: Any) -> IndexSpec:
    return IndexSpec(
        **{"number": 1, "name": "gsi", "is_local": False, "partition": (KeyAttribute("a", "S"),), **settings}
    )


def _created(**settings: Any) -> dict[str, Any]:
    return {"creates_index": _index(**settings)}


def _set(**settings: Any) -> dict[str, Any]:
    return {"index_settings": (IndexSettings(name="gsi", **settings),)}


# Each mode refuses what belongs to the other, in AWS's words.
@pytest.mark.parametrize(
    ("mode", "members", "text"),
    [
        (
            BillingMode.PROVISIONED,
            _created(),
            "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: gsi",
        ),
        (
            BillingMode.PROVISIONED,
            _created(throughput=UNITS, on_demand=OnDemandMaxima(write_units=1)),
            "MaxWriteRequestUnits for OnDemandThroughput for index : gsi cannot be specified when the table BillingMode is "
            "PROVISIONED",
        ),
        (
            BillingMode.PROVISIONED,
            _set(on_demand=OnDemandMaxima(read_units=1)),
            "MaxReadRequestUnits for OnDemandThroughput for index : gsi cannot be specified when the table BillingMode is "
            "PROVISIONED",
        ),
        (
            BillingMode.PAY_PER_REQUEST,
            _created(throughput=UNITS),
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: gsi when BillingMode is "
            "PAY_PER_REQUEST",
        ),
        (
            BillingMode.PAY_PER_REQUEST,
            _set(throughput=UNITS),
            "The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, "
            "WarmThroughput",
        ),
    ],
)
def test_what_does_not_fit_is_refused(mode: BillingMode, members: dict[str, Any], text: str) -> None:
    with pytest.raises(StoreError) as caught:
        require_fitting_capacity(_table(mode), UpdateTable(name="t", now_ms=1, **members))
    assert caught.value.message == INVALID + text


# And takes its own.
@pytest.mark.parametrize(
    ("mode", "members"),
    [
        (BillingMode.PROVISIONED, _created(throughput=UNITS)),
        (BillingMode.PROVISIONED, _set(throughput=UNITS)),
        (BillingMode.PAY_PER_REQUEST, _created(on_demand=OnDemandMaxima(read_units=1))),
        (BillingMode.PAY_PER_REQUEST, _set(warm=UNITS)),
    ],
)
def test_what_fits_is_taken(mode: BillingMode, members: dict[str, Any]) -> None:
    require_fitting_capacity(_table(mode), UpdateTable(name="t", now_ms=1, **members))


# A switch of the billing mode drops what belongs to the other mode; what an index could take at once it still can.
def test_what_a_switch_leaves() -> None:
    index = _index(throughput=Throughput(read_units=13000, write_units=1))
    switched = under_mode(index, BillingMode.PAY_PER_REQUEST)
    assert (switched.throughput, switched.warm) == (Throughput(), index.throughput)
    index = _index(on_demand=OnDemandMaxima(read_units=5))
    switched = under_mode(index, BillingMode.PROVISIONED)
    assert (switched.on_demand, switched.warm) == (OnDemandMaxima(), Throughput(read_units=12000, write_units=4000))
    assert under_mode(index, BillingMode.PAY_PER_REQUEST) is index
    local = _index(is_local=True, sort=(KeyAttribute("b", "S"),))
    assert under_mode(local, BillingMode.PROVISIONED) is local


# An index may have as much as a table, and all together no more than the account.
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"throughput": Throughput(read_units=40001, write_units=1)},
            "The requested ReadCapacityUnits for index gsi, 40001, is above the per index maximum for the account in here. "
            "Per table maximum: 40000.",
        ),
        (
            {"on_demand": OnDemandMaxima(write_units=40001)},
            "Subscriber limit exceeded: Requested MaxWriteRequestUnits for OnDemandThroughput for index : gsi exceeds",
        ),
        (
            {"warm": Throughput(read_units=40001, write_units=5000)},
            "Subscriber limit exceeded: Requested ReadUnitsPerSecond for WarmThroughput for index gsi exceeds",
        ),
    ],
)
def test_an_index_too_large(settings: dict[str, Any], text: str) -> None:
    table = _table(BillingMode.PROVISIONED, _index(**settings))
    with pytest.raises(StoreError) as caught:
        require_allowed(CatalogView(), None, table, "here")
    assert caught.value.code is ErrorCode.LIMIT_EXCEEDED
    assert caught.value.message.startswith(text)
    require_allowed(CatalogView(), table, table, "here")


# The account's total counts every other table and index.
def test_indexes_too_large_together() -> None:
    units = Throughput(read_units=40000, write_units=1)
    first, second, third = (_index(name=name, throughput=units) for name in ("one", "two", "three"))
    require_allowed(CatalogView(), None, _table(BillingMode.PROVISIONED, first, second), "here")
    with pytest.raises(StoreError, match="Current ReadCapacityUnits reserved by the account: 80000"):
        require_allowed(CatalogView(), None, _table(BillingMode.PROVISIONED, first, second, third), "here")


# A table becomes provisioned: all indexes without capacity are named, with no blank between them (dynalite's tests on AWS).
def test_all_indexes_without_capacity_are_named() -> None:
    names = ("index-A", "index-B", "index-C", "index-D")
    table = _table(BillingMode.PAY_PER_REQUEST, *(_index(name=name) for name in names))
    settings = (IndexSettings(name="index-B", throughput=UNITS),)
    change = UpdateTable(
        name="t",
        now_ms=1,
        billing_mode=BillingMode.PROVISIONED,
        throughput=UNITS,
        index_settings=settings,
        deletes_index="index-D",
    )
    with pytest.raises(StoreError) as caught:
        with_capacity(CatalogView(), table, change, RULES)
    assert caught.value.message == f"{INVALID}ProvisionedThroughput must be specified for index: index-A,index-C"
