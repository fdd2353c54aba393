"""Consensus messages survive the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.consensus.types import Entry, EntryKind, Membership, Message, MessageKind, SnapshotMetadata
from node.rpc.convert import message_from, message_into
from wire.v1 import peer_pb2

u64 = st.integers(0, (1 << 64) - 1)
replicas = st.lists(u64, max_size=3).map(lambda ids: tuple(sorted(ids)))
memberships = st.builds(
    Membership,
    voters=replicas,
    voters_outgoing=replicas,
    learners=replicas,
    learners_next=replicas,
    auto_leave=st.booleans(),
)
entries = st.builds(Entry, u64, u64, st.sampled_from(EntryKind), st.binary(max_size=20))
messages = st.builds(
    Message,
    kind=st.sampled_from(MessageKind),
    sender=u64,
    recipient=u64,
    term=u64,
    log_term=u64,
    index=u64,
    entries=st.lists(entries, max_size=3).map(tuple),
    commit=u64,
    reject=st.just(True),
    reject_hint=u64,
    context=u64,
    snapshot=st.none() | st.builds(SnapshotMetadata, u64, u64, memberships),
    force=st.booleans(),
)


# A member that is lost or swapped on the way would show as a rare, inexplicable election.
@given(messages, st.integers(0, (1 << 32) - 1))
def test_messages_survive_the_wire(message: Message, partition: int) -> None:
    batch = peer_pb2.MessageBatch(sender="n1")
    message_into(batch.messages.add(), partition, message)
    received = peer_pb2.MessageBatch.FromString(batch.SerializeToString())
    assert received.messages[0].partition == partition
    assert message_from(received.messages[0]) == message


# A newer node says something that this version has no word for: it must be recognizable, not misread.
def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind 99"):
        message_from(peer_pb2.PeerMessage(kind=99))
