"""How a command that starts processes ends when it is told to: once, after it has cleared away what it had begun.

Ctrl-C, SIGTERM and a closed terminal are the same to it. A signal is only noted when it comes, and raised where the command waits: raised
wherever the command happens to be, it can fall between a process and its entry in the table, or leave a lock behind that a thread waits
for for ever. While the command clears away, further signals change nothing.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The command was told to end."""


class _Told:
    """Whether this process has been told to end since it became interruptible, and whether it has been raised: signals are per process."""

    is_told = False
    is_raised = False


@contextmanager
def interruptible() -> Iterator[None]:
    """Note signals that end a command, for `heed` to raise the first and ignore the others. Main thread only."""
    _Told.is_told = _Told.is_raised = False
    # What is ignored stays so: `nohup` asks that a closed terminal change nothing.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _note) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _Told.is_told = False


def heed() -> None:
    """Raise Interrupted if the command has been told to end and does not end yet."""
    if _Told.is_told and not _Told.is_raised:
        _Told.is_raised = True
        raise Interrupted


def end_undisturbed() -> None:
    """Let no signal interrupt the command any more: it ends, and clears away what it had begun."""
    _Told.is_raised = True


def pause(seconds: float) -> None:
    """Sleep for part of a wait. Raises Interrupted, after at most that long, if the command has been told to end."""
    heed()
    time.sleep(seconds)
    heed()


def _note(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        _lose_terminal()
    _Told.is_told = True


def _lose_terminal() -> None:
    """Write nowhere from now on: the terminal is gone, and to write to it would fail before anything is cleared away."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
