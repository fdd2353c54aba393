"""One write decided: the item before, the condition, the update, and the record, effect and outcome they come to.

Pure. Knows DynamoDB's rules for PutItem, UpdateItem and DeleteItem on one item; refuses to know where the item before came
from, and when the outcome may be told.
"""

from typing import Any, NamedTuple

import orjson

from node.items.conditions import compiled_condition
from node.items.returned import returned_attributes
from node.items.updates import Update, compiled_update
from node.partition.effects import combined_effect, expiry_effect, logged_effect, plain_effect
from node.partition.expiry import row_changes
from node.partition.index_effects import with_indexes
from node.partition.item_collections import NOT_COUNTED, Collection
from node.storage.records import Record, encode_record
from node.streams.records import ChangeFlag, ChangeKind, encode_change
from wire.commands import ConditionFailed, Outcome, Returned, Write, WriteKind, Written
from wire.errors import ErrorCode, StoreError, validation_error
from wire.index_keys import require_room_for_rows, require_updated_index_keys
from wire.items import Item, item_size
from wire.keys import ItemKey
from wire.limits import ITEM_BYTES_MAX
from wire.tables import TableSpec
from wire.versions import HybridClock, Version

_DIGITS = tuple(b"%d" % digit for digit in range(10))
_COLLECTION_TOO_LARGE = "Collection size exceeded."
_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"


class Stamping(NamedTuple):
    """What a change is stamped with: a version of this clock, and the time at which its record is made."""

    clock: HybridClock
    time_ms: int


class Decision(NamedTuple):
    """What a write comes to. Without an effect nothing changes; else `record` is the item's state afterwards.

    `collection_size` is that of its item collection then; -1 = not counted.
    """

    outcome: Outcome
    effect: bytes = b""
    record: Record | None = None
    collection_size: int = -1


class _Result(NamedTuple):
    """What an update makes of an item: its JSON, size and the attributes to return; no body: there is still no item."""

    body: bytes
    size: int
    attributes: bytes


def decide_write(  # what, on which state, when
    command: Write, table: TableSpec, stored: Record | None, stamping: Stamping, collection: Collection = NOT_COUNTED
) -> Decision:
    """Decide a write against the newest state of its item and of its item collection.

    Raises StoreError when one of them does not allow it.
    """
    live = None if stored is None or stored.tombstone else stored
    values: list[Any] = orjson.loads(command.values) if command.values else []
    old: Item | None = None
    if command.kind is WriteKind.UPDATE or command.condition:
        old = orjson.loads(live.body) if live is not None else None
    if command.condition and not compiled_condition(command.condition)(old or {}, values):
        return Decision(_condition_failed(command, live))
    if command.kind == WriteKind.PUT:
        attributes = live.body if live is not None and command.returned == Returned.ALL_OLD else b""
        return _put(command, table, stored, _Result(command.body, command.size, attributes), stamping, collection)
    if command.kind == WriteKind.DELETE:
        return _delete(command, table, stored, stamping, collection)
    result = _updated(command, table, live, old, values)
    if not result.body:
        return _unchanged(Written(result.attributes, 0, 0), collection)
    return _put(command, table, stored, result, stamping, collection)


def decide_removal(  # what, on which state, when
    table: TableSpec, key: ItemKey, stored: Record | None, stamping: Stamping, collection: Collection
) -> Decision:
    """Decide the deletion of an item that has expired."""
    command = Write(WriteKind.DELETE, table.number, key)
    return _delete(command, table, stored, stamping, collection, ChangeFlag.EXPIRED)


def removed_or_kept(table: TableSpec, record: Record) -> Record | None:
    """Return what stays of an item: its record, but no tombstone where no other region could send an older write."""
    return None if record.tombstone and not table.keeps_tombstones else record


def effect_of(  # the item before and after, and why
    table: TableSpec, before: Record | None, after: Record, encoded: bytes, time_ms: int, flags: ChangeFlag
) -> bytes:
    """Return the effect that brings an item from one state to another.

    With it goes a change record if the table wants one, and the item's row in the expiry index.
    """
    effect = _effect_on_item(table, before, after, encoded, time_ms, flags)
    if table.time_to_live is not None and (rows := row_changes(table, after.key, before, after)):
        return combined_effect((effect, expiry_effect(table.number, rows)))
    return effect


def removal_of_nothing(table: TableSpec, encoded: bytes, time_ms: int) -> bytes:
    """Return the effect of a tombstone where there is no item, with a record: other regions have to know its version."""
    kind, flags = ChangeKind.REMOVE, ChangeFlag.UNCHANGED
    return logged_effect(
        table.number, encode_change(table.change_generation, time_ms, kind, flags, b"", encoded), removes=False
    )


def _effect_on_item(  # the item before and after, and why
    table: TableSpec, before: Record | None, after: Record, encoded: bytes, time_ms: int, flags: ChangeFlag
) -> bytes:
    removes = after.tombstone and not table.keeps_tombstones
    live = None if before is None or before.tombstone else before
    if not table.records_changes or (live is None and after.tombstone):
        return plain_effect(table.number, encoded, removes=removes)
    old_image = live.body if live is not None else b""
    if live is not None and not after.tombstone and _is_same_body(live.body, after.body):
        flags |= ChangeFlag.UNCHANGED
    change = encode_change(table.change_generation, time_ms, _kind_of(live, after), flags, old_image, encoded)
    return logged_effect(table.number, change, removes=removes)


def _kind_of(live: Record | None, after: Record) -> ChangeKind:
    if after.tombstone:
        return ChangeKind.REMOVE
    return ChangeKind.INSERT if live is None else ChangeKind.MODIFY


def _condition_failed(command: Write, live: Record | None) -> Outcome:
    if live is None:
        return ConditionFailed(b"", 0)
    return ConditionFailed(live.body if command.return_on_failure else b"", live.size)


def _put(  # what, on which state, when
    command: Write,
    table: TableSpec,
    stored: Record | None,
    result: _Result,
    stamping: Stamping,
    collection: Collection,
) -> Decision:
    live = None if stored is None or stored.tombstone else stored
    size_before = live.size if live is not None else 0
    outcome = Written(result.attributes, size_before, result.size)
    if live is not None and not table.replicas and _is_same_item(live, result):
        # As in DynamoDB this is no change. With replicas it still is the later write, and must win over earlier ones elsewhere.
        return _unchanged(outcome, collection)
    version = stamping.clock.stamp(None if stored is None else stored.version)
    record = Record(command.key, version, result.size, False, result.body)
    encoded = encode_record(command.key, version, result.size, result.body)
    effect = effect_of(table, stored, record, encoded, stamping.time_ms, ChangeFlag.NONE)
    if not table.indexes:
        return Decision(outcome, effect, record)
    return _indexed(table, stored, record, effect, outcome, collection)


def _unchanged(outcome: Written, collection: Collection) -> Decision:
    return Decision(outcome if collection.size < 0 else outcome._replace(collection_bytes=collection.size))


def _indexed(  # the item before and after, and what its own change comes to
    table: TableSpec,
    before: Record | None,
    after: Record,
    effect: bytes,
    outcome: Written,
    collection: Collection,
) -> Decision:
    """Add to a decision what it means for the table's indexes."""
    effect, units, size = with_indexes(table, before, after, effect, collection.size)
    if size > collection.size_max and size > collection.size >= 0:
        # What makes a collection smaller is welcome however large it is.
        raise StoreError(ErrorCode.ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED, _COLLECTION_TOO_LARGE)
    return Decision(outcome._replace(index_units=units, collection_bytes=size), effect, after, size)


def _is_same_item(live: Record, result: _Result) -> bool:
    return live.size == result.size and _is_same_body(live.body, result.body)


def _is_same_body(one: bytes, other: bytes) -> bool:
    # Canonical values are equal when their forms are; only the order of members may differ, and that moves digits without changing them.
    if len(one) != len(other) or one == other:
        return one == other
    has_same_digits = all(one.count(digit) == other.count(digit) for digit in _DIGITS)
    return has_same_digits and bool(orjson.loads(one) == orjson.loads(other))


def _delete(  # what, on which state, when, why
    command: Write,
    table: TableSpec,
    stored: Record | None,
    stamping: Stamping,
    collection: Collection,
    flags: ChangeFlag = ChangeFlag.NONE,
) -> Decision:
    if stored is None or stored.tombstone:
        return _unchanged(Written(b"", 0, 0), collection)
    version = stamping.clock.stamp(stored.version)
    outcome = Written(stored.body if command.returned == Returned.ALL_OLD else b"", stored.size, 0)
    tombstone = Record(command.key, version, 0, True, b"")
    encoded = encode_record(command.key, version, 0, b"", tombstone=True)
    effect = effect_of(table, stored, tombstone, encoded, stamping.time_ms, flags)
    if not table.indexes:
        return Decision(outcome, effect, tombstone)
    return _indexed(table, stored, tombstone, effect, outcome, collection)


def _updated(command: Write, table: TableSpec, live: Record | None, old: Item | None, values: list[Any]) -> _Result:
    key: Item = orjson.loads(command.body)
    update = compiled_update(command.update) if command.update else None
    if update is None:
        new: Item | None = key if old is None else old
    else:
        new = update.apply(old, key, values)
    attributes = _returned(command.returned, update, old, new)
    if new is None:
        return _Result(b"", 0, attributes)
    require_updated_index_keys(table.indexes, old or {}, new)
    size = _size_after(update, old, live, new)
    require_room_for_rows(table, command.key, new, size, _TOO_LARGE)
    return _Result(orjson.dumps(new), size, attributes)


def _size_after(update: Update | None, old: Item | None, live: Record | None, new: Item) -> int:
    if update is not None:
        return update.size_after(old, live.size if live is not None else 0, new)
    size = live.size if live is not None else item_size(new)
    if size > ITEM_BYTES_MAX:
        raise validation_error(_TOO_LARGE)
    return size


def _returned(returned: Returned, update: Update | None, old: Item | None, new: Item | None) -> bytes:
    if returned == Returned.NONE:
        return b""
    if update is None:
        shown = {Returned.ALL_OLD: old, Returned.ALL_NEW: new}.get(returned)
    else:
        shown = returned_attributes(returned, update, old, new)
    return orjson.dumps(shown) if shown is not None else b""


def version_of(stored: Record | None) -> Version | None:
    """Return the version of a stored state, a tombstone included; None = nothing is stored."""
    return None if stored is None else stored.version
