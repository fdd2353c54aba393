"""Linearizable reads: rounds of heartbeats that prove this replica still leads (thesis 6.4).

Every broadcast of heartbeats is a round with a number. Once a quorum has answered a round, this replica was still the
leader when the round began: reads that waited for it may be served, and a lease may be counted from that moment.
"""

from collections.abc import Sequence

from node.consensus.progress import Progress
from node.consensus.quorum import majority_value
from node.consensus.replica import Replica
from node.consensus.types import Message, MessageKind, ReadState, Role


def can_begin(replica: Replica) -> bool:
    """Tell whether waiting reads may be put into a round: not before an entry of this term is committed."""
    return replica.committed_in_term and bool(replica.reads_waiting)


def begin_round(replica: Replica) -> None:
    """Send heartbeats to everyone, and let them confirm all reads that wait."""
    replica.heartbeat_due = False
    replica.round += 1
    if can_begin(replica):
        replica.reads_confirming.append((replica.round, replica.log.commit, replica.reads_waiting))
        replica.reads_waiting = []
    for progress in replica.peers:
        # Never more than the follower is known to have: it cannot tell whether the rest of its log is ours.
        commit = min(progress.match, replica.log.commit)
        replica.messages_early.append(
            Message(
                MessageKind.HEARTBEAT,
                replica.id,
                progress.replica,
                replica.term,
                commit=commit,
                context=replica.round,
            )
        )
    own = replica.progress.get(replica.id)
    if own is not None:
        own.round_acknowledged = replica.round
        if replica.is_sole_voter():
            release_confirmed(replica)


def acknowledged_round(replica: Replica) -> int:
    """Return the newest round that a quorum (both, while joint) has answered."""
    acknowledged = majority_value(_rounds(replica.voter_progress))
    if replica.outgoing_progress:
        acknowledged = min(acknowledged, majority_value(_rounds(replica.outgoing_progress)))
    return acknowledged


def _rounds(voters: Sequence[Progress]) -> list[int]:
    return [progress.round_acknowledged if progress.counts else 0 for progress in voters]


def release_confirmed(replica: Replica) -> None:
    """Hand out the reads whose round a quorum has answered."""
    confirming = replica.reads_confirming
    acknowledged = acknowledged_round(replica)
    while confirming and confirming[0][0] <= acknowledged:
        _, index, contexts = confirming.popleft()
        replica.read_states.extend([ReadState(context, index) for context in contexts])


def lease_round(replica: Replica) -> int:
    """Return the round from whose sending a lease may be counted, 0 when there is no lease."""
    usable = replica.config.lease and replica.role is Role.LEADER and replica.committed_in_term
    # Forced votes ignore leases, and the message that asks for them may be delayed for as long as it likes.
    if not usable or replica.transfer_offered:
        return 0
    return acknowledged_round(replica)
