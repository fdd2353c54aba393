"""A scrub of a partition in one go, for tests, and damage as disks do it."""

from collections.abc import Generator
from typing import Any

from node.storage.engine import Engine, Space
from node.storage.errors import DamagedRecord, DamagedStorage
from node.storage.scrub import SLOTS, areas_of, check_log, check_state, expected_sums, require_sum, slot_sum, strays
from wire.keys import RING_TOKENS, TokenRange

WHOLE = TokenRange(0, RING_TOKENS)


def drained(steps: Generator[int, None, int]) -> int:
    """Run a scrub of a slot to its end; return the sum."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return int(ended.value)


def finding(engine: Engine, partition: int, tokens: TokenRange = WHOLE) -> str | None:
    """Scrub a partition; return what is found first, or None."""
    try:
        with engine.snapshot() as view:
            for stray in strays(view, {partition}):
                return f"stray {stray}"
            list(check_state(view, partition))
            list(check_log(view, partition))
            for area in areas_of(view, partition, tokens):
                sums = expected_sums(view, partition, area)
                for slot in range(SLOTS):
                    require_sum(partition, area, slot, sums, drained(slot_sum(view, partition, tokens, area, slot)))
    except (DamagedRecord, DamagedStorage) as error:
        return str(error)
    return None


def all_rows(engine: Engine) -> list[tuple[Space, bytes, bytes]]:
    """Return every row there is."""
    with engine.snapshot() as view:
        return [(space, key, value) for space in Space for key, value in view.scan(space, b"", None)]


def flipped(data: bytes, bit: int) -> bytes:
    """Return data with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def put_raw(engine: Any, space: Space, key: bytes, value: bytes | None) -> None:
    """Store a row, or remove one, as only a fault would."""
    with engine.transaction() as transaction:
        if value is None:
            transaction.delete(space, key)
        else:
            transaction.put(space, key, value)
