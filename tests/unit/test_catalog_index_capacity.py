"""Capacity of global indexes under either billing mode."""

from typing import Any

import pytest

from node.catalog.index_capacity import require_fitting_capacity
from wire.catalog import IndexSettings, UpdateTable
from wire.errors import StoreError
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


def _table(mode: BillingMode) -> TableSpec:
    return TableSpec(
        number=TableNumber(1),
        name="t",
        table_id="id",
        status=TableStatus.ACTIVE,
        key_schema=KeySchema(KeyAttribute("pk", "S")),
        created_ms=1,
        billing_mode=mode,
    )


def _created(**settings: Any) -> dict[str, Any]:
    index = IndexSpec(number=0, name="gsi", is_local=False, partition=(KeyAttribute("a", "S"),), **settings)
    return {"creates_index": index}


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
