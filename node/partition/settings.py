"""What may be tuned about a node's replicas. Pure."""

from dataclasses import dataclass, field

from node.partition.page_turns import PageTurnsSpec
from wire.limits import ITEM_COLLECTION_BYTES_MAX

LEASE_DRIFT = 0.9
"""The share of the lease that is used: clocks of two nodes may run apart by the rest."""
TRIM_SECONDS_MIN = 1.0
TRIM_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionConfig:
    """Bound one partition."""

    waiting_requests_max: int = 8_192
    """Requests not answered yet; when full, new ones are answered OVERLOADED at once."""
    turn_requests_max: int = 512
    """Writes evaluated in one turn; the rest waits for the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What may be tuned; the names are those of `cluster.toml`, which says what they mean."""

    tick_ms: int = 100
    heartbeat_ticks: int = 1
    election_ticks: int = 10
    lease_reads: bool = True
    max_clock_skew_ms: int = 60_000
    log_entries_kept: int = 10_000
    log_bytes_kept: int = 32 << 20
    stream_retention_seconds: int = 24 * 3600
    item_collection_bytes_max: int = ITEM_COLLECTION_BYTES_MAX
    ttl_grace_seconds: int = 60
    partition: PartitionConfig = field(default_factory=PartitionConfig)
    pages: PageTurnsSpec = field(default_factory=PageTurnsSpec)

    @property
    def lease_seconds(self) -> float:
        """Return how long a lease holds; 0 when there is none."""
        return (self.election_ticks - 1) * self.tick_ms / 1_000 * LEASE_DRIFT if self.lease_reads else 0.0

    @property
    def trim_seconds(self) -> float:
        """Return how often change records are trimmed: records never live much longer than they should."""
        return max(TRIM_SECONDS_MIN, min(TRIM_SECONDS_MAX, self.stream_retention_seconds / 4))
