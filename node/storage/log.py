"""The log of one partition on disk: entries, where they start, and the small state that consensus must not lose.

The room knows how entries are kept, checked and dropped; it refuses to know consensus, and reads and makes entries by
the shape of their fields alone. Writes go into a batch and count once that batch is durable: until then every
question is answered as before.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from node.storage.batch import WriteBatch
from node.storage.engine import Engine, Space, View
from node.storage.errors import DamagedRecord
from node.storage.layout import LOCAL_STATE, log_index_of, log_key, log_range, state_key
from node.storage.sealed import SEAL_BYTES, sealed, unsealed

HARD_STATE = LOCAL_STATE + "hard_state"
LOG_START = LOCAL_STATE + "log_start"
MEMBERSHIP = LOCAL_STATE + "membership"
APPLIED = LOCAL_STATE + "applied"

# The first state of a replica, or that from a snapshot, has all of these.
_TOGETHER = (LOG_START, MEMBERSHIP, APPLIED)

# What one compaction deletes at most; the rest goes with the next one.
COMPACTION_ENTRIES_MAX = 8_192

_ENTRY = struct.Struct(">QB")
_TERM = struct.Struct(">Q")
_TWO = struct.Struct(">QQ")
_THREE = struct.Struct(">QQQ")


class EntryFields(Protocol):
    """Show the fields of an entry, whoever made it."""

    @property
    def term(self) -> int:
        """Return the term it was proposed in."""
        ...

    @property
    def index(self) -> int:
        """Return its position in the log, from 1."""
        ...

    @property
    def kind(self) -> int:
        """Return what it is for, below 256."""
        ...

    @property
    def payload(self) -> bytes:
        """Return what it carries."""
        ...


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Hold one entry; for callers without a type of their own."""

    term: int
    index: int
    kind: int
    payload: bytes


class StoredHardState(NamedTuple):
    """Hold what a replica has promised: its term, its vote in it (0 for none) and the commit index it knew."""

    term: int = 0
    vote: int = 0
    commit: int = 0


@dataclass(frozen=True, slots=True)
class LogStart:
    """Name the last entry that was dropped from the front of the log, or replaced by a snapshot; zeros at birth."""

    index: int = 0
    term: int = 0


_Entry = TypeVar("_Entry")


def log_end(view: View, partition: int) -> tuple[int, int]:
    """Return the index and the term of the last entry of a log, without reading the others. Raises DamagedRecord."""
    lower, upper = log_range(partition)
    last = next(view.scan(Space.LOG, lower, upper, reverse=True), None)
    start_key = state_key(partition, LOG_START)
    start = view.get(Space.STATE, start_key)
    opened = b"" if start is None else unsealed(start, start_key)
    if last is not None and (entry := unsealed(last[1], last[0], log_index_of(last[0]))) is not None:
        return log_index_of(last[0]), int(_ENTRY.unpack_from(entry)[0])
    if last is not None or opened is None:
        raise DamagedRecord(f"partition {partition}: the end of its log does not match its checksum")
    return _TWO.unpack(opened) if opened else (0, 0)


class LogStore(Generic[_Entry]):
    """Keep the log of one partition.

    Invariants: entries are dense from `start.index + 1` to `last_index`; start.index <= last_index. Opening one reads
    the whole log and raises DamagedRecord, naming partition and index, when that does not hold.
    """

    def __init__(self, engine: Engine, partition: int, make_entry: Callable[[int, int, int, bytes], _Entry]) -> None:
        self._engine = engine
        self._partition = partition
        self._make_entry = make_entry
        with engine.snapshot() as view:
            self.start = LogStart(*_stored_numbers(view, partition, LOG_START, _TWO, (0, 0)))
            self.hard_state = StoredHardState(*_stored_numbers(view, partition, HARD_STATE, _THREE, StoredHardState()))
            self.applied_index: int = _stored_numbers(view, partition, APPLIED, _TERM, (0,))[0]
            self.membership = _stored_state(view, partition, MEMBERSHIP) or b""
            self.last_index = self._verified_last(view)
        # The highest index any batch has written, durable or not: what a later append has to delete.
        self._highest_index = self.last_index
        self._require_complete()

    @property
    def first_index(self) -> int:
        """Return the index after the last dropped one; 1 for a new log."""
        return self.start.index + 1

    def term(self, index: int) -> int:
        """Return the term at an index from first_index - 1 to last_index."""
        assert self.start.index <= index <= self.last_index, (
            f"partition {self._partition}: asked for the term at {index}, "
            f"the log holds {self.first_index} to {self.last_index}"
        )
        if index == self.start.index:
            return self.start.term
        with self._engine.snapshot() as view:
            stored = view.get(Space.LOG, log_key(self._partition, index))
        term, _ = _ENTRY.unpack_from(self._opened_entry(stored, index))
        return int(term)

    def stored_place(self) -> tuple[int, int, bytes]:
        """Return the applied index as it is on disk now, with its term and the membership there; zeros at birth.

        What is durable may be ahead of what this log has been told, and entries may be dropped by then that it still counts.
        """
        with self._engine.snapshot() as view:
            applied = _stored_numbers(view, self._partition, APPLIED, _TERM, (0,))[0]
            start = LogStart(*_stored_numbers(view, self._partition, LOG_START, _TWO, (0, 0)))
            if applied == start.index:
                return applied, start.term, _stored_state(view, self._partition, MEMBERSHIP) or b""
            stored = view.get(Space.LOG, log_key(self._partition, applied))
            term, _ = _ENTRY.unpack_from(self._opened_entry(stored, applied))
            return applied, int(term), _stored_state(view, self._partition, MEMBERSHIP) or b""

    def entries(self, lower: int, upper: int, bytes_max: int) -> list[_Entry]:
        """Return entries with lower <= index < upper, cut after `bytes_max` payload bytes but never empty."""
        assert self.start.index < lower < upper <= self.last_index + 1, (
            f"partition {self._partition}: asked for entries {lower} to {upper - 1}, "
            f"the log holds {self.first_index} to {self.last_index}"
        )
        found: list[_Entry] = []
        with self._engine.snapshot() as view:
            for stored_key, stored in view.scan(
                Space.LOG, log_key(self._partition, lower), log_key(self._partition, upper)
            ):
                index = log_index_of(stored_key)
                if index != lower + len(found):
                    break
                bytes_max -= len(stored) - SEAL_BYTES - _ENTRY.size
                if found and bytes_max < 0:
                    return found
                found.append(self._decoded(stored, index))
        if not found or (len(found) < upper - lower and bytes_max >= 0):
            raise self._damage(lower + len(found), "it is missing")
        return found

    def append_to(self, batch: WriteBatch, entries: Sequence[EntryFields]) -> None:
        """Write entries, in order and dense, in place of every stored entry at or after the first of them."""
        if not entries:
            return
        first, last = entries[0].index, entries[-1].index
        assert first > self.start.index, (
            f"partition {self._partition}: entry {first} would go before the start of the log at {self.first_index}"
        )
        if first <= self._highest_index:
            self._delete(batch, first, self._highest_index)
        for entry in entries:
            key = log_key(self._partition, entry.index)
            batch.put(Space.LOG, key, sealed(_ENTRY.pack(entry.term, entry.kind) + entry.payload, key))
        self._highest_index = last
        batch.after_commit(lambda: self._appended(last))

    def set_hard_state_to(self, batch: WriteBatch, term: int, vote: int, commit: int) -> None:
        """Write what the replica promises from now on."""
        state = StoredHardState(term, vote, commit)
        self._put(batch, HARD_STATE, _THREE.pack(*state))
        batch.after_commit(lambda: self._promised(state))

    def set_applied_to(self, batch: WriteBatch, index: int, membership: bytes | None = None) -> None:
        """Write how far the state machine has come, in the batch that brings it there; and its membership if changed."""
        self._put(batch, APPLIED, _TERM.pack(index))
        if membership is not None:
            self._put(batch, MEMBERSHIP, membership)
        batch.after_commit(lambda: self._applied(index, membership))

    def compact_to(self, batch: WriteBatch, index: int) -> None:
        """Drop the entries up to an index that is applied; what a bounded step leaves behind goes with the next one."""
        assert index <= self.applied_index, (
            f"partition {self._partition}: entries up to {index} cannot go while {self.applied_index} is applied"
        )
        if index <= self.start.index:
            return
        start = LogStart(index, self.term(index))
        self._put(batch, LOG_START, _TWO.pack(start.index, start.term))
        lower, _ = log_range(self._partition)
        batch.delete_range(Space.LOG, lower, log_key(self._partition, index + 1), COMPACTION_ENTRIES_MAX)
        batch.after_commit(lambda: self._started(start))

    def reset_to(self, batch: WriteBatch, index: int, term: int, membership: bytes) -> None:
        """Begin again after a snapshot that was installed: no entries, the state as of an index."""
        start = LogStart(index, term)
        self._delete(batch, 0, max(self._highest_index, self.last_index))
        self._put(batch, LOG_START, _TWO.pack(start.index, start.term))
        self._highest_index = index
        self.set_applied_to(batch, index, membership)
        batch.after_commit(lambda: self._reset(start))

    def _appended(self, last: int) -> None:
        self.last_index = last

    def _promised(self, state: StoredHardState) -> None:
        self.hard_state = state

    def _applied(self, index: int, membership: bytes | None) -> None:
        self.applied_index = index
        if membership is not None:
            self.membership = membership

    def _started(self, start: LogStart) -> None:
        self.start = start

    def _reset(self, start: LogStart) -> None:
        self.start = start
        self.last_index = start.index

    def _delete(self, batch: WriteBatch, first: int, last: int) -> None:
        lower, upper = log_key(self._partition, first), log_key(self._partition, last + 1)
        batch.delete_range(Space.LOG, lower, upper, last + 1 - first)

    def _put(self, batch: WriteBatch, name: str, value: bytes) -> None:
        key = state_key(self._partition, name)
        batch.put(Space.STATE, key, sealed(value, key))

    def _verified_last(self, view: View) -> int:
        """Read every entry and return the index of the last."""
        last = self.start.index
        for stored_key, _ in whole_entries(view, self._partition, last):
            last = log_index_of(stored_key)
        return last

    def _require_complete(self) -> None:
        reached = max(self.hard_state.commit, self.applied_index)
        if self.last_index < reached:
            raise self._damage(self.last_index + 1, f"it is missing, though entries up to {reached} were committed")

    def _decoded(self, stored: bytes, index: int) -> _Entry:
        opened = self._opened_entry(stored, index)
        term, kind = _ENTRY.unpack_from(opened)
        return self._make_entry(term, index, kind, opened[_ENTRY.size :])

    def _opened_entry(self, stored: bytes | None, index: int) -> bytes:
        if stored is None:
            raise self._damage(index, "it is missing")
        return _opened(self._partition, index, stored)

    def _damage(self, index: int, reason: str) -> DamagedRecord:
        return _damage(self._partition, index, reason)


def require_complete_state(view: View, partition: int) -> None:
    """Raise DamagedRecord when some of the rows that are only ever written together are missing."""
    present = {name: view.get(Space.STATE, state_key(partition, name)) is not None for name in _TOGETHER}
    if any(present.values()) and not (
        all(present.values()) and view.get(Space.STATE, state_key(partition, HARD_STATE))
    ):
        missing = ", ".join(name for name in (*_TOGETHER, HARD_STATE) if not present.get(name))
        raise DamagedRecord(f"partition {partition} state: {missing} is missing")


def whole_entries(view: View, partition: int, start: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield every row of a log after its start; what compaction left before is passed over. Raises DamagedRecord."""
    expected = start + 1
    _, upper = log_range(partition)
    for stored_key, stored in view.scan(Space.LOG, log_key(partition, expected), upper):
        found = log_index_of(stored_key)
        if found != expected:
            raise _damage(partition, expected, f"it is missing, the next one found is {found}")
        _opened(partition, expected, stored)
        yield stored_key, stored
        expected += 1


def log_ends(view: View, partition: int) -> tuple[int, int]:
    """Return after which index a stored log begins, and up to which it must reach. Raises DamagedRecord."""
    start, _ = _stored_numbers(view, partition, LOG_START, _TWO, (0, 0))
    *_, commit = _stored_numbers(view, partition, HARD_STATE, _THREE, (0, 0, 0))
    (applied,) = _stored_numbers(view, partition, APPLIED, _TERM, (0,))
    return start, max(start, commit, applied)


def _stored_numbers(
    view: View, partition: int, name: str, layout: struct.Struct, default: tuple[int, ...]
) -> tuple[int, ...]:
    value = _stored_state(view, partition, name)
    return default if value is None else layout.unpack(value)


def _stored_state(view: View, partition: int, name: str) -> bytes | None:
    key = state_key(partition, name)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return None
    value = unsealed(stored, key)
    if value is None:
        raise DamagedRecord(f"partition {partition} state {name}: its checksum does not match its bytes")
    return value


def _opened(partition: int, index: int, stored: bytes) -> bytes:
    opened = unsealed(stored, log_key(partition, index), index)
    if opened is None or len(opened) < _ENTRY.size:
        raise _damage(partition, index, "its checksum does not match its bytes")
    return opened


def _damage(partition: int, index: int, reason: str) -> DamagedRecord:
    return DamagedRecord(f"partition {partition} log entry {index}: {reason}")
