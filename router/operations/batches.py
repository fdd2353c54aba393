"""What BatchGetItem and BatchWriteItem share: many commands at once, of which some may fail alone.

Knows which failures leave a part of a batch to be asked for again; refuses to know what the commands are.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from router.operations.capacity import IndexUnits, consumed
from router.operations.store import Store
from wire.commands import Command, Outcome
from wire.errors import NOT_APPLIED, ErrorCode, StoreError, validation_error

DUPLICATES: Final = "Provided list of item keys contains duplicates"

# A part of a batch that failed so may be sent again as it is: it was not carried out or, where that is not known, does no
# harm when it is carried out twice, as neither a read nor a whole item put or deleted does.
_UNPROCESSED: Final = NOT_APPLIED | {
    ErrorCode.SERVICE_UNAVAILABLE,
    ErrorCode.THROTTLING,
    ErrorCode.PROVISIONED_THROUGHPUT_EXCEEDED,
    ErrorCode.REQUEST_LIMIT_EXCEEDED,
    ErrorCode.INTERNAL,
    ErrorCode.UNKNOWN_OUTCOME,
    ErrorCode.UNANSWERED,
    ErrorCode.DEADLINE_EXCEEDED,
    ErrorCode.DAMAGED,
}


class BatchPart(NamedTuple):
    """One command of a batch: the table as the client wrote it, the partition, and the client's own words to give back."""

    table: str
    token: int
    command: Command
    asked: dict[str, Any]


async def carried_out(store: Store, parts: Sequence[BatchPart], deadline: float) -> list[Outcome | None]:
    """Carry all parts out side by side; None stands for one that may be sent again.

    When every part fails so, the first failure is raised, as it is when any part fails otherwise.
    """
    outcomes = await asyncio.gather(
        *(store.execute(part.token, part.command, deadline=deadline) for part in parts), return_exceptions=True
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if len(failures) == len(outcomes) or not _may_be_sent_again(failure):
            raise failure
    return [None if isinstance(outcome, BaseException) else outcome for outcome in outcomes]


def require_distinct(values: Iterable[object]) -> None:
    """Refuse a batch that names an item twice."""
    seen = set()
    for value in values:
        if value in seen:
            raise validation_error(DUPLICATES)
        seen.add(value)


def consumed_by_table(
    body: dict[str, Any], units: dict[str, float], indexes: Mapping[str, Sequence[IndexUnits]] = MappingProxyType({})
) -> bytes:
    """Return the ConsumedCapacity list that the request asked for, or nothing."""
    parts = [consumed(body, table, units[table], indexes.get(table, ())) for table in units]
    return b"[%b]" % b",".join(parts) if any(parts) else b""


def unprocessed(left: dict[str, Any]) -> bytes:
    """Return what is left to be asked for again as JSON."""
    return orjson.dumps(left)


def _may_be_sent_again(failure: BaseException) -> bool:
    return isinstance(failure, StoreError) and failure.code in _UNPROCESSED
