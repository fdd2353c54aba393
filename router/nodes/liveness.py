"""Whether a node that has been asked something is still there.

Pure. A process that was stopped, or a cable that was pulled, keeps its connections; only an answer to a plain question tells it
from a node that is busy. Nothing is asked while nobody waits.
"""

from enum import Enum
from typing import Final

# Seconds without a word from the node, while requests wait for it.
ASK_SECONDS: Final = 0.5
SILENT_SECONDS: Final = 2.5
# A check that comes this late says that this process was stopped, not the node.
LATE_SECONDS: Final = 1.0


class Verdict(Enum):
    """What to do about a node."""

    FINE = "fine"
    ASK = "ask"
    SILENT = "silent"


class Liveness:
    """Judge by what was heard, and when."""

    def __init__(self, now: float) -> None:
        self._heard = now
        self._checked = now
        self._has_asked = False

    def heard(self, now: float) -> None:
        """Note a sign of life."""
        self._heard = now
        self._has_asked = False

    def check(self, now: float, *, is_waiting: bool) -> Verdict:
        """Judge; to be called several times a second."""
        late, self._checked = now - self._checked, now
        if not is_waiting or late > LATE_SECONDS:
            self.heard(now)
            return Verdict.FINE
        if now - self._heard > SILENT_SECONDS:
            return Verdict.SILENT
        if now - self._heard > ASK_SECONDS and not self._has_asked:
            self._has_asked = True
            return Verdict.ASK
        return Verdict.FINE
