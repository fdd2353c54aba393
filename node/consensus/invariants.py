"""What must hold of one replica after every step, checked by every test; cheap enough for a node in doubt.

Knows one replica only. What must hold between replicas (one leader in a term, equal logs) the simulator checks.
"""

from itertools import pairwise

from node.consensus.core import ConsensusCore
from node.consensus.log import LogView
from node.consensus.progress import Progress, ProgressState
from node.consensus.replica import Replica
from node.consensus.types import NO_REPLICA, Membership, MessageKind, Role


def check(core: ConsensusCore) -> None:
    """Raise AssertionError, saying what was found, when the replica contradicts itself."""
    replica = core.replica
    _check_log(replica.log)
    _check_membership(replica.membership)
    _check_term(replica)
    _check_role(replica)
    if replica.role is Role.LEADER:
        for progress in replica.progress.values():
            _check_progress(replica, progress)


def _check_log(log: LogView) -> None:
    cursors = f"first={log.first} applied={log.applied} handed={log.handed} commit={log.commit} last={log.last}"
    assert log.first - 1 <= log.handed <= log.commit <= log.last, f"expected cursors in order, found {cursors}"
    assert log.applied <= log.handed, f"expected nothing applied that was not handed out, found {cursors}"
    assert log.snapshot is not None or log.first - 1 <= log.applied, f"expected what is compacted applied: {cursors}"
    tail = f"tail_first={log.tail_first} stable={log.stable} count={len(log.tail)} {cursors}"
    assert log.first <= log.tail_first <= log.stable + 1 <= log.last + 1, f"expected the tail to reach stable: {tail}"
    assert len(log.tail) == log.last - log.tail_first + 1, f"expected the tail to reach last: {tail}"
    indexes = [entry.index for entry in log.tail]
    assert indexes == list(range(log.tail_first, log.last + 1)), f"expected no holes in {indexes}"
    terms = [entry.term for entry in log.tail]
    assert all(before <= after for before, after in pairwise(terms)), f"expected terms to grow, found {terms}"


def _check_membership(membership: Membership) -> None:
    learners = {*membership.learners, *membership.learners_next}
    assert not learners & set(membership.voters), f"expected no learner that votes, found {membership}"
    assert not set(membership.learners) & set(membership.voters_outgoing), f"expected none both, found {membership}"
    assert set(membership.learners_next) <= set(membership.voters_outgoing), f"expected them to vote: {membership}"
    assert membership.is_joint or not membership.auto_leave, f"expected nothing to leave, found {membership}"


def _check_term(replica: Replica) -> None:
    log = replica.log
    assert log.last_term() <= replica.term, f"expected no entry from after term {replica.term}: {log.last_term()}"
    for message in replica.messages:
        # A pre-vote asks for the next term; the answer names the term of the question.
        ahead = 1 if message.kind is MessageKind.PRE_VOTE else 0
        is_answer = message.kind is MessageKind.PRE_VOTE_REPLY
        assert is_answer or message.term <= replica.term + ahead, f"expected to speak for {replica.term}: {message}"


def _check_role(replica: Replica) -> None:
    shown = f"replica {replica.id} role={replica.role} leader={replica.leader} vote={replica.vote} term={replica.term}"
    match replica.role:
        case Role.LEADER:
            assert replica.leader == replica.id == replica.vote, f"expected a leader to follow itself: {shown}"
            return
        case Role.CANDIDATE:
            assert (replica.leader, replica.vote) == (NO_REPLICA, replica.id), f"expected its own vote: {shown}"
        case Role.PRE_CANDIDATE:
            assert replica.leader == NO_REPLICA, f"expected no leader: {shown}"
        case Role.FOLLOWER:
            assert replica.leader != replica.id, f"expected not to follow itself: {shown}"
    assert not (*replica.reads_waiting, *replica.reads_confirming), f"expected no reads at {shown}"
    assert replica.transferee == NO_REPLICA, f"expected no transfer to {replica.transferee} at {shown}"


def _check_progress(replica: Replica, progress: Progress) -> None:
    shown = f"replica {progress.replica} {progress.state} match={progress.match} next={progress.next}"
    log = replica.log
    if progress.replica == replica.id:
        assert progress.match <= log.stable, f"expected to count what is on disk ({log.stable}) only: {shown}"
        return
    assert 0 <= progress.match < progress.next <= log.last + 1, f"expected match < next <= {log.last + 1}: {shown}"
    inflight = list(progress.inflight)
    assert len(inflight) <= progress.inflight_max, f"expected a window of {progress.inflight_max}: {inflight}"
    assert not inflight or progress.state is ProgressState.REPLICATE, f"expected none in flight: {inflight} {shown}"
    ordered = [progress.match, *inflight, progress.next]
    assert all(before < after for before, after in pairwise(ordered)), f"expected {inflight} in order: {shown}"
