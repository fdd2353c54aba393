"""The process table of a local cluster: start, find again after the starter has gone, signal, stop.

The table is a JSON file beside the data. A launch is in it before its process exists, so that whatever runs can be found; a pid counts as
ours only if the process that has it was started on this folder, so a reused or a copied pid is never signalled. A table that is lost or
damaged is made anew from what runs.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from deploy.local.errors import LocalClusterError
from deploy.local.files import write_whole
from deploy.local.folder import PROCESS_FILE
from deploy.local.found import FoundProcess, left_after, process_on, processes_on
from wire.launch import Launch

CREATED_TOLERANCE_SECONDS = 0.01
ORPHAN_SECONDS_MAX = 2.0
# Those that a process does not get to hand on.
_OF_THE_KERNEL = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)


class Started(msgspec.Struct, frozen=True):
    """A process we started: its pid, its creation time in seconds as the kernel tells it, and where it tells metrics and health."""

    pid: int  # 0 from when the launch is noted until the process is: then it is looked for
    created: float
    metrics: str = ""
    booted: float | None = None
    """When the machine was booted, by the clock of then: a clock that is set since moves both times alike."""
    token: str = ""
    """Of the launch; the process ends by itself when the table names it no more."""


class Command(msgspec.Struct, frozen=True):
    """What to start: `python -m arguments...`, and the host:port at which it tells metrics and health, if it does."""

    arguments: Sequence[str]
    metrics: str = ""


class ProcessTable:
    """Named child processes of one data directory, remembered across invocations. Who starts or stops holds the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / PROCESS_FILE
        self._logs = folder / "logs"

    def damage(self) -> str:
        """Return why the table cannot be read, or an empty text; it is then made anew from what runs."""
        try:
            self._read()
        except msgspec.MsgspecError as error:
            return str(error)
        return ""

    def start(self, commands: Mapping[str, Command]) -> list[str]:
        """Start what does not run, each in a session of its own, output appended to its log; return the names of those started.

        Raises OSError when the table or a log cannot be written; nothing runs then that the table or a look at the machine does not find.
        """
        if not commands and self._whole() is not None:
            return []
        self._end_orphans(commands)
        running = processes_on(self._folder)
        wanted = {name: command for name, command in commands.items() if name not in running}
        launches = {name: self._launch(name) for name in wanted}
        noted = {name: Started(0, 0.0, wanted[name].metrics, token=each.token) for name, each in launches.items()}
        # In the table first: from here on a process that is started is found, and one that is not named ends by itself.
        self._write({**self._table(), **_adopted(running), **noted})
        self._logs.mkdir(parents=True, exist_ok=True)
        for name, command in wanted.items():
            pid = self._spawn(command, launches[name])
            noted[name] = _started(pid, noted[name])
        self._write({**self._table(), **noted})
        return list(wanted)

    def running(self, name: str) -> psutil.Process | None:
        """Return the live process of that name, or None if it is gone (a zombie counts as gone)."""
        started = self._table().get(name)
        if started is None:
            return None
        if not started.pid:
            return next((each.process for each in processes_on(self._folder).get(name, [])), None)
        process = _live(started)
        return None if process is None or process_on(self._folder, process) is None else process

    def names(self) -> list[str]:
        """Return the names of all that runs on the folder, whoever started it."""
        return list(processes_on(self._folder))

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
        """Send a signal to a process, and what the kernel carries out to all that it is made of; return False if the process is gone."""
        group = self.parts(name)
        _signal_all(group if number in _OF_THE_KERNEL else group[:1], number)
        if number is signal.SIGKILL:
            # What the first had just started when it was killed.
            _signal_all(self.parts(name), number)
        return bool(group)

    def replace_parts(self, name: str, number: signal.Signals, timeout_seconds: float) -> bool:
        """Ask a process for new processes in place of those that it is made of; return False if they are not there in time."""
        before = self.parts(name)[1:]
        self.send(name, number)
        return not left_after(before, timeout_seconds) and len(self.parts(name)) > len(before)

    def stop(self, names: Sequence[str], timeout_seconds: float) -> list[str]:
        """Ask all to end, wait, then kill what is left; return the names that had to be killed. Raises LocalClusterError if any stays."""
        groups = self._groups(names)
        processes = [process for group in groups.values() for process in group]
        _signal_all(processes, signal.SIGCONT)
        # The first of a group ends the others in their order; one whose first is gone is asked itself.
        _signal_all([group[0] for group in groups.values() if group], signal.SIGTERM)
        left = left_after(processes, timeout_seconds)
        _signal_all(left, signal.SIGKILL)
        left_after(left, timeout_seconds)
        self._require_gone(names)
        return [name for name, group in groups.items() if any(process in left for process in group)]

    def wait_gone(self, name: str, timeout_seconds: float) -> bool:
        """Wait until the process and all that it is made of have ended; return False if they have not in time."""
        return not left_after(self.parts(name), timeout_seconds)

    def log_path(self, name: str) -> Path:
        """Return the path of a process's log."""
        return self._logs / f"{name}.log"

    def last_line(self, name: str) -> str:
        """Return the last line the process wrote, or an empty text."""
        path = self.log_path(name)
        lines = path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines() if path.exists() else []
        return lines[-1] if lines else ""

    def _end_orphans(self, names: Iterable[str]) -> None:
        """End what a process has left behind that was killed: it ends by itself, but not before the next one wants its ports."""
        table, running = self._table(), processes_on(self._folder)
        orphaned = [name for name in names if name in table and _is_orphaned(table[name], running.get(name, []))]
        for name in orphaned:
            _signal_all((each.process for each in running[name]), signal.SIGTERM)
        self.stop(orphaned, ORPHAN_SECONDS_MAX)

    def _launch(self, name: str) -> Launch:
        return Launch(name=name, token=secrets.token_hex(8), table=self._path)

    def _spawn(self, command: Command, launch: Launch) -> int:
        with self.log_path(launch.name).open("ab") as log:
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    *command.arguments,
                    *(["--metrics", command.metrics] if command.metrics else []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **launch.environment()},
            )
        child.returncode = 0  # the table finds it again; without this Python warns that a child was forgotten
        return child.pid

    def parts(self, name: str) -> list[psutil.Process]:
        """Return a process and all that it is made of, whoever started them."""
        return self._groups([name])[name]

    def _groups(self, names: Sequence[str]) -> dict[str, list[psutil.Process]]:
        """Return processes and all that they are made of, whoever started them."""
        found = processes_on(self._folder)
        return {name: [each.process for each in found.get(name, [])] for name in names}

    def _require_gone(self, names: Sequence[str]) -> None:
        left = [process.pid for group in self._groups(names).values() for process in group]
        if left:
            raise LocalClusterError(
                f"still running on {self._folder}: process {', '.join(map(str, left))}; end it as the user who started it"
            )

    def _read(self) -> dict[str, Started] | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Started])
        except FileNotFoundError:
            return None

    def _whole(self) -> dict[str, Started] | None:
        try:
            return self._read()
        except msgspec.MsgspecError:
            return None

    def _table(self) -> dict[str, Started]:
        table = self._whole()
        return _adopted(processes_on(self._folder)) if table is None else table

    def _write(self, table: Mapping[str, Started]) -> None:
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(table), indent=1).decode())


def _adopted(running: Mapping[str, Sequence[FoundProcess]]) -> dict[str, Started]:
    """Return the table of what was found running."""
    return {
        name: _started(group[0].process.pid, Started(0, 0.0, group[0].metrics, token=group[0].token))
        for name, group in running.items()
    }


def _started(pid: int, launch: Started) -> Started:
    try:
        created, booted = psutil.Process(pid).create_time(), psutil.boot_time()
    except psutil.NoSuchProcess:
        created, booted = 0.0, None
    return msgspec.structs.replace(launch, pid=pid, created=created, booted=booted)


def _is_orphaned(started: Started, group: Sequence[FoundProcess]) -> bool:
    """Whether of a launch only those are left that its process had started."""
    return bool(group and started.pid and group[0].token == started.token and group[0].process.pid != started.pid)


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


def _signal_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        _signal(process, number)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        return  # whoever waits for its end says so
