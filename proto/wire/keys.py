"""Keys: how key values become bytes, hashes and tokens, and how the ring of tokens is cut.

The room knows the order of key values and where a partition key falls on the ring; it refuses to know
tables, partitions in use, or how a store lays keys out.
"""

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from itertools import pairwise
from typing import Literal, NamedTuple

import xxhash

from wire.numbers import canonical_number, decode_number, encode_number

AttributeType = Literal["S", "N", "B"]

HASH_BYTES = 16
RING_TOKENS = 1 << 64


class KeyValueError(ValueError):
    """Say which key value cannot be read as its type."""


class ItemKey(NamedTuple):
    """Name an item inside a table: encoded partition key, and encoded sort key or b"" where the table has none."""

    partition: bytes
    sort: bytes = b""


class TokenRange(NamedTuple):
    """Cover the tokens lower <= token < upper; the ring ends at 2**64."""

    lower: int
    upper: int

    def __contains__(self, token: object) -> bool:
        return isinstance(token, int) and self.lower <= token < self.upper


def encode_key_value(type_: AttributeType, text: str) -> bytes:
    """Return bytes that sort like the key value; `text` is the scalar of DynamoDB JSON (base64 for B)."""
    if type_ == "S":
        return text.encode("utf-8")
    if type_ == "N":
        return encode_number(canonical_number(text))
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise KeyValueError(f"expected base64 for a key of type B, found {text!r}: {error}") from error


def decode_key_value(type_: AttributeType, encoded: bytes) -> str:
    """Return the scalar of DynamoDB JSON that `encode_key_value` turned into these bytes."""
    if type_ == "S":
        return encoded.decode("utf-8")
    if type_ == "N":
        return decode_number(encoded)
    return b64encode(encoded).decode("ascii")


def key_hash(partition: bytes) -> bytes:
    """Return the 16 bytes by which items of one encoded partition key are stored together."""
    return xxhash.xxh3_128_digest(partition)


def token_of(hashed: bytes) -> int:
    """Return the place on the ring of a hash: its first 64 bits, big endian."""
    return int.from_bytes(hashed[:8], "big")


def split_ring(count: int) -> list[TokenRange]:
    """Cut the whole ring into `count` ranges of equal size, give or take one token, in order."""
    assert 1 <= count <= RING_TOKENS, f"expected at least one range, found {count}"
    cuts = [index * RING_TOKENS // count for index in range(count + 1)]
    return [TokenRange(lower, upper) for lower, upper in pairwise(cuts)]
