"""Rows of secondary indexes: which row an item has in an index, under which key, and what the row holds.

The room knows how an index key becomes bytes and which items have a row; it refuses to know who writes rows and when. A row is
stored like an item of its own, under the index's number:

    partition   the index's partition key: the encoded value, or, of several attributes, a segment for each
    sort        a segment for each sort attribute of the index, a segment for the table's partition key, the table's sort key

A segment is the encoded value with 00 written as 00 ff, then 00 01: segments sort like the values, and none is the beginning of
another. A local index leaves the table's partition key out, because it is the partition itself. So rows of equal index keys stand beside
each other in the order of the table's keys, and the key of an item can be read back from the key of its row.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from wire.items import Item, item_size
from wire.keys import ItemKey, KeyValueError, decode_key_value, encode_key_value
from wire.limits import PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from wire.tables import IndexSpec, KeyAttribute, KeySchema, ProjectionType

_ESCAPED: Final = b"\x00\xff"
_END: Final = b"\x00\x01"


class IndexItem(NamedTuple):
    """The row of an item in an index: its key, the projected item, and its DynamoDB size in bytes."""

    key: ItemKey
    item: Item
    size: int


def row_of(schema: KeySchema, index: IndexSpec, key: ItemKey, item: Item) -> IndexItem | None:
    """Return the row that an item has in an index; None when the item lacks a key attribute or has it in another type or size.

    `schema` and `key` are the table's. The projected item shares its values with `item`.
    """
    partition = _encoded(index.partition, item, PARTITION_KEY_BYTES_MAX)
    sort = _encoded(index.sort, item, SORT_KEY_BYTES_MAX)
    if partition is None or sort is None:
        return None
    projected = projected_item(schema, index, item)
    return IndexItem(row_key(index, partition, sort, key), projected, item_size(projected))


def row_key(index: IndexSpec, partition: Iterable[bytes], sort: Iterable[bytes], key: ItemKey) -> ItemKey:
    """Return the key of a row, for encoded index key values and the key of its item."""
    segments = b"".join(map(segment, sort))
    if not index.is_local:
        segments += segment(key.partition)
    return ItemKey(partition_of(list(partition)), segments + key.sort)


def partition_of(values: list[bytes]) -> bytes:
    """Return the partition key of rows, for the encoded values of the index's partition attributes."""
    return values[0] if len(values) == 1 else b"".join(map(segment, values))


def segment(encoded: bytes) -> bytes:
    """Return an encoded value as it stands inside a row's key."""
    return segment_start(encoded) + _END


def segment_start(encoded: bytes) -> bytes:
    """Return what the segment of every value begins with that begins with this one."""
    return encoded.replace(b"\x00", _ESCAPED)


def after_segments(segments: bytes) -> bytes:
    """Return the first key past all that begin with these whole segments, of which there is at least one."""
    assert segments.endswith(_END), f"expected whole segments, found {segments!r}"
    return segments[:-1] + b"\x02"


def key_members(schema: KeySchema, index: IndexSpec, key: ItemKey) -> Item:
    """Return the key attributes of index and table that the key of a row holds, the index's first."""
    members: dict[str, Any] = {}
    rest = key.partition
    for attribute in index.partition:
        if len(index.partition) == 1:
            encoded = rest
        else:
            encoded, rest = _split(rest)
        members[attribute.name] = _decoded(attribute, encoded)
    rest = key.sort
    for attribute in index.sort:
        encoded, rest = _split(rest)
        members[attribute.name] = _decoded(attribute, encoded)
    base = base_key(index, key)
    members[schema.partition.name] = _decoded(schema.partition, base.partition)
    if schema.sort is not None:
        members[schema.sort.name] = _decoded(schema.sort, base.sort)
    return members


def base_key(index: IndexSpec, key: ItemKey) -> ItemKey:
    """Return the key of the item whose row this is."""
    rest = key.sort
    for _ in index.sort:
        _, rest = _split(rest)
    if index.is_local:
        return ItemKey(key.partition, rest)
    partition, rest = _split(rest)
    return ItemKey(partition, rest)


def projected_names(schema: KeySchema, index: IndexSpec) -> frozenset[str] | None:
    """Return the attributes that rows hold; None = all of the item."""
    if index.projection is ProjectionType.ALL:
        return None
    return frozenset((*schema.names(), *index.names(), *index.non_key_attributes))


def projected_item(schema: KeySchema, index: IndexSpec, item: Item) -> Item:
    """Return what of an item its row holds."""
    names = projected_names(schema, index)
    return item if names is None else {name: value for name, value in item.items() if name in names}


def _encoded(attributes: tuple[KeyAttribute, ...], item: Item, bytes_max: int) -> list[bytes] | None:
    found = []
    for attribute in attributes:
        value: Any = item.get(attribute.name)
        text = None if value is None else value.get(attribute.type)
        if not isinstance(text, str) or not text:
            return None
        try:
            encoded = encode_key_value(attribute.type, text)
        except KeyValueError:
            return None
        if len(encoded) > bytes_max:
            return None
        found.append(encoded)
    return found


def _decoded(attribute: KeyAttribute, encoded: bytes) -> Any:
    return {attribute.type: decode_key_value(attribute.type, encoded)}


def _split(segments: bytes) -> tuple[bytes, bytes]:
    """Return the value of the first segment, and what follows it."""
    # Inside a segment every 00 is followed by ff: the first end that is found is the end.
    end = segments.index(_END)
    return segments[:end].replace(_ESCAPED, b"\x00"), segments[end + len(_END) :]
