"""Carries out what the core says: starts processes, hands sockets down, hears signals and ends. Blocks in one place, without a loop."""

import fcntl
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from router.parent.core import Drain, Effect, Exit, Kill, Parent, Place, Say, Spawn, Terminate
from router.parent.line import (
    CANNOT_START,
    DRAIN,
    HTTP_DESCRIPTOR,
    LINE_DESCRIPTOR,
    METRICS_DESCRIPTOR,
    READY,
    WORDS_BYTES_MAX,
)
from wire.launch import LOOK_SECONDS, LaunchWatch, launch_of
from wire.telemetry import EventLog

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
RESTART_SIGNAL: Final = signal.SIGUSR1
_DESCRIPTOR_MIN: Final = 32

_log = EventLog(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A place, what its processes are told on their command line, and the sockets that they inherit."""

    place: Place
    arguments: Sequence[str]
    http: socket.socket | None = None
    metrics: socket.socket | None = None


class ParentProcess:
    """Keep processes until a signal ends them all. One per process: it owns signals and children."""

    def __init__(self, serving: Sequence[Serving]) -> None:
        self._serving = {each.place.name: each for each in serving}
        self._core = Parent([each.place for each in serving])
        self._lines: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._signals, signalled = socket.socketpair()
        self._signals.setblocking(False)
        signalled.setblocking(False)
        self._signalled = signalled  # kept open: signals write there
        self._selector.register(self._signals, selectors.EVENT_READ)
        launch = launch_of(os.environ)
        self._watch = None if launch is None else LaunchWatch(launch)
        self._look_at = time.monotonic()
        self._status: int | None = None
        self.reason = ""
        """What the last process that could not start has said."""

    def run(self) -> int:
        """Start everything and keep it; return the exit status when all has ended."""
        signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        for number in (*_STOP_SIGNALS, RESTART_SIGNAL, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # what has come is read from the socket
        self._do(self._core.begin())
        while self._status is None:
            self._heed(self._selector.select(self._timeout()))
            self._do(self._core.tick(time.monotonic()))
            self._look()
        return self._status

    def _timeout(self) -> float | None:
        due = [at for at in (self._core.due(), self._look_at if self._watch else None) if at is not None]
        return max(min(due) - time.monotonic(), 0.0) if due else None

    def _look(self) -> None:
        """End if the cluster that this router was started for knows it no more."""
        if self._watch is None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        if self._watch.is_disowned():
            self._watch = None
            _log.warning("launch_disowned")
            self._do(self._core.stop(time.monotonic()))

    def _heed(self, events: Sequence[tuple[selectors.SelectorKey, int]]) -> None:
        # Lines first, and once more when a process is reaped: what it said before it ended counts.
        for key, _ in events:
            if key.data is not None:
                self._hear(key.data)
        self._heed_signals()

    def _heed_signals(self) -> None:
        try:
            numbers = set(self._signals.recv(4096))
        except BlockingIOError:
            return
        if numbers & set(_STOP_SIGNALS):
            self._do(self._core.stop(time.monotonic()))
        elif RESTART_SIGNAL in numbers:
            self._do(self._core.restart(time.monotonic()))
        self._reap()

    def _hear(self, pid: int) -> None:
        try:
            words = self._lines[pid].recv(WORDS_BYTES_MAX)
        except OSError:
            words = b""
        said, is_failure, reason = words.partition(CANNOT_START)
        if is_failure:
            self.reason = reason.decode(errors="replace")
        if READY in said:
            self._do(self._core.ready(pid, time.monotonic()))
        if not words:
            self._unregister(self._lines[pid])

    def _reap(self) -> None:
        """Take note of every process that has ended; as the first process of a container also of those that nobody else waits for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._lines:
                self._hear(pid)
                self._close(pid)
            self._do(self._core.ended(pid, os.waitstatus_to_exitcode(status), time.monotonic()))

    def _close(self, pid: int) -> None:
        line = self._lines.pop(pid)
        self._unregister(line)
        line.close()

    def _unregister(self, line: socket.socket) -> None:
        if line in self._selector.get_map():
            self._selector.unregister(line)

    def _do(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Spawn():
                    self._start(effect)
                case Drain(pid):
                    self._say(pid, DRAIN)
                case Terminate(pid):
                    _signal(pid, signal.SIGTERM)
                case Kill(pid):
                    _signal(pid, signal.SIGKILL)
                case Say(event, fields):
                    log = _log.error if event.endswith(("ended", "failed")) else _log.info
                    log(event, **fields)
                case Exit(status):
                    self._status = status

    def _say(self, pid: int, word: bytes) -> None:
        with suppress(KeyError, OSError):  # it is ending already
            self._lines[pid].send(word)

    def _start(self, spawn: Spawn) -> None:
        try:
            pid = self._spawn(spawn)
        except OSError as error:
            self._do(self._core.unspawned(spawn, str(error), time.monotonic()))
        else:
            self._core.spawned(spawn, pid, time.monotonic())

    def _spawn(self, spawn: Spawn) -> int:
        serving = self._serving[spawn.place.name]
        mine, theirs = socket.socketpair()
        handed = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_MIN)
        sockets = [(handed, LINE_DESCRIPTOR)]
        sockets += [(serving.http.fileno(), HTTP_DESCRIPTOR)] if serving.http is not None else []
        sockets += [(serving.metrics.fileno(), METRICS_DESCRIPTOR)] if serving.metrics is not None else []
        words = [sys.executable, "-m", "router.serve", *serving.arguments, *(["--succeeds"] if spawn.succeeds else [])]
        try:
            pid = os.posix_spawn(
                sys.executable, words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, *each) for each in sockets]
            )
        finally:
            os.close(handed)
            theirs.close()
        mine.setblocking(False)
        self._lines[pid] = mine
        self._selector.register(mine, selectors.EVENT_READ, pid)
        return pid


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
