"""A follower's side of the log: take appends, heartbeats and snapshots from the leader (thesis 3.5).

Knows what may be accepted and what is answered. Refuses to know who was elected and why.
"""

from node.consensus import recovery
from node.consensus.replica import Replica
from node.consensus.types import Index, Message, MessageKind, Role, SnapshotMetadata, Term


def _hear_leader(replica: Replica, message: Message) -> None:
    if replica.loss is not None:
        recovery.follow(replica, message.sender)
    replica.timeouts_passed = 0
    if replica.role is Role.FOLLOWER:
        replica.election_elapsed = 0
        replica.leader = message.sender
        return
    assert replica.role is not Role.LEADER, f"two leaders in term {replica.term}: {replica.id} and {message.sender}"
    replica.become_follower(replica.term, message.sender)


def on_append(replica: Replica, message: Message) -> None:
    """Append the leader's entries where the logs meet, and follow its commit index."""
    _hear_leader(replica, message)
    log = replica.log
    previous = message.index
    if previous < log.commit:
        # An old message; what is committed certainly matches.
        replica.reply(MessageKind.APPEND_REPLY, message.sender, index=log.commit)
        return
    if log.term(previous) != message.log_term:
        _reject(replica, message)
        return
    replica.rejections = 0
    entries = message.entries
    if entries:
        known = 0 if previous == log.last else log.find_conflict(entries)
        if known < len(entries):
            fresh = entries[known:] if known else entries
            if fresh[0].index <= log.last:
                log.truncate(fresh[0].index)
            log.append(fresh)
    last_new = previous + len(entries)
    # What this message has not shown to match may be another leader's leftovers: never commit past it.
    commit = min(message.commit, last_new)
    if commit > log.commit:
        log.commit = Index(commit)
    replica.reply(MessageKind.APPEND_REPLY, message.sender, index=Index(last_new))


def _reject(replica: Replica, message: Message) -> None:
    log = replica.log
    replica.rejections += 1
    hint, hint_term = log.last, Term(0)
    if replica.config.conflict_hints:
        # Whatever follows the last entry with a term no newer than the leader's cannot be in the leader's log.
        hint, hint_term = log.last_index_of_term_at_most(message.index, message.log_term)
    replica.messages.append(
        Message(
            MessageKind.APPEND_REPLY,
            replica.id,
            message.sender,
            replica.term,
            log_term=hint_term,
            index=message.index,
            reject=True,
            reject_hint=hint,
            recovering=replica.life(),
            stands_back=replica.stands_back,
            lacks_space=replica.lacks_space,
        )
    )


def on_heartbeat(replica: Replica, message: Message) -> None:
    """Follow the leader's commit index as far as the leader knows this log, and answer the round."""
    _hear_leader(replica, message)
    log = replica.log
    if message.commit > log.last:
        recovery.missing(replica, message.commit)
    elif message.commit > log.commit:
        log.commit = message.commit
    if replica.config.lease:
        replica.promise_ticks = replica.config.election_ticks
    replica.reply(MessageKind.HEARTBEAT_REPLY, message.sender, context=message.context)


def on_snapshot(replica: Replica, message: Message) -> None:
    """Replace log and membership by a snapshot whose data has arrived, unless this log is further already."""
    _hear_leader(replica, message)
    assert message.snapshot is not None, f"expected a snapshot in a message of kind {message.kind!r}"
    if _restore(replica, message.snapshot):
        replica.reply(MessageKind.APPEND_REPLY, message.sender, index=replica.log.last)
    else:
        replica.reply(MessageKind.APPEND_REPLY, message.sender, index=replica.log.commit)


def _restore(replica: Replica, snapshot: SnapshotMetadata) -> bool:
    log = replica.log
    if snapshot.index <= log.commit or replica.id not in snapshot.membership.replicas:
        return False
    if log.term(snapshot.index) == snapshot.term:
        # The log has it all, only the news of its commit was missing.
        log.commit = snapshot.index
        return False
    log.restore(snapshot)
    replica.rejections = 0
    replica.set_membership(snapshot.membership)
    return True
