"""Rows of the expiry index: in the order of time, apart from each other, and found when they are due."""

from collections.abc import Callable

import pytest

from node.storage.digests import DigestChanges
from node.storage.engine import Space
from node.storage.errors import DamagedRecord
from node.storage.expiry import (
    Expiry,
    ExpiryIndex,
    ExpiryRow,
    all_rows,
    due_rows,
    remove_expiry,
    store_expiry,
    table_and_generation_of,
)
from node.storage.memory_engine import MemoryEngine
from wire.keys import ItemKey

INDEX = ExpiryIndex(1, 2, 3)


def stored(*rows: tuple[ExpiryIndex, int, int, str]) -> MemoryEngine:
    """Return an engine with rows of (index, region, second, name)."""
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for index, region, second, name in rows:
            store_expiry(transaction, index, Expiry(region, second), key(name), DigestChanges())
    return engine


def key(name: str) -> ItemKey:
    return ItemKey(name.encode(), b"sort")


def due(
    engine: MemoryEngine, until_of: Callable[[int], int], since: int = 0, rows_max: int = 99
) -> list[tuple[int, int, str]]:
    with engine.snapshot() as view:
        found = due_rows(view, INDEX, since, until_of, rows_max)
    return [(expiry.region, expiry.second, item.partition.decode()) for expiry, item in found]


# Two items that expire in the same second each have a row, however long and alike their keys are.
def test_items_of_one_second_do_not_meet() -> None:
    long = b"k" * 1_024
    keys = [ItemKey(b"p", long + b"a"), ItemKey(b"p", long + b"b"), ItemKey(b"p" + long, b"a"), ItemKey(b"", b"p")]
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for each in keys:
            store_expiry(transaction, INDEX, Expiry(1, 7), each, DigestChanges())
        remove_expiry(transaction, INDEX, Expiry(1, 7), keys.pop(), DigestChanges())
    with engine.snapshot() as view:
        assert sorted(all_rows(view, INDEX)) == sorted(ExpiryRow(Expiry(1, 7), each) for each in keys)


# The expirer asks for what is due, the oldest first, and every region has its own time to wait.
def test_due_rows_come_by_region_and_time() -> None:
    engine = stored(
        (INDEX, 1, 30, "c"), (INDEX, 1, 10, "a"), (INDEX, 1, 20, "b"), (INDEX, 9, 10, "x"), (INDEX, 9, 15, "y")
    )
    until = {1: 30, 9: 15}
    assert due(engine, until.__getitem__) == [(1, 10, "a"), (1, 20, "b"), (9, 10, "x")]
    assert due(engine, until.__getitem__, since=11) == [(1, 20, "b")]
    assert due(engine, until.__getitem__, rows_max=2) == [(1, 10, "a"), (1, 20, "b")]
    assert due(engine, lambda region: 0) == []


# Partitions, tables and generations have nothing to do with each other.
def test_indexes_are_apart() -> None:
    others = [ExpiryIndex(0, 2, 3), ExpiryIndex(1, 1, 3), ExpiryIndex(1, 2, 2), ExpiryIndex(1, 2, 4)]
    engine = stored((INDEX, 1, 10, "own"), *((each, 1, 10, "other") for each in others))
    assert due(engine, lambda region: 99) == [(1, 10, "own")]
    with engine.snapshot() as view:
        keys = [stored_key for stored_key, _ in view.scan(Space.EXPIRY, b"", None)]
    assert table_and_generation_of(keys[-1]) == (2, 4)


# A damaged row is reported with its place, not taken for another item's.
def test_damage_is_reported() -> None:
    engine = stored((INDEX, 1, 10, "a"))
    with engine.transaction() as transaction:
        [(stored_key, value)] = list(transaction.scan(Space.EXPIRY, b"", None))
        transaction.put(Space.EXPIRY, stored_key, value[:-1] + b"!")
    with pytest.raises(DamagedRecord, match="expiry row"):
        due(engine, lambda region: 99)
