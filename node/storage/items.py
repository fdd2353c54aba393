"""Items in the engine: found, stored and scanned by their whole keys.

The room knows how records share a stored key (a long sort key that was cut, or two partition keys of one hash) and
hides it: callers see single records in the order of their keys. It refuses to know versions' meaning, conditions
and expiry; tombstones are records like any other.

Order everywhere: (hash, sort key, partition key).
"""

from collections.abc import Iterator
from typing import NamedTuple

from node.storage.engine import KEY_BYTES_MAX, Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import hash_of, item_key, item_range, successor, table_and_index_of, token_bounds
from node.storage.records import (
    Record,
    decode_bucket,
    decode_record,
    encode_bucket,
    is_bucket,
    key_in,
    place_of,
    placed,
)
from wire.keys import ItemKey, TokenRange

Position = tuple[bytes, ItemKey]
_tuple = tuple.__new__


class Former(NamedTuple):
    """Where a record was stored or removed, and the encoded record of the same key that was there; None = there was none."""

    stored_key: bytes
    place: int
    """That of the stored key: `node.storage.records.place_of`."""
    record: bytes | None


def find(view: View, table: int, index: int, key: ItemKey, hashed: bytes) -> Record | None:
    """Return the record of a key, a tombstone included, or None."""
    stored_key, _ = item_key(table, index, hashed, key.sort)
    stored = view.get(Space.ITEMS, stored_key)
    if stored is None:
        return None
    if is_bucket(stored):
        return _found_in_bucket(stored, stored_key, key)
    record = _decoded(stored, stored_key)
    return record if record.key == key else None


def store(  # where, under which key, what: the order every caller expects
    transaction: Transaction, table: int, index: int, key: ItemKey, hashed: bytes, record: bytes
) -> Former:
    """Store an encoded record in place of any earlier one of the same key; return the earlier one."""
    stored_key, _ = item_key(table, index, hashed, key.sort)
    present = transaction.get(Space.ITEMS, stored_key)
    place = place_of(stored_key)
    stored = placed(record, place)
    if present is not None and (is_bucket(present) or key_in(present) != key):
        present, others = _parted(present, stored_key, key)
        stored = _merged([*others, stored])
    transaction.put(Space.ITEMS, stored_key, stored)
    return _tuple(Former, (stored_key, place, present))


def remove(transaction: Transaction, table: int, index: int, key: ItemKey, hashed: bytes) -> Former:
    """Remove the record of a key for good, if there is one, and return it."""
    stored_key, _ = item_key(table, index, hashed, key.sort)
    present = transaction.get(Space.ITEMS, stored_key)
    if present is None:
        return Former(stored_key, 0, None)
    removed, others = _parted(present, stored_key, key)
    if others:
        transaction.put(Space.ITEMS, stored_key, _merged(others))
    else:
        transaction.delete(Space.ITEMS, stored_key)
    return Former(stored_key, place_of(stored_key), removed)


def scan_partition_key(
    view: View,
    table: int,
    index: int,
    partition: bytes,
    hashed: bytes,
    *,
    lower_sort: bytes = b"",
    upper_sort: bytes | None = None,
    reverse: bool = False,
    after: ItemKey | None = None,
) -> Iterator[Record]:
    """Yield the records of one partition key with lower_sort <= sort < upper_sort in sort order, or backwards.

    `after` is the last record already seen: it and everything before it, in the direction of the scan, is left out.
    An inclusive upper bound, and an exclusive lower one, is the bound with a zero byte added.
    """
    if after is not None:
        lower_sort, upper_sort = _continued(after.sort, lower_sort, upper_sort, reverse)
    lower, upper = _stored_bounds(table, index, hashed, lower_sort, upper_sort)
    for stored_key, stored in view.scan(Space.ITEMS, lower, upper, reverse):
        for record in _records(stored, stored_key, reverse):
            sort = record.key.sort
            if sort >= lower_sort and (upper_sort is None or sort < upper_sort) and record.key.partition == partition:
                yield record


def scan_tokens(
    view: View, table: int, index: int, tokens: TokenRange, after: Position | None = None
) -> Iterator[Record]:
    """Yield the records of a range of tokens in (hash, sort, partition) order, those beyond `after` only."""
    lower, upper = token_bounds(table, index, tokens)
    if after is not None:
        lower = max(lower, item_key(table, index, after[0], after[1].sort)[0])
    for stored_key, stored in view.scan(Space.ITEMS, lower, upper):
        for record in _records(stored, stored_key, False):
            if after is None or _is_beyond(record.key, stored_key, after):
                yield record


def _is_beyond(key: ItemKey, stored_key: bytes, after: Position) -> bool:
    hashed, seen = after
    return (hash_of(stored_key), key.sort, key.partition) > (hashed, seen.sort, seen.partition)


def _continued(seen: bytes, lower_sort: bytes, upper_sort: bytes | None, reverse: bool) -> tuple[bytes, bytes | None]:
    """Narrow the bounds to what lies beyond the sort key seen last."""
    if reverse:
        return lower_sort, seen if upper_sort is None else min(seen, upper_sort)
    return max(lower_sort, seen + b"\x00"), upper_sort


def _stored_bounds(
    table: int, index: int, hashed: bytes, lower_sort: bytes, upper_sort: bytes | None
) -> tuple[bytes, bytes | None]:
    lower, _ = item_key(table, index, hashed, lower_sort)
    if upper_sort is None:
        return lower, item_range(table, index, hashed)[1]
    upper, was_cut = item_key(table, index, hashed, upper_sort)
    # Sort keys below a bound that was cut may share its stored key.
    return lower, successor(upper) if was_cut else upper


def records_at(stored_key: bytes, stored: bytes) -> Iterator[tuple[bytes, Record]]:
    """Yield every record of a row, as stored and decoded. Raises DamagedRecord."""
    for member in _members(stored, stored_key) if is_bucket(stored) else (stored,):
        yield member, _decoded(member, stored_key)


def _records(stored: bytes, stored_key: bytes, reverse: bool) -> Iterator[Record]:
    if not is_bucket(stored):
        yield _decoded(stored, stored_key)
        return
    members = _members(stored, stored_key)
    for member in reversed(members) if reverse else members:
        yield _decoded(member, stored_key)


def _found_in_bucket(stored: bytes, stored_key: bytes, key: ItemKey) -> Record | None:
    for member in _members(stored, stored_key):
        record = _decoded(member, stored_key)
        if record.key == key:
            return record
    return None


def _parted(present: bytes, stored_key: bytes, key: ItemKey) -> tuple[bytes | None, list[bytes]]:
    """Return the encoded record under a stored key that belongs to the key, or None, and those that belong to others.

    Damage to what is present is an error where others may share the place. Where only a collision of hashes could
    have brought another there, what is damaged was the key's own record and is on its way out anyhow.
    """
    try:
        members = _members(present, stored_key) if is_bucket(present) else [present]
        keys = [_decoded(member, stored_key).key for member in members]
    except DamagedRecord:
        if len(stored_key) == KEY_BYTES_MAX:
            raise
        return None if is_bucket(present) else present, []
    own = members.pop(keys.index(key)) if key in keys else None
    return own, members


def _merged(members: list[bytes]) -> bytes:
    """Return what to store for records that share a stored key; one alone is stored plainly."""
    if len(members) == 1:
        return members[0]
    return encode_bucket(sorted(members, key=lambda member: key_in(member)[::-1]))


def _members(stored: bytes, stored_key: bytes) -> list[bytes]:
    try:
        return decode_bucket(stored)
    except DamagedRecord as error:
        raise _located(error, stored_key) from None


def _decoded(stored: bytes, stored_key: bytes) -> Record:
    try:
        return decode_record(stored, stored_key)
    except DamagedRecord as error:
        raise _located(error, stored_key) from None


def _located(error: DamagedRecord, stored_key: bytes) -> DamagedRecord:
    table, index = table_and_index_of(stored_key)
    return DamagedRecord(f"table {table} index {index} stored key {stored_key.hex()}: {error}")
