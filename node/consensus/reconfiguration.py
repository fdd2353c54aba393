"""Membership changes on a running replica: when one may be proposed, and what follows when it is applied (thesis 4).

A change takes effect on each replica when it is applied there. One is pending at a time.
"""

from node.consensus import replication
from node.consensus.membership import MembershipError, changed
from node.consensus.replica import Replica
from node.consensus.types import (
    LEAVE_JOINT,
    NO_REPLICA,
    EntryKind,
    Index,
    Membership,
    MembershipChange,
    RefusalReason,
    Refused,
    Role,
)


def propose(replica: Replica, change: MembershipChange) -> Index | Refused:
    """Append a change to the leader's log, if none is pending and it makes sense from here."""
    pending = replica.pending_membership_index
    if pending > replica.log.applied:
        detail = f"index {pending} is not applied yet (applied up to {replica.log.applied})"
        return Refused(RefusalReason.MEMBERSHIP_PENDING, detail)
    try:
        changed(replica.membership, change)
    except MembershipError as error:
        return Refused(RefusalReason.MEMBERSHIP_INVALID, str(error))
    return _append(replica, change)


def _append(replica: Replica, change: MembershipChange) -> Index:
    replica.pending_membership_index = Index(replica.log.last + 1)
    return replication.append(replica, EntryKind.MEMBERSHIP, (change.encode(),))


def apply(replica: Replica, change: MembershipChange) -> Membership:
    """Change this replica's membership, because the entry that holds the change is being applied."""
    try:
        membership = changed(replica.membership, change)
    except MembershipError as error:
        raise AssertionError(f"expected a committed change that fits, found {change}: {error}") from error
    replica.set_membership(membership)
    if replica.role is Role.LEADER:
        _lead_on(replica)
    return membership


def _lead_on(replica: Replica) -> None:
    membership = replica.membership
    if replica.id not in membership.voters and replica.id not in membership.voters_outgoing:
        # Removed or demoted: the remaining voters elect one of them.
        replica.become_follower(replica.term, NO_REPLICA)
        return
    if replica.transferee != NO_REPLICA and replica.transferee not in replica.progress:
        replication.abort_transfer(replica)
    if replication.commit_by_counting(replica) and replica.config.eager_commit:
        replication.broadcast_append(replica)
        return
    for progress in replica.peers:
        replication.send_append(replica, progress, send_if_empty=False)


def leave_if_due(replica: Replica) -> None:
    """Propose to leave a joint phase that is to be left automatically, once it is applied."""
    is_due = replica.membership.auto_leave and replica.role is Role.LEADER
    if is_due and replica.pending_membership_index <= replica.log.applied:
        _append(replica, LEAVE_JOINT)
