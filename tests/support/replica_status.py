"""What one replica says of itself: a follower of partition 1 that has applied all it knows of."""

from node.partition.access import ReplicaStatus
from wire.catalog import NodeId, PartitionId

FOLLOWER = ReplicaStatus(
    partition=PartitionId(1),
    replica=1,
    term=2,
    role="follower",
    leader=NodeId("a"),
    commit=5,
    applied=5,
    first_index=1,
    last_index=5,
    is_ready=False,
    waiting_requests=0,
)
