"""Requests that cannot be answered yet, and what each of them waits for.

Knows order and bounds. Refuses to know what makes an entry committed or a read linearizable.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from node.partition.entries import Cursor
from node.partition.machine import LeaderCommand
from wire.commands import Failed, Outcome
from wire.errors import ErrorCode

Done = Callable[[int, Outcome], None]

TOO_LATE = Failed(ErrorCode.DEADLINE_EXCEEDED, "the request's time was up before it was applied; nothing was done")
LOST = Failed(ErrorCode.UNKNOWN_OUTCOME, "leadership was lost before the write was known to be committed")


class Waiting(NamedTuple):
    """A request on its way through a partition."""

    id: int
    done: Done
    deadline: float
    command: LeaderCommand | Cursor


class Judged(NamedTuple):
    """A decided request. One without an effect of its own may only be answered while leadership is confirmed."""

    waiting: Waiting
    outcome: Outcome
    is_written: bool


class Committing:
    """Hold what is answered when an entry commits, in the order of entries."""

    __slots__ = ("_by_index", "count")

    def __init__(self) -> None:
        self._by_index: deque[tuple[int, list[Judged]]] = deque()
        self.count = 0

    def add(self, index: int, judged: list[Judged]) -> None:
        """Let requests wait for an entry, which may be any but those wait first that wait for earlier ones."""
        self.count += len(judged)
        by_index = self._by_index
        if not by_index or by_index[-1][0] < index:
            by_index.append((index, judged))
            return
        position = next(place for place, (waited, _) in enumerate(by_index) if waited >= index)
        if by_index[position][0] == index:
            by_index[position][1].extend(judged)
        else:
            by_index.insert(position, (index, judged))

    def committed(self, commit: int) -> list[Judged]:
        """Take out what waited for entries up to `commit`."""
        by_index = self._by_index
        if not by_index or by_index[0][0] > commit:
            return []
        found: list[Judged] = []
        while by_index and by_index[0][0] <= commit:
            found += by_index.popleft()[1]
        self.count -= len(found)
        return found

    def clear(self) -> list[Judged]:
        """Take out everything."""
        found = [judged for _, waiting in self._by_index for judged in waiting]
        self._by_index.clear()
        self.count = 0
        return found
