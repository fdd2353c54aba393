"""The state machine of data partitions: items of all tables, under what is evaluated and not yet applied.

Knows which state a command is judged on and which state a read may see. Refuses to know consensus, and how one write is
decided (`writes`, `merges`).
"""

from collections.abc import Callable, Mapping, Sequence

from node.partition.checkpoints import Checkpoint
from node.partition.creation_times import CreationTimes
from node.partition.effects import apply_effect, checkpoint_effect
from node.partition.ended_streams import EndedStreams
from node.partition.expiry import Expire, ExpiryClock, IndexExpiries
from node.partition.expiry_decisions import decide_expire, decide_indexing
from node.partition.feeds import FedPlace, FedPositions, decide_feed
from node.partition.item_collections import NOT_COUNTED, Collection, ItemCollections
from node.partition.machine import Evaluation, LeaderCommand
from node.partition.merges import MergeRules, decide_merge
from node.partition.overlay import Overlay
from node.partition.page_turns import PageTurnsSpec
from node.partition.reads import PageReader, got
from node.partition.rows import read_progress, read_sizes
from node.partition.tally import RowTally
from node.partition.writes import Decision, Stamping, decide_write, removed_or_kept
from node.storage.digests import Tokens
from node.storage.engine import Transaction, View
from node.storage.errors import DamagedRecord, StorageError
from node.storage.items import find
from node.storage.records import Record
from node.streams.pages import read_page
from wire.catalog import Placement
from wire.commands import (
    Changes,
    Failed,
    FeedIndex,
    Get,
    Measure,
    Measured,
    Merge,
    Outcome,
    Range,
    ReadChanges,
    Write,
    Written,
)
from wire.errors import ErrorCode, StoreError
from wire.expressions import UnreadableTree
from wire.keys import RING_TOKENS, ItemKey, TokenRange, key_hash
from wire.limits import ITEM_COLLECTION_BYTES_MAX
from wire.tables import TableSpec

Tables = Callable[[], Mapping[int, TableSpec]]

_DECIDED = (Write, Merge, FeedIndex, Expire, IndexExpiries)

_PAST_ALL_STREAMS = 1 << 64
WHOLE_RING = TokenRange(0, RING_TOKENS)
TABLE_UNKNOWN = Failed(ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found")


def storage_failure(error: StorageError) -> Failed:
    """Return the outcome of a read that storage could not do: damage, or a view that was taken away."""
    code = ErrorCode.DAMAGED if isinstance(error, DamagedRecord) else ErrorCode.NOT_READY
    return Failed(code, str(error))


class ItemMachine:
    """Evaluate writes and merges, and apply them. `tables` returns the tables of the node's present catalog view."""

    def __init__(
        self,
        partition: int,
        tables: Tables,
        rules: MergeRules,
        collection_bytes_max: int = ITEM_COLLECTION_BYTES_MAX,
        ttl_grace_seconds: int = 0,
        slice_weight: int = PageTurnsSpec().slice_weight,
        tokens: TokenRange = WHOLE_RING,
    ) -> None:
        self._partition = partition
        self._tables = tables
        self._tokens = Tokens.of(tokens)
        self._rules = rules
        self._expiry_clock = ExpiryClock(rules.now_ms, rules.region, ttl_grace_seconds)
        self._collection_bytes_max = collection_bytes_max
        self._slice_weight = slice_weight
        self.damage: str | None = None
        """The first damage that an evaluation has met."""
        self._begin()

    @property
    def pending_count(self) -> int:
        """Return how many states are evaluated and not applied."""
        return len(self._overlay)

    def evaluate(self, command: LeaderCommand, view: View, index: int) -> Evaluation:
        """Decide a write or a merge; damage and refusals are outcomes."""
        if isinstance(command, Checkpoint):
            return Evaluation(checkpoint_effect(command.number), Written(b"", 0, 0))
        assert isinstance(command, _DECIDED), f"expected a write, found {type(command).__name__}"
        table = self._tables().get(command.table)
        try:
            if isinstance(command, FeedIndex):
                return self._evaluate_feed(command, table, view, index)
            if table is None:
                return Evaluation(b"", TABLE_UNKNOWN)
            if isinstance(command, (Write, Expire)):
                return self._evaluate_write(command, table, view, index)
            if isinstance(command, IndexExpiries):
                return self._evaluate_indexing(command, table, view)
            return self._evaluate_merge(command, table, view, index)
        except StorageError as error:
            if isinstance(error, DamagedRecord):
                self.damage = self.damage or str(error)
            return Evaluation(b"", storage_failure(error))
        except UnreadableTree as error:
            return Evaluation(b"", Failed(ErrorCode.INTERNAL, str(error)))

    def apply(self, effects: Sequence[bytes], sequence: int, transaction: Transaction) -> int:
        """Write effects in order, on the writer's thread; return the last sequence number in use."""
        partition = self._partition
        tally = RowTally(self._tokens)
        for effect in effects:
            sequence = apply_effect(effect, partition, sequence, transaction, tally)
        tally.write(partition, transaction)
        return sequence

    def applied(self, effects: Sequence[bytes], index: int) -> None:
        """Leave what is on disk now to the engine."""
        self._overlay.applied(index)
        self._collections.applied(index)
        self._fed.applied(index)
        self._ended.applied(index)

    def discard(self, index: int) -> None:
        """Forget what was evaluated for entries from `index` on."""
        self._overlay.discard(index)
        self._collections.discard(index)
        self._fed.discard(index)
        self._ended.discard()
        self._times.discard()

    def restored(self, view: View) -> None:
        """Begin from applied state, with nothing pending."""
        self._begin()

    def _begin(self) -> None:
        self.damage = None
        self._overlay = Overlay()
        self._collections = ItemCollections(self._collection_bytes_max)
        self._fed = FedPositions(self._partition)
        self._ended = EndedStreams()
        self._times = CreationTimes(self._partition)

    def committed(self, table: int, key: ItemKey, view: View, commit: int) -> Record | None:
        """Return an item's newest state by an entry up to `commit`, a tombstone included. Raises StorageError."""
        pending = self._overlay.committed(table, key, commit)
        if pending is not None:
            return pending.record
        return find(view, table, 0, key, key_hash(key.partition))

    def page_reader(self, command: Range, placement: Placement) -> PageReader:
        """Return what reads a page, slice by slice."""
        return PageReader(command, TokenRange(placement.lower, placement.upper))

    def read_slice(self, reader: PageReader, view: View, is_over: Callable[[], bool]) -> Failed | None:
        """Let a page go on, of the applied state in a view; return why it cannot. Raises StorageError."""
        table = self._tables().get(reader.table)
        if table is None:
            return TABLE_UNKNOWN
        try:
            reader.read(view, table, is_over, self._slice_weight)
        except UnreadableTree as error:
            return Failed(ErrorCode.INTERNAL, str(error))
        return None

    def read(self, command: Get | ReadChanges | Measure, view: View, commit: int) -> Outcome:
        """Return what a read sees: one item with entries up to `commit`, many records of the applied state.

        Raises StorageError.
        """
        table = self._tables().get(command.table)
        if isinstance(command, ReadChanges):
            return self._changes(command, table, view)
        if table is None:
            return TABLE_UNKNOWN
        try:
            if isinstance(command, Get):
                return got(command, self.committed(command.table, command.key, view, commit))
        except UnreadableTree as error:
            return Failed(ErrorCode.INTERNAL, str(error))
        return self._measured(table, view)

    def failure(self, error: StorageError) -> Failed:
        """Return the outcome of a read that storage could not do."""
        return storage_failure(error)

    def last_index(self, table: int) -> int:
        """Return the last entry that changed a table and may not be applied yet; 0 = none."""
        return max(self._overlay.last_index(table), self._fed.last_index(table))

    def _changes(self, command: ReadChanges, table: TableSpec | None, view: View) -> Changes:
        """Return a page of change records, which outlive their table."""
        page = read_page(view, self._partition, *command, read_progress(view, self._partition).sequence)
        present = _PAST_ALL_STREAMS if table is None else table.change_generation
        last_index = self._overlay.last_index(command.table)
        if command.generation and self._ended.is_over(command.table, command.generation, present, last_index):
            return page._replace(is_closed=True)
        return page

    def _measured(self, table: TableSpec, view: View) -> Measured:
        """Return the counts of a table and of the indexes it still has.

        What an earlier release wrote was not counted, and counts below zero where it goes.
        """
        numbers = {0, *(index.number for index in table.indexes)}
        sizes = read_sizes(view, self._partition, table.number).items()
        found = [(index, rows, size) for index, (rows, size) in sizes if index in numbers and rows > 0 and size > 0]
        return Measured(tuple(sorted(found)))

    def _evaluate_write(self, command: Write | Expire, table: TableSpec, view: View, index: int) -> Evaluation:
        key = command.key
        pending = self._overlay.newest(command.table, key)
        if pending is not None:
            rests_on, stored = pending
        else:
            rests_on, stored = 0, find(view, command.table, 0, key, key_hash(key.partition))
        collection = NOT_COUNTED
        if table.indexes and table.local_indexes:
            counted_at, collection = self._collections.newest(view, table.number, key.partition)
            rests_on = max(rests_on, counted_at)
        try:
            decision = self._decide(command, table, stored, collection, self._stamping(table, view))
        except StoreError as error:
            return Evaluation(b"", Failed(error.code, error.message), rests_on)
        if decision.record is not None:
            self._remember(table, key, decision.record, index)
            if decision.collection_size >= 0:
                self._collections.add(table.number, key.partition, index, decision.collection_size)
        return Evaluation(decision.effect, decision.outcome, rests_on)

    def _decide(  # what, on which state, when
        self,
        command: Write | Expire,
        table: TableSpec,
        stored: Record | None,
        collection: Collection,
        stamping: Stamping,
    ) -> Decision:
        if isinstance(command, Expire):
            return decide_expire(command, table, stored, stamping, self._expiry_clock, collection)
        return decide_write(command, table, stored, stamping, collection)

    def _stamping(self, table: TableSpec, view: View) -> Stamping:
        now_ms = self._rules.now_ms()
        time_ms = self._times.next(table.number, now_ms, view) if table.records_changes else now_ms
        return Stamping(self._rules.clock, time_ms)

    def _evaluate_indexing(self, command: IndexExpiries, table: TableSpec, view: View) -> Evaluation:
        state = _MergeState(table, self._overlay, self._collections, view)
        effect = decide_indexing(command, table, state.find)
        return Evaluation(effect, Written(b"", 0, 0), state.rests_on)

    def _evaluate_merge(self, command: Merge, table: TableSpec, view: View, index: int) -> Evaluation:
        state = _MergeState(table, self._overlay, self._collections, view)
        effect, outcome = decide_merge(command, table, state, self._rules, self._stamping(table, view).time_ms)
        for key, record in state.records.items():
            self._remember(table, key, record, index)
        for partition, size in state.collections.items():
            self._collections.add(table.number, partition, index, size)
        return Evaluation(effect, outcome, state.rests_on)

    def _evaluate_feed(self, command: FeedIndex, table: TableSpec | None, view: View, index: int) -> Evaluation:
        place = FedPlace(command.table, command.index, command.source)
        rests_on, before = self._fed.newest(place, view)
        effect, outcome, position = decide_feed(command, table, before)
        if effect:
            self._fed.add(place, index, position)
        return Evaluation(effect, outcome, rests_on)

    def _remember(self, table: TableSpec, key: ItemKey, record: Record | None, index: int) -> None:
        kept = None if record is None else removed_or_kept(table, record)
        self._overlay.add(table.number, key, index, kept)


class _MergeState:
    """The state that one merge is decided on.

    Kept apart until the whole merge is decided: a read that fails in the middle must leave nothing pending.
    """

    def __init__(self, table: TableSpec, overlay: Overlay, collections: ItemCollections, view: View) -> None:
        self.records: dict[ItemKey, Record | None] = {}
        self.collections: dict[bytes, int] = {}
        self.rests_on = 0
        self._table = table.number
        self._counts_collections = bool(table.local_indexes)
        self._overlay = overlay
        self._collections = collections
        self._view = view

    def find(self, key: ItemKey) -> Record | None:
        if key in self.records:
            return self.records[key]
        pending = self._overlay.newest(self._table, key)
        if pending is None:
            return find(self._view, self._table, 0, key, key_hash(key.partition))
        self.rests_on = max(self.rests_on, pending.entry_index)
        return pending.record

    def remember(self, key: ItemKey, record: Record | None) -> None:
        self.records[key] = record

    def collection_size(self, partition: bytes) -> int:
        if not self._counts_collections:
            return -1
        if partition not in self.collections:
            _, collection = self._collections.newest(self._view, self._table, partition)
            return collection.size
        return self.collections[partition]

    def remember_collection(self, partition: bytes, size: int) -> None:
        self.collections[partition] = size
