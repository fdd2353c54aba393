"""Pieces that commands and outcomes share, as protobuf messages, and back: replicated changes and positions."""

from typing import Protocol

from wire import commands as c
from wire.keys import ItemKey
from wire.v1 import item_pb2
from wire.versions import Version


class ChangeList(Protocol):
    """A repeated field of `item_pb2.Change`."""

    def add(self) -> item_pb2.Change:
        """Append an empty change and return it."""
        ...


def change_to_proto(changes: ChangeList, change: c.Change) -> None:
    """Append a replicated change to a repeated field."""
    message = changes.add()
    message.partition_key = change.key.partition
    if change.key.sort:
        message.sort_key = change.key.sort
    message.time = change.version.time
    message.region = change.version.region
    message.tombstone = change.tombstone
    message.size = change.size
    message.body = change.body


def change_from_proto(message: item_pb2.Change) -> c.Change:
    """Read a replicated change."""
    return c.Change(
        ItemKey(message.partition_key, message.sort_key),
        Version(message.time, message.region),
        message.tombstone,
        message.size,
        message.body,
    )


class HeldList(Protocol):
    """A repeated field of `item_pb2.HeldChange`."""

    def add(self) -> item_pb2.HeldChange:
        """Append an empty one and return it."""
        ...


def held_to_proto(helds: HeldList, held: c.HeldChange) -> None:
    """Append a change that was held back to a repeated field."""
    message = helds.add()
    message.partition_key = held.key.partition
    message.sort_key = held.key.sort
    message.time = held.version.time
    message.region = held.version.region
    message.ahead_ms = held.ahead_ms
    message.wait_ms = held.wait_ms


def held_from_proto(message: item_pb2.HeldChange) -> c.HeldChange:
    """Read a change that was held back."""
    key, version = ItemKey(message.partition_key, message.sort_key), Version(message.time, message.region)
    return c.HeldChange(key, version, message.ahead_ms, message.wait_ms)


def fill_position(message: item_pb2.Position, position: c.Position) -> None:
    """Fill in a position."""
    message.hash = position.hash
    message.key.partition = position.key.partition
    message.key.sort = position.key.sort


def position_from_proto(message: item_pb2.Position) -> c.Position:
    """Read a position."""
    return c.Position(message.hash, ItemKey(message.key.partition, message.key.sort))
