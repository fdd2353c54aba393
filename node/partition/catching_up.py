"""Whether a node's replicas have what their leaders had committed: then, and only then, may another node be stopped.

A restarted replica cannot tell by itself: leaders say how far they have committed only as far as they know its log. So leaders are
asked. Pure: it is told what they said.
"""

from collections.abc import Mapping, Sequence

from node.partition.access import ReplicaStatus
from wire.catalog import PartitionId
from wire.conditions import Condition

_NOT_WHOLE = frozenset(
    {Condition.INSTALLING, Condition.RECOVERING, Condition.QUARANTINED, Condition.CANNOT_FOLLOW},
)
"""A replica in one of these takes no part, whatever it has applied."""


class CatchingUp:
    """Judge the replicas of one node by what leaders had committed when they were last asked but one.

    So under load, where every replica is a little behind, only one is behind that did not get there within a round.
    """

    def __init__(self) -> None:
        self._due: Mapping[PartitionId, int] = {}
        self._next: Mapping[PartitionId, int] = {}

    def told(self, committed: Mapping[PartitionId, int]) -> None:
        """Take what leaders, here and elsewhere, have committed; one that did not answer this time has the index it told before."""
        self._due, self._next = self._next, {**self._next, **committed}

    def behind(self, replicas: Sequence[ReplicaStatus]) -> list[PartitionId]:
        """Return the partitions whose replica here has no leader, receives its data, or is not where it should be by now."""
        return [each.partition for each in replicas if not self._is_there(each)]

    def _is_there(self, replica: ReplicaStatus) -> bool:
        if replica.is_ready:
            return True  # it leads, and has applied what its predecessors committed
        due = self._due.get(replica.partition)
        if due is None or replica.leader is None or not replica.conditions.isdisjoint(_NOT_WHOLE):
            return False
        return replica.applied >= due
