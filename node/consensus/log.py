"""The log as one replica sees it: what is persisted, behind LogReader, and what is not yet, in memory.

Knows which entries exist, which are stable (persisted), committed, handed out and applied. Refuses to know why an entry
is appended and who else has it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

from node.consensus.types import Entry, HardState, Index, Membership, SnapshotMetadata, Term

UNKNOWN_TERM = Term(-1)
"""The term of an index this replica cannot speak about: compacted, or beyond its log."""


class LogDamagedError(Exception):
    """The persisted log contradicts the persisted state; the replica must not start."""


class LogReader(Protocol):
    """Reads what the driver has persisted for one replica. Only asked for persisted entries, never for newer ones."""

    def initial_state(self) -> tuple[HardState, Membership]:
        """Return the hard state and the membership of the applied state; both empty for a new replica."""

    def first_index(self) -> Index:
        """Return the index after the last compacted one; 1 for a new replica."""

    def last_index(self) -> Index:
        """Return the index of the last persisted entry; first_index() - 1 when there is none."""

    def term(self, index: Index) -> Term:
        """Return the term at an index from first_index() - 1 to last_index()."""

    def entries(self, lower: Index, upper: Index, bytes_max: int) -> Sequence[Entry]:
        """Return entries with lower <= index < upper, cut after bytes_max payload bytes but never empty."""

    def snapshot(self) -> SnapshotMetadata | None:
        """Return a snapshot that can be sent now, not older than first_index() - 1; None when there is none yet."""


class LogView:
    """One replica's log.

    Invariants: first - 1 <= handed <= commit <= last, applied <= handed, stable <= last,
    first <= tail_first <= stable + 1, and tail holds exactly the entries tail_first..last.
    """

    __slots__ = (
        "_bytes_through",
        "_reader",
        "_tail_bytes_max",
        "_tail_entries_max",
        "applied",
        "commit",
        "first",
        "handed",
        "last",
        "previous_term",
        "snapshot",
        "stable",
        "tail",
        "tail_first",
    )

    def __init__(self, reader: LogReader, commit: Index, applied: Index, tail_entries_max: int, tail_bytes_max: int):
        self._reader = reader
        self._tail_entries_max = tail_entries_max
        self._tail_bytes_max = tail_bytes_max
        self.first = reader.first_index()
        self.last = self.stable = reader.last_index()
        self.previous_term = reader.term(Index(self.first - 1)) if self.first > 1 else Term(0)
        self.applied = self.handed = Index(max(applied, self.first - 1))
        self.commit = Index(max(commit, self.applied))
        self.tail: list[Entry] = []
        self.tail_first = Index(self.last + 1)
        # _bytes_through[i] counts all payload bytes before tail[i], from an arbitrary zero; one longer than tail.
        self._bytes_through = [0]
        self.snapshot: SnapshotMetadata | None = None
        if self.last < self.commit:
            raise LogDamagedError(f"expected a log that reaches commit index {self.commit}, found {self.last}")

    def term(self, index: int) -> Term:
        """Return the term at index, UNKNOWN_TERM outside first - 1..last."""
        if self.tail_first <= index <= self.last:
            return self.tail[index - self.tail_first].term
        if index == self.first - 1:
            return self.previous_term
        if self.first <= index < self.tail_first:
            return self._reader.term(Index(index))
        return UNKNOWN_TERM

    def last_term(self) -> Term:
        """Return the term of the last entry."""
        return self.tail[-1].term if self.tail else self.term(self.last)

    def is_up_to_date(self, last_index: Index, last_term: Term) -> bool:
        """Tell whether a log ending like this is at least as complete as this one (thesis 3.6.1)."""
        own_term = self.last_term()
        return last_term > own_term or (last_term == own_term and last_index >= self.last)

    def entries(self, lower: int, upper: int, bytes_max: int) -> tuple[Entry, ...]:
        """Return entries with first <= lower <= index < upper, cut after bytes_max but never empty."""
        if lower >= upper:
            return ()
        if lower >= self.tail_first:
            return self._tail_slice(lower, upper, bytes_max)
        boundary = min(upper, self.tail_first)
        stored = tuple(self._reader.entries(Index(lower), Index(boundary), bytes_max))
        assert stored, f"expected persisted entries from {lower} on, found none before {boundary}"
        bytes_left = bytes_max - sum(len(entry.payload) for entry in stored)
        reached = lower + len(stored)
        if reached < upper and reached == boundary and len(self.tail[0].payload) <= bytes_left:
            stored += self._tail_slice(reached, upper, bytes_left)
        return stored

    def _tail_slice(self, lower: int, upper: int, bytes_max: int) -> tuple[Entry, ...]:
        start = lower - self.tail_first
        stop = upper - self.tail_first
        through = self._bytes_through
        if through[stop] - through[start] > bytes_max:
            stop = max(start + 1, bisect_right(through, through[start] + bytes_max, start, stop + 1) - 1)
        return tuple(self.tail[start:stop])

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries, of which the first must follow last."""
        assert entries[0].index == self.last + 1, f"expected index {self.last + 1}, found {entries[0].index}"
        through = self._bytes_through
        if len(entries) == 1:
            through.append(through[-1] + len(entries[0].payload))
        else:
            sizes = accumulate([len(entry.payload) for entry in entries], initial=through.pop())
            through.extend(sizes)
        self.tail.extend(entries)
        self.last = entries[-1].index

    def truncate(self, index: Index) -> None:
        """Forget every entry from index on; none of them may be committed."""
        assert index > self.commit, f"expected to keep commit index {self.commit}, found a truncation at {index}"
        self.last = Index(index - 1)
        self.stable = min(self.stable, self.last)
        self.tail_first = min(self.tail_first, index)
        del self.tail[index - self.tail_first :]
        del self._bytes_through[index - self.tail_first + 1 :]

    def find_conflict(self, entries: Sequence[Entry]) -> int:
        """Return the position of the first entry this log lacks or holds with another term, len(entries) if none."""
        first_index = entries[0].index
        if first_index > self.last:
            return 0
        known = min(len(entries), self.last - first_index + 1)
        # Equal index and term mean equal prefixes (log matching), so the last shared position usually decides.
        if self.term(first_index + known - 1) == entries[known - 1].term:
            return known
        for position in range(known):
            if self.term(first_index + position) != entries[position].term:
                return position
        return known

    def last_index_of_term_at_most(self, index: int, term: int) -> tuple[Index, Term]:
        """Return the last index <= index whose term is <= term, and that term; the compacted end stops the search."""
        index = min(index, self.last)
        while index >= self.first and self.term(index) > term:
            index -= 1
        found = self.term(index)
        return Index(index), found if found != UNKNOWN_TERM else Term(0)

    def unstable(self) -> tuple[Entry, ...]:
        """Return the entries that are not persisted yet."""
        return tuple(self.tail[self.stable + 1 - self.tail_first :])

    def persisted(self, index: Index, term: Term) -> None:
        """Note that the log up to index is on disk, unless that entry was replaced meanwhile."""
        if index > self.stable and self.term(index) == term:
            self.stable = index
            self._trim_tail()

    def hand_out(self, bytes_max: int) -> tuple[Entry, ...]:
        """Return the next committed entries and count them as handed out."""
        if self.handed >= self.commit:
            return ()
        entries = self.entries(self.handed + 1, self.commit + 1, bytes_max)
        self.handed = entries[-1].index
        return entries

    def uncommitted_bytes(self) -> int:
        """Count the payload bytes of the entries in memory after commit."""
        through = self._bytes_through
        return through[-1] - through[max(0, self.commit + 1 - self.tail_first)]

    def restore(self, snapshot: SnapshotMetadata) -> None:
        """Replace the whole log by a snapshot, which is unstable until the driver has installed it."""
        self.snapshot = snapshot
        self.first = self.tail_first = Index(snapshot.index + 1)
        self.last = self.stable = self.commit = self.handed = snapshot.index
        self.previous_term = snapshot.term
        self.tail = []
        self._bytes_through = [0]

    def installed(self, snapshot: SnapshotMetadata) -> None:
        """Note that a snapshot is on disk and is now the applied state."""
        self.applied = max(self.applied, snapshot.index)
        if self.snapshot is not None and self.snapshot.index == snapshot.index:
            self.snapshot = None

    def readable_snapshot(self) -> SnapshotMetadata | None:
        """Return the snapshot that can be sent now, if there is one."""
        return self._reader.snapshot()

    def compact(self, first: Index) -> None:
        """Forget everything before first, which must be applied; the reader still has the entry before it."""
        if first <= self.first:
            return
        keep = min(self.applied, self.stable) + 1
        assert first <= keep, f"expected to keep the log from {keep} on, found a compaction to {first}"
        self.previous_term = self.term(first - 1)
        self.first = first
        if first > self.tail_first:
            self._drop_tail_before(first)

    def _trim_tail(self) -> None:
        through = self._bytes_through
        stable_count = self.stable + 1 - self.tail_first
        if stable_count <= self._tail_entries_max and through[stable_count] - through[0] <= self._tail_bytes_max:
            return
        # Dropping down to half of a bound keeps the cost per entry constant.
        by_count = stable_count - self._tail_entries_max // 2
        by_bytes = bisect_right(through, through[stable_count] - self._tail_bytes_max // 2, 0, stable_count + 1)
        # The last one stays, because its term is asked for by every vote and the next append.
        self._drop_tail_before(Index(self.tail_first + min(stable_count - 1, max(by_count, by_bytes))))

    def _drop_tail_before(self, index: Index) -> None:
        count = index - self.tail_first
        del self.tail[:count]
        del self._bytes_through[:count]
        self.tail_first = index
