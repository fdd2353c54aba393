"""A leader's side of the log: append, send, count acknowledgements, commit (thesis 3.5, 3.6).

Knows how far each follower has the log and what it may be sent. Refuses to know how a replica becomes leader, and what
a follower does with what it gets (following).
"""

from collections.abc import Iterable, Sequence
from typing import cast

from node.consensus import reads, recovery
from node.consensus.progress import Progress, ProgressState
from node.consensus.quorum import majority_value
from node.consensus.replica import Replica
from node.consensus.types import (
    NO_REPLICA,
    Entry,
    EntryKind,
    Index,
    Message,
    MessageKind,
    ReplicaId,
    Role,
)


def append(replica: Replica, kind: EntryKind, payloads: Sequence[bytes]) -> Index:
    """Append one entry per payload to the leader's own log and send them; return the last index.

    The leader does not count itself before these entries are persisted, see own_log_persisted.
    """
    term = replica.term
    assert payloads, "expected something to append"
    log = replica.log
    indexes = cast("Iterable[Index]", range(log.last + 1, log.last + 1 + len(payloads)))
    log.append([Entry(term, index, kind, payload) for index, payload in zip(indexes, payloads, strict=True)])
    broadcast_append(replica)
    return log.last


def broadcast_append(replica: Replica) -> None:
    """Send everyone what it lacks, and commit; an empty append when it lacks nothing."""
    for progress in replica.peers:
        send_append(replica, progress, send_if_empty=True)


def send_append(replica: Replica, progress: Progress, *, send_if_empty: bool) -> bool:
    """Send one follower the next entries, or a snapshot when they are compacted; tell whether a message left."""
    if progress.is_paused():
        return False
    log = replica.log
    following = progress.next
    if following < log.first:
        return _send_snapshot(replica, progress)
    entries = log.entries(following, log.last + 1, replica.config.message_bytes_max)
    if entries:
        progress.sent(entries[-1].index)
    elif not send_if_empty:
        return False
    previous = Index(following - 1)
    replica.messages_early.append(
        Message(
            MessageKind.APPEND,
            replica.id,
            progress.replica,
            replica.term,
            log.term(previous),
            previous,
            entries,
            log.commit,
        )
    )
    return True


def _send_snapshot(replica: Replica, progress: Progress) -> bool:
    # A follower nobody hears from would only tie up the snapshot.
    if not progress.recent_active:
        return False
    snapshot = replica.log.readable_snapshot()
    if snapshot is None or snapshot.index < replica.log.first - 1:
        return False
    progress.become_snapshot(snapshot.index)
    replica.messages.append(
        Message(MessageKind.SNAPSHOT, replica.id, progress.replica, replica.term, snapshot=snapshot)
    )
    return True


def commit_by_counting(replica: Replica) -> bool:
    """Advance commit to what a quorum has persisted; tell whether it moved.

    Only entries of the present term are counted: an older one may still be overwritten although a majority has it,
    until an entry of this term follows it (thesis 3.6.2, figure 3.7).
    """
    index = majority_value([progress.match if progress.counts else 0 for progress in replica.voter_progress])
    if replica.outgoing_progress:
        outgoing = [progress.match if progress.counts else 0 for progress in replica.outgoing_progress]
        index = min(index, majority_value(outgoing))
    log = replica.log
    if index <= log.commit or log.term(index) != replica.term:
        return False
    log.commit = Index(index)
    replica.committed_in_term = True
    return True


def own_log_persisted(replica: Replica) -> None:
    """Count the leader itself for what is on its disk."""
    own = replica.progress.get(replica.id)
    if own is None or not own.accepted(replica.log.stable):
        return
    if commit_by_counting(replica) and replica.config.eager_commit:
        broadcast_append(replica)


def on_append_reply(replica: Replica, message: Message) -> None:
    """Take in a follower's answer to an append or a snapshot."""
    progress = replica.progress.get(message.sender)
    if replica.role is not Role.LEADER or progress is None:
        return
    _hear_follower(replica, progress, message)
    if message.reject:
        _on_rejection(replica, progress, message)
        return
    was_paused = progress.is_paused()
    if not progress.accepted(message.index):
        return
    _settle_state(replica, progress, message.index)
    if commit_by_counting(replica):
        if replica.config.eager_commit:
            broadcast_append(replica)
    elif was_paused and replica.config.eager_commit:
        # It may have missed the news of commit while nothing could be sent.
        send_append(replica, progress, send_if_empty=True)
    # The window may have room for several messages now; the loop ends when it is full or nothing is left.
    while progress.next <= replica.log.last and send_append(replica, progress, send_if_empty=False):
        pass
    if replica.transferee == progress.replica:
        offer_transfer(replica, progress)


def _hear_follower(replica: Replica, progress: Progress, message: Message) -> None:
    if message.recovering != progress.recovering:
        _settle_life(replica, progress, message)
    progress.recent_active = True
    progress.stands_back, progress.lacks_space = message.stands_back, message.lacks_space
    if message.stands_back and replica.transferee == progress.replica:
        abort_transfer(replica)


def _settle_life(replica: Replica, progress: Progress, message: Message) -> None:
    recovery.settle_life(replica, progress, message.recovering)
    # What a replica has acknowledged while it was recovering counts from the moment it is whole.
    if not message.recovering and commit_by_counting(replica) and replica.config.eager_commit:
        broadcast_append(replica)


def _settle_state(replica: Replica, progress: Progress, index: Index) -> None:
    if progress.state is ProgressState.REPLICATE:
        progress.free_inflight(index)
    elif progress.state is ProgressState.PROBE or _is_snapshot_over(replica, progress):
        progress.become_replicate()


def _is_snapshot_over(replica: Replica, progress: Progress) -> bool:
    # It has what the snapshot holds (and may need the next one), or something that the log can follow.
    return progress.match >= progress.pending_snapshot or progress.match + 1 >= replica.log.first


def _on_rejection(replica: Replica, progress: Progress, message: Message) -> None:
    hint = message.reject_hint
    if replica.config.conflict_hints and message.log_term > 0:
        # Of our own log, nothing after the last entry with a term this old can be in the follower's.
        hint, _ = replica.log.last_index_of_term_at_most(hint, message.log_term)
    if progress.rejected(message.index, hint):
        if progress.state is ProgressState.REPLICATE:
            progress.become_probe()
        send_append(replica, progress, send_if_empty=True)


def on_heartbeat_reply(replica: Replica, message: Message) -> None:
    """Take in a follower's answer to a heartbeat."""
    progress = replica.progress.get(message.sender)
    if replica.role is not Role.LEADER or progress is None:
        return
    _hear_follower(replica, progress, message)
    progress.probe_sent = False
    if progress.state is ProgressState.REPLICATE:
        progress.free_first_when_full()
    if progress.match < replica.log.last:
        # Its answer shows whether what was sent before has been lost.
        send_append(replica, progress, send_if_empty=True)
    if message.context > progress.round_acknowledged:
        progress.round_acknowledged = message.context
        if replica.reads_confirming:
            reads.release_confirmed(replica)
    if progress.recovering:
        recovery.answer(replica, progress)


def report_snapshot(replica: Replica, peer: ReplicaId, *, received: bool) -> None:
    """Note that the data of a snapshot has, or has not, reached the peer."""
    progress = replica.progress.get(peer)
    if replica.role is not Role.LEADER or progress is None or progress.state is not ProgressState.SNAPSHOT:
        return
    if not received:
        progress.pending_snapshot = Index(0)
    progress.become_probe()
    # Received: its answer to the snapshot comes first. Lost: wait for a sign of life before trying again.
    progress.probe_sent = True


def report_unreachable(replica: Replica, peer: ReplicaId) -> None:
    """Note that messages to the peer are probably lost."""
    progress = replica.progress.get(peer)
    if replica.role is Role.LEADER and progress is not None and progress.state is ProgressState.REPLICATE:
        progress.become_probe()


def begin_transfer(replica: Replica, progress: Progress) -> None:
    """Hand leadership to a follower as soon as it has the whole log; give up after one election timeout."""
    replica.transferee = progress.replica
    replica.election_elapsed = 0
    if progress.match != replica.log.last:
        send_append(replica, progress, send_if_empty=True)
    offer_transfer(replica, progress)


def offer_transfer(replica: Replica, progress: Progress) -> None:
    """Ask the follower to campaign at once, if it has the whole log."""
    if progress.match != replica.log.last:
        return
    replica.transfer_offered = True
    replica.messages.append(Message(MessageKind.TIMEOUT_NOW, replica.id, progress.replica, replica.term))


def abort_transfer(replica: Replica) -> None:
    """Stop waiting for the transferee; proposals are taken again."""
    replica.transferee = NO_REPLICA


def is_quorum_active(replica: Replica) -> bool:
    """Tell whether a quorum has been heard from lately, and start counting anew."""
    for progress in replica.progress.values():
        if progress.replica == replica.id:
            progress.recent_active = True
    active = _majority_active(replica.voter_progress) and _majority_active(replica.outgoing_progress)
    for progress in replica.peers:
        progress.recent_active = False
    return active


def _majority_active(voters: Sequence[Progress]) -> bool:
    return not voters or majority_value([int(progress.recent_active and progress.counts) for progress in voters]) == 1
