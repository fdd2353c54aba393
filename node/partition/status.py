"""A description of one replica, for people and metrics."""

from node.partition.access import ReplicaStatus
from node.partition.core import PartitionCore
from wire.catalog import PartitionId
from wire.conditions import Condition

REJECTIONS_MAX = 20
"""Appends rejected in a row that finding the place where two logs meet does not explain: one comes with each heartbeat."""


def status_of(core: PartitionCore) -> ReplicaStatus:
    """Describe a replica."""
    consensus = core.consensus.status()
    is_learner = consensus.id not in consensus.membership.voters
    return ReplicaStatus(
        partition=core.placement.partition,
        replica=consensus.id,
        term=consensus.term,
        role="learner" if is_learner else consensus.role.value,
        leader=core.leader_node or None,
        commit=consensus.commit,
        applied=core.applied_index,
        first_index=consensus.first_index,
        last_index=consensus.last_index,
        is_ready=core.is_ready,
        waiting_requests=core.waiting_count,
        conditions=_conditions(core),
    )


def closed_status(partition: PartitionId, condition: Condition) -> ReplicaStatus:
    """Describe a replica that is not open: it is being cleared, or could not be read."""
    return ReplicaStatus(
        partition=partition,
        replica=0,
        term=0,
        role="follower",
        leader=None,
        commit=0,
        applied=0,
        first_index=0,
        last_index=0,
        is_ready=False,
        waiting_requests=0,
        conditions=frozenset({condition}),
    )


def _conditions(core: PartitionCore) -> frozenset[Condition]:
    found = {
        Condition.INSTALLING: core.is_installing,
        Condition.RECOVERING: core.consensus.loss is not None,
        Condition.CANNOT_FOLLOW: core.consensus.rejections >= REJECTIONS_MAX,
        Condition.QUARANTINED: core.quarantined is not None,
        Condition.STORAGE_FULL: core.is_storage_full,
    }
    return frozenset(condition for condition, is_so in found.items() if is_so)
