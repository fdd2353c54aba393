"""The values consensus takes and gives: entries, messages, hard state, membership, Ready.

Knows their shapes and how a membership becomes bytes. Refuses to know what a payload means, how a message
crosses the network and where an entry is stored.

The types of the hot path (Entry, HardState, Message, ReadState, Ready) are slotted but not frozen, because freezing
triples the cost of building one. Treat them as immutable all the same: an entry is shared by the log, by messages in
flight and by what is being applied.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NewType

ReplicaId = NewType("ReplicaId", int)
"""Names one replica of one group, for all time: an id is never used again. 0 means none."""

Term = NewType("Term", int)
"""Counts elections; 0 is before the first."""

Index = NewType("Index", int)
"""A position in the log, from 1; 0 is the empty log."""

NO_REPLICA = ReplicaId(0)
NO_INDEX = Index(0)


class EntryKind(IntEnum):
    """What an entry is for."""

    NORMAL = 0
    MEMBERSHIP = 1
    """The payload is an encoded MembershipChange; hand it back through apply_membership when it is applied."""
    EMPTY = 2
    """A new leader's first entry. It is reported as committed and never reaches the state machine."""


@dataclass(slots=True)
class Entry:
    """One position of the log. Two entries with the same index and term are the same entry."""

    term: Term
    index: Index
    kind: EntryKind
    payload: bytes


@dataclass(slots=True)
class HardState:
    """What must survive a restart beside the log itself."""

    term: Term = Term(0)
    vote: ReplicaId = NO_REPLICA
    commit: Index = Index(0)


_MEMBERSHIP_HEADER = struct.Struct("<BB4H")
_MEMBERSHIP_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Who belongs to the group. Joint while voters_outgoing is not empty: then both sets must agree.

    Every tuple is sorted. learners_next holds those voters_outgoing that become learners when the joint phase ends.
    """

    voters: tuple[ReplicaId, ...] = ()
    voters_outgoing: tuple[ReplicaId, ...] = ()
    learners: tuple[ReplicaId, ...] = ()
    learners_next: tuple[ReplicaId, ...] = ()
    auto_leave: bool = False

    @property
    def is_joint(self) -> bool:
        """Tell whether two voter sets must agree at present."""
        return bool(self.voters_outgoing)

    @property
    def replicas(self) -> tuple[ReplicaId, ...]:
        """List everyone who receives the log, sorted."""
        return tuple(sorted({*self.voters, *self.voters_outgoing, *self.learners, *self.learners_next}))

    def encode(self) -> bytes:
        """Return the bytes that decode() takes; equal memberships give equal bytes."""
        groups = (self.voters, self.voters_outgoing, self.learners, self.learners_next)
        flat = [replica for group in groups for replica in group]
        header = _MEMBERSHIP_HEADER.pack(_MEMBERSHIP_FORMAT, self.auto_leave, *map(len, groups))
        return header + struct.pack(f"<{len(flat)}Q", *flat)

    @classmethod
    def decode(cls, encoded: bytes) -> "Membership":
        """Return the membership whose encode() gave these bytes; ValueError when they are no membership."""
        if len(encoded) < _MEMBERSHIP_HEADER.size or encoded[0] != _MEMBERSHIP_FORMAT:
            raise ValueError(f"expected a membership in format {_MEMBERSHIP_FORMAT}, found {encoded[:16].hex()!r}")
        _, auto_leave, *counts = _MEMBERSHIP_HEADER.unpack_from(encoded)
        if len(encoded) != _MEMBERSHIP_HEADER.size + 8 * sum(counts):
            raise ValueError(f"expected a membership of {sum(counts)} replicas, found {len(encoded)} bytes")
        flat = iter(struct.unpack_from(f"<{sum(counts)}Q", encoded, _MEMBERSHIP_HEADER.size))
        groups = [tuple(ReplicaId(next(flat)) for _ in range(count)) for count in counts]
        return cls(
            voters=groups[0],
            voters_outgoing=groups[1],
            learners=groups[2],
            learners_next=groups[3],
            auto_leave=bool(auto_leave),
        )


class MembershipStepKind(IntEnum):
    """What happens to one replica in a membership change."""

    ADD_VOTER = 0
    """Adds the replica as a voter, or promotes a learner."""
    ADD_LEARNER = 1
    """Adds the replica as a learner, or demotes a voter."""
    REMOVE = 2


@dataclass(frozen=True, slots=True)
class MembershipStep:
    """One replica's part in a membership change."""

    kind: MembershipStepKind
    replica: ReplicaId


class Transition(IntEnum):
    """How a membership change gets from the old voters to the new ones."""

    AUTO = 0
    """Directly when there is one step only, otherwise joint and left automatically."""
    JOINT_AUTO_LEAVE = 1
    """Always joint; the leader leaves the joint phase as soon as it is applied."""
    JOINT_EXPLICIT = 2
    """Always joint; somebody proposes LEAVE_JOINT later."""


_CHANGE_HEADER = struct.Struct("<BBH")
_CHANGE_STEP = struct.Struct("<BQ")
_CHANGE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A proposed change of membership: the payload of a MEMBERSHIP entry. Without steps it leaves the joint phase."""

    steps: tuple[MembershipStep, ...] = ()
    transition: Transition = Transition.AUTO

    def encode(self) -> bytes:
        """Return the bytes that decode() takes."""
        header = _CHANGE_HEADER.pack(_CHANGE_FORMAT, self.transition, len(self.steps))
        return header + b"".join(_CHANGE_STEP.pack(step.kind, step.replica) for step in self.steps)

    @classmethod
    def decode(cls, encoded: bytes) -> "MembershipChange":
        """Return the change whose encode() gave these bytes; ValueError when they are no membership change."""
        if len(encoded) < _CHANGE_HEADER.size or encoded[0] != _CHANGE_FORMAT:
            raise ValueError(f"expected a membership change in format {_CHANGE_FORMAT}, found {encoded[:16].hex()!r}")
        _, transition, count = _CHANGE_HEADER.unpack_from(encoded)
        if len(encoded) != _CHANGE_HEADER.size + count * _CHANGE_STEP.size:
            raise ValueError(f"expected a membership change of {count} steps, found {len(encoded)} bytes")
        steps = _CHANGE_STEP.iter_unpack(encoded[_CHANGE_HEADER.size :])
        return cls(
            tuple(MembershipStep(MembershipStepKind(kind), ReplicaId(replica)) for kind, replica in steps),
            Transition(transition),
        )


LEAVE_JOINT = MembershipChange()


@dataclass(frozen=True, slots=True)
class Loss:
    """A replica has lost its log, or cannot tell whether it has: it makes no promise before it is whole again."""

    life: int
    """Names this attempt to become whole, for ever: drawn anew at each start, never 0."""
    voters: int
    """How many voters the group has; asked while the replica has no membership yet."""


@dataclass(frozen=True, slots=True)
class SnapshotMetadata:
    """Names a snapshot: the state after applying the log up to index, whose entry had this term."""

    index: Index
    term: Term
    membership: Membership


class MessageKind(IntEnum):
    """What a message asks or answers. The numbers cross the wire: only add."""

    APPEND = 1
    APPEND_REPLY = 2
    HEARTBEAT = 3
    HEARTBEAT_REPLY = 4
    VOTE = 5
    VOTE_REPLY = 6
    PRE_VOTE = 7
    PRE_VOTE_REPLY = 8
    SNAPSHOT = 9
    """Metadata only: the driver carries the data on a stream of its own, and steps this message at the receiver when
    the data has arrived there."""
    TIMEOUT_NOW = 10
    """The leader asks the recipient to campaign at once (leadership transfer)."""
    SAFE_INDEX = 11
    """The leader tells a replica that has lost its log: nothing that it may have promised lies beyond this index."""


@dataclass(slots=True)
class Message:
    """One message between two replicas. Fields a kind does not use keep their defaults."""

    kind: MessageKind
    sender: ReplicaId
    recipient: ReplicaId
    term: Term = Term(0)
    log_term: Term = Term(0)
    """APPEND: term of the entry before entries. Votes: term of the candidate's last entry. Rejected APPEND_REPLY:
    term of the entry at reject_hint."""
    index: Index = Index(0)
    """APPEND: index before entries. APPEND_REPLY: last matching index, or the rejected one. Votes: candidate's last."""
    entries: tuple[Entry, ...] = ()
    commit: Index = Index(0)
    reject: bool = False
    reject_hint: Index = Index(0)
    """Rejected APPEND_REPLY: the follower's guess at the last index where the two logs can agree."""
    context: int = 0
    """HEARTBEAT: the leader's round number, echoed by HEARTBEAT_REPLY. SAFE_INDEX: the life it is meant for."""
    snapshot: SnapshotMetadata | None = None
    force: bool = False
    """VOTE: campaign for a transfer, which the leader wants: answered although a leader is alive."""
    recovering: int = 0
    """Replies: the sender has lost its log and is in this life of its recovery; the reply counts for no quorum. 0 = whole."""
    stands_back: bool = False
    """Replies to a leader: the sender must not lead at present."""
    lacks_space: bool = False
    """Replies to a leader: the sender can store next to nothing more."""


@dataclass(slots=True)
class ReadState:
    """The read named by context is linearizable once index is applied."""

    context: int
    index: Index


class Role(Enum):
    """What a replica is at present."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre_candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class SoftState:
    """Who leads, as far as this replica knows, and what it is itself. Not persisted."""

    leader: ReplicaId
    role: Role


@dataclass(slots=True)
class Ready:
    """What the driver has to do, in this order.

    1. Send messages_before_persist (they may leave while step 2 is under way).
    2. In one transaction: install snapshot, delete stored entries from entries[0].index on, put entries, put
       hard_state. It must reach the disk before step 3 when must_sync is true.
    3. Send messages_after_persist, call advance(ready), hand committed to apply and answer read_states.

    committed may hold entries of this very Ready: apply them after step 2, or in its transaction. Report what was
    applied through applied_to. Losing the role of leader (soft_state) voids every read still waiting.
    """

    hard_state: HardState | None = None
    """What to persist, None when unchanged since the last Ready."""
    entries: tuple[Entry, ...] = ()
    snapshot: SnapshotMetadata | None = None
    messages_before_persist: Sequence[Message] = ()
    messages_after_persist: Sequence[Message] = ()
    committed: tuple[Entry, ...] = ()
    read_states: Sequence[ReadState] = ()
    soft_state: SoftState | None = None
    """None when unchanged since the last Ready."""
    must_sync: bool = False
    heartbeat_round: int = 0
    """The newest round whose heartbeats are among the messages, 0 when there are none. For lease reads remember the
    monotonic time at which this Ready was taken, see ConsensusCore.lease_round."""

    def messages(self) -> Iterator[Message]:
        """Iterate over all messages, those that may leave early first."""
        yield from self.messages_before_persist
        yield from self.messages_after_persist


@dataclass(frozen=True, slots=True)
class NotLeader:
    """Nothing was done: ask the replica named by hint, when it is not 0."""

    hint: ReplicaId


class RefusalReason(Enum):
    """Why a leader refuses."""

    UNCOMMITTED_FULL = "uncommitted_full"
    """Too many bytes wait for a quorum; try again when some have committed."""
    TRANSFER_IN_PROGRESS = "transfer_in_progress"
    MEMBERSHIP_PENDING = "membership_pending"
    """An earlier membership change, or an entry that may be one, is not applied yet."""
    MEMBERSHIP_INVALID = "membership_invalid"
    """The change makes no sense for the present membership; detail says why."""
    READS_FULL = "reads_full"
    NOT_A_VOTER = "not_a_voter"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was done, although this replica leads."""

    reason: RefusalReason
    detail: str = ""
