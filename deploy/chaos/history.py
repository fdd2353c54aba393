"""What workers saw, operation by operation: the evidence that checkers judge. Times are monotonic seconds of one process."""

import threading
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Ended(StrEnum):
    """How an operation ended for its caller."""

    OK = "ok"  # acknowledged
    REFUSED = "refused"  # answered with a promise that nothing changed (a failed condition)
    UNKNOWN = "unknown"  # no answer, or an error after which it may or may not have happened


class Observation(NamedTuple):
    """One operation: who did what to which key, what it wrote or read, when it began and ended, and how."""

    worker: int
    action: str  # "put", "add", "read"
    key: str
    value: Any
    began: float
    ended: float
    outcome: Ended
    error: str = ""


class History:
    """A list of observations that many threads append to."""

    def __init__(self) -> None:
        self._observations: list[Observation] = []
        self._lock = threading.Lock()

    def add(self, observation: Observation) -> None:
        """Append one observation."""
        with self._lock:
            self._observations.append(observation)

    def all(self) -> Sequence[Observation]:
        """Return a copy, in the order of ending."""
        with self._lock:
            return tuple(self._observations)

    def count(self, action: str, outcome: Ended) -> int:
        """Return how many operations of one kind ended one way."""
        return sum(each.action == action and each.outcome is outcome for each in self.all())
