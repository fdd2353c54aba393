"""An item machine on a memory engine, with the driver's half of evaluating, committing and applying."""

from collections.abc import Callable
from typing import Any

import orjson

from node.partition.items import ItemMachine
from node.partition.machine import Evaluation
from node.partition.merges import MergeRules
from node.storage.engine import Space
from node.storage.layout import change_key, partition_range
from node.storage.memory_engine import MemoryEngine
from node.storage.records import Record
from node.streams.records import decode_row
from tests.support.clock import ManualClock
from wire.catalog import PartitionId, Placement
from wire.commands import ChangeRecord, Command, Measure, Merge, Outcome, Page, Range, Write
from wire.keys import RING_TOKENS, ItemKey
from wire.limits import ITEM_COLLECTION_BYTES_MAX
from wire.tables import TableSpec
from wire.versions import HybridClock

REGION = 1
PARTITION = 1
WHOLE = Placement(PartitionId(PARTITION), 0, RING_TOKENS, 1, ())


class MachineBench:
    """Evaluate commands one entry each, and apply when the test says so."""

    def __init__(
        self,
        *tables: TableSpec,
        max_clock_skew_ms: int = 60_000,
        collection_bytes_max: int = ITEM_COLLECTION_BYTES_MAX,
    ) -> None:
        self.clock = ManualClock()
        self.tables = {table.number: table for table in tables}
        self.engine = MemoryEngine()
        hybrid = HybridClock(self.clock, REGION)
        rules = MergeRules(hybrid, max_clock_skew_ms, self.clock.wall_ms, REGION)
        self.machine = ItemMachine(PARTITION, lambda: self.tables, rules, collection_bytes_max, slice_weight=1)
        self.index = 0
        self.applied = 0
        self.sequence = 0
        self.effects: dict[int, bytes] = {}

    def evaluate(self, command: Command) -> Evaluation:
        """Evaluate a command for the next entry, which is taken if there is an effect."""
        with self.engine.snapshot() as view:
            evaluation = self.machine.evaluate(command, view, self.index + 1)
        if evaluation.effect:
            self.index += 1
            self.effects[self.index] = evaluation.effect
        return evaluation

    def apply(self, index: int | None = None) -> None:
        """Apply the entries up to an index, or all."""
        upto = self.index if index is None else index
        effects = [self.effects.pop(each) for each in range(self.applied + 1, upto + 1)]
        with self.engine.transaction() as transaction:
            self.sequence = self.machine.apply(effects, self.sequence, transaction)
        self.applied = upto
        self.machine.applied(effects, upto)

    def run(self, command: Write | Merge) -> Evaluation:
        """Evaluate and apply."""
        evaluation = self.evaluate(command)
        self.apply()
        return evaluation

    def record(self, key: ItemKey, table: int = 1, commit: int | None = None) -> Record | None:
        """Return what a read may see."""
        with self.engine.snapshot() as view:
            return self.machine.committed(table, key, view, self.index if commit is None else commit)

    def read(self, command: Range | Measure) -> Outcome:
        """Return what is read of the applied state."""
        if isinstance(command, Range):
            return self.sliced(command, lambda: False)
        with self.engine.snapshot() as view:
            return self.machine.read(command, view, self.applied)

    def sliced(self, command: Range, is_over: Callable[[], bool]) -> Outcome:
        """Return a page that was read in slices, each in a view of its own."""
        reader = self.machine.page_reader(command, WHOLE)
        while not reader.is_complete:
            with self.engine.snapshot() as view:
                refusal = self.machine.read_slice(reader, view, is_over)
            if refusal is not None:
                return refusal
        return reader.page()

    def page(self, command: Range) -> Page:
        """Return one page."""
        outcome = self.read(command)
        assert isinstance(outcome, Page), outcome
        return outcome

    def all_pages(self, first: Range) -> list[dict[str, Any]]:
        """Read page after page until the range ends; return all items."""
        found: list[dict[str, Any]] = []
        page = self.page(first)
        while True:
            assert page.count == page.scanned_count == len(page.items)
            assert not first.limit or page.scanned_count <= first.limit
            found += [orjson.loads(item) for item in page.items]
            if page.last is None:
                return found
            page = self.page(first._replace(start=page.last))

    def changes(self) -> list[ChangeRecord]:
        """Return the change log of all tables, in order of sequence numbers."""
        with self.engine.snapshot() as view:
            rows = list(view.scan(Space.CHANGES, *partition_range(PARTITION)))
        table_start = len(change_key(0, 0, 0)) - 12
        found = [decode_row(int.from_bytes(key[table_start : table_start + 4], "big"), key, row) for key, row in rows]
        return sorted(found, key=lambda record: record.sequence)
