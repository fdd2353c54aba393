"""Capacity units: what an operation consumed, and how the answer says so.

Sources: AWS's guide, "Read/write capacity mode" (4 KB per read unit, half a unit when eventually consistent, 1 KB per write
unit, whole units only). Refuses to know how capacity is limited.
"""

from typing import Any

from wire.commands import Written
from wire.limits import READ_UNIT_BYTES, WRITE_UNIT_BYTES


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of reading `size` bytes; reading nothing costs as much as reading one byte."""
    units = max(1, -(-size // READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def write_units(written: Written) -> float:
    """Return the units of a write: the larger of the item before and after it."""
    return float(max(1, -(-max(written.size_before, written.size_after) // WRITE_UNIT_BYTES)))


def consumed(body: dict[str, Any], table: str, units: float) -> bytes:
    """Return the ConsumedCapacity object that the request asked for, or nothing. `table` is as the client wrote it."""
    match body.get("ReturnConsumedCapacity"):
        case "TOTAL":
            return b'{"TableName":"%b","CapacityUnits":%b}' % (table.encode(), str(units).encode())
        case "INDEXES":
            amount = str(units).encode()
            return b'{"TableName":"%b","CapacityUnits":%b,"Table":{"CapacityUnits":%b}}' % (
                table.encode(),
                amount,
                amount,
            )
    return b""
