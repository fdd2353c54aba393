"""The data directory: one process at a time, and always the same node's.

The room knows the lock file and the identity file beside the engine's own files; it refuses to know the engine.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from node.storage.errors import DamagedStorage, IdentityMismatch, StorageError, StorageLocked

LOCK_NAME = "process.lock"
IDENTITY_NAME = "identity.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Say whose data a directory holds."""

    cluster: str
    region: str
    node: str


class DataDirectory:
    """Hold a data directory for this process until `close`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def locked(cls, path: Path) -> Self:
        """Create the directory where it is missing and take it for this process, or raise StorageLocked."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"data directory {path} cannot be used: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            raise StorageLocked(
                f"data directory {path} is in use by process {owner}; stop it, or give this node its own directory"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(path, lock)

    def identity(self) -> Identity | None:
        """Return whose data this is, or None before the first start was completed."""
        path = self.path / IDENTITY_NAME
        try:
            fields = json.loads(path.read_text("utf-8"))
            found_format = fields.pop("format")
            if found_format != _FORMAT:
                raise StorageError(
                    f"{path} has format {found_format}, expected {_FORMAT}; use the release that wrote it"
                )
            return Identity(**fields)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedStorage(
                f"{path} cannot be read ({error}); restore it, or move the directory away and rejoin as a new node"
            ) from error

    def belongs_to(self, expected: Identity) -> bool:
        """Tell whether nobody's identity is here yet; raise IdentityMismatch when it is anyone else's."""
        found = self.identity()
        if found is not None:
            self.require(found, expected, f"data directory {self.path}")
        return found is None

    def require(self, found: Identity, expected: Identity, what: Path | str) -> None:
        """Raise IdentityMismatch when what was found is anyone else's."""
        if found == expected:
            return
        wrong = ", ".join(
            f"{name} is {value!r}, expected {asdict(expected)[name]!r}"
            for name, value in asdict(found).items()
            if value != asdict(expected)[name]
        )
        raise IdentityMismatch(
            f"{what} belongs to another node: {wrong}; correct the configuration or choose another data directory"
        )

    def set_aside(self, name: str) -> None:
        """Keep a file that cannot be used under another name, in place of one that was set aside before."""
        path = self.path / name
        if path.exists():
            path.replace(self.path / f"{name}.unusable")
            _sync_names(self.path)

    def claim(self, identity: Identity) -> None:
        """Write down whose data this is; durable, and all or nothing."""
        fresh = self.path / f"{IDENTITY_NAME}.new"
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT, **asdict(identity)}, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path / IDENTITY_NAME)
            _sync_names(self.path)
            _sync_names(self.path.parent)
        except OSError as error:
            raise StorageError(f"data directory {self.path} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Let other processes have the directory; twice is once."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _sync_names(folder: Path) -> None:
    """Make the names in a directory durable; files sync their contents only."""
    names = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(names)
    finally:
        os.close(names)
