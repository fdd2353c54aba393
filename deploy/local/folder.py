"""The folder of a local cluster: what it holds, who may change it now, and how a cluster is made there and removed.

Knows files and the lock; refuses to know processes. Whatever step a command dies at, `content` names what it left.
"""

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from deploy.local.errors import LocalClusterError
from deploy.local.files import sync_folder, write_whole
from deploy.local.interruption import pause

CLUSTER_FILE: Final = "cluster.toml"
PROCESS_FILE: Final = "processes.json"
LOCK_SECONDS_MAX: Final = 15.0
_LOCK_POLL_SECONDS: Final = 0.05

# The cluster file of a cluster that is being deleted: from then on there is no cluster here, only remains.
_DELETED_FILE: Final = "cluster.toml.deleted"
# Everything that a cluster ever writes below its folder, and so all that deleting it removes; the file that says so goes last.
_WRITTEN: Final = (
    PROCESS_FILE,
    f"{PROCESS_FILE}.new",
    "nodes",
    "logs",
    f"{CLUSTER_FILE}.new",
    "lock",  # of earlier versions
    _DELETED_FILE,
)

Content = Literal["nothing", "cluster", "empty file", "remains", "somebody else's"]
"""What is in a folder: a cluster's file that was cut short before anything was made by it, and what a deletion has left, among it."""


class ClusterFolder:
    """One folder. Who changes it holds its lock, once per object and thread however often it asks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cluster_file = path / CLUSTER_FILE
        self._threads = threading.RLock()
        self._depth = 0

    def content(self) -> Content:
        """Return what is here now."""
        if self.cluster_file.exists():
            is_cut_short = not self.cluster_file.read_bytes().strip() and not self._foreign()
            return "empty file" if is_cut_short else "cluster"
        if (self.path / _DELETED_FILE).exists():
            return "remains"
        return "somebody else's" if self._foreign() else "nothing"

    def require_cluster(self) -> None:
        """Raise LocalClusterError unless a cluster is here; the message says what to do."""
        match self.content():
            case "cluster":
                return
            case "remains":
                raise LocalClusterError(
                    f"the cluster in {self.path} is half deleted: `globetable down --delete-data` removes the rest"
                )
            case "empty file":
                raise LocalClusterError(
                    f"{self.cluster_file} is empty, and nothing was made by it yet: `globetable up` writes it again, "
                    "`globetable down --delete-data` removes it"
                )
            case _:
                raise LocalClusterError(
                    f"no cluster in {self.path}: start one with `globetable up`, or name its folder with --data"
                )

    def require_ours(self) -> None:
        """Raise LocalClusterError unless what is here is a cluster, or what is left of one."""
        if self.content() in ("nothing", "somebody else's"):
            self.require_cluster()

    def make(self, text: str) -> None:
        """Write the file of a new cluster, from which on there is one. Raises LocalClusterError where its data would meet others."""
        if (found := self.content()) == "somebody else's":
            names = " and ".join(self._foreign())
            raise LocalClusterError(
                f"{self.path} has no {CLUSTER_FILE}, but {names}: choose an empty folder with --data, "
                f"or put the {CLUSTER_FILE} back that made them"
            )
        assert found in ("nothing", "empty file"), f"expected no cluster in {self.path}, found {found}"
        write_whole(self.cluster_file, text)

    def delete(self) -> None:
        """Remove all that a cluster wrote here, and the folder unless something else is in it; begun, it is gone for every command."""
        if self.cluster_file.exists():
            self.cluster_file.replace(self.path / _DELETED_FILE)
            sync_folder(self.path)
        for name in _WRITTEN:
            path = self.path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    @contextmanager
    def changing(self, *, create: bool = False, seconds_max: float = LOCK_SECONDS_MAX) -> Iterator[None]:
        """Hold the folder while it or its processes are changed; wait for another command to end. Raises LocalClusterError.

        The lock is the folder's own, so that it takes no space on a full disk and can be had where nothing may be written.
        """
        with self._threads:
            descriptor = self._locked(create, time.monotonic() + seconds_max) if self._depth == 0 else None
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if descriptor is not None:
                    os.close(descriptor)

    def _locked(self, create: bool, deadline: float) -> int:
        while True:
            if create:
                self.path.mkdir(parents=True, exist_ok=True)
            descriptor = self._opened()
            if descriptor is None and not create:
                self.require_cluster()
            if descriptor is not None and self._takes(descriptor):
                return descriptor
            if time.monotonic() > deadline:
                raise LocalClusterError(f"another globetable command is changing {self.path}; wait for it to end")
            pause(_LOCK_POLL_SECONDS)

    def _opened(self) -> int | None:
        try:
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return None

    def _takes(self, descriptor: int) -> bool:
        """Lock an open folder, unless another command has it or has removed it meanwhile; then close it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return False

    def _foreign(self) -> list[str]:
        """Return what lies where a cluster keeps its data, though no cluster has been made here.

        Folders without a file are not in the way: a disk may be mounted for each node before there is a cluster.
        """
        return [name for name in ("nodes", "logs") if any(path.is_file() for path in (self.path / name).rglob("*"))]
