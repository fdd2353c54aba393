"""How a group begins: as if its first members had all installed the same snapshot.

The first membership is in no log entry, so a replica that joins later could not learn it from the log. Since every log of
a bootstrapped group begins behind this snapshot, a newcomer's empty log never reaches it, and a snapshot with the present
membership is what it gets.
"""

from node.consensus.log import LogReader
from node.consensus.types import NO_REPLICA, HardState, Index, Membership, SnapshotMetadata, Term

BOOTSTRAP_INDEX = Index(1)
BOOTSTRAP_TERM = Term(1)
"""No leader is ever elected in this term."""


def bootstrap_state(membership: Membership) -> tuple[HardState, SnapshotMetadata]:
    """Return what each first member persists before its first start: hard state, and the snapshot its log follows.

    The same on all of them; applied is the snapshot's index. A replica that joins later persists nothing at all.
    """
    hard_state = HardState(BOOTSTRAP_TERM, NO_REPLICA, BOOTSTRAP_INDEX)
    return hard_state, SnapshotMetadata(BOOTSTRAP_INDEX, BOOTSTRAP_TERM, membership)


def is_fresh(hard_state: HardState, log: LogReader) -> bool:
    """Tell whether a replica with this state has taken part in nothing yet."""
    if hard_state.term == 0:
        return True
    has_log = log.last_index() > BOOTSTRAP_INDEX or log.first_index() != BOOTSTRAP_INDEX + 1
    return hard_state == HardState(BOOTSTRAP_TERM, NO_REPLICA, BOOTSTRAP_INDEX) and not has_log
