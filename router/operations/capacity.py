"""Capacity units: what an operation consumed, and how the answer says so.

Sources: AWS's guide, "Read/write capacity mode" (4 KB per read unit, half a unit when eventually consistent, 1 KB per write
unit, whole units only). Refuses to know how capacity is limited.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from wire.commands import Written
from wire.limits import READ_UNIT_BYTES, WRITE_UNIT_BYTES
from wire.tables import TableSpec


class IndexUnits(NamedTuple):
    """The units consumed in one secondary index."""

    name: str
    is_local: bool
    units: float


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of reading `size` bytes; reading nothing costs as much as reading one byte."""
    units = max(1, -(-size // READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def write_units(written: Written) -> float:
    """Return the units of a write: the larger of the item before and after it."""
    return float(max(1, -(-max(written.size_before, written.size_after) // WRITE_UNIT_BYTES)))


def index_write_units(spec: TableSpec | None, written: Written) -> tuple[IndexUnits, ...]:
    """Return what a write consumed in the indexes it changed; `spec` is None when the table is gone by now."""
    if spec is None or not written.index_units:
        return ()
    by_number = {index.number: index for index in spec.indexes}
    found = [(by_number.get(number), units) for number, units in written.index_units]
    return tuple(IndexUnits(index.name, index.is_local, float(units)) for index, units in found if index is not None)


def consumed(body: dict[str, Any], table: str, units: float, indexes: Sequence[IndexUnits] = ()) -> bytes:
    """Return the ConsumedCapacity object that the request asked for, or nothing.

    `table` is as the client wrote it, `units` are the table's own; what several entries say of one index is added up.
    """
    asked = body.get("ReturnConsumedCapacity")
    if asked not in ("TOTAL", "INDEXES"):
        return b""
    total = units + sum(each.units for each in indexes)
    answer: dict[str, Any] = {"TableName": table, "CapacityUnits": total}
    if asked == "INDEXES":
        answer["Table"] = {"CapacityUnits": units}
        for member, is_local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
            by_name = _units_by_name(each for each in indexes if each.is_local is is_local)
            if by_name:
                answer[member] = {name: {"CapacityUnits": amount} for name, amount in by_name.items()}
    return orjson.dumps(answer)


def _units_by_name(indexes: Iterable[IndexUnits]) -> dict[str, float]:
    by_name: dict[str, float] = {}
    for each in indexes:
        by_name[each.name] = by_name.get(each.name, 0.0) + each.units
    return by_name
