"""The engine on LMDB: the only module that imports lmdb.

It knows one environment with one named database per space: a sparse map that grows when it is full, a full fsync
per commit, and which of LMDB's errors mean a full disk, a damaged file or a mistake. It refuses to know what the
bytes mean. Open it after the process was spawned; never fork with it open.
"""

import errno
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition
from typing import Self, TypeVar

import lmdb

from node.storage.directory import DataDirectory, Identity
from node.storage.disk import disk_name, found_alone, name_disk
from node.storage.disk_probe import FAILURES
from node.storage.engine import KEY_BYTES_MAX, EngineUsage, Space
from node.storage.errors import DamagedStorage, SnapshotLost, StorageError, StorageFailing, StorageFull

_Result = TypeVar("_Result")

DATA_NAME = "data.mdb"
_PROBE_NAME = "space.probe"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What LMDB says of pages that cannot be, and of the transactions and handles that it gives up because of them.
_DAMAGE = (
    lmdb.BadDbiError,
    lmdb.BadTxnError,
    lmdb.CorruptedError,
    lmdb.CursorFullError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageFullError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.ProblemError,
    lmdb.VersionMismatchError,
)
# LMDB reports a write cut short as EIO, whatever the reason. Where this much space cannot be had, the reason was space.
_SPACE_PROBE_BYTES = 64 << 20
# Every step doubles the map, so this many steps pass any address space.
_GROWTH_STEPS_MAX = 64
_REJOIN = "stop the node, move the directory away and start it again, so that it rejoins and copies from its peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class LmdbSpec:
    """Bound an engine. The map costs address space only, so it may be far larger than the data or the disk."""

    map_bytes: int = 1 << 30
    map_bytes_max: int = 1 << 44
    readers_max: int = 512
    # Space on the disk that is held ahead of use, so that what must be written can be when others fill the disk; with
    # less than this left, the engine takes as much again. A file system that copies on write may not honour it.
    reserve_bytes: int = 0
    # How long growth waits for open snapshots before it takes them away.
    snapshot_patience_seconds: float = 1.0


class LmdbSnapshot:
    """View an `LmdbEngine` as of one moment."""

    __slots__ = ("_databases", "_engine", "_transaction")

    def __init__(self, engine: "LmdbEngine", transaction: "lmdb.Transaction[bytes]") -> None:
        self._engine: LmdbEngine | None = engine
        self._databases = engine.databases
        self._transaction = transaction

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return a copy of the value, or None."""
        try:
            return self._transaction.get(key, None, self._databases[space])
        except lmdb.Error as error:
            raise self._failure(error) from error

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield copies of (key, value) with lower <= key < upper in key order, or backwards."""
        try:
            yield from _scanned(self._transaction.cursor(self._databases[space]), lower, upper, reverse)
        except lmdb.Error as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Let go of the view; twice is once."""
        if self._engine is not None:
            self._transaction.abort()
            self._engine.release()
            self._engine = None

    def _failure(self, error: lmdb.Error) -> StorageError:
        assert self._engine is not None, "this snapshot was closed"
        # A handle that LMDB no longer knows carries no code: the map moved, or the engine was closed.
        if error.code == 0:
            return SnapshotLost("the read view was taken away because the engine had to grow or closed; open a new one")
        return self._engine.translated(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LmdbTransaction:
    """Read and write an `LmdbEngine` as one atomic step."""

    __slots__ = ("_databases", "_transaction")

    def __init__(self, databases: "list[lmdb._Database]", transaction: "lmdb.Transaction[bytes]") -> None:
        self._databases = databases
        self._transaction = transaction

    def get(self, space: Space, key: bytes) -> bytes | None:
        """Return a copy of the value, or None."""
        return self._transaction.get(key, None, self._databases[space])

    def scan(
        self, space: Space, lower: bytes, upper: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield copies of (key, value) with lower <= key < upper in key order, or backwards."""
        return _scanned(self._transaction.cursor(self._databases[space]), lower, upper, reverse)

    def put(self, space: Space, key: bytes, value: bytes) -> None:
        """Store a value under a key of 1 to 511 bytes."""
        assert 1 <= len(key) <= KEY_BYTES_MAX, f"keys have 1 to {KEY_BYTES_MAX} bytes, found {len(key)}"
        self._transaction.put(key, value, db=self._databases[space])

    def delete(self, space: Space, key: bytes) -> None:
        """Remove a key; one that is not there is no error."""
        self._transaction.delete(key, db=self._databases[space])

    def delete_range(self, space: Space, lower: bytes, upper: bytes | None, entries_max: int) -> int:
        """Remove the first `entries_max` keys of the range; return how many there were."""
        cursor = self._transaction.cursor(self._databases[space])
        deleted = 0
        found = cursor.set_range(lower)
        while found and deleted < entries_max and (upper is None or cursor.key() < upper):
            _delete_here(cursor)
            deleted += 1
            # Deleting moves on to the next key, which is empty at the end.
            found = bool(cursor.key())
        cursor.close()
        return deleted


class LmdbEngine:
    """Keep the spaces in one LMDB environment inside a data directory that this process holds."""

    def __init__(self, path: Path, identity: Identity, spec: LmdbSpec | None = None, *, lost: str = "") -> None:
        """Open the database in a directory, or make one.

        With `lost`, the reason why the file that is there cannot be used, that file is set aside and a new one takes its
        place, which remembers the reason: this node founds nothing, it gets everything back from its peers.
        """
        self._spec = spec or LmdbSpec()
        self.on_damage: Callable[[DamagedStorage], None] = lambda _: None
        """Told, on any thread, that LMDB has met a page that cannot be."""
        self._directory = DataDirectory.locked(path)
        try:
            is_new = self._directory.belongs_to(identity)
            if lost:
                self._directory.set_aside(DATA_NAME)
                is_new = True
            self._lost = lost
            self._environment = self._opened(is_new=is_new)
            self._bind(identity, is_new=is_new)
        except BaseException:
            self._directory.close()
            raise
        self._page_bytes = self._environment.stat()["psize"]
        self._reserved_to = self._allocated_to()
        self._snapshots_open = 0
        self._is_growing = False
        self._snapshots_changed = Condition()

    def snapshot(self) -> LmdbSnapshot:
        """Open a view of everything committed so far."""
        with self._snapshots_changed:
            # Let growth go first where no view is open: it takes a moment, and without this it might never find one.
            while self._is_growing and not self._snapshots_open:
                self._snapshots_changed.wait()
            try:
                transaction = self._environment.begin()
            except lmdb.Error as error:
                raise self.translated(error) from error
            self._snapshots_open += 1
        return LmdbSnapshot(self, transaction)

    def release(self) -> None:
        """Forget one snapshot that was closed."""
        with self._snapshots_changed:
            self._snapshots_open -= 1
            if not self._snapshots_open:
                self._snapshots_changed.notify_all()

    def write(self, body: Callable[[LmdbTransaction], _Result]) -> _Result:
        """Run the body in a transaction and fsync it; grow the map and run it again where it did not fit."""
        for _ in range(_GROWTH_STEPS_MAX):
            try:
                with self._environment.begin(write=True) as transaction:
                    self._reserve()
                    return body(LmdbTransaction(self.databases, transaction))
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                raise self.translated(error) from error
        raise AssertionError(f"the map grew {_GROWTH_STEPS_MAX} times and one transaction still did not fit")

    @contextmanager
    def transaction(self) -> Iterator[LmdbTransaction]:
        """Open a transaction that is durable when the block ends and void when it raises."""
        try:
            with self._environment.begin(write=True) as transaction:
                yield LmdbTransaction(self.databases, transaction)
        except lmdb.MapFullError as error:
            self._grow()
            raise StorageFull(f"the map of {self._directory.path} was full and has grown; try again") from error
        except lmdb.Error as error:
            raise self.translated(error) from error

    def usage(self) -> EngineUsage:
        """Measure the engine; used bytes are the high-water mark of its file, reused pages included."""
        facts = self._environment.info()
        disk = os.statvfs(self._directory.path)
        used_bytes = (facts["last_pgno"] + 1) * self._page_bytes
        return EngineUsage(
            used_bytes=used_bytes,
            map_bytes=facts["map_size"],
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
            reserved_bytes=max(0, self._reserved_to - used_bytes),
        )

    def close(self) -> None:
        """Let go of the files and the directory; twice is once."""
        self._environment.close()
        self._directory.close()

    def translated(self, error: lmdb.Error) -> StorageError:
        """Return what an error of LMDB means to the node."""
        path = self._directory.path
        if error.code in _NO_SPACE or (error.code == errno.EIO and self._lacks_space()):
            return StorageFull(f"no space left for {path}: {error}; free space there, writes resume by themselves")
        if isinstance(error, _DAMAGE):
            damaged = DamagedStorage(f"{path / DATA_NAME} is damaged ({error}); {_REJOIN}")
            self.on_damage(damaged)
            return damaged
        if error.code in FAILURES:
            return StorageFailing(f"the disk of {path} fails: {error}")
        return StorageError(f"the engine in {path} failed: {error}")

    def _opened(self, *, is_new: bool) -> lmdb.Environment:
        # A crash while probing for space leaves the probe behind.
        (self._directory.path / _PROBE_NAME).unlink(missing_ok=True)
        path = self._directory.path / DATA_NAME
        if is_new:
            _remove_unmade(path)
        elif not path.exists() or path.stat().st_size == 0:
            raise DamagedStorage(f"{path} is missing or empty though this node was started before; {_REJOIN}")
        try:
            environment = self._environment_of(path)
            self._require_whole(environment, path)
            self.databases = [environment.open_db(space.name.lower().encode("ascii")) for space in Space]
        except _DAMAGE as error:
            raise DamagedStorage(f"{path} cannot be opened ({error}); {_REJOIN}") from error
        except lmdb.Error as error:
            raise self.translated(error) from error
        environment.reader_check()
        return environment

    def _bind(self, identity: Identity, *, is_new: bool) -> None:
        """Require that the file is this node's, give it its name if it has none, and write the identity file anew.

        The file itself says whose it is; the identity file beside it is for people, and for files from before.
        """
        try:
            with self._environment.begin(write=True) as handle:
                transaction = LmdbTransaction(self.databases, handle)
                found = disk_name(transaction)
                if found is None:
                    self._name(transaction, identity, is_new=is_new)
            if found is not None:
                self._directory.require(found.identity, identity, self._directory.path / DATA_NAME)
            if self._directory.identity() is None:
                self._directory.claim(identity)
        except lmdb.Error as error:
            self._environment.close()
            raise self.translated(error) from error
        except BaseException:
            self._environment.close()
            raise

    def _name(self, transaction: LmdbTransaction, identity: Identity, *, is_new: bool) -> None:
        is_empty = not any(self._entries(transaction))
        if is_new and not is_empty:
            path = self._directory.path / DATA_NAME
            raise DamagedStorage(f"{path} holds data but its identity file is missing; restore it, or {_REJOIN}")
        name_disk(transaction, identity, self._lost)
        if not is_empty:
            found_alone(transaction, identity)

    def _entries(self, transaction: LmdbTransaction) -> Iterator[int]:
        for space in Space:
            if space is not Space.NODE:
                yield from (1 for _ in transaction.scan(space, b"", None))

    def _environment_of(self, path: Path) -> lmdb.Environment:
        return lmdb.Environment(
            str(path.parent),
            map_size=self._spec.map_bytes,
            max_dbs=len(Space),
            max_readers=self._spec.readers_max,
            max_spare_txns=1,
            readahead=False,
        )

    def _require_whole(self, environment: lmdb.Environment, path: Path) -> None:
        """Refuse a file that was cut off: what it promised may be gone, and reading past its end kills a process.

        The last pages may rightly be missing when they were never written, so a short file is judged page by page,
        and made whole when none that is missing is in use. The walk is strict beyond what LMDB itself writes: only
        what it says about the end of the file counts.
        """
        whole_bytes = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if path.stat().st_size >= whole_bytes:
            return
        # Rarely needed, and long to import.
        from lmdb.verify import VerifyError
        from lmdb.verify import verify as verify_file

        try:
            findings = verify_file(str(path))  # type: ignore[no-untyped-call]  # the package's stubs leave it out
        except VerifyError as error:
            findings = [f"{error}, beyond EOF"]
        missing = [finding for finding in findings if "beyond EOF" in finding]
        if missing:
            environment.close()
            raise DamagedStorage(f"{path} was cut off ({missing[0]}); {_REJOIN}")
        os.truncate(path, whole_bytes)

    def _reserve(self) -> None:
        """Hold space ahead of use, if there is any; only inside a write transaction, which keeps other writers away."""
        reserve_bytes = self._spec.reserve_bytes
        used_bytes = (self._environment.info()["last_pgno"] + 1) * self._page_bytes
        if not reserve_bytes or self._reserved_to - used_bytes >= reserve_bytes:
            return
        wanted_to = used_bytes + 2 * reserve_bytes
        held_to = max(self._reserved_to, used_bytes)
        file = os.open(self._directory.path / DATA_NAME, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_fallocate(file, held_to, wanted_to - held_to)
        except OSError:
            # The disk is nearly full: `usage` says so, and whoever writes decides what is worth the rest.
            return
        finally:
            os.close(file)
        self._reserved_to = wanted_to

    def _allocated_to(self) -> int:
        """Return how far the file has its space on the disk; 0 where there may be holes in it."""
        facts = (self._directory.path / DATA_NAME).stat()
        return facts.st_size if facts.st_blocks * 512 >= facts.st_size else 0

    def _grow(self) -> None:
        present = self._environment.info()["map_size"]
        wanted = min(present * 2, self._spec.map_bytes_max)
        if wanted <= present:
            raise StorageFull(f"{self._directory.path} has reached its bound of {present} bytes; raise the bound")
        with self._snapshots_changed:
            self._is_growing = True
            try:
                self._snapshots_changed.wait_for(
                    lambda: not self._snapshots_open, timeout=self._spec.snapshot_patience_seconds
                )
                self._environment.set_mapsize(wanted)
            except lmdb.Error as error:
                raise StorageFull(f"{self._directory.path} cannot map {wanted} bytes: {error}") from error
            finally:
                self._is_growing = False
                self._snapshots_changed.notify_all()

    def _lacks_space(self) -> bool:
        """Try whether the data file could grow, without touching it."""
        data, probe = self._directory.path / DATA_NAME, self._directory.path / _PROBE_NAME
        try:
            with probe.open("wb") as file:
                os.posix_fallocate(file.fileno(), data.stat().st_size, _SPACE_PROBE_BYTES)
        except OSError as error:
            return error.errno in _NO_SPACE
        finally:
            with suppress(OSError):
                probe.unlink()
        return False


def _remove_unmade(path: Path) -> None:
    """Remove what a first start has left that ended before LMDB had written its first two pages: nothing was ever stored in it."""
    if path.exists() and path.stat().st_size < 2 * mmap.PAGESIZE:
        path.unlink()


def _delete_here(cursor: "lmdb.Cursor[bytes]") -> None:
    """Delete the entry at the cursor, which goes on to the next: where that one cannot be read, lmdb fails in a way of its own."""
    try:
        cursor.delete()
    except SystemError as error:
        raise error.__cause__ or error from None


def _scanned(
    cursor: "lmdb.Cursor[bytes]", lower: bytes, upper: bytes | None, reverse: bool
) -> Iterator[tuple[bytes, bytes]]:
    if reverse:
        yield from _scanned_back(cursor, lower, upper)
        return
    if cursor.set_range(lower):
        for row in cursor.iternext():
            if upper is not None and row[0] >= upper:
                return
            yield row


def _scanned_back(cursor: "lmdb.Cursor[bytes]", lower: bytes, upper: bytes | None) -> Iterator[tuple[bytes, bytes]]:
    # A cursor past the end stands on nothing; one at the first key not below `upper` steps back once.
    found = cursor.prev() if upper is not None and cursor.set_range(upper) else cursor.last()
    if found:
        for row in cursor.iterprev():
            if row[0] < lower:
                return
            yield row
