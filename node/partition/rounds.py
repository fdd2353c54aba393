"""Rounds: the partitions that a node leads put the writes that wait into entries together.

An entry costs a transaction and an fsync on every replica and messages there and back, whatever is in it; entries of one turn of the
event loop share all of that, and the fuller they are, the fewer there are. So while writes come together, the next round begins when
the last one is committed and as much time again has passed, in which clients that were answered come back. A write that just missed
a round would have waited for the commit anyway. While writes come one at a time nothing ever waits.

Pure: knows times that it is told and asks to be woken. Refuses to know what is written.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsSpec:
    """Bound the waiting between two rounds, in seconds and in shares of the time that a commit usually takes."""

    gather_share: float = 1.0
    gather_seconds_max: float = 0.010
    patience_share: float = 2.0
    """How long a round waits for the commit of another before it begins all the same: a partition that has lost its followers holds
    nobody up."""
    patience_seconds_min: float = 0.002
    commit_seconds_max: float = 0.050
    """A commit that takes longer counts as this."""
    smoothing: float = 1 / 8


class Rounds:
    """Say when partitions of one node may propose. `wake_later` is asked to call `wait_seconds` again after so many seconds."""

    def __init__(
        self, monotonic: Callable[[], float], wake_later: Callable[[float], None], spec: RoundsSpec | None = None
    ) -> None:
        self._monotonic = monotonic
        self._wake_later = wake_later
        self._spec = spec or RoundsSpec()
        self._uncommitted: dict[int, float] = {}
        self._commit_seconds = 0.0
        self._writes = 0
        self._is_open = False
        self._is_crowded = False
        self._next_at = 0.0
        self._patience_ends_at = 0.0

    def may_join(self) -> bool:
        """Tell whether a partition may propose now, with others or as the first of a round."""
        return self._is_open or self.wait_seconds() <= 0.0

    def wait_seconds(self) -> float:
        """Return how long it is until the next round may begin, as far as is known now; 0 or less when it may."""
        if not self._is_crowded:
            return 0.0
        until = self._patience_ends_at if self._uncommitted else self._next_at
        return until - self._monotonic()

    def joined(self, partition: int, writes: int) -> None:
        """Note that a partition has proposed an entry with so many writes."""
        if not self._is_open:
            self._is_open = True
            self._writes = 0
            # Whoever has not committed by now has had its time.
            self._uncommitted.clear()
        self._writes += writes
        self._uncommitted[partition] = self._monotonic()

    def close(self) -> None:
        """End the round: everybody has had a turn."""
        if not self._is_open:
            return
        self._is_open = False
        self._is_crowded = self._writes > 1
        if self._is_crowded:
            spec = self._spec
            patience = max(spec.patience_seconds_min, spec.patience_share * self._commit_seconds)
            self._patience_ends_at = self._monotonic() + patience
            self._wake_later(patience)

    def committed(self, partition: int) -> None:
        """Note that everything that a partition has proposed is committed."""
        proposed_at = self._uncommitted.pop(partition, None)
        if proposed_at is None:
            return
        now, spec = self._monotonic(), self._spec
        taken = min(now - proposed_at, spec.commit_seconds_max)
        self._commit_seconds += (taken - self._commit_seconds) * spec.smoothing
        if not self._uncommitted and not self._is_open:
            self._next_at = now + min(spec.gather_seconds_max, spec.gather_share * self._commit_seconds)
            if self._is_crowded:
                self._wake_later(self._next_at - now)

    def left(self, partition: int) -> None:
        """Note that a partition is not led any more."""
        if self._uncommitted.pop(partition, None) is not None and not self._uncommitted and self._is_crowded:
            self._wake_later(0.0)
