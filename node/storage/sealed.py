"""Bytes under a checksum: for the small things that are stored beside records.

The room knows one layout (checksum u32, big endian, then the bytes); it refuses to know what is inside. The checksum is seeded with the
whole key that a value is stored under, so that a value found at another place, because bits of its key have changed, does not pass.
"""

import struct

from xxhash import xxh3_64_intdigest

_CHECKSUM = struct.Struct(">I")
SEAL_BYTES = _CHECKSUM.size


def sealed(value: bytes, key: bytes) -> bytes:
    """Return the value under its checksum, for the place `key`."""
    return _CHECKSUM.pack(xxh3_64_intdigest(value, xxh3_64_intdigest(key)) & 0xFFFFFFFF) + value


def unsealed(stored: bytes, key: bytes, seed_before: int = 0) -> bytes | None:
    """Return the value found at `key` when its checksum holds, or None.

    Releases before seeded the checksum with `seed_before` alone: what they wrote passes until it is written anew.
    """
    value = stored[SEAL_BYTES:]
    checksum = stored[:SEAL_BYTES]
    for seed in (xxh3_64_intdigest(key), seed_before):
        if checksum == _CHECKSUM.pack(xxh3_64_intdigest(value, seed) & 0xFFFFFFFF):
            return value
    return None


def seal_of(stored: bytes) -> int:
    """Return the checksum that a sealed value carries, unchecked. Raises `struct.error` where there is none."""
    checksum: int = _CHECKSUM.unpack_from(stored)[0]
    return checksum
