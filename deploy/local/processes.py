"""The process table of a local cluster: start, find again after the starter has gone, signal, stop.

The table is a JSON file beside the data. A pid counts as ours only if the process that has it was created when we started it, so a
reused pid is never signalled.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

CREATED_TOLERANCE_SECONDS = 0.01


class Started(msgspec.Struct, frozen=True):
    """A process we started: its pid, its creation time in seconds as the kernel tells it, and where it tells metrics and health."""

    pid: int
    created: float
    metrics: str = ""
    booted: float | None = None
    """When the machine was booted, by the clock of then: a clock that is set since moves both times alike."""


class ProcessTable:
    """Named child processes of one data directory, remembered across invocations."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "processes.json"
        self._logs = folder / "logs"

    def check(self) -> None:
        """Raise ValueError if the table cannot be read."""
        try:
            self._table()
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None

    def start(self, name: str, arguments: Sequence[str], metrics: str = "") -> int:
        """Start `python -m arguments...` in a session of its own, output appended to the log; return its pid.

        `metrics` is the host:port at which it tells metrics and health, if it does.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        with self.log_path(name).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", *arguments, *(["--metrics", metrics] if metrics else [])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        child.returncode = 0  # the table finds it again; without this Python warns that a child was forgotten
        self._remember(name, _started(child.pid, metrics))
        return child.pid

    def running(self, name: str) -> psutil.Process | None:
        """Return the live process of that name, or None if it is gone (a zombie counts as gone)."""
        started = self._table().get(name)
        return None if started is None else _live(started)

    def metrics(self, name: str) -> str:
        """Return the host:port at which the process tells metrics and health, or told when it last ran; empty if it never did."""
        started = self._table().get(name)
        return "" if started is None else started.metrics

    def is_paused(self, name: str) -> bool:
        """Whether the process is stopped by SIGSTOP."""
        process = self.running(name)
        return process is not None and process.status() == psutil.STATUS_STOPPED

    def age_seconds(self, name: str) -> float | None:
        """Return how long the process has run, or None if it is gone."""
        process = self.running(name)
        return None if process is None else time.time() - process.create_time()

    def send(self, name: str, number: signal.Signals) -> bool:
        """Send a signal; return False if the process is gone."""
        process = self.running(name)
        if process is None:
            return False
        process.send_signal(number)
        return True

    def stop(self, names: Sequence[str], timeout_seconds: float) -> list[str]:
        """Ask all to end, wait, then kill what is left; return the names that had to be killed."""
        processes = {name: process for name in names if (process := self.running(name)) is not None}
        for process in processes.values():
            _signal(process, signal.SIGCONT)
            _signal(process, signal.SIGTERM)
        _, left = psutil.wait_procs(list(processes.values()), timeout=timeout_seconds)
        for process in left:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(left, timeout=timeout_seconds)
        left_pids = {process.pid for process in left}
        return [name for name, process in processes.items() if process.pid in left_pids]

    def wait_gone(self, name: str, timeout_seconds: float) -> bool:
        """Wait until the process has ended; return False if it has not in time."""
        process = self.running(name)
        if process is None:
            return True
        return not psutil.wait_procs([process], timeout=timeout_seconds)[1]

    def log_path(self, name: str) -> Path:
        """Return the path of a process's log."""
        return self._logs / f"{name}.log"

    def last_line(self, name: str) -> str:
        """Return the last line the process wrote, or an empty text."""
        path = self.log_path(name)
        lines = path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines() if path.exists() else []
        return lines[-1] if lines else ""

    def _table(self) -> dict[str, Started]:
        if not self._path.exists():
            return {}
        return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Started])

    def _remember(self, name: str, started: Started) -> None:
        table = {**self._table(), name: started}
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(msgspec.to_builtins(table), indent=1))
        fresh.replace(self._path)


def _started(pid: int, metrics: str) -> Started:
    try:
        return Started(pid, psutil.Process(pid).create_time(), metrics, psutil.boot_time())
    except psutil.NoSuchProcess:
        return Started(pid, 0.0, metrics)


def _live(started: Started) -> psutil.Process | None:
    try:
        process = psutil.Process(started.pid)
        moved = 0.0 if started.booted is None else psutil.boot_time() - started.booted
        created = process.create_time()
        same = min(abs(created - started.created), abs(created - started.created - moved)) < CREATED_TOLERANCE_SECONDS
        if same and process.status() == psutil.STATUS_ZOMBIE:
            _reap(started.pid)
            return None
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # another process started it and reaps it


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
