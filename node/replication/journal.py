"""The conflict journal: which writes lost to another region's, so that testers can ask what was overwritten.

Knows versions and keeps the last few losses in memory. Refuses to judge: a later version wins, whether or not its writer had seen the
one that lost.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from wire.clock import Clock
from wire.keys import ItemKey
from wire.telemetry import EventLog
from wire.versions import Version

SUPERSEDED_MAX: Final = 1_000  # kept; the oldest make way
LINES_PER_SECOND_MAX: Final = 100  # logged; what is beyond is counted in the next second's first line

_log = EventLog(__name__)


class Superseded(NamedTuple):
    """A write that lost: which table and item, and the versions of the two writes."""

    table: int
    key: ItemKey
    winning: Version
    losing: Version


class ConflictJournal:
    """Count, keep and log writes that were superseded on this node. Cheap: an append, and a bounded number of lines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[Superseded] = deque(maxlen=SUPERSEDED_MAX)
        self._count = 0
        self._second = 0
        self._lines = 0
        self._unlogged = 0

    @property
    def count(self) -> int:
        """Return how many writes were superseded since the node started."""
        return self._count

    def superseded(self, table: int, key: ItemKey, winning: Version, losing: Version) -> None:
        """Note a local write that a received one overwrote, or a received one that had already lost here."""
        self._count += 1
        self._kept.append(Superseded(table, key, winning, losing))
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= LINES_PER_SECOND_MAX:
            self._unlogged += 1
            return
        self._lines += 1
        self._write_line(self._kept[-1])

    def latest(self) -> Sequence[Superseded]:
        """Return the losses that are still kept, the newest last."""
        return tuple(self._kept)

    def _write_line(self, lost: Superseded) -> None:
        unlogged, self._unlogged = self._unlogged, 0
        _log.info(
            "write_superseded",
            table=lost.table,
            partition_key=lost.key.partition.hex(),
            sort_key=lost.key.sort.hex(),
            winning=tuple(lost.winning),
            losing=tuple(lost.losing),
            unlogged_before=unlogged,
        )
