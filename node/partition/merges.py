"""Changes of another region decided: each applied iff its version is above the stored one.

Pure. Knows the rule and what it leaves in the change log; refuses to know who sent the changes.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from node.items.merging import wins
from node.partition.effects import combined_effect, plain_effect
from node.partition.index_effects import with_indexes
from node.partition.writes import effect_of, version_of
from node.storage.records import Record, encode_record
from node.streams.records import ChangeFlag
from wire.commands import Change, Failed, Merge, Merged, Outcome
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.tables import TableSpec
from wire.versions import HybridClock, Version

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


def decide_merge(command: Merge, table: TableSpec, state: Merging, rules: MergeRules) -> tuple[bytes, Outcome]:
    """Decide a batch in order.

    A region that is no member any more is refused. A version too far ahead of this node's clock holds the whole batch
    back: believing it would drag every later version of this region along.
    """
    if command.forgets:
        return _decide_forgetting(command, table, state, rules)
    if table.replica(command.source) is None:
        # The gateway asks this too, but its view may be older than the leader's.
        return b"", _stranger(command.source)
    ahead_ms = max((rules.clock.skew_ms(change.version) for change in command.changes), default=0)
    if ahead_ms > rules.max_clock_skew_ms:
        text = f"held back: clock of region {command.source} is {ahead_ms} ms ahead"
        return b"", Failed(ErrorCode.NOT_READY, text)
    effects: list[bytes] = []
    superseded = 0
    time_ms = rules.now_ms()
    for change in command.changes:
        rules.clock.observe(change.version)
        stored = state.find(change.key)
        if wins(change.version, version_of(stored)):
            if stored is not None and stored.version.region == rules.region:
                rules.superseded(table.number, change.key, change.version, stored.version)
            record = Record(change.key, change.version, change.size, change.tombstone, change.body)
            effect = effect_of(table, stored, record, _encoded(change), time_ms, ChangeFlag.REPLICATED)
            effects.append(_with_indexes(table, stored, record, effect, state) if table.indexes else effect)
            state.remember(change.key, record)
        elif stored is not None and stored.version != change.version:
            superseded += 1
            rules.superseded(table.number, change.key, stored.version, change.version)
    return combined_effect(effects) if effects else b"", Merged(len(effects), superseded)


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
