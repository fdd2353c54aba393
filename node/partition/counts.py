"""What all replicas of a node count together.

Plain numbers, brought forward by the drivers and read when somebody asks. Refuses to know who asks.
"""

from node.consensus.types import HardState, ReplicaId, Term
from wire.metrics import Histogram


class ReplicaCounts:
    """Count what happened to the replicas of one node since it started."""

    __slots__ = (
        "apply_seconds",
        "elections",
        "leader_changes",
        "leaderships_lost",
        "leaderships_won",
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
        """Times that a replica here came to know another leader than before."""
        self.leaderships_won = self.leaderships_lost = 0
        self.snapshots_sent = self.snapshots_not_sent = self.snapshots_installed = 0
        self.trimmed_records = self.trimmed_bytes = 0
        self.apply_seconds = Histogram()
        """From when this node knew that an entry is committed until its effects were durable here."""


class Elections:
    """Notice, from what one replica persists, that it campaigns for a new term."""

    __slots__ = ("_counts", "_term")

    def __init__(self, counts: ReplicaCounts) -> None:
        self._counts = counts
        self._term = Term(0)

    def persisted(self, state: HardState, replica: ReplicaId) -> None:
        """Look at a hard state: a vote for oneself begins a campaign, once per term."""
        if state.term != self._term:
            self._term = state.term
            if state.vote == replica:
                self._counts.elections += 1
