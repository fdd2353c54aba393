"""The log of a partition on disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.storage.batch import WriteBatch
from node.storage.engine import Engine, Space
from node.storage.errors import DamagedRecord
from node.storage.layout import log_key, state_key
from node.storage.lmdb_engine import LmdbEngine
from node.storage.log import HARD_STATE, LogEntry, LogStart, LogStore, StoredHardState
from node.storage.memory_engine import MemoryEngine
from tests.support.storage import IDENTITY, commit

PARTITION = 7


@pytest.fixture(params=["lmdb", "memory"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine = LmdbEngine(tmp_path, IDENTITY) if request.param == "lmdb" else MemoryEngine()
    yield made
    made.close()


def entries(first: int, last: int, term: int = 1) -> list[LogEntry]:
    return [LogEntry(term, index, index % 3, b"payload %d" % index) for index in range(first, last + 1)]


def opened(engine: Engine) -> LogStore[LogEntry]:
    return LogStore(engine, PARTITION, LogEntry)


def write(engine: Engine, build: Callable[[WriteBatch], None]) -> None:
    batch = WriteBatch()
    build(batch)
    commit(engine, batch)


def filled(engine: Engine, last: int, term: int = 1) -> LogStore[LogEntry]:
    log = opened(engine)
    write(engine, lambda batch: log.append_to(batch, entries(1, last, term)))
    return log


# A new replica has to start from nothing.
def test_new_log_is_empty(engine: Engine) -> None:
    log = opened(engine)
    assert (log.first_index, log.last_index, log.term(0), log.applied_index) == (1, 0, 0, 0)
    assert log.hard_state == StoredHardState(0, 0, 0)


# What was appended comes back the same, also after a restart.
def test_appended_entries_come_back(engine: Engine) -> None:
    filled(engine, 5)
    log = opened(engine)
    assert log.entries(2, 5, 1 << 20) == entries(2, 4)
    assert (log.first_index, log.last_index, log.term(5)) == (1, 5, 1)


# Writing entry i discards every stored entry at or after i: the rule on which log repair rests.
def test_append_discards_the_conflicting_tail(engine: Engine) -> None:
    log = filled(engine, 9)
    write(engine, lambda batch: log.append_to(batch, entries(4, 5, term=2)))
    for each in (log, opened(engine)):
        assert each.last_index == 5
        assert each.entries(3, 6, 1 << 20) == [*entries(3, 3), *entries(4, 5, term=2)]


# A batch that was built but refused must not be believed, and its repetition must discard what it has to.
def test_append_counts_only_once_it_is_durable(engine: Engine) -> None:
    log = filled(engine, 3)
    batch = WriteBatch()
    log.append_to(batch, entries(2, 2, term=5))
    assert (log.last_index, log.term(2)) == (3, 1)
    commit(engine, batch)
    assert (log.last_index, log.term(2)) == (2, 5)


# Messages have a size limit; one entry always fits, or a large one would never be sent.
@pytest.mark.parametrize(("bytes_max", "count"), [(0, 1), (9, 1), (18, 2), (26, 2), (1 << 20, 4)])
def test_entries_are_cut_by_bytes_but_never_empty(engine: Engine, bytes_max: int, count: int) -> None:
    log = filled(engine, 9)
    assert len(log.entries(3, 7, bytes_max)) == count


# Compaction drops the front and remembers the term at the border, for the next append's check.
def test_compaction_keeps_the_term_at_the_border(engine: Engine) -> None:
    log = filled(engine, 9, term=4)
    write(engine, lambda batch: log.set_applied_to(batch, 6))
    write(engine, lambda batch: log.compact_to(batch, 5))
    for each in (log, opened(engine)):
        assert (each.first_index, each.last_index, each.term(5)) == (6, 9, 4)
        assert each.entries(6, 8, 1 << 20) == entries(6, 7, term=4)


# Entries that the state machine has not seen must never go.
def test_compaction_beyond_what_is_applied_is_a_mistake(engine: Engine) -> None:
    log = filled(engine, 9)
    write(engine, lambda batch: log.set_applied_to(batch, 4))
    with pytest.raises(AssertionError, match="entries up to 5 cannot go while 4 is applied"):
        log.compact_to(WriteBatch(), 5)


# Compacting to where the log already starts happens when two triggers meet.
def test_compaction_backwards_does_nothing(engine: Engine) -> None:
    log = filled(engine, 5)
    write(engine, lambda batch: log.set_applied_to(batch, 5))
    write(engine, lambda batch: log.compact_to(batch, 5))
    batch = WriteBatch()
    log.compact_to(batch, 3)
    assert not batch.operations


# An installed snapshot replaces the log, whatever was in it.
def test_reset_starts_after_the_snapshot(engine: Engine) -> None:
    log = filled(engine, 9)
    write(engine, lambda batch: log.reset_to(batch, 20, 3, b"members"))
    write(engine, lambda batch: log.append_to(batch, entries(21, 22, term=3)))
    for each in (log, opened(engine)):
        assert (each.first_index, each.last_index, each.term(20)) == (21, 22, 3)
        assert (each.applied_index, each.membership) == (20, b"members")
    assert log.start == LogStart(20, 3)


# Entries beyond the snapshot's place are another leader's leftovers: a log that is opened again must not end with them.
def test_reset_leaves_no_entry_behind(engine: Engine) -> None:
    log = filled(engine, 30)
    write(engine, lambda batch: log.reset_to(batch, 20, 3, b"members"))
    for each in (log, opened(engine)):
        assert (each.first_index, each.last_index, each.term(20)) == (21, 20, 3)


# A replica must never forget its vote.
def test_hard_state_survives(engine: Engine) -> None:
    log = filled(engine, 4)
    write(engine, lambda batch: log.set_hard_state_to(batch, 9, 2, 4))
    assert log.hard_state == opened(engine).hard_state == StoredHardState(9, 2, 4)


# Membership takes effect when it is applied, so both are written together.
def test_membership_is_kept_until_it_changes(engine: Engine) -> None:
    log = filled(engine, 4)
    write(engine, lambda batch: log.set_applied_to(batch, 2, b"three voters"))
    write(engine, lambda batch: log.set_applied_to(batch, 3))
    assert (opened(engine).applied_index, opened(engine).membership) == (3, b"three voters")


# Two partitions share the space and must not see each other.
def test_logs_of_two_partitions_are_apart(engine: Engine) -> None:
    filled(engine, 5)
    other: LogStore[LogEntry] = LogStore(engine, PARTITION + 1, LogEntry)
    assert other.last_index == 0
    write(engine, lambda batch: other.append_to(batch, entries(1, 2, term=8)))
    assert opened(engine).last_index == 5


# A flipped bit anywhere in an entry is found at start, and named.
@pytest.mark.parametrize("position", [0, 3, 4, 11, 12, 13, -1])
def test_flipped_bit_in_an_entry_is_named(engine: Engine, position: int) -> None:
    log = filled(engine, 5)
    flip(engine, Space.LOG, log_key(PARTITION, 3), position)
    with pytest.raises(DamagedRecord, match="partition 7 log entry 3: its checksum does not match"):
        opened(engine)
    with pytest.raises(DamagedRecord, match="partition 7 log entry 3"):
        log.entries(2, 5, 1 << 20)
    with pytest.raises(DamagedRecord, match="partition 7 log entry 3"):
        log.term(3)


# An entry that was written to the wrong place is as bad as a damaged one.
def test_misplaced_entry_is_found(engine: Engine) -> None:
    filled(engine, 5)
    with engine.transaction() as transaction:
        moved = transaction.get(Space.LOG, log_key(PARTITION, 2))
        assert moved is not None
        transaction.put(Space.LOG, log_key(PARTITION, 3), moved)
    with pytest.raises(DamagedRecord, match="partition 7 log entry 3"):
        opened(engine)


# A hole in the log would silently shift history.
def test_missing_entry_is_named(engine: Engine) -> None:
    log = filled(engine, 5)
    engine.write(lambda transaction: transaction.delete(Space.LOG, log_key(PARTITION, 3)))
    with pytest.raises(DamagedRecord, match="partition 7 log entry 3: it is missing, the next one found is 4"):
        opened(engine)
    with pytest.raises(DamagedRecord, match="partition 7 log entry 3: it is missing"):
        log.entries(2, 5, 1 << 20)


# Committed entries that are gone mean that something already answered is lost: better not to start.
@pytest.mark.parametrize("state", ["commit", "applied"])
def test_log_shorter_than_what_was_committed_is_refused(engine: Engine, state: str) -> None:
    log = filled(engine, 5)
    if state == "commit":
        write(engine, lambda batch: log.set_hard_state_to(batch, 1, 1, 5))
    else:
        write(engine, lambda batch: log.set_applied_to(batch, 5))
    engine.write(lambda transaction: transaction.delete(Space.LOG, log_key(PARTITION, 5)))
    with pytest.raises(DamagedRecord, match="partition 7 log entry 5: it is missing, though entries up to 5"):
        opened(engine)


# A damaged vote could elect two leaders.
def test_flipped_bit_in_the_hard_state_is_named(engine: Engine) -> None:
    log = filled(engine, 1)
    write(engine, lambda batch: log.set_hard_state_to(batch, 9, 2, 1))
    flip(engine, Space.STATE, state_key(PARTITION, HARD_STATE), -1)
    with pytest.raises(DamagedRecord, match="partition 7 state local/hard_state"):
        opened(engine)


def flip(engine: Engine, space: Space, key: bytes, position: int) -> None:
    with engine.transaction() as transaction:
        stored = bytearray(transaction.get(space, key) or b"")
        stored[position] ^= 0x10
        transaction.put(space, key, bytes(stored))
