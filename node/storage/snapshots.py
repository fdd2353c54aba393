"""A partition's data as a stream of bounded chunks, and back.

The room knows which rows a partition owns and how chunks of them look as bytes; it refuses to know how chunks
travel, and leaves out the state that belongs to one replica alone (its promises, its log). A partition owns the items
in its range of tokens, of whatever tables, its change records, its replicated state and its expiry index.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from xxhash import xxh3_64_digest

from node.storage.batch import WriteBatch
from node.storage.digests import DIGESTED, DigestChanges, Tokens, begin_digests, require_whole
from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import (
    LOCAL_STATE,
    Range,
    hash_of,
    partition_range,
    replicated_state_ranges,
    state_key,
    table_and_index_of,
    table_range,
    token_bounds,
)
from node.storage.sealed import sealed, unsealed
from wire.keys import TokenRange, token_of

INSTALLING = LOCAL_STATE + "installing"

_CHUNK_FORMAT = 1
_CHECKSUM_BYTES = 8
_HEAD = struct.Struct(">BBI")
_ROW = struct.Struct(">BHI")
_SPACES = (Space.ITEMS, Space.CHANGES, Space.STATE, Space.EXPIRY)
_BY_PARTITION = (Space.CHANGES, Space.EXPIRY)

Row = tuple[Space, bytes, bytes]


class Position(NamedTuple):
    """Name the last row that was taken."""

    space: Space
    key: bytes


class Chunk(NamedTuple):
    """Hold some rows of a partition, in order; `is_last` says that no more follow."""

    rows: tuple[Row, ...]
    is_last: bool

    @property
    def position(self) -> Position | None:
        """Return where to go on from, or None when the chunk is empty."""
        return Position(*self.rows[-1][:2]) if self.rows else None


def partition_rows(view: View, partition: int, tokens: TokenRange, after: Position | None = None) -> Iterator[Row]:
    """Yield every row a partition owns, in (space, key) order, those beyond `after` only."""
    for space in _SPACES:
        if after is not None and space < after.space:
            continue
        seen = after.key if after is not None and after.space == space else None
        for lower, upper in _ranges(view, space, partition, tokens, seen):
            beyond = lower if seen is None else max(lower, seen + b"\x00")
            for key, value in view.scan(space, beyond, upper):
                yield space, key, value


def read_chunk(view: View, partition: int, tokens: TokenRange, after: Position | None, bytes_max: int) -> Chunk:
    """Return the next rows, up to `bytes_max` of keys and values but at least one, if any is left."""
    rows: list[Row] = []
    for row in partition_rows(view, partition, tokens, after):
        bytes_max -= len(row[1]) + len(row[2])
        if rows and bytes_max < 0:
            return Chunk(tuple(rows), False)
        rows.append(row)
    return Chunk(tuple(rows), True)


def chunks(view: View, partition: int, tokens: TokenRange, bytes_max: int) -> Iterator[Chunk]:
    """Yield all chunks of one view, the last of them marked; always at least one."""
    after: Position | None = None
    while True:
        chunk = read_chunk(view, partition, tokens, after, bytes_max)
        yield chunk
        if chunk.is_last:
            return
        after = chunk.position


def encode_chunk(chunk: Chunk) -> bytes:
    """Return a chunk as bytes under a checksum."""
    parts = [_HEAD.pack(_CHUNK_FORMAT, chunk.is_last, len(chunk.rows))]
    for space, key, value in chunk.rows:
        parts += (_ROW.pack(space, len(key), len(value)), key, value)
    content = b"".join(parts)
    return xxh3_64_digest(content) + content


def decode_chunk(encoded: bytes) -> Chunk:
    """Return the chunk in these bytes, or raise DamagedRecord."""
    content = encoded[_CHECKSUM_BYTES:]
    if len(content) < _HEAD.size or xxh3_64_digest(content) != encoded[:_CHECKSUM_BYTES]:
        raise DamagedRecord(f"the checksum of a snapshot chunk of {len(encoded)} bytes does not match")
    format_, is_last, count = _HEAD.unpack_from(content)
    if format_ != _CHUNK_FORMAT:
        raise DamagedRecord(f"expected snapshot chunk format {_CHUNK_FORMAT}, found {format_}")
    rows = []
    position = _HEAD.size
    for _ in range(count):
        space, key_bytes, value_bytes = _ROW.unpack_from(content, position)
        key_start = position + _ROW.size
        value_start = key_start + key_bytes
        position = value_start + value_bytes
        rows.append((Space(space), content[key_start:value_start], content[value_start:position]))
    return Chunk(tuple(rows), bool(is_last))


def owned_ranges(view: View, space: Space, partition: int, tokens: TokenRange) -> Iterator[Range]:
    """Yield the bounds of everything that a partition owns in a space."""
    return _ranges(view, space, partition, tokens, None)


def clear_step(transaction: Transaction, partition: int, tokens: TokenRange, entries_max: int) -> int:
    """Delete up to `entries_max` rows that a partition owns; fewer deleted than that means that none are left."""
    deleted = 0
    for space in _SPACES:
        for lower, upper in _ranges(transaction, space, partition, tokens, None):
            if deleted < entries_max:
                deleted += transaction.delete_range(space, lower, upper, entries_max - deleted)
    return deleted


def install_to(batch: WriteBatch, partition: int, tokens: TokenRange, chunk: Chunk) -> None:
    """Write the rows of a chunk; DamagedRecord, and nothing written, when one is damaged or not the partition's."""
    digests = DigestChanges(Tokens.of(tokens))
    for space, key, _ in chunk.rows:
        if not _is_owned(space, key, partition, tokens):
            raise DamagedRecord(f"partition {partition} does not own the row {space.name} {key.hex()} of a snapshot")
    for space, key, value in chunk.rows:
        require_whole(space, key, value)
        if space in DIGESTED:
            digests.row(space, key, value, None)
    for space, key, value in chunk.rows:
        batch.put(space, key, value)
    batch.call(lambda transaction: digests.write(partition, transaction))


def begin_install_to(batch: WriteBatch, partition: int, note: bytes) -> None:
    """Mark the partition's data as incomplete, in or before the batch that begins to clear it."""
    key = state_key(partition, INSTALLING)
    batch.call(lambda transaction: begin_digests(transaction, partition))
    batch.put(Space.STATE, key, sealed(note, key))


def finish_install_to(batch: WriteBatch, partition: int) -> None:
    """Mark the partition's data as complete, in the batch that says what it is complete up to."""
    batch.delete(Space.STATE, state_key(partition, INSTALLING))


def interrupted_install(view: View, partition: int) -> bytes | None:
    """Return the note of an installation that began and did not finish: until it has, serve nothing of this data."""
    key = state_key(partition, INSTALLING)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return None
    note = unsealed(stored, key)
    if note is None:
        raise DamagedRecord(f"partition {partition} state {INSTALLING}: its checksum does not match its bytes")
    return note


def _ranges(view: View, space: Space, partition: int, tokens: TokenRange, seen: bytes | None) -> Iterator[Range]:
    if space == Space.ITEMS:
        yield from _item_ranges(view, tokens, seen or b"")
    elif space in _BY_PARTITION:
        yield partition_range(partition)
    else:
        yield from replicated_state_ranges(partition)


def _item_ranges(view: View, tokens: TokenRange, lower: bytes | None) -> Iterator[Range]:
    """Find the tables and indexes that hold anything by seeking from one to the next."""
    while lower is not None:
        found = next(view.scan(Space.ITEMS, lower, None), None)
        if found is None:
            return
        table, index = table_and_index_of(found[0])
        yield token_bounds(table, index, tokens)
        _, lower = table_range(table, index)


def _is_owned(space: Space, key: bytes, partition: int, tokens: TokenRange) -> bool:
    if space == Space.ITEMS:
        return token_of(hash_of(key)) in tokens
    ranges = (partition_range(partition),) if space in _BY_PARTITION else replicated_state_ranges(partition)
    return space in _SPACES and any(lower <= key and (upper is None or key < upper) for lower, upper in ranges)
