"""Whether a node may believe its own clock, from the clocks that it has heard.

Pure. The rule: a region's clock is what the majority of the nodes heard from lately say, this one included. A node is right when it may
agree within `max_clock_skew` with enough others to be more than half; it is off when more than half of the nodes are, for certain, on one
side of it by more than that. In between (one against one; three that all differ) nobody can tell who is right, and its own history
decides: a clock that goes on as it did is believed, one that has just jumped ahead is not. A node that has just started has no history: a
wall clock that agrees with its own confirms nothing where that node tells a later time, because all wall clocks may have been set back.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from node.clocks.peers import PeerClock

TOLD_SLACK_MS: Final = 1_000.0
"""By how much the time told may be beyond the bound: it was within when it was told, as far as could be known then."""


class Standing(StrEnum):
    """What a node makes of its own clock."""

    RIGHT = "right"
    UNSETTLED = "unsettled"
    """It jumped ahead, or the node has just started, and nobody has confirmed it yet."""
    AHEAD = "ahead"
    BEHIND = "behind"

    @property
    def is_off(self) -> bool:
        """Tell whether the other nodes contradict this clock."""
        return self in (Standing.AHEAD, Standing.BEHIND)


class Judgement(NamedTuple):
    """A standing, and what it rests on: `against` of `nodes` contradict; `off_ms` is by how much, at least (behind: negative)."""

    standing: Standing
    against: int = 0
    nodes: int = 1
    off_ms: float = 0.0

    @property
    def text(self) -> str:
        """Say it for people."""
        side = "ahead of" if self.standing is Standing.AHEAD else "behind"
        return f"this node's clock is {abs(self.off_ms) / 1_000:.1f} s {side} {self.against} of {self.nodes} nodes"


class OwnClock(NamedTuple):
    """This node's clock as offsets: its wall clock, and the time it tells."""

    wall: float
    told: float
    is_first: bool = False
    """Whether it has never been judged right since the node started."""


def judged(own: OwnClock, others: Sequence[PeerClock], skew_ms: float, wall_skew_ms: float) -> Judgement:
    """Judge this node's clock by all that were heard from lately, at least one; UNSETTLED: its history has to decide.

    The wall clock may be off by `wall_skew_ms`: the bound itself, or less while it has to show that it is right again.
    """
    nodes = len(others) + 1
    offs = [_off_ms(own, each, skew_ms, wall_skew_ms) for each in others]
    ahead, behind = [off for off in offs if off > 0], [off for off in offs if off < 0]
    agreeing = offs.count(0.0) - len(_remembering(own, others, skew_ms, wall_skew_ms))
    if 2 * (1 + agreeing) > nodes:
        return Judgement(Standing.RIGHT, 0, nodes)
    if 2 * len(ahead) > nodes:
        return Judgement(Standing.AHEAD, len(ahead), nodes, min(ahead))
    if 2 * len(behind) > nodes:
        return Judgement(Standing.BEHIND, len(behind), nodes, max(behind))
    return Judgement(Standing.UNSETTLED, len(ahead), nodes, min(ahead, default=0.0))


def _off_ms(own: OwnClock, other: PeerClock, skew_ms: float, wall_skew_ms: float) -> float:
    """Return by how much this clock is ahead of another, or behind (negative), for certain; 0 when they may agree."""
    # What another tells as the region's time counts as well as its wall clock: after all wall clocks of a region have gone back, the
    # first one that is set right again is not ahead of anybody.
    reference = other.upper + other.told_ahead_ms
    wall, told = own.wall - reference, own.told - reference
    if wall > wall_skew_ms or told > skew_ms + TOLD_SLACK_MS:
        return max(wall, told)
    behind = other.lower - own.wall
    is_told = wall >= -wall_skew_ms - (other.upper - other.lower)
    return -behind if behind > wall_skew_ms and not is_told else 0.0


def _remembering(
    own: OwnClock, others: Sequence[PeerClock], skew_ms: float, wall_skew_ms: float
) -> Sequence[PeerClock]:
    """Return the nodes whose wall clocks agree with that of one that has just started, and that tell a later time than it can know of."""
    latest = max(own.wall, own.told) + skew_ms
    return [
        each
        for each in others
        if own.is_first
        and each.lower + each.told_ahead_ms > latest
        and _off_ms(own, each, skew_ms, wall_skew_ms) == 0.0
    ]


def remembered(own: OwnClock, others: Sequence[PeerClock], skew_ms: float) -> float:
    """Return the latest offset told by others whose wall clocks agree with that of a node without a history, or what it tells itself."""
    remembering = _remembering(own, others, skew_ms, skew_ms)
    return max((each.lower + each.told_ahead_ms for each in remembering), default=own.told)


def limit(others: Sequence[PeerClock], skew_ms: float) -> float:
    """Return the offset beyond which this node's wall clock, now right, would be so no more."""
    references = sorted((each.upper + each.told_ahead_ms for each in others), reverse=True)
    return references[(len(others) + 1) // 2 - 1] + skew_ms


def agreed(told: float, others: Sequence[PeerClock], skew_ms: float) -> float:
    """Return the latest offset that more than half of the nodes, this one included, are known to tell, and about agree on.

    What wall clocks say is not asked: those of two nodes may be wrong one after the other, and the last that was heard of the first may be
    from then.
    """
    reached = sorted((told, *(each.lower + each.told_ms for each in others)), reverse=True)
    found = reached[len(reached) // 2]
    supporters = sum(abs(each - found) <= skew_ms for each in reached)
    return found if 2 * supporters > len(reached) else told
