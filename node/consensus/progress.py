"""What a leader knows about one follower: how far it has the log, and how much may be sent to it.

Knows the three states of etcd's design (probe, replicate, snapshot) and the window of messages in flight. Refuses to
know what is sent.
"""

from collections import deque
from enum import Enum

from node.consensus.types import Index, ReplicaId


class ProgressState(Enum):
    """How a leader sends to one follower."""

    PROBE = "probe"
    """The follower's log is not known: one append at a time, until one is accepted."""
    REPLICATE = "replicate"
    """Entries are streamed ahead of the acknowledgements, up to the window."""
    SNAPSHOT = "snapshot"
    """A snapshot is on its way; nothing else is sent."""


class Progress:
    """One follower's progress, or the leader's own.

    Invariants: 0 <= match < next; in flight are only indexes greater than match and less than next.
    """

    __slots__ = (
        "counts",
        "inflight",
        "inflight_max",
        "lacks_space",
        "match",
        "next",
        "pending_snapshot",
        "probe_sent",
        "recent_active",
        "recovering",
        "replica",
        "round_acknowledged",
        "safe_round",
        "stands_back",
        "state",
    )

    def __init__(self, replica: ReplicaId, last_index: Index, inflight_max: int):
        self.replica = replica
        self.inflight_max = inflight_max
        self.reset(last_index)

    def reset(self, last_index: Index) -> None:
        """Start over for a new term, guessing that the follower has everything."""
        self.match = Index(0)
        self.next = Index(last_index + 1)
        self.round_acknowledged = 0
        self.recent_active = False
        # The life of a replica that has lost its log; what it acknowledges may not count for a quorum.
        self.recovering = 0
        self.counts = True
        # The round that all others must have acknowledged before it is told which index makes it whole; 0 = not asked.
        self.safe_round = 0
        # As its last answer said; nothing is known before the first.
        self.stands_back = False
        self.lacks_space = False
        self._enter(ProgressState.PROBE)

    def begin_anew(self, life: int, last_index: Index, *, counts: bool) -> None:
        """Forget what the follower has acknowledged: it has lost its log, and this is its first sign of a new life.

        What is committed stays committed; only this follower's part in later quorums begins again.
        """
        self.reset(last_index)
        self.recovering, self.counts = life, counts

    def _enter(self, state: ProgressState) -> None:
        self.state = state
        self.probe_sent = False
        self.pending_snapshot = Index(0)
        # Each holds the last index of one append message on its way.
        self.inflight: deque[int] = deque()

    def become_probe(self) -> None:
        """Go back to one append at a time, from what the follower surely has."""
        pending = self.pending_snapshot
        self._enter(ProgressState.PROBE)
        self.next = Index(max(self.match, pending) + 1)

    def become_replicate(self) -> None:
        """Stream from the first entry the follower lacks."""
        self._enter(ProgressState.REPLICATE)
        self.next = Index(self.match + 1)

    def become_snapshot(self, index: Index) -> None:
        """Wait for the snapshot of this index to be received or lost."""
        self._enter(ProgressState.SNAPSHOT)
        self.pending_snapshot = index

    def is_paused(self) -> bool:
        """Tell whether nothing more may be sent until an answer comes."""
        if self.state is ProgressState.REPLICATE:
            return len(self.inflight) >= self.inflight_max
        return self.state is ProgressState.SNAPSHOT or self.probe_sent

    def sent(self, last_index: Index) -> None:
        """Note an append message that carries entries up to last_index."""
        if self.state is ProgressState.REPLICATE:
            self.next = Index(last_index + 1)
            self.inflight.append(last_index)
        else:
            self.probe_sent = True

    def accepted(self, index: Index) -> bool:
        """Note that the follower has the log up to index; tell whether that is news."""
        if self.next <= index:
            self.next = Index(index + 1)
        if index <= self.match:
            return False
        self.match = index
        self.probe_sent = False
        return True

    def free_inflight(self, index: Index) -> None:
        """Count every message in flight up to index as answered."""
        inflight = self.inflight
        while inflight and inflight[0] <= index:
            inflight.popleft()

    def free_first_when_full(self) -> None:
        """Let one message through a full window, so that a lost answer cannot block for ever."""
        if len(self.inflight) >= self.inflight_max:
            self.inflight.popleft()

    def rejected(self, index: Index, hint: Index) -> bool:
        """Step back after the append following index was rejected; tell whether that calls for another try at once."""
        if index <= self.match:
            # It is old, or the follower has lost what it acknowledged: then the next sign of life is soon enough.
            return False
        if self.state is ProgressState.REPLICATE:
            self.next = Index(self.match + 1)
            return True
        if self.next - 1 != index:
            return False
        self.next = Index(max(min(index, hint + 1), self.match + 1))
        self.probe_sent = False
        return True
