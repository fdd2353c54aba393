"""Cursors: how far a base partition has fed one index, as replicated state of that partition.

Knows the stored form and the names of cursors. Refuses to know who stores them.
"""

from typing import Self

import msgspec

from node.replication.places import Place, position_at
from wire.commands import Position


class FeedCursor(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a new leader must know to carry on.

    Rows of changes up to `sequence` are acknowledged by every partition concerned, and so are, while `is_copying`, copies of items up
    to `copied` (None = none yet): then `sequence` is where the copy began, and no change after it has been fed.
    """

    sequence: int
    is_copying: bool = False
    copied: Place | None = None

    @property
    def position(self) -> Position | None:
        """Return the place the copy has reached."""
        return position_at(self.copied)

    def encode(self) -> bytes:
        """Return the stored form."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, stored: bytes) -> Self:
        """Read what `encode` wrote."""
        return msgspec.msgpack.decode(stored, type=cls)
