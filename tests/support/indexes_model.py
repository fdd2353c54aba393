"""A region of partitions on one seed, for feeders: real item machines and real feeder cores, everything between them simulated.

Each partition is one machine on one engine, which is its replicated state. Entries commit after a while, or are lost with their leader.
A leader has a catalog of its own, which may be behind; one that has lost leadership without knowing it goes on from a view that stands
still. Messages between partitions are lost, doubled, late, and some of them come when all is over.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import orjson

from node.catalog.decisions import decide
from node.indexes import events as e
from node.indexes.core import FeederCore
from node.indexes.cursors import FeedCursor
from node.indexes.feeder import fed_indexes
from node.indexes.rows import Ring, rows_of_changes, rows_of_items
from node.partition.items import ItemMachine
from node.partition.merges import MergeRules
from node.partition.records import scan_stored
from node.partition.rows import Progress, read_cursor, read_progress, write_cursor, write_progress
from node.storage.engine import View
from node.storage.items import scan_tokens
from node.storage.layout import feed_cursor_name
from node.storage.memory_engine import MemoryEngine
from node.streams.pages import read_page
from node.streams.retention import trim_step
from tests.support.clock import ManualClock
from tests.support.indexes_region import RULES, SCHEMA, TABLE, delete, indexed_table, put
from tests.support.replication_store import placements
from wire.catalog import CatalogView, Delta, PartitionId, Placement, encode_row
from wire.catalog_changes import CatalogChange, RebuildIndex, RecordIndexBackfill
from wire.commands import Command, Failed, FeedIndex, Merged, Outcome, ReadChanges
from wire.errors import ErrorCode, StoreError
from wire.indexes import row_of
from wire.keys import RING_TOKENS, ItemKey, TokenRange, key_hash, token_of
from wire.tables import IndexSpec, TableSpec
from wire.versions import HybridClock

PARTITIONS: Final = 3
KEYS: Final = 12
OWNERS: Final = 5
SEND_SECONDS: Final = 0.5
LOST: Final = Failed(ErrorCode.UNKNOWN_OUTCOME, "no answer")
ELSEWHERE: Final = Failed(ErrorCode.NOT_LEADER, "there is no leader")

Then = Callable[[Outcome], None]


@dataclass(slots=True)
class Entry:
    """What a leader has evaluated and not committed: its effect and cursor, and who is told."""

    catalog_version: int
    effect: bytes
    cursor: tuple[str, bytes] | None
    outcome: Outcome
    then: Then


@dataclass(slots=True)
class Life:
    """One leadership of a partition: its core, and the view it reads, which stands still once it is over."""

    partition: "ModelPartition"
    core: FeederCore
    catalog_version: int
    view: View | None = None
    is_over: bool = False
    is_gone: bool = False
    wakes: float | None = None
    barriers: list[tuple[int, int]] = field(default_factory=list)


class ModelPartition:
    """A partition's replicated state and whoever leads it."""

    def __init__(self, region: "ModelRegion", placement: Placement) -> None:
        self.region = region
        self.placement = placement
        self.number = int(placement.partition)
        self.engine = MemoryEngine()
        rules = MergeRules(HybridClock(region.clock, 1), 60_000, region.clock.wall_ms, 1)
        self.machine = ItemMachine(self.number, self._tables, rules)
        self.entries: list[Entry] = []
        self.index = 0  # of the last committed entry
        self.catalog_needed = 1
        self.life: Life | None = None

    def _tables(self) -> dict[int, TableSpec]:
        assert self.life is not None
        return {int(TABLE): self.region.history[self.life.catalog_version]}

    @property
    def tokens(self) -> TokenRange:
        return TokenRange(self.placement.lower, self.placement.upper)

    # Leading

    def lead(self) -> None:
        """Begin a leadership with a catalog that is as new as the state needs, perhaps no newer."""
        version = self.region.random.randint(self.catalog_needed, self.region.version)
        core = FeederCore(partition=self.number, copied_per_second=self.region.copied_per_second)
        self.life = Life(self, core, version)
        self.region.lives.append(self.life)
        self.region.tell(self.life, e.IndexesChanged(indexes=fed_indexes(self.region.history[version])))
        self.region.after(self.region.random.uniform(0, 0.5), lambda: self.learn(self.region.version))

    def depose(self) -> None:
        """End a leadership: some of what was evaluated is committed all the same, the rest never was."""
        life = self.life
        if life is None:
            return
        for _ in range(self.region.random.randint(0, len(self.entries))):
            self._commit_first(is_told=False)
        lost, self.entries = self.entries, []
        self.machine.discard(self.index + 1)
        for entry in lost:
            entry.then(LOST)
        life.is_over = True
        life.view = self.engine.snapshot()
        life.is_gone = self.region.random.random() < 0.5
        self.life = None

    def learn(self, version: int) -> None:
        """Let the leader hear of a newer catalog."""
        life = self.life
        if life is not None and version > life.catalog_version:
            life.catalog_version = version
            self.region.tell(life, e.IndexesChanged(indexes=fed_indexes(self.region.history[version])))

    # Entries

    def submit(self, command: Command, then: Then) -> None:
        """Evaluate a command; `then` hears of it when that is committed, or lost."""
        if self.life is None:
            then(ELSEWHERE)
            return
        with self.engine.snapshot() as view:
            evaluation = self.machine.evaluate(command, view, self.index + len(self.entries) + 1)
        if not evaluation.effect and not evaluation.rests_on:
            then(evaluation.outcome)
        else:
            self._propose(Entry(self.life.catalog_version, evaluation.effect, None, evaluation.outcome, then))

    def propose_cursor(self, name: str, value: bytes, then: Then) -> None:
        """Set a replicated cursor."""
        if self.life is None:
            then(ELSEWHERE)
        else:
            self._propose(Entry(self.life.catalog_version, b"", (name, value), Merged(0, 0), then))

    def _propose(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.region.after(self.region.random.uniform(0, 0.02), self._commit_next)

    def _commit_next(self) -> None:
        if self.entries:
            self._commit_first(is_told=True)

    def _commit_first(self, *, is_told: bool) -> None:
        entry = self.entries.pop(0)
        self.index += 1
        self.catalog_needed = max(self.catalog_needed, entry.catalog_version)
        with self.engine.transaction() as transaction:
            before = read_progress(transaction, self.number)
            effects = [entry.effect] if entry.effect else []
            sequence = self.machine.apply(effects, before.sequence, transaction)
            if entry.cursor is not None:
                write_cursor(transaction, self.number, *entry.cursor)
            write_progress(transaction, self.number, Progress(sequence, self.catalog_needed))
        self.machine.applied(effects, self.index)
        entry.then(entry.outcome if is_told else LOST)
        if self.life is not None and is_told:
            self._tell_applied(self.life, sequence, has_changes=sequence > before.sequence)

    def _tell_applied(self, life: Life, sequence: int, *, has_changes: bool) -> None:
        if has_changes:
            self.region.tell(life, e.ChangesApplied(latest=sequence))
        passed = [index for index, needed in life.barriers if needed <= self.index]
        life.barriers = [barrier for barrier in life.barriers if barrier[1] > self.index]
        for index in passed:
            self.region.tell(life, e.BarrierPassed(index=index, latest=sequence))

    def trim(self) -> None:
        """Lose all change records of some time ago."""
        with self.engine.transaction() as transaction:
            cutoff_ms = self.region.clock.wall_ms() - self.region.random.randint(0, 300)
            trim_step(transaction, self.number, cutoff_ms, 1_000)


class ModelRegion:
    """Partitions, a catalog and a network, in simulated time."""

    def __init__(self, seed: int, *, indexes: tuple[IndexSpec, ...] = (), copied_per_second: int = 0) -> None:
        self.random = random.Random(seed)
        self.clock = ManualClock()
        self.copied_per_second = copied_per_second
        self.now = 0.0
        self.is_stormy = True
        self.history: dict[int, TableSpec] = {}
        self.lives: list[Life] = []
        self.late: list[Callable[[], None]] = []
        self.counts = dict.fromkeys(("writes", "depositions", "copies", "rows", "rebuilds", "trims"), 0)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._view = CatalogView()
        rows = {f"placement/{each.partition}": encode_row(each) for each in placements(PARTITIONS)}
        rows["table/orders"] = encode_row(indexed_table(*indexes))
        self._view.apply(Delta(1, dict(rows), full=True))
        self.history[1] = self._view.tables["orders"]
        self.ring = Ring(self._view.placements.values())
        self.partitions = [ModelPartition(self, each) for each in self._view.placements.values()]
        for partition in self.partitions:
            partition.lead()

    # Time

    @property
    def version(self) -> int:
        return self._view.version

    @property
    def table(self) -> TableSpec:
        return self._view.tables["orders"]

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call in a while."""
        heapq.heappush(self._timers, (self.now + seconds, next(self._order), call))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            due, _, call = heapq.heappop(self._timers)
            self.clock.advance(due - self.now)
            self.now = due
            call()
        self.clock.advance(until - self.now)
        self.now = until

    # The catalog

    def change(self, change: CatalogChange) -> bool:
        """Have the catalog decide; leaders hear of it one after the other."""
        try:
            decision = decide(self._view, change, RULES)
        except StoreError:
            return False
        if decision.rows:
            self._view.apply(Delta(self._view.version + 1, decision.rows))
            self.history[self.version] = self.table
            version = self.version
            for partition in self.partitions:
                self.after(self.random.uniform(0, 0.2), lambda each=partition: each.learn(version))  # type: ignore[misc]
        return True

    # Feeders

    def tell(self, life: Life, event: e.Event) -> None:
        """Let a core take an event, and do what it asks for."""
        if life.is_gone:
            return
        for effect in life.core.step(event, self.now):
            self._carry_out(life, effect)

    def _carry_out(self, life: Life, effect: e.Effect) -> None:
        match effect:
            case e.WakeAt():
                life.wakes = effect.time
                self.after(max(0.0, effect.time - self.now), lambda: self._wake(life, effect.time))
            case e.Send():
                self._send(life, effect)
            case e.StoreCursor():
                self._store_cursor(life, effect)
            case e.ReportBackfill() | e.AskRebuild():
                self.after(self.random.uniform(0, 0.1), lambda: self._tell_catalog(life, effect))
            case e.AwaitBarrier():
                self._await_barrier(life, effect.index)
            case e.LoadCursor() | e.ReadRecords() | e.ReadItems():
                self.after(self.random.uniform(0, 0.005), lambda: self.tell(life, self._read(life, effect)))

    def _wake(self, life: Life, time: float) -> None:
        if life.wakes == time:
            self.tell(life, e.Ticked())

    def _read(self, life: Life, effect: e.LoadCursor | e.ReadRecords | e.ReadItems) -> e.Event:
        partition = life.partition
        view = life.view if life.view is not None else partition.engine.snapshot()
        match effect:
            case e.LoadCursor():
                stored = read_cursor(view, partition.number, feed_cursor_name(TABLE, effect.index))
                return e.CursorLoaded(index=effect.index, cursor=FeedCursor.decode(stored) if stored else None)
            case e.ReadRecords():
                return self._records(partition, view, effect)
            case e.ReadItems():
                items = scan_stored(view, TABLE, partition.tokens, effect.after, 2, 1 << 20)
                return e.ItemsRead(
                    index=effect.index.number,
                    rows=rows_of_items(SCHEMA, effect.index, items, self.ring),
                    after=effect.after,
                    through=items[-1].position if items else effect.after,
                    count=len(items),
                    is_last=not items,
                )

    def _records(self, partition: ModelPartition, view: View, effect: e.ReadRecords) -> e.RecordsRead:
        after = min(index.after for index in effect.indexes)
        latest = read_progress(view, partition.number).sequence
        page = read_page(view, partition.number, *ReadChanges(TABLE, 0, after, 3, 1 << 20), latest)
        return e.RecordsRead(
            indexes=effect.indexes,
            rows=rows_of_changes(SCHEMA, effect.indexes, page.records, self.ring),
            through=max(page.next_after, after),
            oldest=page.oldest,
            latest=page.latest,
        )

    def _await_barrier(self, life: Life, index: int) -> None:
        partition = life.partition
        if life.is_over:
            return
        needed = partition.index + len(partition.entries)
        life.barriers.append((index, needed))
        with partition.engine.snapshot() as view:
            latest = read_progress(view, partition.number).sequence
        if needed <= partition.index:
            life.barriers.pop()
            self.tell(life, e.BarrierPassed(index=index, latest=latest))

    def _store_cursor(self, life: Life, effect: e.StoreCursor) -> None:
        def then(outcome: Outcome) -> None:
            is_stored = isinstance(outcome, Merged)
            self.tell(life, e.CursorStored(index=effect.index, cursor=effect.cursor, is_stored=is_stored))

        if life.is_over:
            self.after(0.01, lambda: then(ELSEWHERE))
        else:
            life.partition.propose_cursor(feed_cursor_name(TABLE, effect.index), effect.cursor.encode(), then)

    def _tell_catalog(self, life: Life, effect: e.ReportBackfill | e.AskRebuild) -> None:
        index = effect.index
        if isinstance(effect, e.AskRebuild):
            self.counts["rebuilds"] += 1
        is_lost = self.is_stormy and self.random.random() < 0.2
        is_recorded = not is_lost and self.change(_telling(effect, life.partition.number))
        self.tell(life, e.CatalogTold(index=index.number, is_recorded=is_recorded))

    # The network

    def _send(self, life: Life, effect: e.Send) -> None:
        command = FeedIndex(TABLE, effect.index, life.partition.number, effect.through, effect.rows)
        self.counts["rows" if effect.through else "copies"] += len(effect.rows)
        answered: list[Outcome] = []

        def answer(outcome: Outcome) -> None:
            if answered:
                return
            answered.append(outcome)
            if isinstance(outcome, Merged):
                self.tell(life, e.Acknowledged(batch=effect.batch))
            else:
                is_final = isinstance(outcome, Failed) and outcome.code is ErrorCode.RESOURCE_NOT_FOUND
                self.tell(life, e.Refused(batch=effect.batch, is_final=is_final))

        destination = self.partitions[effect.destination - 1]
        self._carry(lambda: destination.submit(command, lambda outcome: self._carry(lambda: answer(outcome))))
        self.after(SEND_SECONDS, lambda: answer(LOST))

    def _carry(self, call: Callable[[], None]) -> None:
        """Bring a message over: perhaps never, perhaps twice, perhaps very late."""
        if not self.is_stormy:
            self.after(0.001, call)
            return
        draw = self.random.random()
        if draw < 0.1:
            return
        self.after(self.random.uniform(0.001, 0.05), call)
        if draw < 0.25:
            self.after(self.random.uniform(0.05, 2.0), call)
        elif draw < 0.5:
            self.late.append(call)

    # What happens to it

    def write(self) -> None:
        """Let a client write something."""
        name = f"k{self.random.randrange(KEYS)}"
        draw = self.random.random()
        if draw < 0.25:
            command = delete(name)
        elif draw < 0.4:
            command = put(name, other=str(self.random.randrange(3)))
        else:
            command = put(name, owner=f"o{self.random.randrange(OWNERS)}", n=str(self.random.randrange(20)))
        self.counts["writes"] += 1
        self.holder(command.key).submit(command, lambda _: None)

    def holder(self, key: ItemKey) -> ModelPartition:
        """Return the partition that holds an item."""
        return self.partitions[self.ring.holder(key) - 1]

    def change_leader(self) -> None:
        """End a leadership; the next begins soon."""
        partition = self.random.choice(self.partitions)
        if partition.life is not None:
            self.counts["depositions"] += 1
            partition.depose()
            self.after(self.random.uniform(0.001, 0.1), lambda: partition.lead() if partition.life is None else None)

    def trim(self) -> None:
        """Let a partition lose change records, as after a day."""
        self.counts["trims"] += 1
        self.random.choice(self.partitions).trim()

    def settle(self) -> None:
        """Let the weather clear and everything come to rest."""
        self.is_stormy = False
        for partition in self.partitions:
            if partition.life is None:
                partition.lead()
        for _ in range(400):
            self.run(0.5)
            for partition in self.partitions:
                partition.learn(self.version)
            if self._is_quiet():
                return
        raise AssertionError(f"it never comes to rest: {[index.status for index in self.table.indexes]}")

    def _is_quiet(self) -> bool:
        return not any(index.is_backfilling for index in self.table.indexes) and all(
            self._fed(partition, index) for partition in self.partitions for index in self.table.indexes
        )

    def _fed(self, partition: ModelPartition, index: IndexSpec) -> bool:
        assert partition.life is not None
        with partition.engine.snapshot() as view:
            latest = read_progress(view, partition.number).sequence
        fed = partition.life.core.fed(index.number)
        return fed is not None and fed >= latest and not partition.entries

    def deliver_late(self) -> None:
        """Let everything arrive that was thought lost."""
        late, self.late = self.late, []
        for call in late:
            call()
        self.run(5.0)

    # What must hold

    def assert_indexes_equal_base(self) -> None:
        """Every index holds the row of every item, and nothing else, to the byte."""
        items = dict(self._stored(0))
        for index in self.table.indexes:
            found = dict(self._stored(index.number))
            rows = (row_of(SCHEMA, index, key, orjson.loads(body)) for key, body in items.items())
            expected = {row.key: orjson.dumps(row.item) for row in rows if row is not None}
            assert found == expected, f"index {index.number}: {_difference(found, expected)}"

    def _stored(self, index: int) -> Iterator[tuple[ItemKey, bytes]]:
        for partition in self.partitions:
            with partition.engine.snapshot() as view:
                for record in scan_tokens(view, TABLE, index, TokenRange(0, RING_TOKENS)):
                    assert token_of(key_hash(record.key.partition)) in partition.tokens
                    yield record.key, record.body


def _telling(effect: e.ReportBackfill | e.AskRebuild, partition: int) -> CatalogChange:
    number, generation = effect.index.number, effect.index.generation
    if isinstance(effect, e.AskRebuild):
        return RebuildIndex(name="orders", index=number, generation=generation)
    return RecordIndexBackfill(name="orders", index=number, generation=generation, partition=PartitionId(partition))


def _difference(found: dict[ItemKey, bytes], expected: dict[ItemKey, bytes]) -> str:
    missing = {key: body for key, body in expected.items() if key not in found}
    extra = {key: body for key, body in found.items() if key not in expected}
    other = {key: (body, found[key]) for key, body in expected.items() if key in found and found[key] != body}
    return f"missing {missing}, extra {extra}, differing {other}"
