"""Quarantine: a replica that has met damage answers nothing more, and is rebuilt from the others once they can spare it.

That it is damaged is a durable mark, so that a restart does not make it believed again. It goes on keeping the log and voting, because
its log is whole: what it must not do is answer, lead, or send its data to anybody. Then it asks the others of its group, again and again,
to promise that they will not begin anew themselves for a while. It begins anew as one that has lost its log when so many have promised
that a majority without it keeps its log, and when one of them leads and can give it the data. So of two damaged replicas one goes first,
the other waits until that one is whole, and where all are damaged nobody clears anything.

Why at every moment a majority keeps its log: whoever clears its own does so within the time for which a majority, itself left out, has
promised. Those keep theirs for that long; afterwards each of them needs a majority of its own, in which one that recovers does not count.

Pure but for the rows of the mark. Knows these rules. Refuses to know who carries questions.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from node.storage.batch import WriteBatch
from node.storage.engine import Space, Transaction, View
from node.storage.layout import LOCAL_STATE, state_key
from node.storage.sealed import sealed, unsealed

QUARANTINED: Final = LOCAL_STATE + "quarantined"
ASKING_SECONDS: Final = 5.0
"""How long promises may take to come in; one that has taken longer may have ended meanwhile."""
SHUN_SECONDS: Final = 4.0
"""For how long one that has asked is offered no leadership; it asks more often than that."""
PROMISE_SECONDS: Final = 30.0
"""For how long a promise holds; far longer than clocks can run apart while it is asked for."""


class Permit(NamedTuple):
    """What one replica says to another that wants to begin anew: whether it promises to stay, and whether it leads, whole."""

    is_granted: bool
    leads: bool = False


REFUSED: Final = Permit(False)


class Permits:
    """One replica's part: what it has promised, and whether it is about to begin anew itself."""

    def __init__(self) -> None:
        self._promised_until = float("-inf")
        self._begins_anew = False

    def answer(self, asker: int, replica: int, *, is_damaged: bool, leads: bool, now: float) -> Permit:
        """Return the answer of a replica that keeps its log. Of two that are damaged, the one with the lower number goes first."""
        if self._begins_anew or (is_damaged and replica < asker):
            return REFUSED
        self._promised_until = now + PROMISE_SECONDS
        return Permit(True, leads and not is_damaged)

    def may_ask(self, now: float) -> bool:
        """Tell whether this replica has promised nothing that still holds."""
        return now >= self._promised_until

    def decide(self, permits: Sequence[Permit], voters: int, began: float, now: float) -> bool:
        """Tell whether to begin anew now, given what the others have said since `began`; if so nothing is promised any more."""
        granted = sum(permit.is_granted for permit in permits)
        is_in_time = now - began <= ASKING_SECONDS and self.may_ask(now)
        if is_in_time and granted > voters // 2 and any(permit.leads for permit in permits):
            self._begins_anew = True
        return self._begins_anew


def quarantine_to(target: WriteBatch | Transaction, partition: int, reason: str) -> None:
    """Mark a replica's data as damaged."""
    key = state_key(partition, QUARANTINED)
    target.put(Space.STATE, key, sealed(reason.encode(), key))


def release_to(batch: WriteBatch, partition: int) -> None:
    """Remove the mark, in the batch that completes other data."""
    batch.delete(Space.STATE, state_key(partition, QUARANTINED))


def quarantine_reason(view: View, partition: int) -> str | None:
    """Return why a replica's data counts as damaged, or None; a mark that cannot be read is one all the same."""
    key = state_key(partition, QUARANTINED)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return None
    reason = unsealed(stored, key)
    return "the reason is damaged" if reason is None else reason.decode()
