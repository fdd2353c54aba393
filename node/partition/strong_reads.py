"""Strong reads that cannot be answered at once: for want of a lease, or of applied entries.

Knows who waits for which. All reads that wait when a turn begins share one round of confirmation.
"""

from node.consensus.core import ConsensusCore
from node.partition.waiting import Judged, Waiting


class StrongReads:
    """Hold reads until a quorum has confirmed leadership, and until what they have to see is applied."""

    def __init__(self) -> None:
        self.unconfirmed: list[Waiting | Judged] = []
        """Not in a round yet."""
        self._confirming: dict[int, list[Waiting | Judged]] = {}
        self._unapplied: list[tuple[int, Waiting, bool]] = []
        self._context = 0

    @property
    def count(self) -> int:
        """Return how many wait."""
        if not self.unconfirmed and not self._confirming and not self._unapplied:
            return 0
        return len(self.unconfirmed) + sum(map(len, self._confirming.values())) + len(self._unapplied)

    @property
    def waits_for_apply(self) -> bool:
        """Tell whether a read waits for entries to be applied."""
        return bool(self._unapplied)

    def ask(self, consensus: ConsensusCore) -> None:
        """Put all that are not in a round into one; a refusal leaves them for the next turn."""
        self._context += 1
        if consensus.read_index(self._context) is None:
            self._confirming[self._context] = self.unconfirmed
            self.unconfirmed = []

    def confirmed(self, context: int) -> list[Waiting | Judged]:
        """Take out the reads of a round that a quorum has answered."""
        return self._confirming.pop(context, [])

    def wait_for_apply(self, index: int, waiting: Waiting, *, is_confirmed: bool) -> None:
        """Hold a read until an index is applied."""
        self._unapplied.append((index, waiting, is_confirmed))

    def applied(self, index: int) -> list[tuple[Waiting, bool]]:
        """Take out the reads that waited for entries up to `index`, each with whether it is confirmed."""
        if not self._unapplied:
            return []
        found = [(waiting, is_confirmed) for needed, waiting, is_confirmed in self._unapplied if needed <= index]
        self._unapplied = [each for each in self._unapplied if each[0] > index]
        return found

    def expired(self, now: float) -> list[Waiting]:
        """Take out everything whose deadline has passed."""
        late = [waiting for waiting in self._all() if waiting.deadline <= now]
        if late:
            self.unconfirmed = [each for each in self.unconfirmed if _waiting(each).deadline > now]
            for context, reads in self._confirming.items():
                self._confirming[context] = [each for each in reads if _waiting(each).deadline > now]
            self._unapplied = [each for each in self._unapplied if each[1].deadline > now]
        return late

    def clear(self) -> list[Waiting]:
        """Take out everything."""
        found = self._all()
        self.unconfirmed = []
        self._confirming.clear()
        self._unapplied = []
        return found

    def _all(self) -> list[Waiting]:
        rounds = [each for reads in self._confirming.values() for each in reads]
        return [
            *map(_waiting, self.unconfirmed),
            *map(_waiting, rounds),
            *(waiting for _, waiting, _ in self._unapplied),
        ]


def _waiting(each: Waiting | Judged) -> Waiting:
    return each.waiting if isinstance(each, Judged) else each
