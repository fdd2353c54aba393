"""The region's clock as one node tells it: what everything that is stored, or compared between nodes, is stamped with.

Pure but for the clock it is handed. It never goes back, restarts included: what it tells stays below a mark that is durable, and it
begins at that mark again. It follows the wall clock while that may be believed (`judgement`). Where the wall clock says less than what
was told already, it goes on from there by monotonic time, a little slower, so that the two meet again. It never follows a jump ahead of
more than `max_clock_skew` before other nodes have confirmed it; what it has gained by one and the wall clock takes back, it gives back at
half speed.
"""

import math
from dataclasses import dataclass
from typing import Final

from node.clocks.judgement import Judgement, OwnClock, Standing, agreed, judged, limit, remembered
from node.clocks.peers import PeerClocks, Reading
from wire.catalog import NodeId
from wire.clock import Clock

BELIEVED_AFTER_MS: Final = 10_000.0
"""A jump ahead that nobody confirms or contradicts is believed after this: in a region of one node, or while no other can be heard."""
SKEW_MS_MIN: Final = 1_000
"""Clocks are not judged more strictly than they can be known over a busy network."""
MARK_AHEAD_MS: Final = 5_000
"""How far ahead of the time told the durable mark is written, and so how far ahead a node may begin after a restart, at worst."""
MARK_SLACK_MS: Final = 1_000.0
"""How far the time told may stay behind the clock, because the mark is not durable yet, before stamping has to wait for it."""
PACE: Final = 1 / 512
"""How much slower than time this clock runs while the wall clock is behind it: two hours in a month and a half, and 7 s in an hour in which
it was the wall clock that was wrong."""
GIVING_BACK_PACE: Final = 1 / 2
CALM: Final = 0.5
"""A clock that was off is right again when it is off by less than this share of the bound: no flapping at its edge."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is durable of a node's clock: `limit_ms`, below which all times are that were ever told, and what was gained by jumps.

    `told_ms` and `wall_ms` are the time told and the wall clock when the mark was made: the next life goes on from there.
    """

    limit_ms: int = 0
    borrowed_ms: int = 0
    told_ms: int = 0
    wall_ms: int = 0


class RegionClock:
    """Satisfy `wire.clock.Clock` with the region's time. `has_peers`: other nodes can be asked about it."""

    def __init__(self, clock: Clock, skew_ms: int, *, has_peers: bool, mark: Mark | None = None) -> None:
        self.peers = PeerClocks()
        self.judgement = Judgement(Standing.UNSETTLED)
        self._clock = clock
        self._skew_ms = float(max(skew_ms, SKEW_MS_MIN))
        self._has_peers = has_peers
        self._is_first = True
        self._monotonic_ms = clock.monotonic() * 1_000
        self._wall_offset = clock.wall_ms() - self._monotonic_ms
        self._now_ms = 0.0
        self._began_ms = 0 if mark is None else mark.limit_ms
        self.limit_ms: float = math.inf
        """Below this is every time told: where the durable mark is."""
        self._borrowed_ms = 0.0
        self._has_ended = False
        self._doubted_ms: float | None = None
        self._limit = math.inf
        if mark is not None:
            self._resume(mark)
        self.judge()

    def _resume(self, mark: Mark) -> None:
        """Go on from the last life's time, by as much as the wall clock has gone on since if that may be believed.

        A node that comes back at once from a crash begins at the limit, which was ahead of time: that is given back as soon as may be, or
        its region would win against writes of others that are later. Time that passed while it was down must not be lost either, where
        all wall clocks of a region are behind what it tells.
        """
        passed_ms = self._clock.wall_ms() - mark.wall_ms
        resumed_ms = mark.told_ms + (passed_ms if 0 <= passed_ms <= self._skew_ms else 0)
        self._now_ms, self.limit_ms = float(max(mark.limit_ms, resumed_ms)), mark.limit_ms
        self._borrowed_ms = float(mark.borrowed_ms + min(MARK_AHEAD_MS, max(0, mark.limit_ms - resumed_ms)))

    # Telling time.

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        return self._clock.monotonic()

    def wall_ms(self) -> int:
        """Return the region's time in milliseconds since 1970; never less than before."""
        self._go_on()
        return int(min(self._now_ms, max(0, self.limit_ms - 1)))

    def wall(self) -> float:
        """Return the region's time in seconds since 1970; never less than before."""
        return self.wall_ms() / 1_000

    def machine_ms(self) -> int:
        """Return what this machine's wall clock says."""
        return self._clock.wall_ms()

    # May it stamp?

    @property
    def standing(self) -> Standing:
        """Return what this node makes of its own clock."""
        return self.judgement.standing

    @property
    def may_stamp(self) -> bool:
        """Tell whether versions may be stamped now; if not it is known soon, unless the clock is off."""
        # What the last life told may reach up to the mark: this one tells something later once its own mark is durable.
        has_own_mark = self.limit_ms > self._began_ms
        return self.standing is Standing.RIGHT and has_own_mark and self._now_ms - self.limit_ms < MARK_SLACK_MS

    @property
    def offset_seconds(self) -> float:
        """Return how far this machine's wall clock is ahead of the region's time; negative when behind."""
        return (self._monotonic_ms + self._wall_offset - self._now_ms) / 1_000

    def heard(self, node: NodeId, reading: Reading) -> None:
        """Take a reading of another node's clocks; while it is not known whether ours may be believed, judge at once."""
        self._go_on()
        self.peers.heard(node, reading)
        if self.standing is Standing.UNSETTLED:
            self.judge()

    def judge(self) -> None:
        """Judge the wall clock anew. Call it every tick; between two of them a jump is noticed when the time is told."""
        self._go_on()
        others = self.peers.lately(self._monotonic_ms)
        lead_ms = self._monotonic_ms + self._wall_offset - self._now_ms
        if others:
            own = OwnClock(self._wall_offset, self._now_ms - self._monotonic_ms, self._is_first)
            found = judged(own, others, self._skew_ms, self._wall_skew_ms())
            self._limit = limit(others, self._skew_ms) if found.standing is Standing.RIGHT else math.inf
            self.judgement = self._by_history(found, lead_ms)
            self._catch_up(agreed(own.told, others, self._skew_ms) + self._monotonic_ms)
            if self.standing is not found.standing:
                # A node without a history waits no longer for a majority: it goes by those that have one.
                self._catch_up(remembered(own, others, self._skew_ms) + self._monotonic_ms)
        elif not (self.standing.is_off and lead_ms > self._skew_ms):
            # Who was contradicted does not become right by hearing nobody any more.
            self._limit = math.inf
            self.judgement = Judgement(self._alone(lead_ms))
        self._go_on()
        self._is_first = self._is_first and self.standing is not Standing.RIGHT

    def _wall_skew_ms(self) -> float:
        return self._skew_ms * CALM if self.standing.is_off else self._skew_ms

    def _by_history(self, found: Judgement, lead_ms: float) -> Judgement:
        """Decide where others do not: who goes on as before is right, who has jumped is not; who has no history waits a while."""
        if found.standing is not Standing.UNSETTLED:
            self._doubted_ms = None
            return found
        if self._is_first and not self._is_doubt_over():
            return found
        # A node that has just started knows of no jump: only that it is the one further ahead.
        has_jumped = lead_ms > self._skew_ms and (found.against > 0 or not self._is_first)
        return found._replace(standing=Standing.AHEAD if has_jumped else Standing.RIGHT)

    def _alone(self, lead_ms: float) -> Standing:
        """Return what to make of the clock while nobody else is heard."""
        is_doubtful = self._has_peers if self._is_first else lead_ms > self._skew_ms
        if is_doubtful and not self._is_doubt_over():
            return Standing.UNSETTLED
        self._doubted_ms = None
        return Standing.RIGHT

    def _is_doubt_over(self) -> bool:
        """Tell whether the clock has been in doubt for so long that there must be an end to it."""
        if self._doubted_ms is None:
            self._doubted_ms = self._monotonic_ms
        return self._monotonic_ms - self._doubted_ms >= BELIEVED_AFTER_MS

    # Going on.

    def _go_on(self) -> None:
        """Bring the time forward to now."""
        monotonic_ms = self._clock.monotonic() * 1_000
        passed_ms = max(0.0, monotonic_ms - self._monotonic_ms)
        self._monotonic_ms = monotonic_ms
        wall_offset = self._clock.wall_ms() - monotonic_ms
        lead_ms = monotonic_ms + wall_offset - self._now_ms - passed_ms
        if min(wall_offset - self._wall_offset, lead_ms) > self._skew_ms:
            self._jumped()
        elif wall_offset > self._limit and self.standing is Standing.RIGHT:
            self.judgement = Judgement(Standing.UNSETTLED)  # the next one will say it: ahead of a majority
        self._wall_offset = wall_offset
        if lead_ms <= 0:
            self._now_ms += passed_ms - self._given_back(passed_ms, -lead_ms)
        elif self.standing is Standing.RIGHT:
            self._catch_up(monotonic_ms + wall_offset)
        else:
            self._now_ms += passed_ms

    def _jumped(self) -> None:
        """Doubt a wall clock that went further than monotonic time; what others' clocks said may be as old as that jump is long."""
        self.peers.forget()
        self._limit = math.inf
        if not self.standing.is_off:
            self.judgement = Judgement(Standing.UNSETTLED)
        self._doubted_ms = self._monotonic_ms

    def _given_back(self, passed_ms: float, behind_ms: float) -> float:
        borrowed_ms = min(self._borrowed_ms, passed_ms * GIVING_BACK_PACE)
        given_ms = min(behind_ms, max(borrowed_ms, passed_ms * PACE))
        self._borrowed_ms = max(0.0, self._borrowed_ms - given_ms)
        return given_ms

    def _catch_up(self, time_ms: float) -> None:
        gained_ms = time_ms - self._now_ms
        if gained_ms > self._skew_ms and not self._is_first:
            self._borrowed_ms += gained_ms
        self._now_ms = max(self._now_ms, time_ms)

    # The mark.

    def wanted_mark(self) -> Mark | None:
        """Return the mark to make durable now, if it is time for one."""
        has_begun = self.standing is not Standing.UNSETTLED or not self._is_first
        if not has_begun or self.limit_ms - self._now_ms >= MARK_AHEAD_MS / 2:
            return None
        return self._mark(int(self._now_ms) + MARK_AHEAD_MS)

    def _mark(self, limit_ms: int) -> Mark:
        return Mark(limit_ms, int(self._borrowed_ms), int(self._now_ms), self._clock.wall_ms())

    def marked(self, mark: Mark) -> None:
        """Note that a mark is durable."""
        if self.limit_ms != math.inf and not self._has_ended:
            self.limit_ms = max(self.limit_ms, mark.limit_ms)

    def end(self, stamped_ms: int) -> Mark:
        """Let the time told stand still for good; return the mark with which the node's next life begins no later than it has to.

        `stamped_ms` is the latest time that anything was stamped with here: ahead of the time told where another region's clock was.
        """
        self.limit_ms = min(self.limit_ms, max(self.wall_ms(), stamped_ms) + 1)
        self._has_ended = True
        return self._mark(int(self.limit_ms))
