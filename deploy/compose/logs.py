"""What containers logged, and what they log: one `docker logs` per container, read by a thread of its own.

A follower ends with its container and is begun again from the last line it showed, so that a restart loses no line and repeats none.
"""

import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from deploy.compose.engine import Engine

LINES_WAITING_MAX: Final = 1_000  # readers wait while this many lines are not yet shown
_RESTART_SECONDS: Final = 0.5
_CENTURY: Final = "2"  # what begins otherwise is no time, but the engine saying that the container is gone


class LogReader:
    """Read the logs of containers, given by name and id."""

    def __init__(self, engine: Engine, ids: Mapping[str, str]) -> None:
        self._engine = engine
        self._ids = ids
        self._lines: queue.Queue[tuple[str, bytes]] = queue.Queue(LINES_WAITING_MAX)
        self._ended = threading.Event()
        self._followers: dict[str, subprocess.Popen[bytes]] = {}

    def read(self, lines: int, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """Yield the last `lines` of each, and what follows until the iterator is closed."""
        last = dict.fromkeys(self._ids, "")
        for name in self._ids:
            for time, line in self._tail(name, max(lines, 1)):
                last[name] = time
                if lines:
                    yield name, line
        if follow:
            yield from self._followed(last)

    def _tail(self, name: str, lines: int) -> Iterator[tuple[str, bytes]]:
        # A process logs to one of its outputs or the other, and the engine keeps them apart.
        found = self._engine.run("logs", "--timestamps", "--tail", str(lines), self._ids[name], errors_too=True)
        return map(_timed, found.splitlines())

    def _followed(self, last: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        threads = [threading.Thread(target=self._follow, args=each, daemon=True) for each in last.items()]
        try:
            for thread in threads:
                thread.start()
            while True:
                yield self._lines.get()
        finally:
            self._ended.set()
            for follower in list(self._followers.values()):
                follower.terminate()

    def _follow(self, name: str, last: str) -> None:
        while not self._ended.is_set():
            since = ("--since", last) if last else ()
            with self._engine.begin("logs", "--timestamps", "--follow", *since, self._ids[name]) as follower:
                self._followers[name] = follower
                if self._ended.is_set():
                    follower.terminate()
                assert follower.stdout is not None
                for time, line in map(_timed, follower.stdout):
                    if time.startswith(_CENTURY) and time > last:
                        last = time
                        self._put(name, line)
            self._ended.wait(_RESTART_SECONDS)

    def _put(self, name: str, line: bytes) -> None:
        while not self._ended.is_set():
            with suppress(queue.Full):
                self._lines.put((name, line), timeout=_RESTART_SECONDS)
                return


def _timed(line: bytes) -> tuple[str, bytes]:
    time, _, text = line.rstrip(b"\r\n").partition(b" ")
    return time.decode(errors="replace"), text
