"""What one log entry carries: the effects of one turn, under the catalog version they were decided with.

Layout, big endian: format u8 | catalog version u64 | pieces; a piece is kind u8 | length u32 | bytes. Knows this
framing; refuses to know what an effect means.
"""

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

FORMAT = 1

_HEAD = struct.Struct(">BQ")
_PIECE = struct.Struct(">BI")
_NAME = struct.Struct(">H")

HEAD_BYTES = _HEAD.size
PIECE_BYTES = _PIECE.size


class PieceKind(IntEnum):
    """What a piece of an entry is. The numbers are in people's logs: only add."""

    EFFECT = 1
    """Bytes for the state machine."""
    CURSOR = 2
    """A name and the value it has from now on."""


class Cursor(NamedTuple):
    """A replicated name and its value; empty = removed."""

    name: str
    value: bytes


class EntryContent(NamedTuple):
    """An entry taken apart."""

    catalog_version: int
    effects: Sequence[bytes]
    cursors: Sequence[Cursor]


def effect_piece(effect: bytes) -> bytes:
    """Return an effect as a piece of an entry."""
    return _PIECE.pack(PieceKind.EFFECT, len(effect)) + effect


def cursor_piece(cursor: Cursor) -> bytes:
    """Return a cursor as a piece of an entry."""
    name = cursor.name.encode()
    return _PIECE.pack(PieceKind.CURSOR, _NAME.size + len(name) + len(cursor.value)) + b"".join(
        (_NAME.pack(len(name)), name, cursor.value)
    )


def encode_entry(catalog_version: int, pieces: Sequence[bytes]) -> bytes:
    """Return an entry's payload."""
    return _HEAD.pack(FORMAT, catalog_version) + b"".join(pieces)


def decode_entry(payload: bytes) -> EntryContent:
    """Take an entry's payload apart. An unknown format or kind is one that a newer release wrote.

    A failed assertion.
    """
    format_, catalog_version = _HEAD.unpack_from(payload)
    assert format_ == FORMAT, f"expected entry format {FORMAT}, found {format_}: this release is too old for this log"
    effects: list[bytes] = []
    cursors: list[Cursor] = []
    for kind, piece in _pieces(payload):
        if kind == PieceKind.EFFECT:
            effects.append(piece)
        else:
            assert kind == PieceKind.CURSOR, f"expected a known kind of piece, found {kind}"
            cursors.append(_decode_cursor(piece))
    return EntryContent(catalog_version, effects, cursors)


def _pieces(payload: bytes) -> Iterator[tuple[int, bytes]]:
    position = HEAD_BYTES
    end = len(payload)
    while position < end:
        kind, length = _PIECE.unpack_from(payload, position)
        start = position + PIECE_BYTES
        position = start + length
        yield kind, payload[start:position]


def _decode_cursor(piece: bytes) -> Cursor:
    (name_bytes,) = _NAME.unpack_from(piece)
    start = _NAME.size + name_bytes
    return Cursor(piece[_NAME.size : start].decode(), piece[start:])
