"""The state of one replica, shared by the modules that each know one part of the algorithm.

Knows the fields, and what becomes of them when the term or the membership changes. Refuses to know when that happens.
"""

from collections import deque
from typing import Protocol

from node.consensus.config import ConsensusConfig
from node.consensus.log import LogView
from node.consensus.progress import Progress
from node.consensus.types import (
    NO_INDEX,
    NO_REPLICA,
    HardState,
    Index,
    Loss,
    Membership,
    Message,
    MessageKind,
    ReadState,
    ReplicaId,
    Role,
    Term,
)


class Randomness(Protocol):
    """Draws numbers; random.Random is one."""

    def randrange(self, stop: int, /) -> int:
        """Return a number from 0 to stop - 1."""


class Replica:
    """Everything one replica remembers.

    Invariants: at most one of the roles; vote belongs to term; progress has one Progress for each replica of the
    membership; peers are those of the others, sorted; only a leader sends appends, heartbeats and snapshots.
    """

    __slots__ = (
        "committed_in_term",
        "config",
        "election_elapsed",
        "election_timeout",
        "heartbeat_due",
        "heartbeat_elapsed",
        "id",
        "lacks_space",
        "leader",
        "log",
        "loss",
        "lost_index",
        "membership",
        "messages",
        "messages_early",
        "outgoing_progress",
        "peers",
        "pending_membership_index",
        "progress",
        "promise_ticks",
        "random",
        "read_states",
        "reads_confirming",
        "reads_waiting",
        "rejections",
        "role",
        "round",
        "safe_index",
        "stands_back",
        "term",
        "timeouts_passed",
        "transfer_offered",
        "transferee",
        "vote",
        "voter_progress",
        "votes",
    )

    def __init__(
        self,
        config: ConsensusConfig,
        log: LogView,
        random: Randomness,
        hard_state: HardState,
        membership: Membership,
        *,
        is_fresh: bool,
        loss: Loss | None = None,
    ):
        self.config = config
        self.id = config.id
        self.log = log
        self.random = random
        self.term = hard_state.term
        self.vote = hard_state.vote
        # While positive no vote is given to a newer term: the leader whose heartbeat was answered counts on it for its
        # lease, whatever this replica learns meanwhile. One that has been here before may have forgotten a promise.
        self.promise_ticks = config.election_ticks if config.lease and not is_fresh else 0
        self.loss = loss
        # Appends rejected in a row: as long as it grows, this replica's log does not.
        self.rejections = 0
        # The leader's word for where a lost log is whole again; 0 while it has not come.
        self.safe_index = NO_INDEX
        # What the leader knows this replica to have acknowledged, although its log ends before; 0 = nothing is missing.
        self.lost_index = NO_INDEX
        # Of a leader: appends and heartbeats, which may leave before the Ready they belong to is persisted.
        self.messages_early: list[Message] = []
        self.messages: list[Message] = []
        self.read_states: list[ReadState] = []
        # Whether this replica must not lead at present, and whether it can store next to nothing more.
        self.stands_back = False
        self.lacks_space = False
        # How many election timeouts have passed that it left to others, because it stands back.
        self.timeouts_passed = 0
        self.role = Role.FOLLOWER
        self.progress: dict[ReplicaId, Progress] = {}
        self.set_membership(membership)
        self.reset(self.term)

    def reset(self, term: Term) -> None:
        """Forget everything that belongs to one term, or to one attempt to lead it."""
        if self.term != term:
            self.term = term
            self.vote = NO_REPLICA
        self.leader = NO_REPLICA
        self.votes: dict[ReplicaId, bool] = {}
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.heartbeat_due = False
        ticks = self.config.election_ticks
        self.election_timeout = ticks + self.random.randrange(ticks)
        self.transferee = NO_REPLICA
        # A TIMEOUT_NOW left in this term: somebody may be elected at any time although the quorum hears us.
        self.transfer_offered = False
        # No later membership change may be proposed before the log is applied up to here.
        self.pending_membership_index = Index(0)
        self.committed_in_term = False
        self.round = 0
        self.reads_waiting: list[int] = []
        self.reads_confirming: deque[tuple[int, Index, list[int]]] = deque()
        for progress in self.progress.values():
            progress.reset(self.log.last)

    def become_follower(self, term: Term, leader: ReplicaId) -> None:
        """Follow, in this term; leader is 0 while it is not known."""
        self.reset(term)
        self.role = Role.FOLLOWER
        self.leader = leader

    def set_membership(self, membership: Membership) -> None:
        """Take over an applied membership, keeping what is known about those who stay."""
        self.membership = membership
        known = self.progress
        self.progress = {replica: known.get(replica) or self._newcomer(replica) for replica in membership.replicas}
        self.peers = [progress for progress in self.progress.values() if progress.replica != self.id]
        self.voter_progress = [self.progress[replica] for replica in membership.voters]
        self.outgoing_progress = [self.progress[replica] for replica in membership.voters_outgoing]

    def _newcomer(self, replica: ReplicaId) -> Progress:
        # Probed from the last entry: it has nothing, and its rejection says so at once.
        progress = Progress(replica, Index(max(self.log.last - 1, 0)), self.config.inflight_messages_max)
        # Counted as heard from, or a leader that adds many would step down before they could answer.
        progress.recent_active = True
        return progress

    def is_promotable(self) -> bool:
        """Tell whether this replica may campaign: a voter whose state is whole."""
        membership = self.membership
        is_voter = self.id in membership.voters or self.id in membership.voters_outgoing
        return is_voter and self.log.snapshot is None and self.loss is None

    def is_sole_voter(self) -> bool:
        """Tell whether this replica decides alone."""
        return self.membership.voters == (self.id,) and not self.membership.is_joint

    def reply(self, kind: MessageKind, to: ReplicaId, *, index: Index = NO_INDEX, context: int = 0) -> None:
        """Queue a message that must not leave before this replica's state is persisted."""
        self.messages.append(
            Message(
                kind,
                self.id,
                to,
                self.term,
                index=index,
                context=context,
                recovering=self.life(),
                stands_back=self.stands_back,
                lacks_space=self.lacks_space,
            )
        )

    def life(self) -> int:
        """Return the life of this replica's recovery, 0 when its log is whole."""
        return 0 if self.loss is None else self.loss.life
