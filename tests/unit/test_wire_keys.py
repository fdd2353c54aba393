"""Keys, hashes, tokens and the ring."""

from itertools import pairwise

import pytest

from wire.keys import (
    AttributeType,
    ItemKey,
    KeyValueError,
    TokenRange,
    decode_key_value,
    encode_key_value,
    key_hash,
    split_ring,
    token_of,
)


# Keys come as DynamoDB JSON and have to come back the same.
@pytest.mark.parametrize(
    ("type_", "text", "encoded"),
    [
        ("S", "", b""),
        ("S", "a€😀", "a€😀".encode()),
        ("B", "", b""),
        ("B", "AP8=", b"\x00\xff"),
        ("N", "0", b"\x80"),
    ],
)
def test_key_values_come_back(type_: AttributeType, text: str, encoded: bytes) -> None:
    assert encode_key_value(type_, text) == encoded
    assert decode_key_value(type_, encoded) == text


# Numbers that are equal are one key, however they are written.
def test_equal_numbers_are_one_key() -> None:
    assert encode_key_value("N", "1.0") == encode_key_value("N", "10E-1") == encode_key_value("N", "1")


# Bytes that are no base64 would otherwise become some other key.
@pytest.mark.parametrize("text", ["A", "AP8", "AP8=\n", "A*==", "é"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(KeyValueError, match="expected base64"):
        encode_key_value("B", text)


# The hash decides where data is on disk and on which nodes: it may never change.
def test_hash_and_token_are_fixed_for_all_time() -> None:
    hashed = key_hash(b"partition key")
    assert hashed.hex() == "80c4876d7047fdcb28d74a01623d1d80"
    assert token_of(hashed) == int(hashed.hex()[:16], 16)


# A table without a sort key uses the empty one.
def test_sort_key_defaults_to_none() -> None:
    assert ItemKey(b"p") == ItemKey(b"p", b"")


# Every token belongs to exactly one range, whatever the count.
@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 1_000])
def test_split_ring_covers_every_token_once(count: int) -> None:
    ranges = split_ring(count)
    assert len(ranges) == count
    assert (ranges[0].lower, ranges[-1].upper) == (0, 1 << 64)
    assert all(left.upper == right.lower for left, right in pairwise(ranges))
    sizes = {each.upper - each.lower for each in ranges}
    assert max(sizes) - min(sizes) <= 1


# Ranges are half open: the border belongs to the right one.
def test_border_belongs_to_the_upper_range() -> None:
    left, right = split_ring(2)
    assert left.upper not in left
    assert left.upper in right
    assert (1 << 64) - 1 in right
    assert "5" not in TokenRange(0, 10)
