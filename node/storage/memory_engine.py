"""The engine's fake twin: same behaviour, no disk.

It knows the contract of `engine` and keeps it with sorted lists; it refuses to be durable. Tests and the
simulator use it, and `bytes_max` lets it run out of space like a real disk.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import merge
from itertools import islice
from threading import RLock
from typing import Self, TypeVar

from node.storage.engine import KEY_BYTES_MAX, EngineUsage, Space
from node.storage.errors import StorageFull

_Result = TypeVar("_Result")
_PLENTY_BYTES = 1 << 40


class _Rows:
    """Hold the rows of one space; never changed while a snapshot shares it."""

    __slots__ = ("keys", "values")

    def __init__(self, keys: list[bytes], values: dict[bytes, bytes]) -> None:
        self.keys = keys
        self.values = values

    def copied(self) -> "_Rows":
        return _Rows(self.keys.copy(), self.values.copy())

    def span(self, lower: bytes, upper: bytes | None) -> tuple[int, int]:
        start = bisect_left(self.keys, lower)
        return start, max(start, len(self.keys) if upper is None else bisect_left(self.keys, upper))

    def assign(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            if self.values.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
            return
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value


class MemorySnapshot:
    """View a `MemoryEngine` as of one moment."""

    __slots__ = ("_engine", "_spaces")

    def __init__(self, engine: "MemoryEngine", spaces: list[_Rows]) -> None:
        self._engine: MemoryEngine | None = engine
        self._spaces = spaces

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return the value, or None."""
        self._require_open()
        return self._spaces[space].values.get(key)

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) with lower <= key < upper."""
        rows = self._spaces[space]
        start, stop = rows.span(lower, upper)
        for index in range(stop - 1, start - 1, -1) if reverse else range(start, stop):
            self._require_open()
            key = rows.keys[index]
            yield key, rows.values[key]

    def close(self) -> None:
        """Let go of the view; twice is once."""
        if self._engine is not None:
            self._engine.release(self._spaces)
            self._engine = None

    def _require_open(self) -> None:
        assert self._engine is not None, "this snapshot was closed"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MemoryTransaction:
    """Collect changes over a `MemoryEngine` until it commits."""

    __slots__ = ("_base", "changes")

    def __init__(self, base: list[_Rows]) -> None:
        self._base = base
        self.changes: list[dict[bytes, bytes | None]] = [{} for _ in Space]

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return the value, or None."""
        changed = self.changes[space]
        if key in changed:
            return changed[key]
        return self._base[space].values.get(key)

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) with lower <= key < upper."""
        keys = self._keys(space, lower, upper)
        for key in reversed(keys) if reverse else keys:
            value = self.get(space, key)
            if value is not None:
                yield key, value

    def put(self, space: Space, key: bytes, value: bytes) -> None:
        """Store a value under a key."""
        assert 1 <= len(key) <= KEY_BYTES_MAX, f"keys have 1 to {KEY_BYTES_MAX} bytes, found {len(key)}"
        self.changes[space][key] = value

    def delete(self, space: Space, key: bytes) -> None:
        """Remove a key."""
        self.changes[space][key] = None

    def delete_range(self, space: Space, lower: bytes, upper: bytes | None, entries_max: int) -> int:
        """Remove the first `entries_max` keys of the range; return how many there were."""
        doomed = [key for key, _ in islice(self.scan(space, lower, upper), entries_max)]
        self.changes[space].update(dict.fromkeys(doomed))
        return len(doomed)

    def _keys(self, space: Space, lower: bytes, upper: bytes | None) -> list[bytes]:
        rows = self._base[space]
        start, stop = rows.span(lower, upper)
        fresh = sorted(
            key
            for key in self.changes[space]
            if key not in rows.values and key >= lower and (upper is None or key < upper)
        )
        return list(merge(rows.keys[start:stop], fresh))


class MemoryEngine:
    """Keep the spaces in memory.

    `bytes_max` bounds keys and values together; a commit that would pass it raises StorageFull. It may be changed at
    any time, as space on a disk changes.
    """

    def __init__(self, *, bytes_max: int = _PLENTY_BYTES) -> None:
        self.bytes_max = bytes_max
        self._spaces = [_Rows([], {}) for _ in Space]
        self._views: dict[int, int] = {}
        self._used_bytes = 0
        self._lock = RLock()

    def snapshot(self) -> MemorySnapshot:
        """Open a view of everything committed so far."""
        with self._lock:
            for rows in self._spaces:
                self._views[id(rows)] = self._views.get(id(rows), 0) + 1
            return MemorySnapshot(self, self._spaces.copy())

    def release(self, spaces: list[_Rows]) -> None:
        """Forget that a snapshot shares these rows."""
        with self._lock:
            for rows in spaces:
                self._views[id(rows)] -= 1
                if not self._views[id(rows)]:
                    del self._views[id(rows)]

    def write(self, body: Callable[[MemoryTransaction], _Result]) -> _Result:
        """Run the body in a transaction and commit it."""
        with self.transaction() as transaction:
            return body(transaction)

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Open a transaction that commits when the block ends and is void when it raises."""
        transaction = MemoryTransaction(self._spaces)
        yield transaction
        self._commit(transaction.changes)

    def usage(self) -> EngineUsage:
        """Measure the engine."""
        return EngineUsage(
            used_bytes=self._used_bytes,
            map_bytes=self.bytes_max,
            disk_free_bytes=max(0, self.bytes_max - self._used_bytes),
        )

    def close(self) -> None:
        """Keep everything: what a test closes it may look at again."""

    def _commit(self, changes: list[dict[bytes, bytes | None]]) -> None:
        with self._lock:
            grown = sum(self._growth(space, changed) for space, changed in zip(Space, changes, strict=True))
            if grown > 0 and self._used_bytes + grown > self.bytes_max:
                raise StorageFull(f"the memory engine may hold {self.bytes_max} bytes; free space or raise the bound")
            self._used_bytes += grown
            for space, changed in zip(Space, changes, strict=True):
                self._apply(space, changed)

    def _growth(self, space: Space, changed: dict[bytes, bytes | None]) -> int:
        values = self._spaces[space].values
        grown = 0
        for key, value in changed.items():
            old = values.get(key)
            grown += (len(key) + len(value) if value is not None else 0) - (
                len(key) + len(old) if old is not None else 0
            )
        return grown

    def _apply(self, space: Space, changed: dict[bytes, bytes | None]) -> None:
        if not changed:
            return
        rows = self._spaces[space]
        if self._views.get(id(rows)):
            rows = self._spaces[space] = rows.copied()
        for key, value in changed.items():
            rows.assign(key, value)
