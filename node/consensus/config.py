"""What one replica's consensus is told at start: its id, its timeouts in ticks, its bounds."""

from dataclasses import dataclass

from node.consensus.types import ReplicaId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusConfig:
    """Configure one replica. Timeouts count calls of tick(); how long a tick lasts is the driver's business."""

    id: ReplicaId
    election_ticks: int = 10
    """A follower campaigns after this many to twice this many ticks without a leader."""
    heartbeat_ticks: int = 1
    inflight_messages_max: int = 256
    """Append messages sent to one follower and not yet answered; when full the follower waits for an answer."""
    message_bytes_max: int = 1 << 20
    """Payload bytes of one append message; a single larger entry still travels, alone."""
    committed_bytes_max: int = 4 << 20
    """Payload bytes of committed entries in one Ready; the rest follows in the next."""
    uncommitted_bytes_max: int = 64 << 20
    """Payload bytes waiting for a quorum; when full, proposals are refused."""
    reads_waiting_max: int = 65536
    """Reads waiting for a quorum's confirmation; when full, reads are refused."""
    tail_bytes_max: int = 2 << 20
    """Payload bytes of persisted entries kept in memory, so that followers are normally served without the disk."""
    tail_entries_max: int = 4096
    """Persisted entries kept in memory; whichever bound is met first counts."""
    pre_vote: bool = True
    """Ask first whether an election could be won, so that a replica coming back does not disturb a working leader."""
    check_quorum: bool = True
    """A leader that has not heard from a quorum for election_ticks steps down; its followers do not vote meanwhile."""
    lease: bool = True
    """Make lease_round usable: whoever answers a heartbeat votes for nobody else for election_ticks ticks, and neither
    does a restarted replica, which may have forgotten such a promise. Needs check_quorum."""
    eager_commit: bool = False
    """Broadcast an empty append as soon as commit advances. When false the news travels with the next append or
    heartbeat, which saves a hop when idle."""
    conflict_hints: bool = True
    """Repair a diverged follower by whole terms. When false it is probed by the follower's last index only."""

    def __post_init__(self) -> None:
        """Refuse settings under which the algorithm makes no sense."""
        assert self.id > 0, f"a replica id is positive, found {self.id}"
        assert self.election_ticks > self.heartbeat_ticks > 0, "heartbeats must come more often than elections"
        assert self.inflight_messages_max > 0, "at least one message must be allowed in flight"
        assert self.check_quorum or not self.lease, "a lease needs check_quorum"
