"""Cursors: how far a base partition has fed one index, as replicated state of that partition.

Knows the stored form and the names of cursors. Refuses to know who stores them.
"""

from typing import Self

import msgspec

from wire.commands import Position
from wire.keys import ItemKey


class FeedCursor(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a new leader must know to carry on.

    Rows of changes up to `sequence` are acknowledged by every partition concerned, and so are, while `is_copying`, copies of items up
    to `copied` (None = none yet): then `sequence` is where the copy began, and no change after it has been fed.
    """

    sequence: int
    is_copying: bool = False
    copied: tuple[bytes, bytes, bytes] | None = None  # hash, partition key, sort key

    @property
    def position(self) -> Position | None:
        """Return the place the copy has reached."""
        if self.copied is None:
            return None
        hashed, partition, sort = self.copied
        return Position(hashed, ItemKey(partition, sort))

    def encode(self) -> bytes:
        """Return the stored form."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, stored: bytes) -> Self:
        """Read what `encode` wrote."""
        return msgspec.msgpack.decode(stored, type=cls)


def copied_place(position: Position | None) -> tuple[bytes, bytes, bytes] | None:
    """Return a position as cursors keep it."""
    return None if position is None else (position.hash, position.key.partition, position.key.sort)
