"""A log kept in memory that a consensus core can start from, with the driver's half of persisting a Ready."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from node.consensus.bootstrap import bootstrap_state
from node.consensus.types import NO_INDEX, Entry, HardState, Index, Membership, Ready, ReplicaId, SnapshotMetadata, Term


@dataclass(slots=True)
class MemoryLog:
    """What one replica has on its disk: a LogReader, and the writes its driver makes for each Ready."""

    hard_state: HardState = field(default_factory=HardState)
    membership: Membership = field(default_factory=Membership)
    applied: Index = NO_INDEX
    entries_by_position: list[Entry] = field(default_factory=list)
    base_index: Index = NO_INDEX
    base_term: Term = field(default=Term(0))

    @classmethod
    def of_voters(cls, *voters: int) -> "MemoryLog":
        """Return the empty log of a replica of a new group."""
        return cls(membership=Membership(voters=tuple(ReplicaId(voter) for voter in voters)))

    @classmethod
    def bootstrapped(cls, membership: Membership) -> "MemoryLog":
        """Return what a first member of a group has on its disk before its first start."""
        hard_state, snapshot = bootstrap_state(membership)
        log = cls(hard_state=hard_state)
        log.install(snapshot)
        return log

    def initial_state(self) -> tuple[HardState, Membership]:
        return self.hard_state, self.membership

    def first_index(self) -> Index:
        return Index(self.base_index + 1)

    def last_index(self) -> Index:
        return Index(self.base_index + len(self.entries_by_position))

    def term(self, index: Index) -> Term:
        if index == self.base_index:
            return self.base_term
        if self.base_index < index <= self.last_index():
            return self.entries_by_position[index - self.base_index - 1].term
        raise AssertionError(f"asked for the term at {index} of a log {self.first_index()}..{self.last_index()}")

    def entries(self, lower: Index, upper: Index, bytes_max: int) -> Sequence[Entry]:
        assert self.first_index() <= lower < upper <= self.last_index() + 1, (
            f"asked for {lower}..{upper - 1} of a log {self.first_index()}..{self.last_index()}"
        )
        wanted = self.entries_by_position[lower - self.base_index - 1 : upper - self.base_index - 1]
        size = 0
        for count, entry in enumerate(wanted):
            size += len(entry.payload)
            if size > bytes_max:
                return wanted[: max(count, 1)]
        return wanted

    def snapshot(self) -> SnapshotMetadata | None:
        if self.applied == 0:
            return None
        return SnapshotMetadata(self.applied, self.term(self.applied), self.membership)

    def copy(self) -> "MemoryLog":
        """Return a log with the same content that changes on its own."""
        return replace(self, entries_by_position=list(self.entries_by_position))

    def persist(self, ready: Ready) -> None:
        """Do step 2 of a Ready."""
        if ready.snapshot is not None:
            self.install(ready.snapshot)
        if ready.entries:
            self.put(ready.entries)
        if ready.hard_state is not None:
            self.hard_state = ready.hard_state

    def install(self, snapshot: SnapshotMetadata) -> None:
        """Replace log and membership by a snapshot."""
        self.base_index, self.base_term = snapshot.index, snapshot.term
        self.entries_by_position = []
        self.membership = snapshot.membership
        self.applied = snapshot.index

    def put(self, entries: Sequence[Entry]) -> None:
        """Write entries, discarding every stored entry from the first one's index on."""
        first = entries[0].index
        assert self.base_index < first <= self.last_index() + 1, f"a hole before {first}, end {self.last_index()}"
        del self.entries_by_position[first - self.base_index - 1 :]
        self.entries_by_position.extend(entries)

    def compact(self, first_index: Index) -> None:
        """Delete the entries before first_index, which must be applied."""
        assert self.base_index < first_index <= self.applied + 1
        term = self.term(Index(first_index - 1))
        del self.entries_by_position[: first_index - self.base_index - 1]
        self.base_index, self.base_term = Index(first_index - 1), term
