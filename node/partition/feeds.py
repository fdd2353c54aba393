"""Rows of global indexes as base partitions send them: what of a batch is taken, and the position it brings this partition to.

Pure. Knows the rule that makes every change count once; refuses to know who sends, when and how often.

For each (table, index, source) a partition keeps one number, its position, as replicated state: the last change of that source whose
rows it has. A batch up to `through` is taken row by row, those with a sequence number above the position only; then the position is
`through`. Rows and position are one effect, so nothing is ever half taken, and it travels in snapshots. What this relies on is that a
sender begins where everything before is acknowledged by every partition, and sends a partition its next batch only when the last one
is acknowledged. So a batch never leaves a gap, whoever leads the source: each of its leaders reads the same committed changes under the
same numbers, an old one that still sends only repeats what its log has, and what comes twice or late is at or below the position.

Copies (`through` = 0) are what a backfill found in the source's items. They are taken only while there is no position, and that is
enough. Let the sender fix a sequence number S first, copy items as they are at any time after S, and feed all changes after S last.
Take any row key: all that ever happens to it comes from one source and to one partition, this one.

- If a change after S concerns the row, it comes as a batch, in its turn, and the last of them leaves the row as it belongs. A copy
  that arrives before the first of them is overwritten by them. One that arrives after it finds a position and is passed over: it could
  not bring back what was removed.
- If no change after S concerns the row, it has been the same since S, and so has its item: every copy of it is right, at any time, and
  the scan, which sees every item that stays, makes one.

A later leader of the source goes on from the replicated cursor, with the same S: the first copy leaves only when S is committed. Two
leaders at once, a late copy, a copy older than the one before it: each of them falls under one of the two cases.
"""

from collections import deque
from typing import NamedTuple

from node.partition.effects import combined_effect, fed_effect, row_effect
from node.partition.rows import read_fed
from node.storage.engine import View
from node.storage.records import encode_record
from wire.commands import Failed, FeedIndex, IndexRow, Merged, Outcome
from wire.errors import ErrorCode
from wire.tables import IndexStatus, TableSpec

_TABLE_UNHEARD = Failed(ErrorCode.NOT_READY, "this partition has not heard of the table")


class FedPlace(NamedTuple):
    """What a position belongs to."""

    table: int
    index: int  # type: ignore[assignment]  # hides a tuple method nobody calls
    source: int


class Fed(NamedTuple):
    """What a batch comes to: its effect and outcome, and the position after it."""

    effect: bytes
    outcome: Outcome
    position: int


def decide_feed(command: FeedIndex, table: TableSpec | None, position: int) -> Fed:
    """Decide a batch for a partition at `position` (0 = none yet).

    NOT_READY asks to come again; RESOURCE_NOT_FOUND says that the index is gone for good.
    """
    refused = _refusal(command, table)
    if refused is not None:
        return Fed(b"", refused, position)
    taken = _taken(command, position)
    effects = [_row_effect(command, row) for row in taken]
    through = max(position, command.through)
    if through > position:
        effects.append(fed_effect(command.table, command.index, command.source, through))
    effect = combined_effect(effects) if effects else b""
    return Fed(effect, Merged(len(taken), len(command.rows) - len(taken)), through)


def _taken(command: FeedIndex, position: int) -> list[IndexRow]:
    if command.through == 0:
        return [] if position else list(command.rows)
    return [row for row in command.rows if row.sequence > position]


def _refusal(command: FeedIndex, table: TableSpec | None) -> Failed | None:
    if table is None:
        # Numbers of tables tell nothing here: a table that is gone is known to be so where its items were.
        return _TABLE_UNHEARD
    index = next((each for each in table.global_indexes if each.number == command.index), None)
    if index is not None and index.status is not IndexStatus.DELETING:
        return None
    if index is None and command.index >= table.next_index:
        return Failed(ErrorCode.NOT_READY, f"this partition has not heard of index {command.index} of {table.name}")
    return Failed(ErrorCode.RESOURCE_NOT_FOUND, f"index {command.index} of {table.name} is gone")


def _row_effect(command: FeedIndex, row: IndexRow) -> bytes:
    record = encode_record(row.key, row.version, row.size, row.body, tombstone=row.removes)
    return row_effect(command.table, command.index, record, removes=row.removes)


class FedPositions:
    """Positions as the next evaluation has to see them: those evaluated and not applied yet, over those in the engine.

    Invariant: `_order` holds a place per pending position, in the order of entries.
    """

    __slots__ = ("_order", "_partition", "_pending")

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._pending: dict[FedPlace, list[tuple[int, int]]] = {}
        self._order: deque[tuple[int, FedPlace]] = deque()

    def newest(self, place: FedPlace, view: View) -> tuple[int, int]:
        """Return the entry that the newest position is from (0 = applied), and the position (0 = none).

        Raises DamagedRecord.
        """
        pending = self._pending.get(place)
        return pending[-1] if pending else (0, read_fed(view, self._partition, *place))

    def last_index(self, table: int) -> int:
        """Return the last entry that brought rows of a table's indexes and is not applied; 0 = none."""
        return next((index for index, place in reversed(self._order) if place.table == table), 0)

    def add(self, place: FedPlace, index: int, position: int) -> None:
        """Note the position after the entry at `index`."""
        self._pending.setdefault(place, []).append((index, position))
        self._order.append((index, place))

    def applied(self, index: int) -> None:
        """Forget positions up to an entry: the engine has them."""
        while self._order and self._order[0][0] <= index:
            _, place = self._order.popleft()
            self._drop(place, 0)

    def discard(self, index: int) -> None:
        """Forget positions from an entry on: they will never be."""
        while self._order and self._order[-1][0] >= index:
            _, place = self._order.pop()
            self._drop(place, -1)

    def _drop(self, place: FedPlace, which: int) -> None:
        pending = self._pending[place]
        del pending[which]
        if not pending:
            del self._pending[place]
