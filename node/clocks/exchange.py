"""How nodes learn each other's clocks: a stamp on every batch of messages that they exchange anyway.

Knows which stamps came from whom and when, and so how long a round trip took. Refuses to know how batches travel.
"""

import random
from typing import Final, NamedTuple

from node.clocks.peers import Reading
from node.clocks.region import RegionClock
from wire.catalog import NodeId

ROUND_TRIP_MS_MAX: Final = 60_000.0
"""A stamp that comes back later, or before it left, is not of this life of the process."""
_ORIGIN_MAX: Final = 1 << 50


class ClockStamp(NamedTuple):
    """What a batch says of its sender's clocks as it leaves.

    `sent_us` is the sender's own time, from an origin that only the sender knows; `echo_us` the last one that it has from the recipient
    (0 = none), `held_us` how long it has had that.
    """

    wall_ms: int
    region_ms: int
    sent_us: int
    echo_us: int
    held_us: int


class ClockExchange:
    """Stamp batches for other nodes, and make readings of the stamps on theirs."""

    def __init__(self, clock: RegionClock, randomness: random.Random) -> None:
        self._clock = clock
        # Another life of this process, perhaps on another machine, has another origin: its stamps must not be taken for ours.
        self._origin_us = randomness.randrange(1, _ORIGIN_MAX)
        self._last: dict[NodeId, tuple[int, int]] = {}

    def stamp(self, recipient: NodeId) -> ClockStamp:
        """Return the stamp for a batch that leaves now."""
        now_us = self._now_us()
        sent_us, came_us = self._last.get(recipient, (0, now_us))
        return ClockStamp(self._clock.machine_ms(), self._clock.wall_ms(), now_us, sent_us, now_us - came_us)

    def received(self, sender: NodeId, stamp: ClockStamp) -> None:
        """Take the stamp of a batch that has just come."""
        now_us = self._now_us()
        self._last[sender] = stamp.sent_us, now_us
        round_trip_ms = (now_us - stamp.echo_us - stamp.held_us) / 1_000
        if stamp.echo_us and 0 <= round_trip_ms <= ROUND_TRIP_MS_MAX:
            at_ms = (now_us - self._origin_us) / 1_000
            self._clock.heard(sender, Reading(stamp.wall_ms, stamp.region_ms, round_trip_ms, at_ms))

    def _now_us(self) -> int:
        return self._origin_us + int(self._clock.monotonic() * 1_000_000)
