"""Places in a table as cursors keep them, in replicated state: a tuple that msgpack can write.

Pure. Shared by the cursors of shipping and of feeding.
"""

from wire.commands import Position
from wire.keys import ItemKey

Place = tuple[bytes, bytes, bytes]  # hash, partition key, sort key


def place_of(position: Position | None) -> Place | None:
    """Return a position as cursors keep it."""
    return None if position is None else (position.hash, position.key.partition, position.key.sort)


def position_at(place: Place | None) -> Position | None:
    """Return the position that a cursor keeps."""
    if place is None:
        return None
    hashed, partition, sort = place
    return Position(hashed, ItemKey(partition, sort))
