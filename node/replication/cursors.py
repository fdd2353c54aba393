"""Cursors: how far a partition has shipped one table to one region, as replicated state.

Knows the stored form and the names of cursors. Refuses to know who stores them.
"""

from typing import NewType, Self

import msgspec

from node.replication.places import Place, position_at
from wire.commands import Position

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
    scanned: Place | None = None
    members: tuple[int, ...] = ()

    @property
    def position(self) -> Position | None:
        """Return the place the scan has reached."""
        return position_at(self.scanned)

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
