"""Whether a group can keep what it would accept: enough of its replicas must have space.

Pure. A leader whose own disk has space may lead followers that have none: what it proposed then would be known to nobody else, and
its clients would never learn what became of it. So it refuses before that. Refuses to know what is written.
"""

from node.consensus.quorum import majority_value
from node.consensus.status import PeerStatus, Status
from node.consensus.types import ReplicaId

SILENT_TICKS = 5
"""Ticks without an answer after which a follower counts for no space; consensus asks anew once in an election timeout."""


class QuorumRoom:
    """Count how long each follower has said nothing; to be told of every tick of a leader."""

    def __init__(self) -> None:
        self._silent: dict[ReplicaId, int] = {}

    def ticked(self, status: Status) -> None:
        """Let a tick pass."""
        silent = self._silent
        self._silent = {peer.replica: 0 if peer.is_active else silent.get(peer.replica, 0) + 1 for peer in status.peers}

    def is_left(self, status: Status, *, lacks_space: bool) -> bool:
        """Tell whether a majority of the voters can store more, where `lacks_space` tells of the leader itself.

        As long as nobody lacks space, silence says nothing about it.
        """
        if not lacks_space and not any(peer.lacks_space for peer in status.peers):
            return True
        able = {peer.replica for peer in status.peers if self._is_able(peer)}
        if not lacks_space:
            able.add(status.id)
        membership = status.membership
        return all(_has_majority(able, group) for group in (membership.voters, membership.voters_outgoing) if group)

    def _is_able(self, peer: PeerStatus) -> bool:
        return not (peer.lacks_space or peer.is_recovering) and self._silent.get(peer.replica, 0) < SILENT_TICKS


def _has_majority(able: set[ReplicaId], voters: tuple[ReplicaId, ...]) -> bool:
    return majority_value([int(voter in able) for voter in voters]) == 1
