"""Receives batches and membership changes: decides what each comes to, and answers once it is committed.

Knows the store's seam and counts what arrives. Refuses to know streams and connections.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from router.gateway.fanout import member_table, merges
from router.operations.store import Store
from wire.catalog_changes import CatalogChange, Decided, SetLink
from wire.clock import Clock
from wire.commands import Ahead, Change, HeldChange, Merged
from wire.errors import ErrorCode, StoreError
from wire.keys import RING_TOKENS
from wire.telemetry import EventLog

_PASSING = frozenset(
    {ErrorCode.RESOURCE_NOT_FOUND, ErrorCode.RESOURCE_IN_USE, ErrorCode.NOT_LEADER, ErrorCode.DEADLINE_EXCEEDED}
)

_log = EventLog(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes of one table from one partition of another region, a member since `joined_ms`; with `forgets`, tombstones that may go.

    A sender that does not remember what is held back has the whole batch refused instead.
    """

    source: str
    partition: int
    table_name: str
    global_table_id: str
    changes: Sequence[Change]
    forgets: bool = False
    joined_ms: int = 0
    remembers_held: bool = False
    ahead: Ahead = Ahead.HOLD


class ReceiverCounts:
    """Count what other regions sent. Bounded: sources are regions that a table here is shared with."""

    __slots__ = ("changes", "refused")

    def __init__(self) -> None:
        self.changes: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By source and outcome: applied, superseded, held or forgotten."""
        self.refused = 0


class Receiver:
    """Apply other regions' changes through the local store."""

    def __init__(self, store: Store, clock: Clock, *, timeout_ms: int) -> None:
        self._store = store
        self._clock = clock
        self._timeout_seconds = timeout_ms / 1000
        self.counts = ReceiverCounts()

    async def merge(self, batch: Batch) -> Merged:
        """Bring a batch to the local leaders; return when a quorum of each has all of it but what is held back.

        Raises StoreError when any other part may be missing. Merging is idempotent, so the sender just sends the batch again.
        """
        table = member_table(self._store.view, batch.table_name, batch.global_table_id, batch.source, batch.joined_ms)
        placements = self._store.partitions(0, RING_TOKENS)
        deadline = self._clock.monotonic() + self._timeout_seconds
        commands = merges(batch.changes, table.number, batch.source, placements, batch.forgets, batch.ahead)
        outcomes = await asyncio.gather(
            *(self._store.execute_on(partition, merge, deadline=deadline) for partition, merge in commands),
            return_exceptions=True,
        )
        merged = _summed(outcomes)
        self.counts.changes[batch.source, "forgotten" if batch.forgets else "applied"] += merged.applied
        self.counts.changes[batch.source, "superseded"] += merged.superseded
        self.counts.changes[batch.source, "held"] += len(merged.held)
        if merged.held and not batch.remembers_held:
            raise StoreError(ErrorCode.NOT_READY, f"{len(merged.held)} versions are too far ahead of the clock here")
        return merged

    async def change(self, source: str, change: CatalogChange) -> Decided:
        """Have the local catalog decide a step of a global table's life. Raises StoreError."""
        event = "link_change_received" if isinstance(change, SetLink) else "membership_step_received"
        _log.info(event, source=source, step=type(change).__name__)
        return await self._store.change(change, deadline=self._clock.monotonic() + self._timeout_seconds)

    def note_refused(self, batch: Batch, error: StoreError) -> None:
        """Count a batch that was refused; tell of one that is not just early."""
        self.counts.refused += 1
        # While catalogs differ, and while a partition looks for a leader, refusals are the normal course.
        log = _log.debug if error.code in _PASSING else _log.warning
        log("batch_refused", source=batch.source, partition=batch.partition, table=batch.table_name, reason=str(error))


def _summed(outcomes: Sequence[object]) -> Merged:
    applied = superseded = 0
    held: tuple[HeldChange, ...] = ()
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        assert isinstance(outcome, Merged), f"a merge comes to Merged, found {outcome!r}"
        applied += outcome.applied
        superseded += outcome.superseded
        held += outcome.held
    return Merged(applied, superseded, held)
