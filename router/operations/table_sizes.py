"""How much tables and their indexes hold: asked of every partition at once, and remembered for a moment.

AWS brings these figures up to date every six hours or so; here they are at most about a second old. A partition that does not answer
in time counts with what it said last.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from router.operations.store import Store
from wire.catalog import PartitionId
from wire.clock import Clock
from wire.commands import Measure, Measured
from wire.errors import StoreError
from wire.keys import RING_TOKENS

FRESH_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 1.0
# Tables whose figures are remembered; beyond, those asked about longest ago are forgotten.
TABLES_MAX: Final = 1_000


class Size(NamedTuple):
    """How many items or rows there are, and how many bytes they have together."""

    rows: int = 0
    bytes: int = 0


Sizes = dict[int, Size]
"""By index number, the table itself being 0; what holds nothing is left out."""

NOTHING: Final = Size()


@dataclass(slots=True)
class _Remembered:
    """What the partitions said of one table; `answered` is set when those asked last have answered, or had their time."""

    asked_at: float
    parts: dict[PartitionId, Sizes]
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class TableSizes:
    """Measure tables, each at most once in a while however many ask."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._tables: dict[int, _Remembered] = {}

    async def measured(self, table: int) -> Sizes:
        """Return the sizes of a table, by its number, and of its indexes. Never fails: what is not known counts nothing."""
        known = self._tables.get(table)
        if known is not None and self._clock.monotonic() - known.asked_at < FRESH_SECONDS:
            await known.answered.wait()
            return _total(known.parts)
        asked = self._remembered(table, {} if known is None else known.parts)
        try:
            await self._ask_all(table, asked.parts)
        finally:
            # Even if whoever asks is cancelled: others wait for these answers.
            asked.answered.set()
        return _total(asked.parts)

    def known(self, table: int) -> Sizes:
        """Return what was measured last, without asking."""
        known = self._tables.get(table)
        return {} if known is None else _total(known.parts)

    def _remembered(self, table: int, parts: dict[PartitionId, Sizes]) -> _Remembered:
        """Return a new entry, at the end: the first one is always the one asked about longest ago."""
        self._tables.pop(table, None)
        self._tables[table] = remembered = _Remembered(self._clock.monotonic(), parts)
        if len(self._tables) > TABLES_MAX:
            del self._tables[next(iter(self._tables))]
        return remembered

    async def _ask_all(self, table: int, parts: dict[PartitionId, Sizes]) -> None:
        deadline = self._clock.monotonic() + ANSWER_SECONDS
        partitions = [placement.partition for placement in self._store.partitions(0, RING_TOKENS)]
        answers = await asyncio.gather(*(self._ask(each, table, deadline) for each in partitions))
        for partition, answer in zip(partitions, answers, strict=True):
            if answer is not None:
                parts[partition] = answer

    async def _ask(self, partition: PartitionId, table: int, deadline: float) -> Sizes | None:
        try:
            outcome = await self._store.execute_on(partition, Measure(table), deadline=deadline)
        except StoreError:
            return None
        assert isinstance(outcome, Measured), f"a measure comes to Measured, found {type(outcome).__name__}"
        return {index: Size(rows, size) for index, rows, size in outcome.sizes}


def _total(parts: dict[PartitionId, Sizes]) -> Sizes:
    total: Sizes = {}
    for sizes in parts.values():
        for index, size in sizes.items():
            before = total.get(index, NOTHING)
            total[index] = Size(before.rows + size.rows, before.bytes + size.bytes)
    return total
