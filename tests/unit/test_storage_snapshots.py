"""A partition's data leaves in chunks and arrives whole."""

import pytest

from node.storage import items
from node.storage.batch import WriteBatch
from node.storage.engine import Engine, Space
from node.storage.errors import DamagedRecord
from node.storage.layout import change_key, log_key, state_key
from node.storage.memory_engine import MemoryEngine
from node.storage.records import encode_record
from node.storage.sealed import sealed
from node.storage.snapshots import (
    Chunk,
    begin_install_to,
    chunks,
    clear_step,
    decode_chunk,
    encode_chunk,
    finish_install_to,
    install_to,
    interrupted_install,
    partition_rows,
    read_chunk,
)
from tests.support.storage import commit, put_all
from wire.keys import ItemKey, TokenRange, key_hash, token_of
from wire.versions import Version

HALF = 1 << 63
LOWER, UPPER = TokenRange(0, HALF), TokenRange(HALF, 1 << 64)


def filled() -> MemoryEngine:
    """Fill two partitions (4: the lower tokens, 5: the upper ones) with everything a partition owns, and more."""
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for table, index in ((1, 0), (1, 2), (9, 0), ((1 << 32) - 1, 0)):
            for number in range(40):
                key = ItemKey(b"p%d" % number, b"s" * (number * 20))
                record = encode_record(key, Version(number, 1), 10, b"body" * number)
                items.store(transaction, table, index, key, key_hash(key.partition), record)
    for partition in (4, 5):
        changes = [change_key(partition, 1, number) for number in range(9)]
        put_all(engine, {key: sealed(b"change", key) for key in changes}, Space.CHANGES)
        put_all(engine, {log_key(partition, number): b"entry" for number in range(9)}, Space.LOG)
        names = ("cursor/us-east-1", "local/hard_state", "local/applied", "sequence")
        states = {state_key(partition, name): name.encode() for name in names}
        put_all(engine, {key: sealed(value, key) for key, value in states.items()}, Space.STATE)
    return engine


def rows_of(engine: Engine, partition: int, tokens: TokenRange) -> list[tuple[Space, bytes, bytes]]:
    with engine.snapshot() as view:
        return list(partition_rows(view, partition, tokens))


# A snapshot holds all that the partition owns, of every table, and nothing of its neighbour or of its own promises.
def test_rows_are_what_the_partition_owns() -> None:
    rows = rows_of(filled(), 4, LOWER)
    item_keys = [key for space, key, _ in rows if space == Space.ITEMS]
    numbers = [number for number in range(40) if token_of(key_hash(b"p%d" % number)) in LOWER]
    assert len(item_keys) == 4 * len(numbers)
    assert all(token_of(key[6:22]) in LOWER for key in item_keys)
    assert [key for space, key, _ in rows if space == Space.CHANGES] == [change_key(4, 1, n) for n in range(9)]
    assert [key[4:] for space, key, _ in rows if space == Space.STATE] == [b"cursor/us-east-1", b"sequence"]
    assert len(rows) == len(item_keys) + 9 + 2


# Chunks of any size hold the same rows in the same order; each is bounded unless one row alone is larger.
@pytest.mark.parametrize("bytes_max", [1, 100, 5_000, 1 << 20])
def test_chunks_are_bounded_and_complete(bytes_max: int) -> None:
    engine = filled()
    with engine.snapshot() as view:
        found = list(chunks(view, 4, LOWER, bytes_max))
    assert [row for chunk in found for row in chunk.rows] == rows_of(engine, 4, LOWER)
    assert [chunk.is_last for chunk in found] == [False] * (len(found) - 1) + [True]
    for chunk in found:
        assert len(chunk.rows) == 1 or sum(len(key) + len(value) for _, key, value in chunk.rows) <= bytes_max


# A reader that lost its view goes on from a position in a new one.
def test_reading_goes_on_from_a_position() -> None:
    engine = filled()
    with engine.snapshot() as view:
        first = read_chunk(view, 4, LOWER, None, 3_000)
    with engine.snapshot() as view:
        second = read_chunk(view, 4, LOWER, first.position, 1 << 20)
    assert [*first.rows, *second.rows] == rows_of(engine, 4, LOWER)


# A partition without data still has a snapshot.
def test_empty_partition_has_one_empty_chunk() -> None:
    with MemoryEngine().snapshot() as view:
        assert list(chunks(view, 4, LOWER, 100)) == [Chunk((), True)]


# Chunks cross the network; damage on the way must be seen.
def test_chunk_survives_encoding_and_damage_is_found() -> None:
    with filled().snapshot() as view:
        chunk = read_chunk(view, 5, UPPER, None, 2_000)
    encoded = encode_chunk(chunk)
    assert decode_chunk(encoded) == chunk
    assert decode_chunk(encode_chunk(Chunk((), True))) == Chunk((), True)
    for position in range(0, len(encoded), 7):
        damaged = bytearray(encoded)
        damaged[position] ^= 1
        with pytest.raises(DamagedRecord, match="chunk"):
            decode_chunk(bytes(damaged))
    with pytest.raises(DamagedRecord):
        decode_chunk(encoded[:4])


# Clearing goes in bounded steps and spares the neighbour, the log and the replica's own state.
def test_clearing_is_bounded_and_spares_the_rest() -> None:
    engine = filled()
    neighbour, total = rows_of(engine, 5, UPPER), len(rows_of(engine, 4, LOWER))
    counts = []
    while not counts or counts[-1] == 25:
        counts.append(engine.write(lambda transaction: clear_step(transaction, 4, LOWER, 25)))
    assert sum(counts) == total
    assert rows_of(engine, 4, LOWER) == []
    assert rows_of(engine, 5, UPPER) == neighbour
    with engine.snapshot() as view:
        assert view.get(Space.STATE, state_key(4, "local/hard_state")) is not None
        assert view.get(Space.LOG, log_key(4, 3)) == b"entry"


# What was taken from one engine and put into another is the same partition.
def test_installed_partition_equals_its_source() -> None:
    source, target = filled(), MemoryEngine()
    with source.snapshot() as view:
        for chunk in chunks(view, 4, LOWER, 1_000):
            batch = WriteBatch()
            install_to(batch, 4, LOWER, decode_chunk(encode_chunk(chunk)))
            commit(target, batch)
    assert rows_of(target, 4, LOWER) == rows_of(source, 4, LOWER)


# A confused sender must not write into other partitions, nor into a replica's promises.
@pytest.mark.parametrize(
    ("space", "key"),
    [
        (Space.ITEMS, b"\0\0\0\1\0\0" + b"\xff" * 16),
        (Space.CHANGES, change_key(5, 1, 1)),
        (Space.STATE, state_key(5, "sequence")),
        (Space.STATE, state_key(4, "local/hard_state")),
        (Space.LOG, log_key(4, 1)),
    ],
)
def test_rows_of_others_are_refused(space: Space, key: bytes) -> None:
    batch = WriteBatch()
    chunk = Chunk(((Space.STATE, state_key(4, "sequence"), b"v"), (space, key, b"v")), True)
    with pytest.raises(DamagedRecord, match="partition 4 does not own the row"):
        install_to(batch, 4, LOWER, chunk)
    assert not batch.operations


# A crash half way must be noticed at the next start, and clearing must not wipe out the mark.
def test_interrupted_installation_is_remembered() -> None:
    engine = filled()
    batch = WriteBatch()
    begin_install_to(batch, 4, b"snapshot at 99")
    commit(engine, batch)
    engine.write(lambda transaction: clear_step(transaction, 4, LOWER, 1 << 20))
    with engine.snapshot() as view:
        assert interrupted_install(view, 4) == b"snapshot at 99"
        assert interrupted_install(view, 5) is None
    batch = WriteBatch()
    finish_install_to(batch, 4)
    commit(engine, batch)
    with engine.snapshot() as view:
        assert interrupted_install(view, 4) is None
