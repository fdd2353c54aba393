"""Whether a node that has been asked something is still there.

Pure. A process that was stopped, or a cable that was pulled, keeps its connections; only an answer to a plain question tells it
from a node that is busy. Nothing is asked while nobody waits.
"""

import math
from enum import Enum
from typing import Final

# Seconds without a word from the node, while requests wait for it.
ASK_SECONDS: Final = 0.5
SILENT_SECONDS: Final = 2.5
# With a question unanswered for this long, requests that can go another way do.
DOUBT_SECONDS: Final = 1.5
# For how long a node that was silent has to answer before it is relied upon; twice as long each time that it is silent again.
PROBATION_SECONDS_MIN: Final = 2.0
PROBATION_SECONDS_MAX: Final = 32.0
# After this long without silence the next one counts as the first.
FORGIVEN_SECONDS: Final = 120.0
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

    def is_doubtful(self, now: float) -> bool:
        """Tell whether the node owes an answer for longer than one that is well would need."""
        return self._has_asked and now - self._heard > DOUBT_SECONDS

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


class Probation:
    """Count how often a node fell silent, and judge how long it must answer until it is relied upon again."""

    def __init__(self) -> None:
        self._silences = 0
        self._last_silence = -math.inf
        self._until = -math.inf

    def fell_silent(self, now: float) -> None:
        """Note that the node was given up although its connection stood."""
        is_forgiven = now - self._last_silence > FORGIVEN_SECONDS
        self._silences = 1 if is_forgiven else self._silences + 1
        self._last_silence = now

    def answered(self, now: float) -> None:
        """Note that the node is connected and has answered once."""
        if self._silences and now - self._last_silence <= FORGIVEN_SECONDS:
            self._until = now + min(PROBATION_SECONDS_MIN * 2 ** (self._silences - 1), PROBATION_SECONDS_MAX)

    def lasts(self, now: float) -> bool:
        """Tell whether the node has not answered for long enough."""
        return now < self._until
