"""The bounds of one page."""

import pytest

from node.partition.reads import TOMBSTONES_PASSED_MAX, PageReader
from node.storage.items import store
from node.storage.memory_engine import MemoryEngine
from node.storage.records import encode_record
from tests.support.partition_items import body, key, table
from wire.commands import Page, Range
from wire.keys import RING_TOKENS, TokenRange, key_hash
from wire.versions import Version

EVERYTHING = TokenRange(0, RING_TOKENS)
QUERY = Range(1, partition_key=key("x").partition)


def deleted(count: int) -> MemoryEngine:
    """Return an engine with so many tombstones in front of one item."""
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for number in range(count):
            place = key("x", f"{number:06}")
            tombstone = encode_record(place, Version(number, 1), 0, b"", tombstone=True)
            store(transaction, 1, 0, place, key_hash(place.partition), tombstone)
        last = key("x", "z")
        store(transaction, 1, 0, last, key_hash(last.partition), encode_record(last, Version(1, 1), 3, body("x", "z")))
    return engine


def page(engine: MemoryEngine, command: Range) -> Page:
    reader = PageReader(command, EVERYTHING)
    with engine.snapshot() as view:
        reader.read(view, table(global_=True), lambda: False, 1 << 20)
    return reader.page()


# A partition key whose million items were deleted yesterday has a million tombstones: a page passes over so many and no more, and says
# where to go on, so that none is ever longer for them than it may be.
@pytest.mark.parametrize("command", [QUERY, Range(1)])
def test_a_page_passes_over_so_many_tombstones(command: Range) -> None:
    engine = deleted(TOMBSTONES_PASSED_MAX)
    first = page(engine, command)
    assert (first.items, first.scanned_count, first.scanned_bytes) == ((), 0, 0)
    assert first.last is not None
    assert first.last.key == key("x", f"{TOMBSTONES_PASSED_MAX - 1:06}")
    rest = page(engine, command._replace(start=first.last))
    assert (rest.items, rest.scanned_count, rest.last) == ((body("x", "z"),), 1, None)


# One fewer is within the bound, and costs nobody another request.
def test_fewer_tombstones_are_passed_over() -> None:
    found = page(deleted(TOMBSTONES_PASSED_MAX - 1), QUERY)
    assert (found.items, found.last) == ((body("x", "z"),), None)


# Backwards the item comes first; the page still ends with the bound, not with the range.
def test_tombstones_count_in_either_direction() -> None:
    found = page(deleted(TOMBSTONES_PASSED_MAX), QUERY._replace(reverse=True))
    assert found.items == (body("x", "z"),)
    assert found.last is not None
    assert found.last.key == key("x", "000000")
