"""Items in the engine against a plain sorted model, with long keys and forced hash collisions."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from node.storage import items
from node.storage.engine import Engine
from node.storage.memory_engine import MemoryEngine
from node.storage.records import TOMBSTONE, Record, decode_record, encode_record, flags_and_size
from wire.keys import ItemKey, TokenRange, token_of
from wire.versions import Version

TABLE, INDEX = 3, 0

# Few hashes and few long beginnings, so that most keys share a hash or a stored key with others.
_HASHES = [bytes([first]) + bytes(15) for first in (0, 1, 255)]
_BEGINNINGS = [b"", b"a", b"a" * 488, b"a" * 489, b"a" * 490, b"\xff" * 489, b"a" * 1_023]
_sorts = st.builds(
    lambda beginning, end: (beginning + end)[:1_024], st.sampled_from(_BEGINNINGS), st.binary(max_size=3)
)
_partitions = st.sampled_from([b"p", b"q", b"r" * 2_048])
_keys = st.builds(ItemKey, _partitions, _sorts)


def hash_of(key: ItemKey) -> bytes:
    """Give every partition key but one the same hash."""
    return _HASHES[0] if key.partition == b"q" else _HASHES[1]


class Model:
    """Keep records in a dict and sort when asked: what the real thing must be equal to."""

    def __init__(self) -> None:
        self.records: dict[ItemKey, Record] = {}

    def ordered(self) -> list[Record]:
        return sorted(
            self.records.values(), key=lambda record: (hash_of(record.key), record.key.sort, record.key.partition)
        )

    def of(self, partition: bytes, lower: bytes, upper: bytes | None) -> list[Record]:
        return [
            record
            for record in self.ordered()
            if record.key.partition == partition
            and record.key.sort >= lower
            and (upper is None or record.key.sort < upper)
        ]


_operations = st.lists(st.tuples(st.sampled_from(["store", "store", "remove"]), _keys), max_size=30)


def run(operations: Iterable[tuple[str, ItemKey]]) -> tuple[Engine, Model]:
    engine, model = MemoryEngine(), Model()
    for number, (what, key) in enumerate(operations):
        record = Record(key, Version(number, 1), number, number % 3 == 0, b"body %d" % number)
        present = model.records.get(key)
        with engine.transaction() as transaction:
            if what == "store":
                stored = encode_record(key, record.version, record.size, record.body, record.tombstone)
                former = items.store(transaction, TABLE, INDEX, key, hash_of(key), stored)
                model.records[key] = record
            else:
                former = items.remove(transaction, TABLE, INDEX, key, hash_of(key))
                model.records.pop(key, None)
        # What is counted at apply rests on what went away, wherever it was stored.
        replaced = former.record
        assert (None if replaced is None else decode_record(replaced, former.stored_key)) == present
        if replaced is not None and present is not None:
            assert flags_and_size(replaced) == (int(present.tombstone) * TOMBSTONE, present.size)
    return engine, model


# Whatever shares a stored key, each record is found by its own key and by no other.
@given(_operations, st.lists(_keys, max_size=5))
def test_find_is_the_models(operations: list[tuple[str, ItemKey]], others: list[ItemKey]) -> None:
    engine, model = run(operations)
    with engine.snapshot() as view:
        for key in [*(key for _, key in operations), *others]:
            assert items.find(view, TABLE, INDEX, key, hash_of(key)) == model.records.get(key)


# Query: exact order and exact bounds, in both directions, also for keys longer than a stored key.
@given(_operations, _partitions, _sorts, st.none() | _sorts)
def test_partition_key_scan_is_the_models(
    operations: list[tuple[str, ItemKey]], partition: bytes, lower: bytes, upper: bytes | None
) -> None:
    engine, model = run(operations)
    hashed = hash_of(ItemKey(partition))
    expected = model.of(partition, lower, upper)
    with engine.snapshot() as view:
        for reverse in (False, True):
            found = items.scan_partition_key(
                view, TABLE, INDEX, partition, hashed, lower_sort=lower, upper_sort=upper, reverse=reverse
            )
            assert list(found) == expected[:: -1 if reverse else 1]


# A page ends anywhere; the next begins right behind it and nothing is lost or doubled.
@given(_operations, _partitions, _keys, st.booleans())
def test_partition_key_scan_goes_on_after_any_key(
    operations: list[tuple[str, ItemKey]], partition: bytes, after: ItemKey, reverse: bool
) -> None:
    engine, model = run(operations)
    expected = [
        record
        for record in model.of(partition, b"", None)
        if (record.key.sort < after.sort if reverse else record.key.sort > after.sort)
    ]
    with engine.snapshot() as view:
        found = items.scan_partition_key(
            view, TABLE, INDEX, partition, hash_of(ItemKey(partition)), reverse=reverse, after=after
        )
        assert list(found) == expected[:: -1 if reverse else 1]


# Scan: the same order whatever the page size, so that pages fit together.
@given(_operations, st.integers(1, 4))
def test_token_scan_in_pages_is_the_models(operations: list[tuple[str, ItemKey]], page: int) -> None:
    engine, model = run(operations)
    found: list[Record] = []
    after: items.Position | None = None
    with engine.snapshot() as view:
        while True:
            scan = items.scan_tokens(view, TABLE, INDEX, TokenRange(0, 1 << 64), after)
            taken = [record for record, _ in zip(scan, range(page), strict=False)]
            found += taken
            if len(taken) < page:
                break
            after = (hash_of(taken[-1].key), taken[-1].key)
    assert found == model.ordered()


# Partitions share the ring: each sees its own range only.
@given(_operations, st.integers(0, 1 << 64), st.integers(0, 1 << 64))
def test_token_scan_keeps_to_its_range(operations: list[tuple[str, ItemKey]], one: int, other: int) -> None:
    tokens = TokenRange(*sorted((one, other)))
    engine, model = run(operations)
    with engine.snapshot() as view:
        found = list(items.scan_tokens(view, TABLE, INDEX, tokens))
    assert found == [record for record in model.ordered() if token_of(hash_of(record.key)) in tokens]


# Removing everything must leave nothing behind, or dropped data would come back.
@settings(max_examples=30)
@given(_operations)
def test_removing_all_leaves_an_empty_space(operations: list[tuple[str, ItemKey]]) -> None:
    engine, model = run(operations)
    with engine.transaction() as transaction:
        for key in model.records:
            items.remove(transaction, TABLE, INDEX, key, hash_of(key))
    with engine.snapshot() as view:
        assert not list(items.scan_tokens(view, TABLE, INDEX, TokenRange(0, 1 << 64)))
