"""What capacity global indexes may be given, and what is left of it when the billing mode of their table changes.

Pure. What of it needs no table, the router has refused already.
"""

from typing import Final

from msgspec.structs import replace

from node.catalog import quotas
from wire.capacity import warm_throughput
from wire.catalog import CatalogView
from wire.catalog_changes import IndexSettings, UpdateTable
from wire.errors import StoreError, validation_error
from wire.tables import BillingMode, IndexSpec, OnDemandMaxima, TableSpec, Throughput

_INVALID: Final = "One or more parameter values were invalid: "


def under_mode(index: IndexSpec, mode: BillingMode) -> IndexSpec:
    """Return an index as its table's billing mode leaves it: of another mode only what it could take at once stays."""
    was = BillingMode.PAY_PER_REQUEST if index.throughput == Throughput() else BillingMode.PROVISIONED
    if index.is_local or was is mode:
        return index
    warm = warm_throughput(was, index.throughput, index.warm)
    return replace(index, throughput=Throughput(), on_demand=OnDemandMaxima(), warm=warm)


def require_allowed(view: CatalogView, before: TableSpec | None, after: TableSpec, region: str) -> None:
    """Refuse indexes that are given more capacity than an index, or all tables and indexes of the region together, may have."""
    for index in after.global_indexes:
        present = None if before is None else before.index(index.name)
        if index.throughput != (Throughput() if present is None else present.throughput):
            others = _reserved_beside(view, after, index)
            quotas.require_units(index.throughput, others, "index", region, f" for index {index.name}")
        if present is None or index.on_demand != present.on_demand:
            quotas.require_maxima(index.on_demand, f"index : {index.name}", region)
        if present is None or index.warm != present.warm:
            quotas.require_warm(index.warm, f"index {index.name}", region)


def require_fitting_capacity(table: TableSpec, change: UpdateTable) -> None:
    """Refuse capacity of indexes that does not go with the billing mode of `table`, as it is after the change."""
    if table.billing_mode is BillingMode.PROVISIONED:
        _require_provisioned(change)
    else:
        _require_on_demand(change)


def _reserved_beside(view: CatalogView, table: TableSpec, index: IndexSpec) -> Throughput:
    """Return what all tables and indexes have, this index apart."""
    tables = [*(each for each in view.tables.values() if each.name != table.name), table]
    parts = [each.throughput for each in tables]
    parts += [each.throughput for owner in tables for each in owner.global_indexes if each is not index]
    return Throughput(sum(part.read_units for part in parts), sum(part.write_units for part in parts))


def _require_provisioned(change: UpdateTable) -> None:
    created = change.creates_index
    if created is not None:
        _refuse_maxima(created.name, created.on_demand)
        if created.throughput == Throughput():
            raise validation_error(
                f"{_INVALID}Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: {created.name}"
            )
    for settings in change.index_settings:
        if not _says_something(settings):
            raise validation_error(
                f"{_INVALID}At least one of ProvisionedThroughput, OnDemandThroughput, WarmThroughput is required for index: "
                f"{settings.name}"
            )
        _refuse_maxima(settings.name, settings.on_demand)


def _require_on_demand(change: UpdateTable) -> None:
    created = change.creates_index
    if created is not None and created.throughput != Throughput():
        raise _units_on_demand(created.name)
    for settings in change.index_settings:
        if settings.throughput is not None or not _says_something(settings):
            raise validation_error(
                f"{_INVALID}The only Updates for index: {settings.name} when TableThroughputMode is PAY_PER_REQUEST can be "
                "to OnDemandThroughput, WarmThroughput"
            )


def _says_something(settings: IndexSettings) -> bool:
    return (
        settings.throughput is not None
        or settings.on_demand not in (None, OnDemandMaxima())
        or settings.warm is not None
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
