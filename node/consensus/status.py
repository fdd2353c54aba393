"""A description of one replica, for people and metrics."""

from dataclasses import dataclass

from node.consensus.progress import ProgressState
from node.consensus.replica import Replica
from node.consensus.types import Index, Membership, ReplicaId, Role, Term


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """What a leader knows about one replica."""

    replica: ReplicaId
    match: Index
    next: Index
    state: ProgressState
    is_active: bool
    is_recovering: bool = False
    """It has lost its log and does not count yet."""
    stands_back: bool
    lacks_space: bool
    inflight_messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One replica at one moment; peers is empty unless it leads."""

    id: ReplicaId
    term: Term
    vote: ReplicaId
    leader: ReplicaId
    role: Role
    first_index: Index
    last_index: Index
    commit: Index
    applied: Index
    membership: Membership
    transferee: ReplicaId
    uncommitted_bytes: int
    peers: tuple[PeerStatus, ...]


def status_of(replica: Replica) -> Status:
    """Describe a replica."""
    log = replica.log
    return Status(
        id=replica.id,
        term=replica.term,
        vote=replica.vote,
        leader=replica.leader,
        role=replica.role,
        first_index=log.first,
        last_index=log.last,
        commit=log.commit,
        applied=log.applied,
        membership=replica.membership,
        transferee=replica.transferee,
        uncommitted_bytes=log.uncommitted_bytes(),
        peers=_peers(replica) if replica.role is Role.LEADER else (),
    )


def _peers(replica: Replica) -> tuple[PeerStatus, ...]:
    return tuple(
        PeerStatus(
            replica=progress.replica,
            match=progress.match,
            next=progress.next,
            state=progress.state,
            is_active=progress.recent_active,
            is_recovering=progress.recovering != 0,
            stands_back=progress.stands_back,
            lacks_space=progress.lacks_space,
            inflight_messages=len(progress.inflight),
        )
        for progress in replica.peers
    )
