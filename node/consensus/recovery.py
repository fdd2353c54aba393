"""Replicas that have lost their log: how one comes back without breaking a promise that it does not remember.

A replica that lost its log (a new disk, an older copy of the directory, damage) may have acknowledged entries that are
committed with its help alone, and may have given votes. Until it is *whole again* it follows, but answers with the life of
its recovery in every message, so that nothing it says counts for a quorum; it neither votes nor campaigns.

When is it whole? Let R be the replica and L a leader in term T that R follows after the loss. R's answers are the sign
that it began anew, so L forgets what R had acknowledged, and everything that R's former acknowledgements ever help to
commit is committed by then (later arrivals from before the loss are dropped by the receiving node, see
node.partition.incarnations). L then waits for a round of heartbeats, begun after that sign, that *every other voter* has
acknowledged, and answers with its commit index, SAFE_INDEX. R is whole once its durable log is known to match up to there.

- Entries. Whatever R had helped to commit was committed by a leader of a term up to T: a later one would have had to be
  elected by a majority, of which somebody other than R would be in a later term, and could not have acknowledged a
  round of T. Committed entries of earlier terms are in L's log below its first entry, those of T are counted by L itself:
  all lie at or below L's commit index once L has committed in its term.
- Votes. In T itself R votes for L, durably, as soon as it follows. A vote of R in a later term could only help the
  candidate it was given to, another voter that had entered that term before the loss; but every other voter was still
  in T after it. A majority that leaves R out is enough among three voters, because it is every other voter; among five it is
  not: the candidate that holds R's forgotten vote may be the one that was not asked, and R could vote a second time in
  that term. Hence every other voter, in groups of any size.

In a group of two every committed entry is on both replicas, and the other one can lead only with R's vote: there R votes
and its acknowledgements count, and it only does not campaign before it is whole. The only voter of its group has nobody to
recover from.

Knows both sides of the recovery. Refuses to know what a disk is and how a loss is made durable.
"""

from itertools import chain

from node.consensus.progress import Progress
from node.consensus.replica import Replica
from node.consensus.types import NO_INDEX, Index, Message, MessageKind, ReplicaId

COUNTING_VOTERS_MAX = 2
"""In groups this small every voter has every committed entry, so that a replica without its log may help the other one."""


# The side of the replica that has lost its log.


def may_vote(replica: Replica) -> bool:
    """Tell whether this replica may give a vote: not while it may have given another one that it has forgotten."""
    if replica.loss is None:
        return True
    voters = len(replica.membership.voters) or replica.loss.voters
    return voters <= COUNTING_VOTERS_MAX


def follow(replica: Replica, leader: ReplicaId) -> None:
    """Give the leader of this term this replica's vote, so that after a restart no other candidate can have it."""
    replica.vote = leader


def missing(replica: Replica, commit: Index) -> None:
    """Note that the leader knows of acknowledged entries that are not here."""
    if replica.loss is None:
        replica.lost_index = max(replica.lost_index, commit)


def on_safe_index(replica: Replica, message: Message) -> None:
    """Take the leader's word for where this replica's log is whole again."""
    if message.context == replica.life() and replica.safe_index == NO_INDEX:
        replica.safe_index = message.index


def is_whole(replica: Replica) -> bool:
    """Tell whether everything that this replica may have promised is durably in its log."""
    log, safe_index = replica.log, replica.safe_index
    if replica.loss is None or safe_index == NO_INDEX or log.snapshot is not None:
        return False
    # What is committed matches the leader's log; what is stable is on disk.
    return min(log.commit, log.stable) >= safe_index


# The leader's side.


def settle_life(replica: Replica, progress: Progress, life: int) -> None:
    """Take note that a follower has begun anew, or that it is whole again (life 0)."""
    if life:
        progress.begin_anew(life, replica.log.last, counts=_counts(replica))
    else:
        progress.recovering, progress.counts = 0, True


def answer(replica: Replica, progress: Progress) -> None:
    """Tell a follower that has lost its log up to where it needs it, as soon as that is certain."""
    if not progress.safe_round:
        # Its sign of life is here, so the next round begins after it.
        progress.safe_round = replica.round + 1
    elif replica.committed_in_term and _others_acknowledged(replica, progress) >= progress.safe_round:
        replica.messages.append(
            Message(
                MessageKind.SAFE_INDEX,
                replica.id,
                progress.replica,
                replica.term,
                index=replica.log.commit,
                context=progress.recovering,
            )
        )


def _others_acknowledged(replica: Replica, progress: Progress) -> int:
    voters = chain(replica.voter_progress, replica.outgoing_progress)
    # A replica that does not count has no promise to speak of: it cannot vouch for another one.
    rounds = [each.round_acknowledged if not each.recovering else 0 for each in voters if each is not progress]
    return min(rounds, default=0)


def _counts(replica: Replica) -> bool:
    membership = replica.membership
    return len(membership.voters) <= COUNTING_VOTERS_MAX and not membership.is_joint
