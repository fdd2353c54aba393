"""The expiry index in the engine: which items of a table expire when, in the order of time.

The room knows rows, their keys and their order; it refuses to know which items have one, and what the time is. A key, big endian:

    partition u32 | table u32 | generation u64 | region u16 | second u64 | digest 16 B

`generation` is that of the table's time to live: an index of an earlier one is never read again. `region` is the one that wrote the
item last. The digest of the item's key keeps items of one second apart; the key itself, which may be too long for this place, is the
value, under a checksum.
"""

import struct
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

from node.storage.digests import DigestChanges
from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import Range, state_key, state_number_of, successor
from node.storage.sealed import sealed, unsealed
from wire.keys import ItemKey

SECONDS_MAX: Final = 253_402_300_799
"""The end of the year 9999. Whatever expires later never does, and has no row."""

_INDEX = struct.Struct(">IIQ")
_REGION = struct.Struct(">IIQH")
_HEAD = struct.Struct(">IIQHQ")
_LENGTH = struct.Struct(">H")
_GENERATION_START = 8
_DIGEST_BYTES = 16
_FILLING = "ttl/"
_REGION_MAX = (1 << 16) - 1


class ExpiryIndex(NamedTuple):
    """Name one index: of a table's time to live, in a partition."""

    partition: int
    table: int
    generation: int


class Expiry(NamedTuple):
    """When an item expires, in seconds since 1970, and the number of the region that wrote it last."""

    region: int
    second: int


class ExpiryRow(NamedTuple):
    """One row: an item and its expiry."""

    expiry: Expiry
    key: ItemKey


def store_expiry(
    transaction: Transaction, index: ExpiryIndex, expiry: Expiry, key: ItemKey, digests: DigestChanges
) -> None:
    """Store a row; the same one again changes nothing."""
    content = _content(key)
    stored_key = _stored_key(index, expiry, content)
    row = sealed(content, stored_key)
    digests.row(Space.EXPIRY, stored_key, row, transaction.get(Space.EXPIRY, stored_key))
    transaction.put(Space.EXPIRY, stored_key, row)


def remove_expiry(
    transaction: Transaction, index: ExpiryIndex, expiry: Expiry, key: ItemKey, digests: DigestChanges
) -> None:
    """Remove a row; one that is not there is no error."""
    stored_key = _stored_key(index, expiry, _content(key))
    present = transaction.get(Space.EXPIRY, stored_key)
    if present is not None:
        digests.row(Space.EXPIRY, stored_key, None, present)
        transaction.delete(Space.EXPIRY, stored_key)


def due_rows(
    view: View, index: ExpiryIndex, since: int, until_of: Callable[[int], int], rows_max: int
) -> list[ExpiryRow]:
    """Return rows with since <= second < until, region by region, each region's oldest first; at most `rows_max`.

    `until_of` gives each region's own bound by the region's number. Raises DamagedRecord.
    """
    found: list[ExpiryRow] = []
    region = _first_region(view, index, 0)
    while region is not None:
        lower, upper = _HEAD.pack(*index, region, since), _HEAD.pack(*index, region, until_of(region))
        for key, value in view.scan(Space.EXPIRY, lower, upper):
            if len(found) >= rows_max:
                return found
            found.append(_row(key, value))
        region = _first_region(view, index, region + 1)
    return found


def all_rows(view: View, index: ExpiryIndex) -> Iterator[ExpiryRow]:
    """Yield every row of an index in order. Raises DamagedRecord."""
    lower = _INDEX.pack(*index)
    for key, value in view.scan(Space.EXPIRY, lower, successor(lower)):
        yield _row(key, value)


def table_and_generation_of(stored_key: bytes) -> tuple[int, int]:
    """Return the table and the generation inside a key."""
    _, table, generation = _INDEX.unpack_from(stored_key)
    return table, generation


def index_prefix(stored_key: bytes) -> bytes:
    """Return what the keys of all rows of the same index begin with."""
    return stored_key[: _INDEX.size]


def filling_name(table: int) -> str:
    """Return the name of the replicated cursor that says how far a partition has filled the expiry index of a table."""
    return f"{_FILLING}{table}"


def filling_range(partition: int) -> Range:
    """Return the bounds of the state rows of such cursors."""
    lower = state_key(partition, f"cursor/{_FILLING}")
    return lower, successor(lower)


def table_of_filling(stored_key: bytes) -> int:
    """Return the table in the key of such a row."""
    return state_number_of(stored_key, f"cursor/{_FILLING}")


def _first_region(view: View, index: ExpiryIndex, lowest: int) -> int | None:
    """Return the first region from `lowest` on that has rows: a look-up each, whatever the number of rows."""
    if lowest > _REGION_MAX:
        return None
    upper = successor(_INDEX.pack(*index))
    found = next(view.scan(Space.EXPIRY, _REGION.pack(*index, lowest), upper), None)
    return None if found is None else int(_REGION.unpack_from(found[0])[3])


def _stored_key(index: ExpiryIndex, expiry: Expiry, content: bytes) -> bytes:
    # Not the hash that places items: a row that is overwritten by another's would be an item that never expires.
    return _HEAD.pack(*index, *expiry) + blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _content(key: ItemKey) -> bytes:
    return _LENGTH.pack(len(key.partition)) + key.partition + key.sort


def _row(stored_key: bytes, value: bytes) -> ExpiryRow:
    content = unsealed(value, stored_key)
    if content is None:
        raise DamagedRecord(f"expiry row {stored_key.hex()}: its checksum does not match its bytes")
    *_, region, second = _HEAD.unpack_from(stored_key)
    sort_start = _LENGTH.size + int(_LENGTH.unpack_from(content)[0])
    return ExpiryRow(Expiry(region, second), ItemKey(content[_LENGTH.size : sort_start], content[sort_start:]))
