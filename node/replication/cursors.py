"""Cursors: how far a partition has shipped one table to one region, as replicated state.

Knows the stored form and the names of cursors. Refuses to know who stores them.
"""

from typing import NewType, Self

import msgspec

from wire.commands import Position
from wire.keys import ItemKey

BatchId = NewType("BatchId", int)


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a new leader must know to carry on: all that this says was acknowledged by a quorum over there.

    Own change records up to `sequence` are acknowledged. While `is_scanning`, items up to `scanned` are too (None = none yet); the
    scan covers whatever the records no longer can. `members` are the numbers of the regions that held the table when the last scan
    began: once one of them has left, what it wrote is shipped by those who received it.
    """

    generation: int
    sequence: int
    is_scanning: bool
    scanned: tuple[bytes, bytes, bytes] | None = None  # hash, partition key, sort key
    members: tuple[int, ...] = ()

    @property
    def position(self) -> Position | None:
        """Return the place the scan has reached."""
        return None if self.scanned is None else _position(self.scanned)

    def encode(self) -> bytes:
        """Return the stored form."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, stored: bytes) -> Self:
        """Read what `encode` wrote."""
        return msgspec.msgpack.decode(stored, type=cls)


def cursor_name(destination: str, table: int) -> str:
    """Return the name under which a partition keeps the cursor of a table for a region."""
    return f"ship/{destination}/{table}"


def scanned_place(position: Position | None) -> tuple[bytes, bytes, bytes] | None:
    """Return a position as cursors keep it."""
    return None if position is None else (position.hash, position.key.partition, position.key.sort)


def _position(scanned: tuple[bytes, bytes, bytes]) -> Position:
    hashed, partition, sort = scanned
    return Position(hashed, ItemKey(partition, sort))
