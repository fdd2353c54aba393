"""Lanes: rows of one index on their way to one partition, in order, one batch in flight.

Knows how a batch is cut and when it may leave. Refuses to know where it goes and what the rows are of.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

from node.replication.backoff import Backoff
from wire.commands import IndexRow

BATCH_ROWS_MAX: Final = 256
BATCH_BYTES_MAX: Final = 512 << 10  # passed by at most the rows of one change: far less than an entry may have
BACKOFF_SECONDS_MAX: Final = 2.0


class Lane:
    """Hold rows until they are acknowledged.

    Invariant: the first `_sent` rows are those of the batch in flight, if there is one.
    """

    def __init__(self) -> None:
        self.batch = 0  # in flight; 0 = none
        self.blocked_until = 0.0
        self.rows: deque[IndexRow] = deque()
        self.bytes = 0
        self._sent = 0
        self._backoff = Backoff(BACKOFF_SECONDS_MAX)

    @property
    def is_waiting(self) -> bool:
        """Whether rows are here and none of them is in flight."""
        return bool(self.rows) and not self.batch

    def fed(self, read: int) -> int:
        """Return the last change of which everything that goes here is acknowledged, those up to `read` having been added."""
        return self.rows[0].sequence - 1 if self.rows else read

    def add(self, row: IndexRow) -> None:
        """Queue a row behind all others."""
        self.rows.append(row)
        self.bytes += _weight(row)

    def launch(self, batch: int) -> tuple[IndexRow, ...]:
        """Begin a batch with the first rows; all rows of one change go together, because the position counts changes."""
        assert self.is_waiting, "one batch at a time"
        self.batch = batch
        self._sent = size = 0
        last = -1
        for row in self.rows:
            is_full = self._sent >= BATCH_ROWS_MAX or size >= BATCH_BYTES_MAX
            if is_full and (row.sequence == 0 or row.sequence != last):
                break
            self._sent += 1
            size += _weight(row)
            last = row.sequence
        return tuple(islice(self.rows, self._sent))

    def settle(self) -> None:
        """Let the batch in flight go: it is acknowledged."""
        for _ in range(self._sent):
            self.bytes -= _weight(self.rows.popleft())
        self.batch = self._sent = 0
        self._backoff.succeeded()

    def refuse(self, now: float) -> None:
        """Keep the rows of the batch in flight to send them again, not at once."""
        self.batch = self._sent = 0
        self.blocked_until = now + self._backoff.failed()


def pending_bytes(lanes: Iterable[Lane]) -> int:
    """Return how much waits in lanes or is in flight."""
    return sum(lane.bytes for lane in lanes)


def _weight(row: IndexRow) -> int:
    return len(row.body) + len(row.key.partition) + len(row.key.sort) + _ROW_BYTES


_ROW_BYTES: Final = 64
