"""What a membership change makes of a membership (thesis 4, joint consensus as etcd does it).

Pure functions on values; when a change may be proposed and what its application sets off is in reconfiguration.
"""

from node.consensus.types import Membership, MembershipChange, MembershipStep, MembershipStepKind, ReplicaId, Transition


class MembershipError(ValueError):
    """The change makes no sense for this membership."""


def changed(membership: Membership, change: MembershipChange) -> Membership:
    """Return the membership after the change; MembershipError when it is not allowed from here."""
    if not change.steps:
        return _left(membership)
    if membership.is_joint:
        raise MembershipError(f"expected a settled membership, found joint {_shown(membership)}")
    if len(change.steps) > 1 or change.transition is not Transition.AUTO:
        return _entered(membership, change)
    return _stepped(membership, change.steps)


def _left(membership: Membership) -> Membership:
    if not membership.is_joint:
        raise MembershipError(f"expected a joint membership to leave, found {_shown(membership)}")
    learners = {*membership.learners, *membership.learners_next}
    return Membership(voters=membership.voters, learners=tuple(sorted(learners)))


def _entered(membership: Membership, change: MembershipChange) -> Membership:
    joint = Membership(
        voters=membership.voters,
        voters_outgoing=membership.voters,
        learners=membership.learners,
        auto_leave=change.transition is not Transition.JOINT_EXPLICIT,
    )
    return _stepped(joint, change.steps)


def _stepped(membership: Membership, steps: tuple[MembershipStep, ...]) -> Membership:
    voters = set(membership.voters)
    learners = set(membership.learners)
    learners_next = set(membership.learners_next)
    for step in steps:
        _take_step(step, voters, learners, learners_next, membership.voters_outgoing)
    if not voters:
        raise MembershipError(f"expected a voter to remain, found none after {steps}")
    return Membership(
        voters=tuple(sorted(voters)),
        voters_outgoing=membership.voters_outgoing,
        learners=tuple(sorted(learners)),
        learners_next=tuple(sorted(learners_next)),
        auto_leave=membership.auto_leave,
    )


def _take_step(
    step: MembershipStep,
    voters: set[ReplicaId],
    learners: set[ReplicaId],
    learners_next: set[ReplicaId],
    outgoing: tuple[ReplicaId, ...],
) -> None:
    replica = step.replica
    if replica <= 0:
        raise MembershipError(f"expected a positive replica id, found {replica}")
    for group in (voters, learners, learners_next):
        group.discard(replica)
    match step.kind:
        case MembershipStepKind.ADD_VOTER:
            voters.add(replica)
        case MembershipStepKind.ADD_LEARNER if replica in outgoing:
            # It votes on in the old set until the joint phase ends, and a replica is not both at once.
            learners_next.add(replica)
        case MembershipStepKind.ADD_LEARNER:
            learners.add(replica)
        case MembershipStepKind.REMOVE:
            pass


def _shown(membership: Membership) -> str:
    groups = (membership.voters, membership.voters_outgoing, membership.learners, membership.learners_next)
    return " ".join(str(list(group)) for group in groups)
