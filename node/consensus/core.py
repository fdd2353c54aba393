"""The consensus of one replica: what its driver calls.

Takes messages, ticks and proposals; ready() says what to persist, send and apply; advance() says it was done. Refuses
to know clocks, disks and networks. The algorithm is in the modules named after its parts.
"""

from collections.abc import Sequence

from node.consensus import elections, following, reads, reconfiguration, recovery, replication
from node.consensus.bootstrap import is_fresh
from node.consensus.config import ConsensusConfig
from node.consensus.log import LogReader, LogView
from node.consensus.replica import Randomness, Replica
from node.consensus.status import Status, status_of
from node.consensus.types import (
    NO_INDEX,
    NO_REPLICA,
    EntryKind,
    HardState,
    Index,
    Loss,
    Membership,
    MembershipChange,
    Message,
    MessageKind,
    NotLeader,
    Ready,
    RefusalReason,
    Refused,
    ReplicaId,
    Role,
    SoftState,
    Term,
)


def _ignore(replica: Replica, message: Message) -> None:
    raise AssertionError(f"no such message kind: {message.kind!r}")


# By MessageKind, whose numbers are dense from 1.
_HANDLERS = (
    _ignore,
    following.on_append,
    replication.on_append_reply,
    following.on_heartbeat,
    replication.on_heartbeat_reply,
    elections.on_vote,
    elections.on_vote_reply,
    elections.on_vote,
    elections.on_pre_vote_reply,
    following.on_snapshot,
    elections.on_timeout_now,
    recovery.on_safe_index,
)


class ConsensusCore:
    """One replica's consensus.

    At most one Ready is in flight: after ready() no other is given before advance(). Messages and ticks may come in
    between; what they cause belongs to the next Ready.
    """

    __slots__ = ("_commit", "_in_flight", "_leader", "_replica", "_role", "_term", "_vote")

    def __init__(
        self,
        config: ConsensusConfig,
        log: LogReader,
        random: Randomness,
        applied: Index = NO_INDEX,
        *,
        loss: Loss | None = None,
    ):
        """Start from what is persisted; applied is the index up to which the state machine has persisted its state.

        With a loss the replica makes no promise until `recovered` is called, see node.consensus.recovery. Raises
        LogDamagedError when the log ends before what is known to be committed.
        """
        hard_state, membership = log.initial_state()
        view = LogView(log, hard_state.commit, applied, config.tail_entries_max, config.tail_bytes_max)
        # Who has lost its log may have promised a leader its lease just before.
        fresh = loss is None and is_fresh(hard_state, log)
        self._replica = Replica(config, view, random, hard_state, membership, is_fresh=fresh, loss=loss)
        self._term = hard_state.term
        self._vote = hard_state.vote
        self._commit = hard_state.commit
        self._leader = NO_REPLICA
        self._role = Role.FOLLOWER
        self._in_flight: Ready | None = None

    @property
    def id(self) -> ReplicaId:
        """Name this replica."""
        return self._replica.id

    @property
    def role(self) -> Role:
        """Tell what this replica is at present."""
        return self._replica.role

    @property
    def term(self) -> Term:
        """Tell the current term."""
        return self._replica.term

    @property
    def leader(self) -> ReplicaId:
        """Name the leader of the current term, 0 while it is not known."""
        return self._replica.leader

    @property
    def commit(self) -> Index:
        """Tell the last index known to be committed."""
        return self._replica.log.commit

    @property
    def applied(self) -> Index:
        """Tell the last index reported as applied."""
        return self._replica.log.applied

    @property
    def last_index(self) -> Index:
        """Tell the end of the log, persisted or not."""
        return self._replica.log.last

    @property
    def membership(self) -> Membership:
        """Tell the applied membership."""
        return self._replica.membership

    @property
    def committed_in_term(self) -> bool:
        """Tell whether this leader has committed an entry of its own term, so that it knows what is committed."""
        return self._replica.committed_in_term

    def acknowledged(self) -> list[tuple[ReplicaId, Index]]:
        """Return how far each other replica is known to have what is committed; empty unless this one leads."""
        replica = self._replica
        if replica.role is not Role.LEADER:
            return []
        commit = replica.log.commit
        return [(peer.replica, min(peer.match, commit)) for peer in replica.peers if peer.match and not peer.recovering]

    @property
    def loss(self) -> Loss | None:
        """Tell what this replica has lost and not recovered yet, if anything."""
        return self._replica.loss

    @property
    def lost_index(self) -> Index:
        """Tell what this replica has acknowledged to its leader and does not have; 0 = nothing.

        The driver must let it begin anew with a loss.
        """
        return self._replica.lost_index

    @property
    def rejections(self) -> int:
        """Tell how many appends of leaders this replica has rejected since it took one."""
        return self._replica.rejections

    @property
    def is_whole_again(self) -> bool:
        """Tell whether a lost log is durably back: the driver may make that durable and call `recovered`."""
        return recovery.is_whole(self._replica)

    def recovered(self) -> None:
        """Take part again: it is durable that nothing is missing any more."""
        assert self._replica.safe_index, "expected a leader's word for what this replica may have promised"
        self._replica.loss = None

    def term_of(self, index: Index) -> Term:
        """Tell the term of an entry, persisted or not; UNKNOWN_TERM where this replica's log has none."""
        return self._replica.log.term(index)

    @property
    def replica(self) -> Replica:
        """Give invariants and tests a look inside; not for drivers."""
        return self._replica

    def status(self) -> Status:
        """Describe this replica, for people and metrics."""
        return status_of(self._replica)

    def step(self, message: Message) -> None:
        """Take in a message from another replica."""
        replica = self._replica
        if message.recipient != replica.id:
            return
        if message.term == replica.term or elections.settle_term(replica, message):
            _HANDLERS[message.kind](replica, message)

    def tick(self) -> None:
        """Let one tick of time pass."""
        replica = self._replica
        replica.election_elapsed += 1
        if replica.promise_ticks:
            replica.promise_ticks -= 1
        if replica.role is Role.LEADER:
            elections.tick_leader(replica)
        elif replica.election_elapsed >= replica.election_timeout:
            elections.tick_follower(replica)

    def propose(self, payloads: Sequence[bytes]) -> Index | NotLeader | Refused:
        """Append one entry per payload; return the index of the last. Nothing is forwarded to another leader."""
        replica = self._replica
        if replica.role is not Role.LEADER:
            return NotLeader(replica.leader)
        if replica.transferee:
            return Refused(RefusalReason.TRANSFER_IN_PROGRESS, f"to replica {replica.transferee}")
        waiting = replica.log.uncommitted_bytes()
        # With nothing waiting any size is taken, or one large entry could never be proposed.
        if waiting and waiting + sum(map(len, payloads)) > replica.config.uncommitted_bytes_max:
            return Refused(RefusalReason.UNCOMMITTED_FULL, f"{waiting} bytes wait for a quorum")
        return replication.append(replica, EntryKind.NORMAL, payloads)

    def propose_membership(self, change: MembershipChange) -> Index | NotLeader | Refused:
        """Append a change of membership, which takes effect when it is applied; return its index."""
        replica = self._replica
        if replica.role is not Role.LEADER:
            return NotLeader(replica.leader)
        if replica.transferee:
            return Refused(RefusalReason.TRANSFER_IN_PROGRESS, f"to replica {replica.transferee}")
        return reconfiguration.propose(replica, change)

    def apply_membership(self, change: MembershipChange) -> Membership:
        """Take a committed change into effect, before applied_to reports its entry; return what to persist."""
        return reconfiguration.apply(self._replica, change)

    def transfer_leadership(self, to: ReplicaId) -> NotLeader | Refused | None:
        """Hand leadership to another voter once it has the whole log; given up after election_ticks."""
        replica = self._replica
        if replica.role is not Role.LEADER:
            return NotLeader(replica.leader)
        if to == replica.id or to not in replica.membership.voters:
            return Refused(RefusalReason.NOT_A_VOTER, f"replica {to} is no other voter")
        if replica.transferee != to:
            replication.begin_transfer(replica, replica.progress[to])
        return None

    def stand_back(self, *, must_not_lead: bool, lacks_space: bool) -> None:
        """Leave leading to others as far as they can, or no longer, and say so in every answer to a leader.

        A leader goes on leading: its driver hands over, or resigns. Nobody is left without a leader for it: when no
        other replica is elected for a while, this one campaigns.
        """
        self._replica.stands_back, self._replica.lacks_space = must_not_lead, lacks_space

    def resign(self, heir: ReplicaId) -> Message | None:
        """Cease to lead at once and without persisting anything; return what asks the heir to campaign, if there is one.

        For a leader that cannot write any more. The message may leave at once: it speaks for no state of this replica
        but its leadership, which ends here.
        """
        replica = self._replica
        if replica.role is not Role.LEADER:
            return None
        replica.become_follower(replica.term, NO_REPLICA)
        # What has not left speaks for a leader that is none any more.
        replica.messages_early = []
        if heir == NO_REPLICA:
            return None
        return Message(MessageKind.TIMEOUT_NOW, replica.id, heir, replica.term)

    def read_index(self, context: int) -> NotLeader | Refused | None:
        """Ask for the index that makes a read linearizable; the answer is a ReadState with this context.

        All reads that wait when a Ready is taken share one round of heartbeats. Unanswered ones are void when
        leadership is lost. Before the leader's first commit in its term they wait.
        """
        replica = self._replica
        if replica.role is not Role.LEADER:
            return NotLeader(replica.leader)
        if len(replica.reads_waiting) >= replica.config.reads_waiting_max:
            return Refused(RefusalReason.READS_FULL, f"{len(replica.reads_waiting)} reads wait")
        replica.reads_waiting.append(context)
        return None

    def lease_round(self) -> int:
        """Return the newest heartbeat round from which a lease counts, 0 when there is no lease.

        A Ready names the round it sends (heartbeat_round); the driver remembers the monotonic time at which it took
        that Ready. While less than (election_ticks - 1) ticks, minus the allowed drift, have passed since the time
        of lease_round(), no other leader can exist, and reads of applied state are linearizable once everything
        committed on their arrival is applied. Ask after reading, before answering.

        Ticks must not run ahead of time: after a stall call the missed ticks before stepping what has queued up.
        """
        return reads.lease_round(self._replica)

    def campaign(self) -> bool:
        """Campaign without waiting for the timeout; tell whether that is allowed now.

        With leases it is not while a leader may be alive, unless this replica is the only voter.
        """
        replica = self._replica
        bound = replica.config.lease and not replica.is_sole_voter() and elections.hears_leader(replica)
        if bound or not elections.may_campaign(replica):
            return False
        elections.campaign_after_timeout(replica)
        return True

    def report_snapshot(self, peer: ReplicaId, ok: bool) -> None:
        """Report how the transfer of a snapshot ended, as far as the sender can tell.

        Owed for every SNAPSHOT message: until then, or until the peer answers it, the peer gets nothing else.
        """
        replication.report_snapshot(self._replica, peer, received=ok)

    def report_unreachable(self, peer: ReplicaId) -> None:
        """Report that messages to a peer could not be delivered."""
        replication.report_unreachable(self._replica, peer)

    def compacted(self, first_index: Index) -> None:
        """Forget the log before first_index. To be called before the stored entries are deleted."""
        self._replica.log.compact(first_index)

    def has_ready(self) -> bool:
        """Tell whether ready() would give the driver anything to do."""
        replica = self._replica
        log = replica.log
        if self._in_flight is not None:
            return False
        return bool(
            replica.messages
            or replica.messages_early
            or log.stable < log.last
            or log.handed < log.commit
            or log.commit != self._commit
            or replica.term != self._term
            or replica.vote != self._vote
            or replica.heartbeat_due
            or replica.read_states
            or reads.can_begin(replica)
            or log.snapshot is not None
            or replica.role is not self._role
            or replica.leader != self._leader
        )

    def ready(self) -> Ready:
        """Take everything there is to do. The driver must advance() before it takes the next."""
        assert self._in_flight is None, "expected advance() before the next ready()"
        replica = self._replica
        log = replica.log
        if replica.heartbeat_due or reads.can_begin(replica):
            reads.begin_round(replica)
            heartbeat_round = replica.round
        else:
            heartbeat_round = 0
        entries = log.unstable()
        has_moved = replica.term != self._term or replica.vote != self._vote
        ready = Ready(
            self._changed_hard_state(),
            entries,
            log.snapshot,
            (),
            replica.messages,
            log.hand_out(replica.config.committed_bytes_max),
            replica.read_states,
            self._changed_soft_state(),
            has_moved or bool(entries) or log.snapshot is not None,
            heartbeat_round,
        )
        self._place_early_messages(ready, has_moved)
        replica.messages = []
        replica.read_states = []
        self._in_flight = ready
        return ready

    def _changed_hard_state(self) -> HardState | None:
        replica = self._replica
        commit = replica.log.commit
        if commit == self._commit and replica.term == self._term and replica.vote == self._vote:
            return None
        self._term = replica.term
        self._vote = replica.vote
        self._commit = commit
        return HardState(replica.term, replica.vote, commit)

    def _changed_soft_state(self) -> SoftState | None:
        replica = self._replica
        if replica.role is self._role and replica.leader == self._leader:
            return None
        self._role = replica.role
        self._leader = replica.leader
        return SoftState(replica.leader, replica.role)

    def _place_early_messages(self, ready: Ready, has_moved: bool) -> None:
        replica = self._replica
        early = replica.messages_early
        if not early:
            return
        replica.messages_early = []
        if has_moved:
            # They speak for a term, or rely on a vote, that a crash could still undo.
            ready.messages_after_persist = early + replica.messages
        else:
            ready.messages_before_persist = early

    def advance(self, ready: Ready) -> None:
        """Note that what this Ready asked for is persisted and sent. Applying may take longer, see applied_to."""
        assert ready is self._in_flight, "expected the Ready in flight"
        self._in_flight = None
        replica = self._replica
        if ready.snapshot is not None:
            replica.log.installed(ready.snapshot)
        if ready.entries:
            last = ready.entries[-1]
            replica.log.persisted(last.index, last.term)
            if replica.role is Role.LEADER:
                replication.own_log_persisted(replica)

    def applied_to(self, index: Index) -> None:
        """Report that the state machine has applied everything up to index."""
        replica = self._replica
        log = replica.log
        assert index <= log.handed, f"expected at most {log.handed}, which was handed out, found {index} applied"
        if index > log.applied:
            log.applied = index
            reconfiguration.leave_if_due(replica)
