"""The contract of `node.storage.engine`, kept by the engine on LMDB and by its fake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.storage.engine import Engine, Space, Transaction
from node.storage.errors import StorageFull
from node.storage.lmdb_engine import LmdbEngine, LmdbSpec
from node.storage.memory_engine import MemoryEngine
from tests.support.storage import IDENTITY, put_all


@pytest.fixture(params=["lmdb", "memory"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine = LmdbEngine(tmp_path, IDENTITY) if request.param == "lmdb" else MemoryEngine()
    yield made
    made.close()


@pytest.fixture(params=["lmdb", "memory"])
def small_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine
    if request.param == "lmdb":
        made = LmdbEngine(tmp_path, IDENTITY, LmdbSpec(map_bytes=1 << 18, map_bytes_max=1 << 19))
    else:
        made = MemoryEngine(bytes_max=1 << 19)
    yield made
    made.close()


def rows(engine: Engine, lower: bytes = b"", upper: bytes | None = None, reverse: bool = False) -> list[bytes]:
    with engine.snapshot() as view:
        return [key for key, _ in view.scan(Space.ITEMS, lower, upper, reverse)]


# The simplest promise: what was put is found, byte for byte, and only in its own space.
def test_put_is_found_in_its_space_only(engine: Engine) -> None:
    engine.write(lambda transaction: transaction.put(Space.LOG, b"k", b"v\x00"))
    with engine.snapshot() as view:
        assert view.get(Space.LOG, b"k") == b"v\x00"
        assert view.get(Space.ITEMS, b"k") is None


# Values may be empty, and an empty value is not a missing one.
def test_empty_value_is_a_value(engine: Engine) -> None:
    put_all(engine, {b"k": b""})
    with engine.snapshot() as view:
        assert view.get(Space.ITEMS, b"k") == b""
        assert list(view.scan(Space.ITEMS, b"", None)) == [(b"k", b"")]


# Callers page by half-open ranges in both directions; the edges are where off-by-one lives.
@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        (b"", None, [b"a", b"b", b"b\x00", b"d"]),
        (b"b", b"d", [b"b", b"b\x00"]),
        (b"b", b"b\x00", [b"b"]),
        (b"b\x00", b"c", [b"b\x00"]),
        (b"c", b"d", []),
        (b"c", None, [b"d"]),
        (b"e", None, []),
        (b"d", b"a", []),
        (b"b", b"b", []),
        (b"a", b"\xff" * 512, [b"a", b"b", b"b\x00", b"d"]),
    ],
)
def test_scan_is_half_open_both_ways(engine: Engine, lower: bytes, upper: bytes | None, expected: list[bytes]) -> None:
    put_all(engine, {b"a": b"1", b"b": b"2", b"b\x00": b"3", b"d": b"4"})
    assert rows(engine, lower, upper) == expected
    assert rows(engine, lower, upper, reverse=True) == expected[::-1]


# A space without any rows has no first and no last row to start from.
def test_scan_of_nothing_yields_nothing(engine: Engine) -> None:
    assert rows(engine) == []
    assert rows(engine, b"a", b"b", reverse=True) == []


# A read that began before a write must not see it, however long it takes.
def test_snapshot_does_not_see_later_writes(engine: Engine) -> None:
    put_all(engine, {b"a": b"old", b"b": b"old"})
    with engine.snapshot() as view:
        scan = view.scan(Space.ITEMS, b"", None)
        assert next(scan) == (b"a", b"old")
        engine.write(lambda transaction: transaction.delete(Space.ITEMS, b"b"))
        put_all(engine, {b"a": b"new", b"c": b"new"})
        assert list(scan) == [(b"b", b"old")]
        assert view.get(Space.ITEMS, b"a") == b"old"
    assert rows(engine) == [b"a", b"c"]


# Read-modify-write in one transaction (bucket merges) rests on this.
def test_transaction_sees_its_own_writes(engine: Engine) -> None:
    put_all(engine, {b"a": b"1", b"b": b"2", b"c": b"3"})
    with engine.transaction() as transaction:
        transaction.put(Space.ITEMS, b"bb", b"4")
        transaction.delete(Space.ITEMS, b"b")
        assert transaction.get(Space.ITEMS, b"bb") == b"4"
        assert transaction.get(Space.ITEMS, b"b") is None
        assert [key for key, _ in transaction.scan(Space.ITEMS, b"", None)] == [b"a", b"bb", b"c"]
        assert [key for key, _ in transaction.scan(Space.ITEMS, b"", b"c", reverse=True)] == [b"bb", b"a"]


# A transaction that fails half way must leave nothing behind.
def test_exception_voids_the_transaction(engine: Engine) -> None:
    def body(transaction: Transaction) -> None:
        transaction.put(Space.ITEMS, b"a", b"1")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"), engine.transaction() as transaction:
        body(transaction)
    with pytest.raises(RuntimeError, match="half way"):
        engine.write(body)
    assert rows(engine) == []


# Commands and retries delete what may be gone already.
def test_deleting_a_missing_key_is_no_error(engine: Engine) -> None:
    engine.write(lambda transaction: transaction.delete(Space.ITEMS, b"nothing"))


# Dropping a partition is done in bounded steps; the count says when it is finished.
def test_delete_range_is_bounded_and_counts(engine: Engine) -> None:
    put_all(engine, {bytes([letter]): b"v" for letter in b"abcdef"})
    assert engine.write(lambda transaction: transaction.delete_range(Space.ITEMS, b"b", b"e", 2)) == 2
    assert rows(engine) == [b"a", b"d", b"e", b"f"]
    assert engine.write(lambda transaction: transaction.delete_range(Space.ITEMS, b"b", b"e", 2)) == 1
    assert engine.write(lambda transaction: transaction.delete_range(Space.ITEMS, b"b", b"e", 2)) == 0
    assert engine.write(lambda transaction: transaction.delete_range(Space.ITEMS, b"e", None, 9)) == 2
    assert rows(engine) == [b"a"]


# Deleting to the very end of a space walks off its last page.
def test_delete_range_of_everything(engine: Engine) -> None:
    put_all(engine, {b"%04d" % number: b"v" * 100 for number in range(1_000)})
    assert engine.write(lambda transaction: transaction.delete_range(Space.ITEMS, b"", None, 5_000)) == 1_000
    assert rows(engine) == []


# `write` hands back what its body found.
def test_write_returns_the_result_of_its_body(engine: Engine) -> None:
    put_all(engine, {b"a": b"1"})
    assert engine.write(lambda transaction: transaction.get(Space.ITEMS, b"a")) == b"1"


# Closing a view twice happens when an error path and a with block meet.
def test_closing_a_snapshot_twice_is_closing_it_once(engine: Engine) -> None:
    view = engine.snapshot()
    view.close()
    view.close()
    with engine.snapshot() as other:
        assert other.get(Space.ITEMS, b"a") is None


# Keys that the store cannot hold are mistakes of the layout, found at once and not at commit.
@pytest.mark.parametrize("key", [b"", b"k" * 512])
def test_keys_outside_the_limit_are_refused(engine: Engine, key: bytes) -> None:
    with pytest.raises(AssertionError, match="1 to 511 bytes"), engine.transaction() as transaction:
        transaction.put(Space.ITEMS, key, b"v")


# Metrics and capacity decisions read these.
def test_usage_grows_with_data(engine: Engine) -> None:
    before = engine.usage()
    put_all(engine, {b"%04d" % number: b"v" * 1_000 for number in range(100)})
    after = engine.usage()
    assert after.used_bytes >= before.used_bytes + 100_000
    assert after.map_bytes >= after.used_bytes
    assert after.disk_free_bytes > 0


# A bounded engine says that it is full, keeps what it has, and goes on once there is room.
def test_full_engine_refuses_whole_and_keeps_reading(small_engine: Engine) -> None:
    put_all(small_engine, {b"a": b"kept"})
    with pytest.raises(StorageFull):
        put_all(small_engine, {b"%04d" % number: b"v" * 1_000 for number in range(1_000)})
    with small_engine.snapshot() as view:
        assert list(view.scan(Space.ITEMS, b"", None)) == [(b"a", b"kept")]
    put_all(small_engine, {b"b": b"fits"})
    assert rows(small_engine) == [b"a", b"b"]
