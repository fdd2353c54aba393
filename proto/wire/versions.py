"""Versions: the total order by which the last writer wins.

The room knows how versions compare, how they are stamped and how they look as bytes; it refuses to
know what carries them. A version is hybrid logical time (48 bits of milliseconds, 16 bits of counter;
Kulkarni et al., "Logical Physical Clocks", 2014) with the region of its writer as the tie-breaker.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol

COUNTER_BITS = 16
VERSION_BYTES = 10
SKEW_MS_MAX = 60_000
"""How far ahead of the clock versions are believed, unless somebody says otherwise."""

_TIME_MAX = (1 << 64) - 1
_REGION_MAX = (1 << 16) - 1
_LAYOUT = struct.Struct(">QH")


class Version(NamedTuple):
    """Order one write among all writes of an item, in every region; compares as (time, region)."""

    time: int
    region: int

    @property
    def wall_ms(self) -> int:
        """Return the milliseconds since 1970 inside the hybrid time."""
        return self.time >> COUNTER_BITS

    def encode(self) -> bytes:
        """Return 10 bytes, big endian, that sort like the version."""
        return _LAYOUT.pack(self.time, self.region)

    @classmethod
    def decode(cls, encoded: bytes) -> "Version":
        """Return the version that `encode` turned into these 10 bytes."""
        return cls(*_LAYOUT.unpack(encoded))


class WallClock(Protocol):
    """Tell wall time; the part of a clock that versions need."""

    def wall_ms(self) -> int:
        """Return milliseconds since 1970 in UTC; may jump either way."""
        ...


class HybridClock:
    """Stamp the writes of one region with versions that only ever grow.

    Invariant: no stamp is at or before `after`, an earlier stamp or an observed version, whatever the wall clock does; only versions at or
    beyond `limit_ms` stand for themselves. An item that has one (its writer's clock was ahead of ours) gets still later ones, and drags no
    other item along. Without a limit that is SKEW_MS_MAX ahead of the clock.
    """

    def __init__(self, clock: WallClock, region: int, *, limit_ms: Callable[[], float] | None = None) -> None:
        assert 0 <= region <= _REGION_MAX, f"region numbers have 16 bits, found {region}"
        self._clock = clock
        self._region = region
        self._limit_ms = limit_ms or (lambda: clock.wall_ms() + SKEW_MS_MAX + 1)
        self._last = 0

    def stamp(self, after: Version | None = None) -> Version:
        """Return a version later than the wall clock, every earlier stamp and `after`."""
        latest = max(self._clock.wall_ms() << COUNTER_BITS, self._last)
        if after is None or after.time <= latest:
            stamped = self._last = latest + 1
        else:
            stamped = after.time + 1
            self._drag(stamped)
        assert stamped < _TIME_MAX, f"hybrid time is used up at {stamped}"
        return Version(stamped, self._region)

    def observe(self, version: Version) -> None:
        """Make every later stamp later than `version`, unless that is beyond the limit."""
        if version.time > self._last:
            self._drag(version.time)

    @property
    def latest_ms(self) -> int:
        """Return the milliseconds since 1970 of the latest stamp that drags others along, or of what dragged it; 0 before the first."""
        return self._last >> COUNTER_BITS

    def _drag(self, time: int) -> None:
        if time >> COUNTER_BITS < self._limit_ms():
            self._last = time

    def skew_ms(self, version: Version) -> int:
        """Return how far `version` is ahead of the wall clock; negative when behind."""
        return version.wall_ms - self._clock.wall_ms()
