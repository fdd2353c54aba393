"""The log in memory and behind the reader, against a plain list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.consensus.log import UNKNOWN_TERM, LogDamagedError, LogView
from node.consensus.types import Entry, EntryKind, HardState, Index, Membership, Ready, SnapshotMetadata, Term
from tests.support.consensus_log import MemoryLog


def entries(first: int, *terms: int, size: int = 1) -> tuple[Entry, ...]:
    """Return entries with these terms from an index on."""
    return tuple(
        Entry(Term(term), Index(first + offset), EntryKind.NORMAL, b"x" * size) for offset, term in enumerate(terms)
    )


def view_of(disk: MemoryLog, *, tail_entries_max: int = 100, tail_bytes_max: int = 1000) -> LogView:
    """Return a fresh view of what is on the disk."""
    return LogView(disk, disk.hard_state.commit, disk.applied, tail_entries_max, tail_bytes_max)


def write(disk: MemoryLog, log: LogView) -> None:
    """Persist what is not, as a driver does."""
    unstable = log.unstable()
    disk.persist(Ready(entries=unstable))
    log.persisted(unstable[-1].index, unstable[-1].term)


# Entries come partly from the disk and partly from memory, and are cut by size; the reader of a list sees no difference.
@given(
    sizes=st.lists(st.integers(0, 20), min_size=1, max_size=20),
    persisted=st.integers(0, 20),
    restarted=st.booleans(),
    bounds=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    bytes_max=st.integers(0, 60),
    tail_max=st.integers(1, 8),
)
def test_entries_are_those_of_a_plain_list(
    sizes: list[int], persisted: int, restarted: bool, bounds: tuple[int, int], bytes_max: int, tail_max: int
) -> None:
    plain = [Entry(Term(1), Index(index), EntryKind.NORMAL, bytes(size)) for index, size in enumerate(sizes, 1)]
    disk = MemoryLog()
    log = view_of(disk, tail_entries_max=tail_max, tail_bytes_max=40)
    on_disk = plain[:persisted]
    for entry in on_disk:
        log.append([entry])
        write(disk, log)
    if restarted:
        log = view_of(disk)
    if plain[persisted:]:
        log.append(plain[persisted:])
    lower, upper = min(bounds), min(max(bounds), len(plain) + 1)
    wanted = plain[lower - 1 : upper - 1]
    total = [sum(len(entry.payload) for entry in wanted[: count + 1]) for count in range(len(wanted))]
    fitting = sum(size <= bytes_max for size in total)
    assert list(log.entries(lower, upper, bytes_max)) == wanted[: max(fitting, 1)]


# The memory is bounded: followers that are far behind are served from the disk.
def test_tail_is_trimmed_by_count_and_by_bytes() -> None:
    for limits in ({"tail_entries_max": 4}, {"tail_bytes_max": 40}):
        disk = MemoryLog()
        log = view_of(disk, **limits)
        for index in range(1, 50):
            log.append(entries(index, 1, size=10))
            write(disk, log)
            assert len(log.tail) <= 4
        assert [entry.index for entry in log.entries(1, 50, 10_000)] == list(range(1, 50))


# Terms are asked for at every index from the compacted one to the last, and nowhere else.
def test_term_is_known_from_the_compacted_entry_on() -> None:
    disk = MemoryLog()
    log = view_of(disk)
    log.append(entries(1, 1, 1, 2, 2, 3))
    write(disk, log)
    log.commit = log.handed = log.applied = Index(4)
    log.compact(Index(4))
    known = [log.term(index) for index in range(0, 8)]
    assert known == [UNKNOWN_TERM, UNKNOWN_TERM, UNKNOWN_TERM, 2, 2, 3, UNKNOWN_TERM, UNKNOWN_TERM]


# The tail that was being written may have been replaced meanwhile: the disk does not have the new one.
def test_replaced_tail_is_not_stable() -> None:
    disk = MemoryLog()
    log = view_of(disk)
    log.append(entries(1, 1, 1))
    log.truncate(Index(2))
    log.append(entries(2, 2))
    log.persisted(Index(2), Term(1))
    assert log.stable == 0
    assert [entry.term for entry in log.unstable()] == [1, 2]


# Hints jump over whole terms: the search must stop at the compacted end instead of failing.
def test_last_index_of_term_at_most() -> None:
    log = view_of(MemoryLog())
    log.append(entries(1, 1, 2, 2, 4, 4))
    found = [log.last_index_of_term_at_most(9, term) for term in (0, 1, 2, 3, 4, 5)]
    assert found == [(0, 0), (1, 1), (3, 2), (3, 2), (5, 4), (5, 4)]


# Only waiting bytes count against the bound of proposals, not those that followers have confirmed.
def test_uncommitted_bytes_follow_commit() -> None:
    log = view_of(MemoryLog())
    log.append(entries(1, 1, 1, 1, size=10))
    counts = []
    for commit in range(4):
        log.commit = Index(commit)
        counts.append(log.uncommitted_bytes())
    assert counts == [30, 20, 10, 0]


# A replica whose disk has lost committed entries would vote as if it had them.
def test_log_that_ends_before_commit_is_refused() -> None:
    disk = MemoryLog(hard_state=HardState(Term(1), commit=Index(3)))
    disk.put(entries(1, 1, 1))
    with pytest.raises(LogDamagedError, match="reaches commit index 3, found 2"):
        view_of(disk)


# After a snapshot nothing of the old log may be asked of the disk, which still has it.
def test_restored_log_begins_behind_the_snapshot() -> None:
    disk = MemoryLog()
    log = view_of(disk)
    log.append(entries(1, 1, 1))
    write(disk, log)
    log.restore(SnapshotMetadata(Index(9), Term(3), Membership()))
    assert [log.term(index) for index in (1, 8, 9, 10)] == [UNKNOWN_TERM, UNKNOWN_TERM, 3, UNKNOWN_TERM]
    log.append(entries(10, 3))
    assert log.unstable() == log.entries(10, 11, 100)
