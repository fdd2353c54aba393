"""Who should lead: the preferred replica when it keeps up, and whom to hand over to when a node goes.

Pure. Knows what a leader knows about its followers; refuses to know how leadership moves.
"""

from collections.abc import Collection

from node.consensus.progress import ProgressState
from node.consensus.status import PeerStatus, Status
from node.consensus.types import ReplicaId
from wire.catalog import Placement

LAG_ENTRIES_MAX = 64
"""A follower that lags by more is no successor: writes would wait while it catches up."""
CHECK_TICKS = 11
"""No multiple of an election timeout: each of these a leader begins anew to count who answers, and a check in that very tick, every
time, would never find anybody fit."""
STEADY_CHECKS = 5
"""How many checks in a row the preferred replica must pass; one that has just come back keeps its peace at first."""
PROMPT_TICKS = 3
"""How many ticks without a leader make the preferred replica campaign; the others wait for their timeouts."""


class PreferredLeader:
    """Count how long the preferred replica has been fit to lead."""

    def __init__(self) -> None:
        self._steady = 0

    def checked(self, placement: Placement, status: Status) -> ReplicaId | None:
        """Return whom to hand leadership to after this check, called every CHECK_TICKS on the leader; None = nobody."""
        preferred = placement.replicas[0].replica
        peer = next((peer for peer in status.peers if peer.replica == preferred), None)
        if peer is None or not is_successor(peer, status):
            self._steady = 0
            return None
        self._steady += 1
        if self._steady < STEADY_CHECKS:
            return None
        self._steady = 0
        return peer.replica


def successor(status: Status, but: Collection[ReplicaId] = ()) -> ReplicaId | None:
    """Return the follower that can take over soonest, leaving some out, or None when none can."""
    fit = [peer for peer in status.peers if is_successor(peer, status) and peer.replica not in but]
    return max(fit, key=lambda peer: (peer.match, -peer.replica)).replica if fit else None


def is_successor(peer: PeerStatus, status: Status) -> bool:
    """Tell whether a follower may be handed leadership: a voter, heard from, with nearly the whole log, that may lead."""
    is_voter = peer.replica in status.membership.voters
    keeps_up = peer.state is ProgressState.REPLICATE and peer.match + LAG_ENTRIES_MAX >= status.last_index
    may_lead = not (peer.is_recovering or peer.stands_back)
    return is_voter and peer.is_active and keeps_up and may_lead
