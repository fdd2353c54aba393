"""The window: which batches are in flight, how large they are and when to worry about them.

Knows bounds and deadlines. Refuses to know what a batch holds.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from node.replication.cursors import BatchId

WINDOW_BATCHES_MAX: Final = 64  # in flight; when full nothing is read until an acknowledgement comes
WINDOW_BYTES_MAX: Final = 4 << 20  # in flight; passed by at most one batch
SMALL_BATCHES_MAX: Final = 4  # beyond these in flight, a batch that may not fill up waits
LINGER_SECONDS: Final = 0.02  # at most so long


class Kind(IntEnum):
    """Tell a table's two lanes, and what is held back over there, apart."""

    STREAM = 0
    SCAN = 1
    HELD = 2


class Work(NamedTuple):
    """A lane that has something to read."""

    table: int
    kind: Kind


class Sent(NamedTuple):
    """A batch in flight: where it belongs, how much it is, when it should be acknowledged."""

    work: Work
    changes: int
    bytes: int
    deadline: float


class Window:
    """Hold all batches in flight of one shipper, the oldest first."""

    def __init__(self) -> None:
        self._sent: dict[BatchId, Sent] = {}
        self._bytes = 0
        self._last_sent = 0.0

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be sent."""
        return len(self._sent) >= WINDOW_BATCHES_MAX or self._bytes >= WINDOW_BYTES_MAX

    @property
    def deadline(self) -> float | None:
        """Return by when the oldest batch should be acknowledged; None when there is none."""
        return next((sent.deadline for sent in self._sent.values()), None)

    def lingers_until(self, now: float) -> float | None:
        """Return until when a small batch waits for company; None when it need not."""
        until = self._last_sent + LINGER_SECONDS
        return until if len(self._sent) >= SMALL_BATCHES_MAX and until > now else None

    def add(self, batch: BatchId, sent: Sent, now: float) -> None:
        """Note that a batch is sent."""
        self._sent[batch] = sent
        self._bytes += sent.bytes
        self._last_sent = now

    def get(self, batch: BatchId) -> Sent | None:
        """Return a batch in flight, or None when it was settled or given up."""
        return self._sent.get(batch)

    def remove(self, *batches: BatchId) -> None:
        """Note that batches are settled or given up."""
        for batch in batches:
            sent = self._sent.pop(batch, None)
            self._bytes -= sent.bytes if sent is not None else 0
