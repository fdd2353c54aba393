"""What capacity an UpdateTable may give a global index under the billing mode that its table has, or gets with the same change.

Pure: AWS's refusals. What of it needs no table, the router has refused already.
"""

from typing import Final

from wire.catalog import UpdateTable
from wire.errors import StoreError, validation_error
from wire.tables import BillingMode, OnDemandMaxima, TableSpec, Throughput

_INVALID: Final = "One or more parameter values were invalid: "


def require_fitting_capacity(table: TableSpec, change: UpdateTable) -> None:
    """Refuse capacity of indexes that does not go with the billing mode of `table`, as it is after the change."""
    if table.billing_mode is BillingMode.PROVISIONED:
        _require_provisioned(change)
    else:
        _require_on_demand(change)


def _require_provisioned(change: UpdateTable) -> None:
    created = change.creates_index
    if created is not None:
        _refuse_maxima(created.name, created.on_demand)
        if created.throughput == Throughput():
            raise validation_error(
                f"{_INVALID}Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: {created.name}"
            )
    for settings in change.index_settings:
        _refuse_maxima(settings.name, settings.on_demand)


def _require_on_demand(change: UpdateTable) -> None:
    created = change.creates_index
    if created is not None and created.throughput != Throughput():
        raise _units_on_demand(created.name)
    for settings in change.index_settings:
        if settings.throughput is not None:
            raise validation_error(
                f"{_INVALID}The only Updates for index: {settings.name} when TableThroughputMode is PAY_PER_REQUEST can be "
                "to OnDemandThroughput, WarmThroughput"
            )


def _refuse_maxima(name: str, maxima: OnDemandMaxima | None) -> None:
    if maxima is None or maxima == OnDemandMaxima():
        return
    member = "MaxReadRequestUnits" if maxima.read_units else "MaxWriteRequestUnits"
    raise validation_error(
        f"{_INVALID}{member} for OnDemandThroughput for index : {name} cannot be specified when the table BillingMode is "
        "PROVISIONED"
    )


def _units_on_demand(name: str) -> StoreError:
    return validation_error(
        f"{_INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when BillingMode is "
        "PAY_PER_REQUEST"
    )
