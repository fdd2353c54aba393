"""The engine: an ordered map of bytes to bytes in a few spaces, with read views and atomic, durable writes.

This module knows what the rest of the node may ask of an engine; it refuses to know any engine. Two satisfy
it, one on LMDB and one in memory, and both pass the same tests.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, Self, TypeVar

KEY_BYTES_MAX = 511

_Result = TypeVar("_Result")


class Space(IntEnum):
    """Keep apart what is stored. The numbers are stored too: only add, never renumber."""

    ITEMS = 0
    CHANGES = 1
    LOG = 2
    STATE = 3
    EXPIRY = 4
    INTENTS = 5
    NODE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineUsage:
    """Measure an engine, in bytes: what it holds, what it may hold before it grows, what the disk has left."""

    used_bytes: int
    map_bytes: int
    disk_free_bytes: int
    reserved_bytes: int = 0
    """Space on the disk that the engine holds already and has not used."""

    @property
    def writable_bytes(self) -> int:
        """Return how much can be written before the disk is full."""
        return self.disk_free_bytes + self.reserved_bytes


class Snapshot(Protocol):
    """View the engine as of one moment; owned by one thread, closed soon (long views keep deleted data alive)."""

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return a copy of the value, or None."""
        ...

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield copies of (key, value) with lower <= key < upper in key order, or backwards; None is no bound.

        Inside a transaction, writing to the space while its iterator is in use is a mistake.
        """
        ...

    def close(self) -> None:
        """Let go of the view; twice is once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Transaction(Protocol):
    """Read and write as one atomic step; reads see the writes before them."""

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return a copy of the value, or None."""
        ...

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield copies of (key, value) as `Snapshot.scan` does."""
        ...

    def put(self, space: Space, key: bytes, value: bytes) -> None:
        """Store a value under a key of 1 to 511 bytes, in place of any before it."""
        ...

    def delete(self, space: Space, key: bytes) -> None:
        """Remove a key; one that is not there is no error."""
        ...

    def delete_range(self, space: Space, lower: bytes, upper: bytes | None, entries_max: int) -> int:
        """Remove the first `entries_max` keys of lower <= key < upper; return how many there were."""
        ...


class View(Protocol):
    """Read, whether from a snapshot or inside a transaction."""

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return a copy of the value, or None."""
        ...

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield copies of (key, value) as `Snapshot.scan` does."""
        ...


class Engine(Protocol):
    """Hold the spaces of one node. One thread writes at a time; any thread reads."""

    def snapshot(self) -> Snapshot:
        """Open a view of everything committed so far."""
        ...

    def write(self, body: Callable[[Transaction], _Result]) -> _Result:
        """Run the body in a transaction and make it durable before returning its result.

        The body may run more than once (the engine grows between), so it must do nothing but use its transaction.
        Raises StorageFull when no space is left; then, as with any exception of the body, nothing was written.
        """
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that is durable when the block ends and void when it raises.

        A block cannot run twice: where the engine has to grow, it grows and raises StorageFull. Meant for start-up and
        tests; everything else writes through `write`.
        """
        ...

    def usage(self) -> EngineUsage:
        """Measure the engine."""
        ...

    def close(self) -> None:
        """Let go of the files; open snapshots become useless."""
        ...
