"""The durable fact that a replica has lost its log, and how its remains are cleared away.

The mark is written before, or in the transaction that, anything else of the replica goes; it is removed when consensus
knows that nothing is missing any more (node.consensus.recovery). While it is there, whoever opens the replica opens it
as one that recovers, however often the process dies meanwhile: what is left of the data is cleared as long as the replica has no
membership, which comes back with its first snapshot.

Knows rows. Refuses to know why a log is lost and when it is whole again.
"""

from node.partition.quarantine import QUARANTINED
from node.storage.batch import WriteBatch
from node.storage.digests import begin_digests
from node.storage.engine import Engine, Space, Transaction, View
from node.storage.layout import LOCAL_STATE, log_range, state_key
from node.storage.log import APPLIED, HARD_STATE, LOG_START, MEMBERSHIP
from node.storage.sealed import sealed, unsealed
from node.storage.snapshots import INSTALLING, clear_step
from wire.catalog import Placement
from wire.keys import TokenRange

LOST = LOCAL_STATE + "lost"
CLEAR_ROWS_MAX = 2_000

_SMALL_STATE = (HARD_STATE, LOG_START, MEMBERSHIP, APPLIED, INSTALLING, QUARANTINED)


def lose_to(batch: WriteBatch, partition: int, reason: str) -> None:
    """Mark a replica's log as lost, and forget its promises, in one batch; the rest of it may be cleared after that."""
    key = state_key(partition, LOST)
    batch.put(Space.STATE, key, sealed(reason.encode(), key))
    batch.call(lambda transaction: begin_digests(transaction, partition))
    for name in _SMALL_STATE:
        batch.delete(Space.STATE, state_key(partition, name))


def recovered_to(batch: WriteBatch, partition: int) -> None:
    """Remove the mark: the replica holds everything that it may have promised."""
    batch.delete(Space.STATE, state_key(partition, LOST))


def lost_reason(view: View, partition: int) -> str | None:
    """Return why a replica's log counts as lost, or None; a mark that cannot be read is one all the same."""
    key = state_key(partition, LOST)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return None
    reason = unsealed(stored, key)
    return "the reason is damaged" if reason is None else reason.decode()


def has_begun(view: View, partition: int) -> bool:
    """Tell whether a replica has a membership: it was founded, or has installed a snapshot."""
    return view.get(Space.STATE, state_key(partition, MEMBERSHIP)) is not None


def clear_lost_step(transaction: Transaction, placement: Placement, rows_max: int = CLEAR_ROWS_MAX) -> int:
    """Delete up to that many rows of the log and the data of a replica; fewer deleted means that none are left."""
    partition, tokens = placement.partition, TokenRange(placement.lower, placement.upper)
    lower, upper = log_range(partition)
    deleted = transaction.delete_range(Space.LOG, lower, upper, rows_max)
    if deleted < rows_max:
        deleted += clear_step(transaction, partition, tokens, rows_max - deleted)
    return deleted


def clear_lost(engine: Engine, placement: Placement) -> None:
    """Delete all that, in bounded transactions; for a replica that is not open."""
    while engine.write(lambda transaction: clear_lost_step(transaction, placement)) >= CLEAR_ROWS_MAX:
        pass
