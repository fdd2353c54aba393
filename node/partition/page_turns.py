"""Pages share a node's event loop with everything else: they are read in short slices, a few per turn of the loop.

Pure: it is told the time and asks to be called again. Knows whose slice is next, how long it may take, and when a page has had
enough. Refuses to know what a page reads.

A page that fits into its first slice, as nearly all do, is answered at once while the turn's share lasts. Longer ones go on in turn,
one slice each; those that have not begun come between them, so that a short page never waits for a long one to end.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from wire.catalog import PartitionId
from wire.commands import Failed
from wire.errors import ErrorCode

_TOO_MANY = Failed(ErrorCode.OVERLOADED, "too many pages wait on this node")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTurnsSpec:
    """Bound what pages take of a node."""

    slice_seconds: float = 0.002
    slice_weight: int = 64 << 10
    """Records of so much weight (see `node.partition.reads`) are looked at before anybody asks for the time."""
    turn_seconds: float = 0.005
    """What all pages together take of one turn of the event loop."""
    page_seconds_max: float = 1.0
    """What one page takes in all its slices; then it ends where it is."""
    page_share: float = 0.5
    """A page ends where it is when this share of its time is over, so that its answer, and a further part of a Scan, are in time."""
    waiting_max: int = 2_048
    """Pages that have not begun; when full, new ones are refused."""
    begun_max: int = 64
    """Pages that have begun, and hold what they have read: a further one that needs more than a slice ends after it."""


class Reading(Protocol):
    """A page that wants to be read."""

    @property
    def partition(self) -> PartitionId:
        """Return the partition that is read."""
        ...

    @property
    def deadline(self) -> float:
        """Return when nobody waits for it any more."""
        ...

    def read_slice(self, is_over: Callable[[], bool]) -> bool:
        """Read on until `is_over` says so, at least a little; tell whether the page is answered."""
        ...

    def end(self) -> None:
        """Answer with what was read."""
        ...

    def refuse(self, outcome: Failed) -> None:
        """Answer with a refusal."""
        ...

    def expire(self) -> None:
        """Answer that its time is up."""
        ...


class _Begun(NamedTuple):
    """A page, how long its slices took so far, and when it has to end."""

    reading: Reading
    taken_seconds: float
    ends_at: float


class PageTurns:
    """Say which page reads when. `wake` is asked to have `run` called in the next turn of the event loop."""

    def __init__(
        self, monotonic: Callable[[], float], wake: Callable[[], None], spec: PageTurnsSpec | None = None
    ) -> None:
        self._monotonic = monotonic
        self._wake = wake
        self._spec = spec or PageTurnsSpec()
        self._fresh: deque[_Begun] = deque()
        self._begun: deque[_Begun] = deque()
        self._is_awake = self._begun_first = False
        self._turn_until = 0.0
        self._slice_until = 0.0
        self.slices = self.ended_early = 0

    @property
    def waiting(self) -> int:
        """Return how many pages are not answered."""
        return len(self._fresh) + len(self._begun)

    def submit(self, reading: Reading) -> None:
        """Read a page, or as much of it as there is time for now; the rest follows."""
        now = self._monotonic()
        if not self._is_awake:
            self._open(now)
        if len(self._fresh) >= self._spec.waiting_max:
            reading.refuse(_TOO_MANY)
        elif self._fresh or now >= self._turn_until:
            self._fresh.append(_Begun(reading, 0.0, self._end_of(reading, now)))
        else:
            self.slices += 1
            self._slice_until = now + self._spec.slice_seconds
            if not reading.read_slice(self._is_over):
                self._keep(_Begun(reading, 0.0, self._end_of(reading, now)), now)

    def run(self) -> list[PartitionId]:
        """Give slices to those that wait, within the share of a turn; return the partitions of those that were read to their end."""
        self._is_awake = False
        answered: list[PartitionId] = []
        if not self.waiting:
            return answered
        now = self._monotonic()
        self._open(now)
        # One slice is for certain, in turns to one of each kind: neither may keep the other waiting, however long its slices are.
        self._begun_first = not self._begun_first
        first, second = (self._begun, self._fresh) if self._begun_first else (self._fresh, self._begun)
        now = self._next(first or second, now, answered)
        for queue in (self._fresh, self._begun):
            while queue and now < self._turn_until:
                now = self._next(queue, now, answered)
        return answered

    def close(self, outcome: Failed) -> None:
        """Refuse everything that waits: the node stops."""
        for queue in (self._fresh, self._begun):
            while queue:
                queue.popleft().reading.refuse(outcome)

    def _open(self, now: float) -> None:
        """Begin the share of a turn, and have it end with the turn."""
        self._turn_until = now + self._spec.turn_seconds
        self._is_awake = True
        self._wake()

    def _end_of(self, reading: Reading, now: float) -> float:
        return now + (reading.deadline - now) * self._spec.page_share

    def _next(self, queue: deque[_Begun], now: float, answered: list[PartitionId]) -> float:
        """Give the first of a queue a slice; return what time it is then."""
        begun = queue.popleft()
        if self._read(begun, now):
            answered.append(begun.reading.partition)
        return self._monotonic()

    def _read(self, begun: _Begun, now: float) -> bool:
        """Read one slice; tell whether the page is answered."""
        reading = begun.reading
        if now >= reading.deadline:
            reading.expire()
            return True
        self.slices += 1
        self._slice_until = now + self._spec.slice_seconds
        return reading.read_slice(self._is_over) or self._keep(begun, now)

    def _keep(self, begun: _Begun, began: float) -> bool:
        """Have a page go on another time after a slice, unless it has to end here; tell whether it has."""
        reading, taken_seconds, ends_at = begun
        now = self._monotonic()
        taken_seconds += now - began
        if now >= ends_at or taken_seconds >= self._spec.page_seconds_max or len(self._begun) >= self._spec.begun_max:
            self.ended_early += 1
            reading.end()
            return True
        self._begun.append(_Begun(reading, taken_seconds, ends_at))
        return False

    def _is_over(self) -> bool:
        return self._monotonic() >= self._slice_until
