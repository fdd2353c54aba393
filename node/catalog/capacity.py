"""Decide what a change makes of a table's capacity: how it is paid, how much is provisioned, its maxima, what is kept warm.

Pure: the row and the change in, the row after it or AWS's refusal out. What of it needs no row, the router has refused already.
"""

from typing import Final

from msgspec.structs import replace

from node.catalog import quotas, refusals
from node.catalog.rules import CatalogRules
from wire.capacity import larger, warm_throughput
from wire.catalog import CatalogView
from wire.catalog_changes import UpdateTable
from wire.errors import StoreError, validation_error
from wire.tables import BillingMode, OnDemandMaxima, TableSpec, Throughput

_INVALID: Final = "One or more parameter values were invalid: "
_REMOVES: Final = -1


def require_new_capacity(view: CatalogView, table: TableSpec, rules: CatalogRules) -> None:
    """Refuse a table that would be made with more capacity than is allowed."""
    if table.billing_mode is BillingMode.PROVISIONED:
        quotas.require_provisioned(view, table, table.throughput, rules.region)
    quotas.require_maxima(table.on_demand, "table", rules.region)
    quotas.require_warm(table.warm, "table", rules.region)


def with_capacity(view: CatalogView, table: TableSpec, change: UpdateTable, rules: CatalogRules) -> TableSpec:
    """Return the table with the capacity that an UpdateTable asks for."""
    mode = change.billing_mode or table.billing_mode
    if mode is BillingMode.PAY_PER_REQUEST:
        table = _with_maxima(_on_demand(table, change), change, rules)
    else:
        table = _provisioned(view, table, change, rules)
    return _with_warm(table, change, rules)


def with_maxima(present: OnDemandMaxima, asked: OnDemandMaxima) -> OnDemandMaxima:
    """Return maxima after a change, in which 0 leaves one as it is and -1 removes it."""
    return OnDemandMaxima(
        _maximum(present.read_units, asked.read_units), _maximum(present.write_units, asked.write_units)
    )


def _maximum(present: int, asked: int) -> int:
    return 0 if asked == _REMOVES else asked or present


def _on_demand(table: TableSpec, change: UpdateTable) -> TableSpec:
    if change.throughput is not None:
        raise refusals.throughput_on_demand()
    if table.billing_mode is BillingMode.PAY_PER_REQUEST:
        return table
    return replace(
        table,
        billing_mode=BillingMode.PAY_PER_REQUEST,
        throughput=Throughput(),
        billing_changed_ms=change.now_ms,
        on_demand_switches=quotas.with_on_demand_switch(table.on_demand_switches, change.now_ms),
        warm=_reached(table),
    )


def _with_maxima(table: TableSpec, change: UpdateTable, rules: CatalogRules) -> TableSpec:
    if change.on_demand is None:
        return table
    quotas.require_maxima(change.on_demand, "table", rules.region)
    return replace(table, on_demand=with_maxima(table.on_demand, change.on_demand))


def _provisioned(view: CatalogView, table: TableSpec, change: UpdateTable, rules: CatalogRules) -> TableSpec:
    if change.on_demand is not None:
        member = "MaxReadRequestUnits" if change.on_demand.read_units else "MaxWriteRequestUnits"
        raise validation_error(
            f"{_INVALID}{member} for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
        )
    if change.throughput is None:
        if change.billing_mode is not None:
            raise refusals.throughput_missing()
        return table
    was_provisioned = table.billing_mode is BillingMode.PROVISIONED
    if was_provisioned and change.throughput == table.throughput:
        raise refusals.throughput_unchanged(change.throughput)
    if not was_provisioned:
        _require_provisionable(table, change)
    quotas.require_provisioned(view, table, change.throughput, rules.region)
    history = table.history
    if was_provisioned:
        history = quotas.with_throughput_change(history, table.throughput, change.throughput, change.now_ms)
    return replace(
        table,
        billing_mode=BillingMode.PROVISIONED,
        throughput=change.throughput,
        history=history,
        on_demand=OnDemandMaxima(),
        warm=_reached(table),
    )


def _require_provisionable(table: TableSpec, change: UpdateTable) -> None:
    if table.replicas:
        raise refusals.replicas_need_capacity()
    given = {settings.name for settings in change.index_settings if settings.throughput is not None}
    given.add(change.deletes_index or "")
    missing = ",".join(index.name for index in table.global_indexes if index.name not in given)
    if missing:
        raise validation_error(f"{_INVALID}ProvisionedThroughput must be specified for index: {missing}")


def _reached(table: TableSpec) -> Throughput:
    """Return what a table can take at once, to be remembered when its capacity changes: it is never less again."""
    return warm_throughput(table.billing_mode, table.throughput, table.warm)


def _with_warm(table: TableSpec, change: UpdateTable, rules: CatalogRules) -> TableSpec:
    if change.warm is None:
        return table
    quotas.require_warm(change.warm, "table", rules.region)
    require_warmer(warm_throughput(table.billing_mode, table.throughput, table.warm), change.warm, "table")
    return replace(table, warm=larger(table.warm, change.warm))


def require_warmer(present: Throughput, asked: Throughput, what: str) -> None:
    """Refuse warm throughput below what there is, a zero asking for nothing; `what` is "table" or "index NAME"."""
    if 0 < asked.read_units < present.read_units:
        raise _colder("ReadUnitsPerSecond", what)
    if 0 < asked.write_units < present.write_units:
        raise _colder("WriteUnitsPerSecond", what)


def _colder(member: str, what: str) -> StoreError:
    return validation_error(
        f"{_INVALID}Requested {member} for WarmThroughput for {what} is lower than current WarmThroughput, decreasing "
        "WarmThroughput is not supported"
    )
