"""Elections: terms, votes, pre-votes, check-quorum (thesis 3.4, 4.2.3, 9.6).

Knows who may campaign, who gets a vote and what a newer or older term means. Refuses to know what a leader replicates.
"""

from enum import Enum

from node.consensus import recovery, replication
from node.consensus.quorum import both_won, votes_won
from node.consensus.replica import Replica
from node.consensus.types import (
    NO_REPLICA,
    EntryKind,
    Message,
    MessageKind,
    ReplicaId,
    Role,
    Term,
)

UNAPPLIED_PAGE_BYTES = 1 << 20
TIMEOUTS_LEFT_TO_OTHERS = 3
"""Election timeouts without a leader after which one that stands back campaigns all the same: better it than nobody."""

_FROM_LEADER = frozenset({MessageKind.APPEND, MessageKind.HEARTBEAT, MessageKind.SNAPSHOT})
_VOTES = frozenset({MessageKind.VOTE, MessageKind.PRE_VOTE})
_REPLIES = frozenset(
    {MessageKind.APPEND_REPLY, MessageKind.HEARTBEAT_REPLY, MessageKind.VOTE_REPLY, MessageKind.PRE_VOTE_REPLY}
)


class Campaign(Enum):
    """Why and how a replica campaigns."""

    PRE_VOTE = "pre_vote"
    """Ask whether an election could be won; changes no term."""
    ELECTION = "election"
    TRANSFER = "transfer"
    """The leader asked for it: no pre-vote, and live leaders are no reason to refuse."""


def settle_term(replica: Replica, message: Message) -> bool:
    """Compare a message of another term with ours; tell whether it is still to be handled."""
    if message.term < replica.term:
        _answer_older_term(replica, message)
        return False
    kind = message.kind
    if kind in _REPLIES and message.sender not in replica.progress:
        # Somebody who was removed, or a replica of a group that is no more: its terms are not ours.
        return False
    if kind in _VOTES and not message.force and hears_leader(replica):
        return False
    if kind is MessageKind.PRE_VOTE or (kind is MessageKind.PRE_VOTE_REPLY and not message.reject):
        # Both speak of a term that nobody has entered yet.
        return True
    replica.become_follower(message.term, message.sender if kind in _FROM_LEADER else NO_REPLICA)
    return True


def hears_leader(replica: Replica) -> bool:
    """Tell whether a leader may rely on this replica not to vote for anybody else at present."""
    if replica.promise_ticks > 0:
        return True
    in_touch = replica.leader != NO_REPLICA and replica.election_elapsed < replica.config.election_ticks
    return replica.config.check_quorum and in_touch


def _answer_older_term(replica: Replica, message: Message) -> None:
    config = replica.config
    if message.kind in _FROM_LEADER and (config.check_quorum or config.pre_vote):
        # A deposed leader, or a leader this replica has overtaken by campaigning alone: only our term can free both.
        replica.reply(MessageKind.APPEND_REPLY, message.sender)
    elif message.kind is MessageKind.PRE_VOTE:
        _answer_vote(replica, message, replica.term, reject=True)


def campaign_after_timeout(replica: Replica) -> None:
    """Campaign, with a pre-vote where configured; does nothing when this replica may not."""
    if may_campaign(replica):
        campaign(replica, Campaign.PRE_VOTE if replica.config.pre_vote else Campaign.ELECTION)


def may_campaign(replica: Replica) -> bool:
    """Tell whether this replica is a voter, not leading, and knows its membership as far as it is committed."""
    return replica.role is not Role.LEADER and replica.is_promotable() and not _has_unapplied_membership(replica)


def _has_unapplied_membership(replica: Replica) -> bool:
    log = replica.log
    index = log.applied + 1
    while index <= log.commit:
        page = log.entries(index, log.commit + 1, UNAPPLIED_PAGE_BYTES)
        if any(entry.kind is EntryKind.MEMBERSHIP for entry in page):
            return True
        index += len(page)
    return False


def campaign(replica: Replica, reason: Campaign) -> None:
    """Vote for oneself and ask the others."""
    if reason is Campaign.PRE_VOTE:
        _become_pre_candidate(replica)
        kind, term = MessageKind.PRE_VOTE, Term(replica.term + 1)
    else:
        _become_candidate(replica)
        kind, term = MessageKind.VOTE, replica.term
    log = replica.log
    last_term = log.last_term()
    membership = replica.membership
    for voter in sorted({*membership.voters, *membership.voters_outgoing} - {replica.id}):
        force = reason is Campaign.TRANSFER
        replica.messages.append(Message(kind, replica.id, voter, term, log_term=last_term, index=log.last, force=force))
    _count_vote(replica, replica.id, granted=True)


def _become_pre_candidate(replica: Replica) -> None:
    replica.role = Role.PRE_CANDIDATE
    replica.votes = {}
    replica.leader = NO_REPLICA


def _become_candidate(replica: Replica) -> None:
    replica.reset(Term(replica.term + 1))
    replica.role = Role.CANDIDATE
    replica.vote = replica.id


def on_vote(replica: Replica, message: Message) -> None:
    """Grant or refuse a vote or pre-vote. Learners vote too: they may be voters without knowing it yet."""
    is_real = message.kind is MessageKind.VOTE
    is_free = replica.vote == message.sender or (replica.vote == NO_REPLICA and replica.leader == NO_REPLICA)
    can_vote = (is_free or (not is_real and message.term > replica.term)) and recovery.may_vote(replica)
    if not can_vote or not replica.log.is_up_to_date(message.index, message.log_term):
        _answer_vote(replica, message, replica.term, reject=True)
        return
    # The candidate's term, not ours: of a pre-vote it is one that we have not entered.
    _answer_vote(replica, message, message.term, reject=False)
    if is_real:
        replica.election_elapsed = 0
        replica.vote = message.sender


def _answer_vote(replica: Replica, message: Message, term: Term, *, reject: bool) -> None:
    kind = MessageKind.VOTE_REPLY if message.kind is MessageKind.VOTE else MessageKind.PRE_VOTE_REPLY
    replica.messages.append(Message(kind, replica.id, message.sender, term, reject=reject))


def on_vote_reply(replica: Replica, message: Message) -> None:
    """Count an answer to a vote of the present campaign."""
    if replica.role is Role.CANDIDATE:
        _count_vote(replica, message.sender, granted=not message.reject)


def on_pre_vote_reply(replica: Replica, message: Message) -> None:
    """Count an answer to a pre-vote of the present campaign."""
    if replica.role is Role.PRE_CANDIDATE:
        _count_vote(replica, message.sender, granted=not message.reject)


def _count_vote(replica: Replica, voter: ReplicaId, *, granted: bool) -> None:
    votes = replica.votes
    votes.setdefault(voter, granted)
    membership = replica.membership
    verdict = votes_won([votes.get(voter) for voter in membership.voters])
    if membership.is_joint:
        verdict = both_won(verdict, votes_won([votes.get(voter) for voter in membership.voters_outgoing]))
    if verdict is False:
        replica.become_follower(replica.term, NO_REPLICA)
    elif verdict and replica.role is Role.PRE_CANDIDATE:
        campaign(replica, Campaign.ELECTION)
    elif verdict:
        _become_leader(replica)


def _become_leader(replica: Replica) -> None:
    replica.reset(replica.term)
    replica.role = Role.LEADER
    replica.leader = replica.id
    # Any entry so far may be a membership change that is not applied yet.
    replica.pending_membership_index = replica.log.last
    own = replica.progress.get(replica.id)
    if own is not None:
        own.become_replicate()
        own.accepted(replica.log.stable)
    replication.append(replica, EntryKind.EMPTY, (b"",))


def on_timeout_now(replica: Replica, message: Message) -> None:
    """Campaign at once, because the leader asks for it; one that stands back tells it to choose another."""
    if replica.stands_back:
        replica.reply(MessageKind.HEARTBEAT_REPLY, message.sender)
    elif replica.role is Role.FOLLOWER and may_campaign(replica):
        campaign(replica, Campaign.TRANSFER)


def tick_follower(replica: Replica) -> None:
    """Count a tick without a leader, and campaign when there were enough."""
    if replica.election_elapsed >= replica.election_timeout and replica.is_promotable():
        replica.election_elapsed = 0
        if _leaves_it_to_others(replica):
            replica.timeouts_passed += 1
        else:
            campaign_after_timeout(replica)


def _leaves_it_to_others(replica: Replica) -> bool:
    is_patient = replica.timeouts_passed < TIMEOUTS_LEFT_TO_OTHERS
    return replica.stands_back and is_patient and not replica.is_sole_voter()


def tick_leader(replica: Replica) -> None:
    """Let heartbeats fall due; step down when no quorum has been heard from for an election timeout."""
    if replica.election_elapsed >= replica.config.election_ticks:
        replica.election_elapsed = 0
        if replica.config.check_quorum and not replication.is_quorum_active(replica):
            replica.become_follower(replica.term, NO_REPLICA)
            return
        replication.abort_transfer(replica)
    replica.heartbeat_elapsed += 1
    if replica.heartbeat_elapsed >= replica.config.heartbeat_ticks:
        replica.heartbeat_elapsed = 0
        replica.heartbeat_due = True
