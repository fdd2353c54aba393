"""Membership changes as pure functions: every way in and out of a joint phase, and what is refused."""

import pytest

from node.consensus.membership import MembershipError, changed
from node.consensus.types import (
    LEAVE_JOINT,
    Membership,
    MembershipChange,
    MembershipStep,
    MembershipStepKind,
    ReplicaId,
    Transition,
)

SETTLED = Membership(voters=(ReplicaId(1), ReplicaId(2), ReplicaId(3)))
KINDS = {"v": MembershipStepKind.ADD_VOTER, "l": MembershipStepKind.ADD_LEARNER, "r": MembershipStepKind.REMOVE}


def change(words: str, transition: Transition = Transition.AUTO) -> MembershipChange:
    """Return a change written as in transcripts: v4 makes 4 a voter, l4 a learner, r4 removes it."""
    steps = tuple(MembershipStep(KINDS[word[0]], ReplicaId(int(word[1:]))) for word in words.split())
    return MembershipChange(steps, transition)


# One step is safe directly: old and new majorities overlap.
@pytest.mark.parametrize(
    ("words", "voters", "learners"),
    [
        ("v4", (1, 2, 3, 4), ()),
        ("l4", (1, 2, 3), (4,)),
        ("r3", (1, 2), ()),
        ("l3", (1, 2), (3,)),
        ("v3", (1, 2, 3), ()),
    ],
)
def test_single_step_is_direct(words: str, voters: tuple[int, ...], learners: tuple[int, ...]) -> None:
    membership = changed(SETTLED, change(words))
    assert (membership.voters, membership.learners, membership.is_joint) == (voters, learners, False)


# Several steps could leave two disjoint majorities, so both sets must agree in between.
def test_several_steps_are_joint_and_left_automatically() -> None:
    membership = changed(SETTLED, change("v4 r3"))
    assert (membership.voters, membership.voters_outgoing) == ((1, 2, 4), (1, 2, 3))
    assert membership.auto_leave
    assert changed(membership, LEAVE_JOINT) == Membership(voters=(ReplicaId(1), ReplicaId(2), ReplicaId(4)))


# Somebody who wants to watch the joint phase leaves it by hand.
def test_explicit_joint_is_not_left_automatically() -> None:
    assert not changed(SETTLED, change("v4", Transition.JOINT_EXPLICIT)).auto_leave
    assert changed(SETTLED, change("v4", Transition.JOINT_AUTO_LEAVE)).auto_leave


# A demoted voter still votes in the outgoing set, and nobody may be voter and learner at once.
def test_demoted_voter_becomes_learner_at_the_end() -> None:
    joint = changed(SETTLED, change("v4 l3"))
    assert (joint.learners, joint.learners_next) == ((), (3,))
    assert changed(joint, LEAVE_JOINT).learners == (3,)


# A promoted learner is a learner no longer.
def test_promoted_learner_is_voter_only() -> None:
    membership = changed(changed(SETTLED, change("l4")), change("v4"))
    assert (membership.voters, membership.learners) == ((1, 2, 3, 4), ())


# Each of these would make a group that cannot go on, or skip a phase that keeps it safe.
@pytest.mark.parametrize(
    ("membership", "refused"),
    [
        (SETTLED, LEAVE_JOINT),
        (changed(SETTLED, change("v4 r3")), change("v5")),
        (SETTLED, change("r1 r2 r3")),
        (Membership(voters=(ReplicaId(1),)), change("r1")),
        (SETTLED, change("v0")),
    ],
)
def test_senseless_change_is_refused(membership: Membership, refused: MembershipChange) -> None:
    with pytest.raises(MembershipError):
        changed(membership, refused)
