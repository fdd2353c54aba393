"""Time to live: which items have a row in the expiry index, how rows follow their items, and when an item has expired.

Pure. Knows AWS's rules (a Number at the top level, seconds since 1970, past by less than five years) and the effect that brings
rows up to date. Refuses to know who looks for expired items, and how.

A row follows from the item and from the version of its last write, and from the attribute; the clock has no say in it. So the leader
can tell from an item before and after which rows come and go, and everybody applies the same. Writes keep the rows of the generation
that the leader's catalog has; a leader whose catalog is older than that of any entry before does not serve, so the first entry of a
generation ends all writes of earlier ones. Items written before it are brought in by `IndexExpiries`.
"""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from node.storage.digests import DigestChanges
from node.storage.engine import Transaction
from node.storage.expiry import SECONDS_MAX, Expiry, ExpiryIndex, remove_expiry, store_expiry
from node.storage.records import Record
from wire.items import Item
from wire.keys import ItemKey
from wire.tables import TableSpec, TimeToLive

PAST_SECONDS_MAX: Final = 5 * 365 * 24 * 3600
"""What should have expired longer ago never does: AWS takes it for a mistake."""

_ROWS = struct.Struct(
    ">QHQHQH"
)  # generation, the row that goes, the row that comes (second 0 = none), partition key's length
_SECOND_DIGITS_MAX = len(str(SECONDS_MAX))
_NONE = Expiry(0, 0)


class Expire(NamedTuple):
    """Delete an item that has a due row, if it still expires as the row says; else remove the row."""

    table: int
    generation: int
    expiry: Expiry
    key: ItemKey


class IndexExpiries(NamedTuple):
    """Bring items into the expiry index of a generation, as they are now."""

    table: int
    generation: int
    keys: tuple[ItemKey, ...]


ExpiryCommand = Expire | IndexExpiries
"""What a partition's leader asks itself; it never travels."""


class ExpiryClock(NamedTuple):
    """Judge what is due, by the region's time.

    The hybrid clock will not do: other regions' versions may have pulled it ahead. So an item goes too early by no more than
    the region's time is ahead of true time. One that another region wrote last is left to that region for a while, so that one
    region expires it and the others hear of it; if that region does not, it goes here.
    """

    now_ms: Callable[[], int]
    region: int
    grace_seconds: int

    def is_due(self, table: TableSpec, expiry: Expiry) -> bool:
        """Tell whether an item of this expiry is to be deleted now."""
        return self.since() <= expiry.second < self.until(table, expiry.region)

    def since(self) -> int:
        """Return the first second that may still be due."""
        return max(1, self.now_ms() // 1_000 - PAST_SECONDS_MAX)

    def until(self, table: TableSpec, region: int) -> int:
        """Return the first second that is not due, for items that a region wrote last."""
        now = -(-self.now_ms() // 1_000)
        return now - self.grace_seconds if table.replicas and region != self.region else now


def active_time_to_live(table: TableSpec, generation: int) -> TimeToLive | None:
    """Return a table's time to live if it is on and of that generation."""
    present = table.time_to_live
    return present if present is not None and present.is_enabled and present.generation == generation else None


def expiry_of(time_to_live: TimeToLive, record: Record | None) -> Expiry | None:
    """Return when a stored item expires; None = never, or there is no item."""
    if record is None or record.tombstone:
        return None
    second = second_of_body(time_to_live, record.body)
    return Expiry(record.version.region, second) if second else None


def second_of_body(time_to_live: TimeToLive, body: bytes) -> int:
    """Return the second at which a stored item expires; 0 = it never does."""
    # Most items of most tables need not be read: a name that is not among the bytes is no attribute.
    if orjson.dumps(time_to_live.attribute) not in body:
        return 0
    item: Item = orjson.loads(body)
    return second_of(item, time_to_live.attribute)


def second_of(item: Item, attribute: str) -> int:
    """Return the second at which an item expires, a fraction rounded up; 0 = it never does."""
    value = item.get(attribute)
    text = None if value is None else value.get("N")
    if not isinstance(text, str) or text.startswith("-"):
        return 0
    # Stored numbers are canonical: no exponent, no zeros that say nothing.
    whole, _, fraction = text.partition(".")
    if len(whole) > _SECOND_DIGITS_MAX:
        return 0
    second = int(whole) + bool(fraction)
    return second if second <= SECONDS_MAX else 0


def row_changes(table: TableSpec, key: ItemKey, before: Record | None, after: Record | None) -> bytes:
    """Return what a change of an item means for the expiry index, for an effect; empty = nothing."""
    present = table.time_to_live
    if present is None or not present.is_enabled:
        return b""
    gone, come = expiry_of(present, before), expiry_of(present, after)
    return b"" if gone == come else encode_rows(present.generation, key, gone, come)


def encode_rows(generation: int, key: ItemKey, gone: Expiry | None, come: Expiry | None) -> bytes:
    """Return the change of one item's rows as an effect carries it."""
    head = _ROWS.pack(generation, *(gone or _NONE), *(come or _NONE), len(key.partition))
    return head + key.partition + key.sort


def apply_rows(  # what, where, and what it adds to
    changes: bytes, partition: int, table: int, transaction: Transaction, digests: DigestChanges
) -> None:
    """Write the change of one item's rows."""
    generation, *rest, partition_bytes = _ROWS.unpack_from(changes)
    gone, come = Expiry(*rest[:2]), Expiry(*rest[2:])
    sort_start = _ROWS.size + partition_bytes
    key = ItemKey(changes[_ROWS.size : sort_start], changes[sort_start:])
    index = ExpiryIndex(partition, table, generation)
    if gone.second:
        remove_expiry(transaction, index, gone, key, digests)
    if come.second:
        store_expiry(transaction, index, come, key, digests)
