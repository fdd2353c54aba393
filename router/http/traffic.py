"""What the edge counts: requests by operation and outcome, and how long they took.

Plain numbers, one note per request. Refuses to know what an operation does, and who asks for the numbers.
"""

from collections import defaultdict
from collections.abc import Container
from typing import Final

from wire.errors import ErrorCode
from wire.metrics import Histogram

ANSWERED: Final = "OK"
UNKNOWN: Final = "unknown"
"""Stands for every operation that there is not: clients may make up any number of names."""


class Traffic:
    """Count the requests of one process. Bounded: operations and codes are closed sets."""

    def __init__(self, operations: Container[str]) -> None:
        self._operations = operations
        self.answers: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By operation and the code that the client saw."""
        self.causes: defaultdict[tuple[str, ErrorCode], int] = defaultdict(int)
        """Of those that failed inside: by operation and the code that the client did not see."""
        self.seconds: defaultdict[str, Histogram] = defaultdict(Histogram)

    def note(self, target: str | None, code: str, seconds: float) -> None:
        """Count a request by its X-Amz-Target."""
        operation = self._operation(target)
        self.answers[operation, code] += 1
        self.seconds[operation].observe(seconds)

    def note_cause(self, target: str | None, cause: ErrorCode) -> None:
        """Count what lay behind an answer that says less."""
        self.causes[self._operation(target), cause] += 1

    def _operation(self, target: str | None) -> str:
        operation = target.rpartition(".")[2] if target else UNKNOWN
        return operation if operation in self._operations else UNKNOWN
