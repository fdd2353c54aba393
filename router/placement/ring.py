"""From a token to the partition that holds it."""

from bisect import bisect_right
from collections.abc import Iterable

from wire.catalog import Placement


class Ring:
    """The data partitions in token order."""

    __slots__ = ("_lowers", "_placements")

    def __init__(self, placements: Iterable[Placement]) -> None:
        held = sorted((each for each in placements if each.lower < each.upper), key=lambda each: each.lower)
        self._placements = tuple(held)
        self._lowers = [each.lower for each in held]

    def find(self, token: int) -> Placement | None:
        """Return the partition that holds a token, or None where the ring has a gap."""
        place = bisect_right(self._lowers, token) - 1
        if place < 0:
            return None
        placement = self._placements[place]
        return placement if token < placement.upper else None

    def between(self, lower: int, upper: int) -> tuple[Placement, ...]:
        """Return the partitions that hold tokens of lower <= token < upper, in order."""
        return tuple(each for each in self._placements if each.lower < upper and lower < each.upper)
