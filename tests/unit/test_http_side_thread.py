"""The thread beside the event loop: whose turn it is, what is too much, what is left behind."""

import asyncio
import threading
from typing import Any

import pytest

from router.http.side_thread import TEXTS_BYTES_MAX, SideThread
from tests.support.clock import ManualClock
from wire.errors import ErrorCode, StoreError


def _side(**clock: Any) -> SideThread:
    return SideThread(ManualClock(**clock))


# Work runs elsewhere, one piece after the other, and what it raises is raised here.
async def test_work_is_done_in_one_other_thread() -> None:
    side = _side()
    seen = {await side.run(1e9, threading.get_ident) for _ in range(5)}
    assert len(seen) == 1
    assert seen != {threading.get_ident()}
    with pytest.raises(ZeroDivisionError):
        await side.run(1e9, lambda: 1 // 0)


# A request whose time is up when its turn comes is not worked on.
async def test_what_waited_too_long_is_given_up() -> None:
    with pytest.raises(StoreError) as caught:
        await _side().run(-1.0, lambda: pytest.fail("worked on"))
    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED


# What is here is bounded; one request is let in whatever its size, and what leaves makes room.
async def test_too_much_is_throttled() -> None:
    side = _side()
    with side.admitted(TEXTS_BYTES_MAX + 1, []):
        with pytest.raises(StoreError) as caught, side.admitted(1, []):
            pytest.fail("let in")
        assert caught.value.code is ErrorCode.THROTTLING
    await side.run(1e9, int)
    await asyncio.sleep(0)
    with side.admitted(1, []):
        pass


# Values are let go of where they were made, a part at a time, so that nobody waits for a million of them.
async def test_values_are_taken_apart() -> None:
    side, inner, members = _side(), {"a": [1]}, [[1]] * 10_000
    values: list[Any] = [{"x": inner, "y": members}]
    with side.admitted(1, values):
        pass
    await side.run(1e9, int)
    assert (values, inner, members) == ([], {}, [])
