"""Stored records: a fixed binary header, the key, and the item as it will be sent.

The room knows how one record, and a bucket of several, look as bytes and how damage shows; it refuses to know what
an item means. Layout of a record, big endian:

    format u8 | flags u8 | checksum u32 | time u64 | region u16 | size u32 | partition length u16 | sort length u16 |
    partition key | sort key | body

The checksum covers everything but itself. A record that travels, in the log and in change records, says FORMAT. One that is stored says
PLACED, and its checksum is mixed with the whole key it is stored under: found anywhere else, because bits of that key have changed, it
is as damaged as one whose own bytes have. Releases before stored FORMAT, which is still read. A bucket has BUCKET set in its format
byte, then per record its length (u32) and its bytes; its records are in (sort, partition) order.
"""

import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from node.storage.errors import DamagedRecord
from wire.keys import ItemKey
from wire.versions import Version

FORMAT = 1
PLACED = 2
BUCKET = 0x80
TOMBSTONE = 0x01

_HEADER = struct.Struct(">BBIQHIHH")
_CHECKED = struct.Struct(">QHIHH")
_LENGTHS = struct.Struct(">HH")
_LENGTHS_START = _HEADER.size - _LENGTHS.size
_CHECKED_START = _HEADER.size - _CHECKED.size
_PREFIX = struct.Struct(">BBI")
_FLAGS_AND_SIZE = struct.Struct(">xB14xI")
_MEMBER = struct.Struct(">I")
_BUCKET_HEAD = bytes((FORMAT | BUCKET,))
_BUCKET_BEGINS = bytes((BUCKET,))
_tuple = tuple.__new__

flags_and_size: Callable[[bytes], tuple[int, int]] = _FLAGS_AND_SIZE.unpack_from
"""Return the flags and the DynamoDB size inside a record without looking at anything else, its checksum included.

Raises `struct.error` where a record is too short to have them."""


class Record(NamedTuple):
    """Hold one stored item: its key, its version, its DynamoDB size in bytes, and its JSON (empty when deleted)."""

    key: ItemKey
    version: Version
    size: int
    tombstone: bool
    body: bytes


def encode_record(key: ItemKey, version: Version, size: int, body: bytes, tombstone: bool = False) -> bytes:
    """Return the stored bytes of a record."""
    partition, sort = key
    flags = TOMBSTONE if tombstone else 0
    rest = b"".join(
        (_CHECKED.pack(version[0], version[1], size, len(partition), len(sort)), partition, sort, body),
    )
    return _PREFIX.pack(FORMAT, flags, xxh3_64_intdigest(rest, FORMAT << 8 | flags) & 0xFFFFFFFF) + rest


def placed(record: bytes, place: int) -> bytes:
    """Return an encoded record as it is stored at a place, see `place_of`."""
    _, flags, checksum = _PREFIX.unpack_from(record)
    prefix: bytes = _PREFIX.pack(PLACED, flags, checksum ^ place)
    return prefix + record[_CHECKED_START:]


def checksum_in(stored: bytes, place: int) -> int:
    """Return the checksum that a record carries, of its content alone: the same in both formats.

    Nothing is checked. Raises DamagedRecord when there is none.
    """
    try:
        format_, _, checksum = _PREFIX.unpack_from(stored)
    except struct.error:
        raise DamagedRecord(f"a record has at least {_HEADER.size} bytes, found {len(stored)}") from None
    return checksum ^ place if format_ == PLACED else checksum  # type: ignore[no-any-return]


def decode_record(stored: bytes, stored_key: bytes = b"") -> Record:
    """Return the record in these bytes, found under a key unless they have travelled, or raise DamagedRecord."""
    try:
        format_, flags, checksum, time, region, size, partition_bytes, sort_bytes = _HEADER.unpack_from(stored)
    except struct.error:
        raise DamagedRecord(f"a record has at least {_HEADER.size} bytes, found {len(stored)}") from None
    if format_ == PLACED:
        checksum ^= place_of(stored_key)
    elif format_ != FORMAT:
        raise DamagedRecord(f"expected record format {PLACED}, found {format_}")
    if checksum != xxh3_64_intdigest(stored[_CHECKED_START:], FORMAT << 8 | flags) & 0xFFFFFFFF:
        raise DamagedRecord("the checksum of the record does not match its bytes and its place")
    sort_start = _HEADER.size + partition_bytes
    body_start = sort_start + sort_bytes
    # The named tuples' own constructors are functions in Python and cost a third of the whole.
    return _tuple(
        Record,
        (
            _tuple(ItemKey, (stored[_HEADER.size : sort_start], stored[sort_start:body_start])),
            _tuple(Version, (time, region)),
            size,
            flags & TOMBSTONE != 0,
            stored[body_start:],
        ),
    )


def place_of(stored_key: bytes) -> int:
    """Return what the checksum of a record that is stored under a key is mixed with."""
    return xxh3_64_intdigest(stored_key) & 0xFFFFFFFF


def is_bucket(stored: bytes) -> bool:
    """Return whether these bytes hold several records."""
    return stored[:1] >= _BUCKET_BEGINS


def key_in(stored: bytes) -> ItemKey:
    """Return the key inside a record without looking at anything else, its checksum included. Raises DamagedRecord."""
    try:
        partition_bytes, sort_bytes = _LENGTHS.unpack_from(stored, _LENGTHS_START)
    except struct.error:
        raise DamagedRecord(f"a record has at least {_HEADER.size} bytes, found {len(stored)}") from None
    sort_start = _HEADER.size + partition_bytes
    return _tuple(ItemKey, (stored[_HEADER.size : sort_start], stored[sort_start : sort_start + sort_bytes]))


def encode_bucket(members: Iterable[bytes]) -> bytes:
    """Return the stored bytes of a bucket of encoded records, given in order."""
    return _BUCKET_HEAD + b"".join(_MEMBER.pack(len(member)) + member for member in members)


def decode_bucket(stored: bytes) -> list[bytes]:
    """Return the encoded records in a bucket, in order; their checksums are checked when they are decoded."""
    members = []
    position = len(_BUCKET_HEAD)
    while position < len(stored):
        start = position + _MEMBER.size
        if start > len(stored):
            raise DamagedRecord(f"a bucket of {len(stored)} bytes ends inside a length at byte {position}")
        position = start + _MEMBER.unpack_from(stored, start - _MEMBER.size)[0]
        if position > len(stored):
            raise DamagedRecord(f"a bucket of {len(stored)} bytes ends inside a record at byte {start}")
        members.append(stored[start:position])
    if stored[:1] != _BUCKET_HEAD:
        raise DamagedRecord(f"expected bucket format {_BUCKET_HEAD[0]}, found {stored[0]}")
    return members
