"""Digests of what a partition holds: a few sums per area of its rows, kept in the transaction that changes a row.

A digest says what should be there, apart from what is: a row that is lost, or came back, with a page of the file shows in it, and that
is the one kind of damage that no checksum of a row can show. Areas are what keys have in common before their order begins to matter:

    ITEMS    table, index                         in 64 slots of the partition's tokens
    CHANGES  table, block of sequence numbers     in 64 slots of 4,096 numbers
    EXPIRY   index of a table, region, block of seconds   in 64 slots of 1,024 seconds

A slot holds a sum modulo 2^64 over its rows (over the records of a bucket) of the checksum that each carries, plus 2^32 for each: so it
counts them as well. The sums of an area are one row of the replica's own state, so that a commit dirties a page of them or two.

A sum can be believed once it has been held against the rows: those of an area that is older than digests are `UNTRUSTED` until then.
What is deleted outside consensus, because the catalog has it no more, makes its area `FORGOTTEN`: nothing is compared any more.

The room knows rows, areas and sums. Refuses to know who compares, and when.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.items import Former, records_at
from node.storage.layout import (
    LOCAL_STATE,
    Range,
    hash_of,
    state_key,
    successor,
    table_and_index_of,
    token_bounds,
)
from node.storage.records import checksum_in, decode_bucket, is_bucket, place_of
from node.storage.sealed import seal_of, sealed, unsealed
from wire.keys import RING_TOKENS, TokenRange, token_of

SLOTS: Final = 64
DIGESTED: Final = (Space.ITEMS, Space.CHANGES, Space.EXPIRY)
_DIGESTS: Final = LOCAL_STATE + "digest/"
CHECKPOINT: Final = LOCAL_STATE + "checkpoint"
"""What the replica held at the last checkpoint, see node.partition.checkpoints; nothing of it holds for other data."""
_COMPLETE: Final = LOCAL_STATE + "digested"
"""Its presence says that an area without sums is an empty one; its value, for which tokens."""

_SUMS = struct.Struct(f">B{SLOTS}Q")
_SUM = _BLOCK = struct.Struct(">Q")
_SEQUENCE_BITS: Final = 12
_SECOND_BITS: Final = 10
_SLOT_BITS: Final = 6
_ROW: Final = 1 << 32
_MASK: Final = (1 << 64) - 1
_PARTITION_BYTES: Final = 4
_TABLE_BYTES: Final = 4
_EXPIRY_HEAD: Final = slice(4, 18)  # table u32 | generation u64 | region u16
_ITEMS_HEAD: Final = 6  # table u32 | index u16
_TOKEN: Final = slice(_ITEMS_HEAD, _ITEMS_HEAD + 8)
_CHECKSUM: Final = slice(2, 6)  # of an encoded record
_from_bytes = int.from_bytes  # big endian unless it is told otherwise
_ITEMS, _CHANGES, _EXPIRY = (bytes((space,)) for space in DIGESTED)
_AREAS_AT_ONCE_MAX: Final = 1 << 20


class Trust(IntEnum):
    """What may be made of the sums of an area. The numbers are stored: only add."""

    UNTRUSTED = 0
    TRUSTED = 1
    FORGOTTEN = 2


class Area(NamedTuple):
    """Rows that share a row of sums: a space, and what their keys have in common (without the partition)."""

    space: Space
    prefix: bytes

    @classmethod
    def of(cls, encoded: bytes) -> "Area":
        """Take an area as `place_in` returns it."""
        return cls(Space(encoded[0]), encoded[1:])

    @property
    def index_number(self) -> int:
        """Return the index number of an area of ITEMS, 0 for the table itself."""
        return int.from_bytes(self.prefix[_TABLE_BYTES:_ITEMS_HEAD], "big")

    @property
    def generation(self) -> int:
        """Return the generation of time to live of an area of EXPIRY."""
        return int.from_bytes(self.prefix[_TABLE_BYTES : _TABLE_BYTES + 8], "big")

    @property
    def table(self) -> int:
        """Return the table that the rows belong to."""
        return int.from_bytes(self.prefix[:_TABLE_BYTES], "big")


class Sums(NamedTuple):
    """What is stored of an area."""

    trust: Trust
    slots: tuple[int, ...]


NOTHING: Final = Sums(Trust.TRUSTED, (0,) * SLOTS)
_NOTHING_PACKED: Final = _SUMS.pack(*NOTHING[:1], *NOTHING.slots)


class Tokens(NamedTuple):
    """The tokens of a partition, cut into slots."""

    lower: int
    width: int

    @classmethod
    def of(cls, tokens: TokenRange) -> "Tokens":
        """Cut a range of tokens."""
        return cls(tokens.lower, max(1, -(-(tokens.upper - tokens.lower) // SLOTS)))

    def slot(self, token: int) -> int:
        """Return the slot of a token; one that is not in the range has the nearest."""
        slot = (token - self.lower) // self.width
        return slot if 0 <= slot < SLOTS else (0 if slot < 0 else SLOTS - 1)


WHOLE_RING: Final = Tokens.of(TokenRange(0, RING_TOKENS))


def place_in(space: Space, key: bytes, tokens: Tokens) -> tuple[bytes, int]:
    """Return the area, encoded, and the slot of a row."""
    if space is Space.ITEMS:
        return _ITEMS + key[:_ITEMS_HEAD], tokens.slot(token_of(hash_of(key)))
    if space is Space.CHANGES:
        block = int.from_bytes(key[8:16], "big") >> _SEQUENCE_BITS
        return _CHANGES + key[4:8] + _BLOCK.pack(block >> _SLOT_BITS), block % SLOTS
    block = int.from_bytes(key[18:26], "big") >> _SECOND_BITS
    return _EXPIRY + key[_EXPIRY_HEAD] + _BLOCK.pack(block >> _SLOT_BITS), block % SLOTS


def elements_of(space: Space, key: bytes, stored: bytes) -> int:
    """Return what a row adds to its slot, of what it says itself: nothing is checked. Raises DamagedRecord."""
    if space is Space.ITEMS:
        members, place = decode_bucket(stored) if is_bucket(stored) else (stored,), place_of(key)
        return sum(_ROW + checksum_in(member, place) for member in members)
    try:
        return _ROW + seal_of(stored)
    except struct.error:
        raise DamagedRecord(f"{space.name} {key.hex()}: {len(stored)} bytes are no row") from None


def require_whole(space: Space, key: bytes, stored: bytes) -> None:
    """Raise DamagedRecord unless a row carries the checksum of its bytes and of its place."""
    if space is Space.ITEMS:
        for _ in records_at(key, stored):
            pass
    elif unsealed(stored, key, _seed_before(space, key)) is None:
        raise DamagedRecord(f"{space.name} {key.hex()}: its checksum does not match its bytes and its place")


def _seed_before(space: Space, key: bytes) -> int:
    """Return what alone releases before have seeded the checksum of a row with."""
    if space is Space.CHANGES:
        return int.from_bytes(key[8:16], "big")
    return int.from_bytes(key[4:12], "big") if space is Space.LOG else 0


class DigestChanges:
    """Gather what rows that come and go change, so that many of them touch one row of sums per area."""

    __slots__ = ("_changes", "_items", "_lower", "_tokens", "_width")

    def __init__(self, tokens: Tokens = WHOLE_RING) -> None:
        self._tokens = tokens
        self._lower, self._width = tokens
        self._changes: dict[bytes, dict[int, int]] = {}
        self._items: dict[bytes, dict[int, int]] = {}

    def record(self, former: Former, come: bytes | None) -> None:
        """Count an encoded record that came, and the one that went for it. Raises DamagedRecord."""
        stored_key, place, gone = former
        # A record that comes has travelled: its checksum is mixed with nothing. This is the hot path.
        change = 0 if come is None else _ROW + _from_bytes(come[_CHECKSUM])
        if gone is not None:
            change -= _ROW + checksum_in(gone, place)
        area = stored_key[:_ITEMS_HEAD]
        slots = self._items.get(area)
        if slots is None:
            slots = self._items[area] = self._changes[_ITEMS + area] = {}
        slot = (_from_bytes(stored_key[_TOKEN]) - self._lower) // self._width
        if not 0 <= slot < SLOTS:
            slot = 0 if slot < 0 else SLOTS - 1
        slots[slot] = slots.get(slot, 0) + change

    def row(self, space: Space, key: bytes, come: bytes | None, gone: bytes | None) -> None:
        """Count a row that came, and one that went. Raises DamagedRecord."""
        change = 0
        if come is not None:
            change += elements_of(space, key, come)
        if gone is not None:
            change -= elements_of(space, key, gone)
        self._add(space, key, change)

    def write(self, partition: int, transaction: Transaction) -> None:
        """Bring the stored sums up to date. Raises DamagedRecord."""
        for area, slots in self._changes.items():
            key = state_key(partition, _DIGESTS) + area
            stored = transaction.get(Space.STATE, key)
            if stored is not None:
                changed = bytearray(_whole_sums(stored, key))
            else:
                trust = Trust.TRUSTED if is_complete(transaction, partition) else Trust.UNTRUSTED
                changed = bytearray(_SUMS.pack(trust, *NOTHING.slots))
            for slot, change in slots.items():
                start = 1 + slot * _SUM.size
                _SUM.pack_into(changed, start, (_SUM.unpack_from(changed, start)[0] + change) & _MASK)
            if changed == _NOTHING_PACKED:
                transaction.delete(Space.STATE, key)
            else:
                transaction.put(Space.STATE, key, sealed(bytes(changed), key))

    def _add(self, space: Space, key: bytes, change: int) -> None:
        area, slot = place_in(space, key, self._tokens)
        slots = self._changes.get(area)
        if slots is None:
            slots = self._changes[area] = {}
        slots[slot] = slots.get(slot, 0) + change


def read_sums(view: View, partition: int, area: Area) -> Sums | None:
    """Return what is stored of an area, or None. Raises DamagedRecord."""
    key = _sums_key(partition, area)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return None
    trust, *slots = _SUMS.unpack(_whole_sums(stored, key))
    return Sums(Trust(trust), tuple(slots))


def write_sums(transaction: Transaction, partition: int, area: Area, sums: Sums) -> None:
    """Store the sums of an area; one that holds nothing and is trusted leaves no trace."""
    key = _sums_key(partition, area)
    if sums == NOTHING:
        transaction.delete(Space.STATE, key)
    else:
        transaction.put(Space.STATE, key, sealed(_SUMS.pack(sums.trust, *sums.slots), key))


def stored_areas(view: View, partition: int, space: Space | None = None, table: int | None = None) -> Iterator[Area]:
    """Yield the areas that have sums, in order; of one space, and of one table in it, if so asked."""
    head = state_key(partition, _DIGESTS)
    lower = head
    if space is not None:
        lower += bytes((space,)) + (b"" if table is None else table.to_bytes(_TABLE_BYTES, "big"))
    for key, _ in view.scan(Space.STATE, lower, successor(lower)):
        if key[len(head)] not in DIGESTED:
            raise DamagedRecord(f"partition {partition} digest {key.hex()}: there is no such space")
        yield Area.of(key[len(head) :])


def slot_range(partition: int, tokens: TokenRange, area: Area, slot: int) -> Range:
    """Return the bounds of the rows of one slot of an area."""
    if area.space is Space.ITEMS:
        width = Tokens.of(tokens).width
        lower = min(tokens.lower + slot * width, tokens.upper)
        table, index = table_and_index_of(area.prefix)
        return token_bounds(table, index, TokenRange(lower, min(lower + width, tokens.upper)))
    block = (int.from_bytes(area.prefix[-_BLOCK.size :], "big") << _SLOT_BITS) + slot
    bits = _SEQUENCE_BITS if area.space is Space.CHANGES else _SECOND_BITS
    head = partition.to_bytes(_PARTITION_BYTES, "big") + area.prefix[: -_BLOCK.size]
    upper = (block + 1) << bits
    return head + _BLOCK.pack(block << bits), successor(head) if upper > _MASK else head + _BLOCK.pack(upper)


def is_complete(view: View, partition: int) -> bool:
    """Tell whether an area without sums is an empty one."""
    return view.get(Space.STATE, state_key(partition, _COMPLETE)) is not None


def set_complete(transaction: Transaction, partition: int) -> None:
    """Note that from now on every area that holds anything has sums."""
    key = state_key(partition, _COMPLETE)
    transaction.put(Space.STATE, key, sealed(b"", key))


def begin_digests(transaction: Transaction, partition: int) -> None:
    """Begin anew for a partition whose rows are all being cleared, or that has none yet."""
    lower = state_key(partition, _DIGESTS)
    transaction.delete_range(Space.STATE, lower, successor(lower), _AREAS_AT_ONCE_MAX)
    transaction.delete(Space.STATE, state_key(partition, CHECKPOINT))
    set_complete(transaction, partition)


def forget_areas(transaction: Transaction, partition: int, space: Space, prefix: bytes) -> None:
    """Compare nothing any more of areas that begin so: their rows are going, outside consensus."""
    lower = state_key(partition, _DIGESTS) + bytes((space,)) + prefix
    for key, _ in list(transaction.scan(Space.STATE, lower, successor(lower))):
        area = Area(space, key[len(lower) - len(prefix) :])
        write_sums(transaction, partition, area, Sums(Trust.FORGOTTEN, NOTHING.slots))


def forgotten_rows(view: View, partition: int) -> Iterator[bytes]:
    """Yield the keys of the sums of areas that nothing is compared of any more."""
    for area in stored_areas(view, partition):
        sums = read_sums(view, partition, area)
        if sums is not None and sums.trust is Trust.FORGOTTEN:
            yield _sums_key(partition, area)


def _whole_sums(stored: bytes, key: bytes) -> bytes:
    value = unsealed(stored, key)
    if value is None or len(value) != _SUMS.size:
        raise DamagedRecord(f"digest {key.hex()}: its checksum does not match its bytes")
    return value


def _sums_key(partition: int, area: Area) -> bytes:
    return state_key(partition, _DIGESTS) + bytes((area.space,)) + area.prefix
