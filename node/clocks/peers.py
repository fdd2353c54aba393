"""What is known of other nodes' clocks: for each an interval in which its wall clock must lie.

Pure. A reading travels with a batch of messages, which also says which of our batches its sender had last and for how long (as in NTP):
so the reading was taken at some moment of a round trip whose length is known, and the interval is as wide as that. Intervals are kept
against our own monotonic clock, so that a jump of our own wall clock does not move them. Later readings narrow an interval, time widens
it, and one that contradicts it replaces it: that clock was set, or ours stood still.

All times are milliseconds; an offset is a clock's time minus our monotonic time.
"""

from typing import Final, NamedTuple

from wire.catalog import NodeId

HEARD_MS: Final = 10_000.0
"""Who was not heard from for so long has no say."""
DRIFT: Final = 0.001
"""Two clocks are taken to run apart by no more than this share of time between two readings."""
READING_MS: Final = 1.0
"""A reading is cut to whole milliseconds."""


class Reading(NamedTuple):
    """What another node's clocks said, at some moment of the last `round_trip_ms` before `at_ms`.

    `region_ms` is the time that it tells as the region's, `wall_ms` what its machine says.
    """

    wall_ms: int
    region_ms: int
    round_trip_ms: float
    at_ms: float


class PeerClock(NamedTuple):
    """One node's clock: the bounds of its wall clock's offset, and how far the time that it tells is from that, either way."""

    lower: float
    upper: float
    told_ms: float
    at_ms: float

    @property
    def told_ahead_ms(self) -> float:
        """Return how far ahead of its wall clock the time is that it tells; 0 if it is behind."""
        return max(0.0, self.told_ms)

    def aged(self, now_ms: float) -> "PeerClock":
        """Return what is still known of it at a later moment."""
        slack = (now_ms - self.at_ms) * DRIFT
        return self._replace(lower=self.lower - slack, upper=self.upper + slack, at_ms=now_ms)


class PeerClocks:
    """Every clock that was heard from lately. Bounded: by the nodes of the region."""

    def __init__(self) -> None:
        self._clocks: dict[NodeId, PeerClock] = {}
        self._heard_ms: dict[NodeId, float] = {}

    def heard(self, node: NodeId, reading: Reading) -> None:
        """Take a reading."""
        lower = reading.wall_ms - reading.at_ms
        upper = lower + READING_MS + max(0.0, reading.round_trip_ms)
        known = self._clocks.get(node)
        if known is not None:
            known = known.aged(reading.at_ms)
            if known.lower <= upper and lower <= known.upper:
                lower, upper = max(lower, known.lower), min(upper, known.upper)
        self._clocks[node] = PeerClock(lower, upper, float(reading.region_ms - reading.wall_ms), reading.at_ms)
        self._heard_ms[node] = reading.at_ms

    def forget(self) -> None:
        """Know nothing: our monotonic clock may have stood still, so that no interval holds any more."""
        self._clocks.clear()
        self._heard_ms.clear()

    def lately(self, now_ms: float) -> list[PeerClock]:
        """Return the clocks that were heard from lately, as far as they are known now."""
        nodes = [node for node, heard_ms in self._heard_ms.items() if now_ms - heard_ms <= HEARD_MS]
        return [self._clocks[node].aged(now_ms) for node in nodes]
