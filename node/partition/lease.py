"""The leader's lease: how long it may be sure, without asking, that nobody else leads.

Knows when each round of heartbeats left. A lease counts from the moment at which the newest round that a quorum
answered was sent (thesis 6.4.1); refuses to know clocks, callers give the time.
"""

from collections import deque

ROUNDS_KEPT_MAX = 64
"""Rounds whose time is remembered; the oldest goes when a new one comes. A lease is never that old."""


class Lease:
    """Remember the times of rounds."""

    __slots__ = ("_rounds", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._rounds: deque[tuple[int, float]] = deque(maxlen=ROUNDS_KEPT_MAX)

    def sent(self, round_: int, now: float) -> None:
        """Note that a round leaves, with a time taken before that."""
        self._rounds.append((round_, now))

    def is_valid(self, answered_round: int, now: float) -> bool:
        """Tell whether the lease that the newest answered round gave (0 = none) still holds."""
        if not answered_round:
            return False
        rounds = self._rounds
        while rounds and rounds[0][0] < answered_round:
            rounds.popleft()
        return bool(rounds) and rounds[0][0] == answered_round and now < rounds[0][1] + self._seconds

    def reset(self) -> None:
        """Forget all rounds: numbers begin anew with each leadership."""
        self._rounds.clear()
