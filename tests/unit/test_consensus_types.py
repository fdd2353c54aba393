"""The values of consensus: what is stored and sent as bytes comes back as it was, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.consensus.types import (
    LEAVE_JOINT,
    Membership,
    MembershipChange,
    MembershipStep,
    MembershipStepKind,
    Message,
    MessageKind,
    ReplicaId,
    Transition,
)

REPLICAS = st.lists(st.integers(1, 2**64 - 1).map(ReplicaId), unique=True, max_size=5).map(
    lambda ids: tuple(sorted(ids))
)
MEMBERSHIPS = st.builds(
    Membership,
    voters=REPLICAS,
    voters_outgoing=REPLICAS,
    learners=REPLICAS,
    learners_next=REPLICAS,
    auto_leave=st.booleans(),
)
STEPS = st.builds(MembershipStep, st.sampled_from(MembershipStepKind), st.integers(1, 2**64 - 1).map(ReplicaId))
CHANGES = st.builds(MembershipChange, st.lists(STEPS, max_size=5).map(tuple), st.sampled_from(Transition))


# The membership is stored with the applied state and travels with snapshots: a group that cannot read it is lost.
@given(MEMBERSHIPS)
def test_membership_survives_encoding(membership: Membership) -> None:
    assert Membership.decode(membership.encode()) == membership


# Changes are log entries and are read by every replica, long after they were written.
@given(CHANGES)
def test_membership_change_survives_encoding(change: MembershipChange) -> None:
    assert MembershipChange.decode(change.encode()) == change


# Stored formats never change: these bytes may be on somebody's disk.
def test_encodings_are_fixed() -> None:
    membership = Membership(voters=(ReplicaId(1), ReplicaId(2)), learners=(ReplicaId(3),), auto_leave=True)
    step = MembershipStep(MembershipStepKind.REMOVE, ReplicaId(258))
    header = "01010200000001000000"
    assert membership.encode().hex() == header + "010000000000000002000000000000000300000000000000"
    assert MembershipChange((step,), Transition.JOINT_EXPLICIT).encode().hex() == "01020100020201000000000000"
    assert LEAVE_JOINT.encode().hex() == "01000000"


# Bytes that are something else must not become a membership of nobody.
@pytest.mark.parametrize("encoded", [b"", b"\x02" * 10, b"\x01", Membership(voters=(ReplicaId(1),)).encode()[:-1]])
def test_damaged_membership_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="expected a membership"):
        Membership.decode(encoded)


# The same for changes, which would be applied.
@pytest.mark.parametrize("encoded", [b"", b"\x02\x00\x00\x00", b"\x01\x00\x01\x00", LEAVE_JOINT.encode() + b"x"])
def test_damaged_membership_change_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="expected a membership change"):
        MembershipChange.decode(encoded)


# The handlers of messages are found by position, so the numbers of the kinds must stay dense.
def test_message_kinds_are_dense() -> None:
    assert [kind.value for kind in MessageKind] == list(range(1, len(MessageKind) + 1))


# A message must be built without naming all its fields: most kinds use few of them.
def test_message_has_defaults() -> None:
    message = Message(MessageKind.TIMEOUT_NOW, ReplicaId(1), ReplicaId(2))
    assert (message.entries, message.snapshot, message.force) == ((), None, False)
