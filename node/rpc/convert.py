"""Consensus messages as protobuf, and back. What belongs to requests is in `wire.convert`."""

from collections.abc import Iterable
from typing import Protocol

from node.clocks.exchange import ClockStamp
from node.consensus.types import (
    Entry,
    EntryKind,
    Index,
    Membership,
    Message,
    MessageKind,
    ReplicaId,
    SnapshotMetadata,
    Term,
)
from wire.v1 import peer_pb2


class LogEntryList(Protocol):
    """A repeated field of `peer_pb2.LogEntry`."""

    def add(self) -> peer_pb2.LogEntry:
        """Append an empty entry and return it."""
        ...


def clock_into(target: peer_pb2.ClockStamp, stamp: ClockStamp) -> None:
    """Fill an empty stamp in place."""
    target.wall_ms = stamp.wall_ms
    target.region_ms = stamp.region_ms
    target.sent_us = stamp.sent_us
    target.echo_us = stamp.echo_us
    target.held_us = stamp.held_us


def clock_from(source: peer_pb2.ClockStamp) -> ClockStamp:
    """Read a stamp."""
    return ClockStamp(source.wall_ms, source.region_ms, source.sent_us, source.echo_us, source.held_us)


def message_into(target: peer_pb2.PeerMessage, partition: int, message: Message) -> None:
    """Fill an empty protobuf message in place."""
    target.partition = partition
    target.kind = message.kind
    target.sender = message.sender
    target.recipient = message.recipient
    target.term = message.term
    if message.log_term:
        target.log_term = message.log_term
    if message.index:
        target.index = message.index
    if message.commit:
        target.commit = message.commit
    if message.reject:
        target.reject = True
        target.reject_hint = message.reject_hint
    if message.context:
        target.context = message.context
    if message.force:
        target.force = True
    if message.recovering:
        target.recovering = message.recovering
    if message.stands_back:
        target.stands_back = True
    if message.lacks_space:
        target.lacks_space = True
    if message.entries:
        _fill_entries(target.entries, message.entries)
    if message.snapshot is not None:
        _fill_snapshot(target.snapshot, message.snapshot)


def message_from(source: peer_pb2.PeerMessage) -> Message:
    """Read a message. Raises ValueError for a kind that this version does not know, or a damaged membership."""
    return Message(
        kind=_message_kind(source.kind),
        sender=ReplicaId(source.sender),
        recipient=ReplicaId(source.recipient),
        term=Term(source.term),
        log_term=Term(source.log_term),
        index=Index(source.index),
        entries=tuple(map(_entry, source.entries)) if source.entries else (),
        commit=Index(source.commit),
        reject=source.reject,
        reject_hint=Index(source.reject_hint),
        context=source.context,
        snapshot=_snapshot(source.snapshot) if source.HasField("snapshot") else None,
        force=source.force,
        recovering=source.recovering,
        stands_back=source.stands_back,
        lacks_space=source.lacks_space,
    )


def _fill_entries(target: LogEntryList, entries: Iterable[Entry]) -> None:
    for entry in entries:
        added = target.add()
        added.term = entry.term
        added.index = entry.index
        if entry.kind:
            added.kind = entry.kind
        added.payload = entry.payload


def _entry(source: peer_pb2.LogEntry) -> Entry:
    return Entry(Term(source.term), Index(source.index), _entry_kinds[source.kind], source.payload)


def _fill_snapshot(target: peer_pb2.SnapshotMetadata, snapshot: SnapshotMetadata) -> None:
    target.index = snapshot.index
    target.term = snapshot.term
    target.membership = snapshot.membership.encode()


def _snapshot(source: peer_pb2.SnapshotMetadata) -> SnapshotMetadata:
    return SnapshotMetadata(Index(source.index), Term(source.term), Membership.decode(source.membership))


def _message_kind(number: int) -> MessageKind:
    kind = _message_kinds.get(number)
    if kind is None:
        raise ValueError(f"a consensus message of unknown kind {number}")
    return kind


_message_kinds = {kind.value: kind for kind in MessageKind}
_entry_kinds = {kind.value: kind for kind in EntryKind}
