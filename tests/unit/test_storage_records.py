"""Stored records: their form on disk, and damage that must never be served."""

import pytest

from node.storage import items
from node.storage.engine import Space
from node.storage.errors import DamagedRecord
from node.storage.layout import item_key
from node.storage.memory_engine import MemoryEngine
from node.storage.records import (
    Record,
    decode_bucket,
    decode_record,
    encode_bucket,
    encode_record,
    is_bucket,
    key_in,
)
from tests.support.storage import put_all
from wire.keys import ItemKey
from wire.versions import Version

KEY = ItemKey(b"partition", b"sort")
RECORD = Record(KEY, Version(1 << 40, 3), 57, False, b'{"a":{"S":"b"}}')
HASH = bytes(16)


def encoded(record: Record) -> bytes:
    return encode_record(record.key, record.version, record.size, record.body, record.tombstone)


# Records are on disk: the form may only be added to. Written out here so that a change is seen.
def test_record_has_the_form_that_is_on_disk() -> None:
    expected = "0100" + "f0850630" + "0000010000000000" + "0003" + "00000039" + "0009" + "0004"
    assert encoded(RECORD) == bytes.fromhex(expected) + b"partition" + b"sort" + b'{"a":{"S":"b"}}'


# Everything a record says survives, at the limits of DynamoDB as well.
@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        Record(ItemKey(b"p"), Version(0, 0), 0, True, b""),
        Record(
            ItemKey(b"p" * 2_048, b"s" * 1_024), Version((1 << 64) - 1, (1 << 16) - 1), 409_600, False, b"x" * 409_600
        ),
    ],
)
def test_record_survives_encoding(record: Record) -> None:
    stored = encoded(record)
    assert decode_record(stored) == record
    assert key_in(stored) == record.key
    assert not is_bucket(stored)


# A flipped bit anywhere, in the header, the key, the body or the checksum itself, is found.
def test_every_flipped_bit_is_found() -> None:
    stored = encoded(RECORD)
    for position in range(len(stored) * 8):
        damaged = bytearray(stored)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(DamagedRecord):
            decode_record(bytes(damaged))


# So is a record that was cut off, or that has something behind it.
def test_cut_and_extended_records_are_found() -> None:
    stored = encoded(RECORD)
    for end in range(len(stored)):
        with pytest.raises(DamagedRecord):
            decode_record(stored[:end])
    with pytest.raises(DamagedRecord):
        decode_record(stored + b"\0")


# Records that share a stored key come back one by one, in order.
def test_bucket_survives_encoding() -> None:
    members = [encoded(RECORD._replace(body=b"x" * count)) for count in range(4)]
    assert is_bucket(encode_bucket(members))
    assert decode_bucket(encode_bucket(members)) == members


# No flipped bit in a bucket may serve a wrong record or lose one.
def test_every_flipped_bit_in_a_bucket_is_found() -> None:
    members = [encoded(RECORD._replace(body=b"x" * count)) for count in range(2)]
    stored = encode_bucket(members)
    for position in range(len(stored) * 8):
        damaged = bytearray(stored)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(DamagedRecord):
            [decode_record(member) for member in decode_bucket(bytes(damaged))]


# An operator has to know which table and key are damaged.
def test_damage_is_reported_with_table_and_key() -> None:
    engine = MemoryEngine()
    stored_key, _ = item_key(12, 3, HASH, KEY.sort)
    put_all(engine, {stored_key: encoded(RECORD)[:-1] + b"?"})
    with engine.snapshot() as view:
        with pytest.raises(DamagedRecord, match=f"table 12 index 3 stored key {stored_key.hex()}"):
            items.find(view, 12, 3, KEY, HASH)
        with pytest.raises(DamagedRecord, match="table 12 index 3"):
            list(items.scan_partition_key(view, 12, 3, KEY.partition, HASH))


# A damaged record is repaired by writing it again, which must not stumble over the damage.
def test_damaged_record_is_replaced_by_a_new_one() -> None:
    engine = MemoryEngine()
    stored_key, _ = item_key(1, 0, HASH, KEY.sort)
    put_all(engine, {stored_key: encoded(RECORD)[:-1] + b"?"})
    engine.write(lambda transaction: items.store(transaction, 1, 0, KEY, HASH, encoded(RECORD)))
    with engine.snapshot() as view:
        assert items.find(view, 1, 0, KEY, HASH) == RECORD


# The same with damage in the stored key's own copy of the item key, where it looks like another item's record.
def test_record_with_a_damaged_key_is_replaced_too() -> None:
    engine = MemoryEngine()
    stored_key, _ = item_key(1, 0, HASH, KEY.sort)
    put_all(engine, {stored_key: encoded(RECORD).replace(b"partition", b"pXrtition")})
    engine.write(lambda transaction: items.store(transaction, 1, 0, KEY, HASH, encoded(RECORD)))
    with engine.snapshot() as view:
        assert items.find(view, 1, 0, KEY, HASH) == RECORD
    engine.write(lambda transaction: items.remove(transaction, 1, 0, KEY, HASH))
    assert engine.usage().used_bytes == 0


# Where several records share a stored key, damage to one must not let the write drop the others silently.
def test_damage_in_a_shared_place_is_reported_when_writing() -> None:
    engine = MemoryEngine()
    long_keys = [ItemKey(b"p", b"s" * 600 + end) for end in (b"1", b"2", b"3")]
    for key in long_keys[:2]:
        record = encoded(RECORD._replace(key=key))
        engine.write(lambda transaction, key=key, record=record: items.store(transaction, 1, 0, key, HASH, record))
    stored_key, _ = item_key(1, 0, HASH, long_keys[0].sort)
    with engine.transaction() as transaction:
        stored = transaction.get(Space.ITEMS, stored_key)
        assert stored is not None
        transaction.put(Space.ITEMS, stored_key, stored[:-1] + b"?")
    with pytest.raises(DamagedRecord, match="table 1 index 0"), engine.transaction() as transaction:
        items.store(transaction, 1, 0, long_keys[2], HASH, encoded(RECORD._replace(key=long_keys[2])))
