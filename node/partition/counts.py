"""What all replicas of a node count together.

Plain numbers, brought forward by the drivers and read when somebody asks. Refuses to know who asks.
"""

from node.consensus.types import NO_REPLICA, HardState, ReplicaId, Term
from wire.metrics import Histogram


class ReplicaCounts:
    """Count what happened to the replicas of one node since it started."""

    __slots__ = (
        "apply_seconds",
        "elections",
        "leader_changes",
        "leaderships_lost",
        "leaderships_won",
        "quarantines",
        "snapshots_installed",
        "snapshots_not_sent",
        "snapshots_sent",
        "trimmed_bytes",
        "trimmed_records",
    )

    def __init__(self) -> None:
        self.elections = 0
        """Campaigns of replicas here for a new term; what a pre-vote ends before it is none."""
        self.leader_changes = 0
        """Times that a replica here came to know the leader of a further term; there is one leader to a term."""
        self.leaderships_won = self.leaderships_lost = 0
        self.quarantines = 0
        """Times that a replica here was found to hold damaged data."""
        self.snapshots_sent = self.snapshots_not_sent = self.snapshots_installed = 0
        self.trimmed_records = self.trimmed_bytes = 0
        self.apply_seconds = Histogram()
        """From when this node knew that an entry is committed until its effects were durable here."""


class Elections:
    """Notice that one replica campaigns for a new term, from what it persists, and that it knows the leader of a further one."""

    __slots__ = ("_counts", "_term", "_term_led")

    def __init__(self, counts: ReplicaCounts) -> None:
        self._counts = counts
        self._term = self._term_led = Term(0)

    def persisted(self, state: HardState, replica: ReplicaId) -> None:
        """Look at a hard state: a vote for oneself begins a campaign, once per term."""
        if state.term != self._term:
            self._term = state.term
            if state.vote == replica:
                self._counts.elections += 1

    def led_by(self, leader: ReplicaId, term: Term) -> None:
        """Look at who leads, 0 while that is not known; the first leader is no change."""
        if leader != NO_REPLICA and term != self._term_led:
            self._counts.leader_changes += self._term_led != 0
            self._term_led = term
