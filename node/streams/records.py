"""One row of a change log: what stands in the engine, and the ChangeRecord it comes from and becomes.

Layout of a row, under a checksum seeded with its key, big endian:

    generation u64 | time_ms u64 | kind u8 | flags u8 | old image length u32 | old image | stored record

The stored record (`node.storage.records`) holds key, version, size and new image; for a removal it is a tombstone.
"""

import struct
from enum import IntEnum, IntFlag

from node.storage.errors import DamagedRecord
from node.storage.layout import change_sequence_of
from node.storage.records import Record, decode_record
from node.storage.sealed import SEAL_BYTES, sealed, unsealed
from wire.commands import ChangeRecord

HEAD = struct.Struct(">QQBBI")
_NUMBER = struct.Struct(">Q")
_GENERATION_START = SEAL_BYTES
_TIME_START = SEAL_BYTES + 8


class ChangeKind(IntEnum):
    """What a change did to an item. The numbers are stored: only add."""

    INSERT = 1
    MODIFY = 2
    REMOVE = 3


class ChangeFlag(IntFlag):
    """Why a change was made. The numbers are stored: only add."""

    NONE = 0
    REPLICATED = 1
    """It came from another region."""
    EXPIRED = 2
    """Time to live removed the item."""
    UNCHANGED = 4
    """The item stayed as it was; only its version is newer. Other regions have to know, readers of the stream need not."""


def encode_change(  # the row's layout, in its order
    generation: int, time_ms: int, kind: ChangeKind, flags: int, old_image: bytes, record: bytes
) -> bytes:
    """Return a change as its effect carries it: a row without its checksum. `record` is the encoded state after it."""
    return HEAD.pack(generation, time_ms, kind, flags, len(old_image)) + old_image + record


def record_start(change: bytes, start: int = 0) -> int:
    """Return where the stored record begins in a change that begins at `start`."""
    old_bytes: int = HEAD.unpack_from(change, start)[4]
    return start + HEAD.size + old_bytes


def encode_row(change: bytes, key: bytes) -> bytes:
    """Return the stored row of a change that was given its place."""
    return sealed(change, key)


def decode_row(table: int, key: bytes, row: bytes) -> ChangeRecord:
    """Return the change in the row at `key`. Raises DamagedRecord."""
    sequence = change_sequence_of(key)
    change = unsealed(row, key, sequence)
    if change is None:
        raise DamagedRecord(f"table {table} change {sequence}: its checksum does not match its bytes")
    generation, time_ms, kind, flags, old_bytes = HEAD.unpack_from(change)
    start = HEAD.size + old_bytes
    record: Record = decode_record(change[start:])
    return ChangeRecord(
        sequence=sequence,
        table=table,
        generation=generation,
        kind=kind,
        key=record.key,
        version=record.version,
        old_image=change[HEAD.size : start],
        new_image=record.body,
        origin=record.version.region,
        flags=flags,
        time_ms=time_ms,
    )


def generation_of(row: bytes) -> int:
    """Return the stream generation that the change in a row belongs to, without checking the row."""
    generation: int = _NUMBER.unpack_from(row, _GENERATION_START)[0]
    return generation


def time_ms_of(row: bytes) -> int:
    """Return when the change in a row was written here, without checking the row."""
    time_ms: int = _NUMBER.unpack_from(row, _TIME_START)[0]
    return time_ms
