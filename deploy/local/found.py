"""What runs on a cluster's folder, whoever started it: found among the machine's processes by what they were started with.

A process of ours carries its launch in its environment, and so does all that it starts; one that was started by hand has the cluster
file on its command line. Neither is taken from a file that may be lost, copied to another folder or older than what runs.
"""

import os
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import psutil

from deploy.local.folder import CLUSTER_FILE, PROCESS_FILE
from deploy.local.interruption import pause
from deploy.local.topology import router_name
from wire.launch import launch_of

_POLL_SECONDS: Final = 0.02


class FoundProcess:
    """A process on a folder: its name in the cluster and the token of its launch, empty if it was started by hand."""

    __slots__ = ("metrics", "name", "process", "token")

    def __init__(self, process: psutil.Process, name: str, token: str, metrics: str) -> None:
        self.process = process
        self.name = name
        self.token = token
        self.metrics = metrics


def processes_on(folder: Path) -> dict[str, list[FoundProcess]]:
    """Return all that runs on a folder by name; of what makes up one process of the cluster, its first comes first."""
    found: dict[str, list[FoundProcess]] = {}
    for process in psutil.process_iter():
        if (each := process_on(folder, process)) is not None:
            found.setdefault(each.name, []).append(each)
    return {name: _parents_first(group) for name, group in found.items()}


def process_on(folder: Path, process: psutil.Process) -> FoundProcess | None:
    """Return a process if it runs on a folder; a zombie does not."""
    words = _readable(process)
    # Most of a machine's processes are threads of the kernel: those have no command line, as zombies have none.
    if not words or process.pid == os.getpid():
        return None
    try:
        launch = launch_of(process.environ())
    except psutil.AccessDenied:
        launch = None  # somebody else's: their command line can be read all the same
    except psutil.NoSuchProcess:
        return None
    if launch is not None:
        is_here = _is_same(launch.table, folder / PROCESS_FILE)
        return FoundProcess(process, launch.name, launch.token, _after(words, "--metrics")) if is_here else None
    file = _after(words, "--cluster")
    if not file or not _is_same(Path(file), folder / CLUSTER_FILE):
        return None
    return FoundProcess(process, _name_in(words), "", _after(words, "--metrics"))


def left_after(processes: Iterable[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; return those that have not in time. One that nobody has reaped yet has ended."""
    deadline = time.monotonic() + timeout_seconds
    left = [process for process in processes if _is_alive(process)]
    while left and time.monotonic() < deadline:
        pause(_POLL_SECONDS)
        left = [process for process in left if _is_alive(process)]
    return left


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _parents_first(group: list[FoundProcess]) -> list[FoundProcess]:
    pids = {each.process.pid for each in group}
    return sorted(group, key=lambda each: (_parent(each.process) in pids, each.process.pid))


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return 0


def _readable(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return []


def _is_same(one: Path, other: Path) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def _after(words: Sequence[str], option: str) -> str:
    """Return what follows an option on a command line, or an empty text."""
    return next((value for word, value in pairwise(words) if word == option), "")


def _name_in(words: Sequence[str]) -> str:
    return _after(words, "--node") or router_name(_after(words, "--region"))
