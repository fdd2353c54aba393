"""What the edge counts: requests by operation and outcome, and how long they took.

Plain numbers, one note per request. Refuses to know what an operation does, and who asks for the numbers.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from router.http.target import target_of
from wire.errors import ErrorCode
from wire.metrics import Histogram

ANSWERED: Final = "OK"
UNKNOWN: Final = "unknown"
"""Stands for every operation that there is not: clients may make up any number of names."""


class OperationTraffic:
    """Count the requests for one operation."""

    __slots__ = ("answers", "causes", "operation", "seconds")

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.answers: defaultdict[str, int] = defaultdict(int)
        """By the code that the client saw."""
        self.causes: defaultdict[ErrorCode, int] = defaultdict(int)
        """Of those that failed inside: by the code that the client did not see."""
        self.seconds = Histogram()


class Traffic:
    """Count the requests of one process. Bounded: operations and codes are closed sets."""

    def __init__(self, operations: Iterable[str]) -> None:
        self._unknown = OperationTraffic(UNKNOWN)
        self._by_target = {target_of(operation): OperationTraffic(operation) for operation in operations}

    def note(self, target: str | None, code: str, seconds: float) -> None:
        """Count a request by its X-Amz-Target."""
        # An absent target is none of the keys, so it is unknown as well.
        traffic = self._by_target.get(target, self._unknown)  # type: ignore[arg-type]
        traffic.answers[code] += 1
        traffic.seconds.observe(seconds)

    def note_cause(self, target: str | None, cause: ErrorCode) -> None:
        """Count what lay behind an answer that says less."""
        self._by_target.get(target or "", self._unknown).causes[cause] += 1

    def seen(self) -> Iterable[OperationTraffic]:
        """Return the operations that were asked for at least once."""
        return [each for each in (*self._by_target.values(), self._unknown) if each.answers]
