"""On-demand maxima and warm throughput of tables, as requests ask for them, and how a table shows them.

Knows AWS's rules and words for what needs no table to be known; what depends on the table as it is, the catalog decides.
"""

from typing import Any, Final

from router.operations.table_settings import INVALID
from wire.capacity import ON_DEMAND_WARM
from wire.errors import StoreError, validation_error
from wire.tables import BillingMode, OnDemandMaxima, Throughput

_READ_MAXIMUM: Final = "MaxReadRequestUnits"
_WRITE_MAXIMUM: Final = "MaxWriteRequestUnits"
_READ_WARM: Final = "ReadUnitsPerSecond"
_WRITE_WARM: Final = "WriteUnitsPerSecond"
_REMOVES: Final = -1
_INITIAL: Final = (
    "initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
    "on-demand-capacity-mode.html#on-demand-capacity-mode-initial"
)


def created_maxima(body: dict[str, Any], mode: BillingMode) -> OnDemandMaxima:
    """Return the maxima that a CreateTable asks for."""
    given = _given(body, "OnDemandThroughput", (_READ_MAXIMUM, _WRITE_MAXIMUM))
    for member, units in given.items():
        if mode is BillingMode.PROVISIONED:
            raise validation_error(
                f"{INVALID}{member} for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED."
            )
        if units < 1:
            raise _out_of_range(member)
    return OnDemandMaxima(given.get(_READ_MAXIMUM, 0), given.get(_WRITE_MAXIMUM, 0))


def changed_maxima(body: dict[str, Any]) -> OnDemandMaxima | None:
    """Return the maxima that an UpdateTable asks for, in the catalog's terms: 0 leaves one as it is, -1 removes it."""
    given = _given(body, "OnDemandThroughput", (_READ_MAXIMUM, _WRITE_MAXIMUM))
    for member, units in given.items():
        if units < 1 and units != _REMOVES:
            raise _out_of_range(member)
    return OnDemandMaxima(given.get(_READ_MAXIMUM, 0), given.get(_WRITE_MAXIMUM, 0)) if given else None


def created_warm(body: dict[str, Any], mode: BillingMode, throughput: Throughput, what: str = "table") -> Throughput:
    """Return the warm throughput that what is made asks for, "table" or "index NAME"; a zero asks for nothing."""
    given = _given(body, "WarmThroughput", (_READ_WARM, _WRITE_WARM))
    is_on_demand = mode is BillingMode.PAY_PER_REQUEST
    least = ON_DEMAND_WARM if is_on_demand else throughput
    for member, units, capacity, name in (
        (_READ_WARM, given.get(_READ_WARM), least.read_units, "ReadCapacityUnits"),
        (_WRITE_WARM, given.get(_WRITE_WARM), least.write_units, "WriteCapacityUnits"),
    ):
        if units is not None and units < capacity:
            bound = _INITIAL if is_on_demand else f"{name} of ProvisionedThroughput"
            raise validation_error(f"{INVALID}Requested {member} for WarmThroughput for {what} is lower than {bound}")
    return Throughput(given.get(_READ_WARM, 0), given.get(_WRITE_WARM, 0))


def changed_warm(body: dict[str, Any], what: str = "table") -> Throughput | None:
    """Return the warm throughput that an UpdateTable asks for, of its table or an "index NAME"; a zero asks for nothing."""
    given = _given(body, "WarmThroughput", (_READ_WARM, _WRITE_WARM))
    for member, units in given.items():
        if units < 1:
            raise validation_error(
                f"{INVALID}Requested {member} for WarmThroughput for {what} is lower than current WarmThroughput, "
                "decreasing WarmThroughput is not supported"
            )
    return Throughput(given.get(_READ_WARM, 0), given.get(_WRITE_WARM, 0)) if given else None


def maxima_description(maxima: OnDemandMaxima) -> dict[str, Any]:
    """Return the OnDemandThroughput member of a table or an index, which only names maxima there are."""
    members = {_READ_MAXIMUM: maxima.read_units, _WRITE_MAXIMUM: maxima.write_units}
    shown = {name: units for name, units in members.items() if units}
    return {"OnDemandThroughput": shown} if shown else {}


def warm_description(warm: Throughput, status: str) -> dict[str, Any]:
    """Return what a WarmThroughput member holds, of a table or an index."""
    return {_READ_WARM: warm.read_units, _WRITE_WARM: warm.write_units, "Status": status}


def _given(body: dict[str, Any], name: str, members: tuple[str, str]) -> dict[str, int]:
    asked: dict[str, Any] = body.get(name) or {}
    return {member: asked[member] for member in members if asked.get(member) is not None}


def _out_of_range(member: str) -> StoreError:
    return validation_error(f"{INVALID}Requested {member} for OnDemandThroughput for table is outside of valid range")
