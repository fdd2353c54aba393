"""Primary keys: from items and Key members to bytes and back, and AWS's words for what is wrong with them.

Knows the key schema's rules; refuses to know operations.
"""

from typing import Any, Final

from wire.errors import validation_error
from wire.items import AttributeValue, Item
from wire.keys import ItemKey, decode_key_value, encode_key_value, key_hash, token_of
from wire.limits import PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from wire.tables import KeyAttribute, KeySchema

_INVALID: Final = "One or more parameter values were invalid: "
_MISMATCH: Final = "The provided key element does not match the schema"
# AWS's own text, missing space and all.
_PARTITION_KEY_TOO_LONG: Final = (
    f"{_INVALID}Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes"
)
_SORT_KEY_TOO_LONG: Final = (
    f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
)
_EMPTY_KINDS: Final = {"S": "string", "B": "binary"}


def token_of_key(key: ItemKey) -> int:
    """Return the place of an item on the ring of tokens."""
    return token_of(key_hash(key.partition))


def key_of_item(schema: KeySchema, item: Item) -> ItemKey:
    """Return the key of a whole item in canonical form."""
    partition = schema.partition
    encoded = _item_part(partition, item)
    require_partition_length(encoded)
    if schema.sort is None:
        return ItemKey(encoded)
    sort = _item_part(schema.sort, item)
    require_sort_length(sort)
    return ItemKey(encoded, sort)


def key_of_batched_item(schema: KeySchema, item: Item) -> ItemKey:
    """Return the key of a whole item in canonical form, in a batch: there AWS says of it what it says of a Key member."""
    return key_of_members(schema, {name: item[name] for name in schema.names() if name in item})


def key_of_members(schema: KeySchema, key: Item) -> ItemKey:
    """Return the key that a Key member in canonical form holds: all key attributes and nothing else."""
    sort = schema.sort
    if len(key) != (1 if sort is None else 2):
        raise validation_error(_MISMATCH)
    encoded = key_part(schema.partition, key)
    require_partition_length(encoded)
    if sort is None:
        return ItemKey(encoded)
    encoded_sort = key_part(sort, key)
    require_sort_length(encoded_sort)
    return ItemKey(encoded, encoded_sort)


def members_of_key(schema: KeySchema, key: ItemKey) -> Item:
    """Return the key attributes as clients see them."""
    members: Item = {schema.partition.name: _decoded(schema.partition, key.partition)}
    if schema.sort is not None:
        members[schema.sort.name] = _decoded(schema.sort, key.sort)
    return members


def encoded_key_value(attribute: KeyAttribute, value: AttributeValue) -> bytes | None:
    """Return the bytes of a canonical value, or None when its type is not the key attribute's."""
    text: Any = value.get(attribute.type)
    return None if text is None else encode_key_value(attribute.type, text)


def _item_part(attribute: KeyAttribute, item: Item) -> bytes:
    value = item.get(attribute.name)
    if value is None:
        raise validation_error(f"{_INVALID}Missing the key {attribute.name} in the item")
    encoded = encoded_key_value(attribute, value)
    if encoded is None:
        (actual,) = value
        raise validation_error(
            f"{_INVALID}Type mismatch for key {attribute.name} expected: {attribute.type} actual: {actual}"
        )
    return encoded if encoded else _refused_empty(attribute)


def key_part(attribute: KeyAttribute, key: Item) -> bytes:
    """Return the bytes of one attribute of a Key member, or refuse what is not a value of it."""
    value = key.get(attribute.name)
    encoded = None if value is None else encoded_key_value(attribute, value)
    if encoded is None:
        raise validation_error(_MISMATCH)
    return encoded if encoded else _refused_empty(attribute)


def _refused_empty(attribute: KeyAttribute) -> bytes:
    raise validation_error(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
        f"{_EMPTY_KINDS[attribute.type]} value. Key: {attribute.name}"
    )


def require_partition_length(encoded: bytes) -> None:
    """Refuse a partition key that is too long."""
    if len(encoded) > PARTITION_KEY_BYTES_MAX:
        raise validation_error(_PARTITION_KEY_TOO_LONG)


def require_sort_length(encoded: bytes) -> None:
    """Refuse a sort key that is too long."""
    if len(encoded) > SORT_KEY_BYTES_MAX:
        raise validation_error(_SORT_KEY_TOO_LONG)


def _decoded(attribute: KeyAttribute, encoded: bytes) -> AttributeValue:
    return {attribute.type: decode_key_value(attribute.type, encoded)}
