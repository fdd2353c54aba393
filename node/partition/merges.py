"""Changes of another region decided: each applied iff its version is above the stored one.

Pure. Knows the rule and what it leaves in the change log; refuses to know who sent the changes.
"""

from collections.abc import Callable
from typing import NamedTuple

from node.items.merging import wins
from node.partition.effects import combined_effect, plain_effect
from node.partition.writes import effect_of, version_of
from node.storage.records import Record, encode_record
from node.streams.records import ChangeFlag
from wire.commands import Change, Failed, Merge, Merged, Outcome
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.tables import TableSpec
from wire.versions import HybridClock, Version

FindNewest = Callable[[ItemKey], Record | None]
Remember = Callable[[ItemKey, Record | None], None]
Superseded = Callable[[int, ItemKey, Version, Version], None]
"""Told of a write that lost: table, key, the winning version, the losing one."""


def forget_superseded(_table: int, _key: ItemKey, _winning: Version, _losing: Version) -> None:
    """Keep no journal."""


class MergeRules(NamedTuple):
    """What a merge needs to know of this node: its clock, and how far others' clocks may be ahead."""

    clock: HybridClock
    max_clock_skew_ms: int
    now_ms: Callable[[], int]
    region: int
    superseded: Superseded = forget_superseded


def decide_merge(  # what, on which state, by which rules
    command: Merge, table: TableSpec, find: FindNewest, remember: Remember, rules: MergeRules
) -> tuple[bytes, Outcome]:
    """Decide a batch in order; `find` gives the newest state of a key and `remember` takes the one after a change.

    A region that is no member any more is refused. A version too far ahead of this node's clock holds the whole batch
    back: believing it would drag every later version of this region along.
    """
    if command.forgets:
        return _decide_forgetting(command, table, find, remember, rules)
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
        stored = find(change.key)
        if wins(change.version, version_of(stored)):
            if stored is not None and stored.version.region == rules.region:
                rules.superseded(table.number, change.key, change.version, stored.version)
            record = Record(change.key, change.version, change.size, change.tombstone, change.body)
            effects.append(effect_of(table, stored, record, _encoded(change), time_ms, ChangeFlag.REPLICATED))
            remember(change.key, record)
        elif stored is not None and stored.version != change.version:
            superseded += 1
            rules.superseded(table.number, change.key, stored.version, change.version)
    return combined_effect(effects) if effects else b"", Merged(len(effects), superseded)


def _decide_forgetting(
    command: Merge, table: TableSpec, find: FindNewest, remember: Remember, rules: MergeRules
) -> tuple[bytes, Outcome]:
    """Decide which of the named tombstones go: those still stored at exactly that version, and no others.

    While a replica is coming or going none do: a copy under way may have read an item before its tombstone arrived here.
    """
    if command.source and table.replica(command.source) is None:
        return b"", _stranger(command.source)
    if not table.is_steady:
        return b"", Failed(ErrorCode.RESOURCE_IN_USE, "tombstones are kept while replicas come and go")
    effects: list[bytes] = []
    for change in command.changes:
        stored = find(change.key)
        if stored is not None and stored.tombstone and stored.version == change.version:
            rules.clock.observe(change.version)  # a later write of this key must still be later
            effects.append(plain_effect(table.number, _encoded(change), removes=True))
            remember(change.key, None)
    return combined_effect(effects) if effects else b"", Merged(len(effects), 0)


def _stranger(region: str) -> Failed:
    return Failed(ErrorCode.RESOURCE_NOT_FOUND, f"region {region} does not replicate this table")


def _encoded(change: Change) -> bytes:
    return encode_record(change.key, change.version, change.size, change.body, tombstone=change.tombstone)
