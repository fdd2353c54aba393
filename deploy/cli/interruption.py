"""How a command that starts processes ends when it is told to: once, after it has cleared away what it had begun.

Ctrl-C, SIGTERM and a closed terminal are the same to it. The first raises, wherever the command is; while it clears away, further ones
change nothing.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The command was told to end."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted at the first signal that ends a command, and ignore those that follow. Main thread only."""
    is_told = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal is_told
        if number == signal.SIGHUP:
            _lose_terminal()
        if not is_told:
            is_told = True
            raise Interrupted

    # What is ignored stays so: `nohup` asks that a closed terminal change nothing.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lose_terminal() -> None:
    """Write nowhere from now on: the terminal is gone, and to write to it would fail before anything is cleared away."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
