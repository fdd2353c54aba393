"""Changes of another region decided: each applied iff its version is above the stored one.

Pure. Knows the rule and what it leaves in the change log; refuses to know who sent the changes.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from node.items.merging import wins
from node.partition.effects import combined_effect, plain_effect
from node.partition.index_effects import with_indexes
from node.partition.writes import effect_of, removal_of_nothing, version_of
from node.storage.records import Record, encode_record
from node.streams.records import ChangeFlag
from wire.commands import Ahead, Change, Failed, HeldChange, Merge, Merged, Outcome
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.tables import TableSpec
from wire.versions import HybridClock, Version

FOLLOWS_MS_MAX = 1_000
"""Writes of an item whose version is far ahead get versions just above it."""

Superseded = Callable[[int, ItemKey, Version, Version], None]
"""Told of a write that lost: table, key, the winning version, the losing one."""


def forget_superseded(_table: int, _key: ItemKey, _winning: Version, _losing: Version) -> None:
    """Keep no journal."""


class Merging(Protocol):
    """The state that a merge is decided on: what its own changes have come to so far, over the newest."""

    def find(self, key: ItemKey) -> Record | None:
        """Return the newest state of an item, or None. Raises StorageError."""
        ...

    def remember(self, key: ItemKey, record: Record | None) -> None:
        """Take the state of an item after a change."""
        ...

    def collection_size(self, partition: bytes) -> int:
        """Return the newest size of an item collection; -1 where none is counted. Raises StorageError."""
        ...

    def remember_collection(self, partition: bytes, size: int) -> None:
        """Take the size of an item collection after a change."""
        ...


class MergeRules(NamedTuple):
    """What a merge needs to know of this node: its clock, and how far others' clocks may be ahead."""

    clock: HybridClock
    max_clock_skew_ms: int
    now_ms: Callable[[], int]
    region: int
    superseded: Superseded = forget_superseded


def decide_merge(  # what, on which state, when
    command: Merge, table: TableSpec, state: Merging, rules: MergeRules, time_ms: int
) -> tuple[bytes, Outcome]:
    """Decide a batch in order; change records are made at `time_ms`.

    A region that is no member any more is refused. A version too far ahead of this node's clock holds back its own change only.
    """
    if command.forgets:
        return _decide_forgetting(command, table, state, rules)
    if table.replica(command.source) is None:
        # The gateway asks this too, but its view may be older than the leader's.
        return b"", _stranger(command.source)
    merge = _MergeOfChanges(command, table, state, rules, time_ms)
    for change in command.changes:
        merge.take(change)
    outcome = Merged(len(merge.effects), merge.superseded, tuple(merge.held))
    return combined_effect(merge.effects) if merge.effects else b"", outcome


class _MergeOfChanges:
    """What a batch has come to so far."""

    def __init__(  # what, on which state, when
        self, command: Merge, table: TableSpec, state: Merging, rules: MergeRules, time_ms: int
    ) -> None:
        self.effects: list[bytes] = []
        self.held: list[HeldChange] = []
        self.superseded = 0
        self._ahead = command.ahead
        self._table = table
        self._state = state
        self._rules = rules
        self._time_ms = time_ms

    def take(self, change: Change) -> None:
        stored = self._state.find(change.key)
        self._rules.clock.observe(change.version)
        if not wins(change.version, version_of(stored)):
            if stored is not None and stored.version != change.version:
                self.superseded += 1
                self._rules.superseded(self._table.number, change.key, stored.version, change.version)
        elif self._ahead is Ahead.ACCEPT or (ahead_ms := self._too_far_ahead_ms(change, stored)) <= 0:
            self._apply(change, stored)
        elif self._ahead is Ahead.OVERRULE:
            self._overrule(change, stored)
        else:
            wait_ms = ahead_ms - self._rules.max_clock_skew_ms
            self.held.append(HeldChange(change.key, change.version, ahead_ms, wait_ms))

    def _too_far_ahead_ms(self, change: Change, stored: Record | None) -> int:
        """Return how far a change is ahead, or 0 if that is no reason to hold it back.

        What follows a version that is stored here already is as believable as that one: an item that was let in goes on like any other.
        """
        bound = self._rules.max_clock_skew_ms
        ahead_ms = self._rules.clock.skew_ms(change.version)
        follows = stored is not None and change.version.wall_ms - stored.version.wall_ms <= FOLLOWS_MS_MAX
        return 0 if ahead_ms <= bound or follows else ahead_ms

    def _apply(self, change: Change, stored: Record | None) -> None:
        rules = self._rules
        if stored is not None and stored.version.region == rules.region:
            rules.superseded(self._table.number, change.key, change.version, stored.version)
        record = Record(change.key, change.version, change.size, change.tombstone, change.body)
        effect = effect_of(self._table, stored, record, _encoded(change), self._time_ms, ChangeFlag.REPLICATED)
        self._add(stored, record, effect)

    def _overrule(self, change: Change, stored: Record | None) -> None:
        """Keep the item as it is here, or that there is none, with a version of our own that wins over the change everywhere."""
        version = Version(change.version.time + 1, self._rules.region)
        if stored is None or stored.tombstone:
            record = Record(change.key, version, 0, True, b"")
            encoded = encode_record(record.key, version, 0, b"", tombstone=True)
            effect = removal_of_nothing(self._table, encoded, self._time_ms)
        else:
            record = stored._replace(version=version)
            encoded = encode_record(record.key, version, record.size, record.body)
            effect = effect_of(self._table, stored, record, encoded, self._time_ms, ChangeFlag.NONE)
        self.superseded += 1
        self._rules.superseded(self._table.number, change.key, version, change.version)
        self._add(stored, record, effect)

    def _add(self, stored: Record | None, record: Record, effect: bytes) -> None:
        table = self._table
        self.effects.append(_with_indexes(table, stored, record, effect, self._state) if table.indexes else effect)
        self._state.remember(record.key, record)


def _with_indexes(  # the item before and after, and what its own change comes to
    table: TableSpec, before: Record | None, after: Record, effect: bytes, state: Merging
) -> bytes:
    """Return the effect together with what follows from it.

    No item collection is too large for a change that another region has accepted: the regions have to agree.
    """
    partition = after.key.partition
    indexed = with_indexes(table, before, after, effect, state.collection_size(partition))
    if indexed.collection_size >= 0:
        state.remember_collection(partition, indexed.collection_size)
    return indexed.effect


def _decide_forgetting(command: Merge, table: TableSpec, state: Merging, rules: MergeRules) -> tuple[bytes, Outcome]:
    """Decide which of the named tombstones go: those still stored at exactly that version, and no others.

    While a replica is coming or going none do: a copy under way may have read an item before its tombstone arrived here.
    """
    if command.source and table.replica(command.source) is None:
        return b"", _stranger(command.source)
    if not table.is_steady:
        return b"", Failed(ErrorCode.RESOURCE_IN_USE, "tombstones are kept while replicas come and go")
    effects: list[bytes] = []
    for change in command.changes:
        stored = state.find(change.key)
        if stored is not None and stored.tombstone and stored.version == change.version:
            rules.clock.observe(change.version)  # a later write of this key must still be later
            effects.append(plain_effect(table.number, _encoded(change), removes=True))
            state.remember(change.key, None)
    return combined_effect(effects) if effects else b"", Merged(len(effects), 0)


def _stranger(region: str) -> Failed:
    return Failed(ErrorCode.RESOURCE_NOT_FOUND, f"region {region} does not replicate this table")


def _encoded(change: Change) -> bytes:
    return encode_record(change.key, change.version, change.size, change.body, tombstone=change.tombstone)
