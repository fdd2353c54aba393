"""Bytes under a checksum: for the small things that are stored beside records.

The room knows one layout (checksum u32, big endian, then the bytes); it refuses to know what is inside. The place a
value belongs to can be mixed in as a seed, so that a value found at another place does not pass either.
"""

import struct

from xxhash import xxh3_64_intdigest

_CHECKSUM = struct.Struct(">I")
SEAL_BYTES = _CHECKSUM.size


def sealed(value: bytes, seed: int = 0) -> bytes:
    """Return the value under its checksum."""
    return _CHECKSUM.pack(xxh3_64_intdigest(value, seed) & 0xFFFFFFFF) + value


def unsealed(stored: bytes, seed: int = 0) -> bytes | None:
    """Return the value when its checksum holds, or None."""
    value = stored[SEAL_BYTES:]
    if stored[:SEAL_BYTES] != _CHECKSUM.pack(xxh3_64_intdigest(value, seed) & 0xFFFFFFFF):
        return None
    return value
