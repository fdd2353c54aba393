"""How long something keeps a thread busy, in CPU time, on a machine of any speed.

Nothing that a node does on its event loop may take more than 20 ms at a time on the machine on which that was decided. Elsewhere a
reference computation in the same run says how long that is here; the least of several measurements is what counts, because a busy machine
only ever adds to them. Half as much again is left to caches and cores that are shared with others.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE_MS = 20.0 * 1.5
REFERENCE_MS = 5.5
"""What the reference took on the machine where 20 ms are 20 ms."""
MEASURED_TIMES = 5


def taken_ms(work: Callable[[], object]) -> float:
    """Return the CPU time of the calling thread, as it would be on the machine of the reference."""
    with _uncollected():
        return min(_compared(lambda: _timed(work)) for _ in range(MEASURED_TIMES))


def longest_turn_ms(begin: Callable[[], Callable[[], bool]]) -> float:
    """Begin, and call what that returns until there is nothing left to do; return how long the longest turn took."""
    with _uncollected():
        return min(_compared(lambda: _longest(begin())) for _ in range(MEASURED_TIMES))


def _compared(measured: Callable[[], float]) -> float:
    """Return a measurement against the reference just before it: neighbours on the same core slow down both."""
    reference = _timed(_reference)
    return measured() * REFERENCE_MS / reference


def _longest(turn: Callable[[], bool]) -> float:
    longest, has_more = 0.0, True
    while has_more:
        began = time.thread_time()
        has_more = turn()
        longest = max(longest, time.thread_time() - began)
    return longest


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector out: here it would walk all that tests have made, which a node does not hold."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _timed(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _reference() -> int:
    return sum(number * number for number in range(100_000))
