"""Whether a command that failed deserves another try.

Pure. Knows what each failure promises, and what another try might do to the next node. Refuses to know which node that is and how long to
wait before.
"""

from typing import Final

from wire.commands import Command, Failed, Get, Measure, Merge, Range, ReadChanges
from wire.errors import NOT_APPLIED, ErrorCode

_IDEMPOTENT: Final = (Get, Range, ReadChanges, Merge, Measure)
_PAGES: Final = (Range, ReadChanges)

PAGE_LOSSES_MAX: Final = 1
"""Nodes that may break off while they read one page: the first has probably died of something else, the second perhaps of the page."""
PAGE_OVERLOADS_MAX: Final = 8
"""Times that a page is refused by nodes with too much to do; with the pauses between, about a second."""


class Retries:
    """Judge the failures of one command, one after another.

    What was refused may be sent again as it is, and what is lost if doing it twice is the same as once. A page is more work than
    anything else, and may be why a node is silent or overloaded: it must not go from node to node and silence them all.
    """

    __slots__ = ("_command", "_losses", "_overloads")

    def __init__(self, command: Command) -> None:
        self._command = command
        self._losses = self._overloads = 0

    def allow(self, failure: Failed) -> bool:
        """Tell whether to try again after this failure."""
        is_page = isinstance(self._command, _PAGES)
        match failure.code:
            case ErrorCode.UNANSWERED:
                return isinstance(self._command, _IDEMPOTENT) and not is_page
            case ErrorCode.UNKNOWN_OUTCOME:
                self._losses += 1
                return isinstance(self._command, _IDEMPOTENT) and not (is_page and self._losses > PAGE_LOSSES_MAX)
            case ErrorCode.OVERLOADED:
                self._overloads += 1
                return not (is_page and self._overloads > PAGE_OVERLOADS_MAX)
        return failure.code in NOT_APPLIED

    def stays(self, failure: Failed) -> bool:
        """Tell whether no other node should be asked at once instead: it has as much to do."""
        return isinstance(self._command, _PAGES) and failure.code is ErrorCode.OVERLOADED
