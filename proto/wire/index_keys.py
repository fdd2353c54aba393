"""What a written item may hold in the key attributes of its table's indexes, and AWS's words for what it may not.

An item may lack them; then it is not in the index. Routers ask about items that are put, nodes about what an update makes of one.
What an item's rows in local indexes take up is asked for here, too.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from wire.errors import validation_error
from wire.indexes import row_of
from wire.items import Item
from wire.keys import ItemKey, encode_key_value
from wire.limits import ITEM_BYTES_MAX, PARTITION_KEY_BYTES_MAX, SORT_KEY_BYTES_MAX
from wire.tables import IndexSpec, KeyAttribute, TableSpec

_INVALID: Final = "One or more parameter values were invalid: "
_NOT_VALID: Final = "One or more parameter values are not valid. "
_EMPTY_KINDS: Final = {"S": "string", "B": "binary"}


def require_index_keys(indexes: Sequence[IndexSpec], item: Item) -> None:
    """Refuse a whole item that has a key attribute of an index in another type, empty, or too long."""
    if not indexes:
        return
    named = [(index, attribute) for index, attribute in _attributes(indexes) if attribute.name in item]
    _require_types(named, item)
    for index, attribute in named:
        if item[attribute.name].get(attribute.type) == "":
            raise validation_error(
                f"{_NOT_VALID}A value specified for a secondary index key is not supported. The AttributeValue for a key "
                f"attribute cannot contain an empty {_EMPTY_KINDS[attribute.type]} value. "
                f"IndexName: {index.name}, IndexKey: {attribute.name}"
            )
    _require_lengths(named, item)


def require_updated_index_keys(indexes: Sequence[IndexSpec], before: Item, after: Item) -> None:
    """Refuse what an update has made of an item, in key attributes of indexes that it has changed; both in canonical form."""
    if not indexes:
        return
    named = [
        (index, attribute)
        for index, attribute in _attributes(indexes)
        if attribute.name in after and after[attribute.name] != before.get(attribute.name)
    ]
    _require_types(named, after)
    for _, attribute in named:
        if after[attribute.name].get(attribute.type) == "":
            raise validation_error(
                f"{_NOT_VALID}The update expression attempted to update a secondary index key to a value that is not "
                "supported. The AttributeValue for a key attribute cannot contain an empty "
                f"{_EMPTY_KINDS[attribute.type]} value."
            )
    _require_lengths(named, after)


def require_room_for_rows(table: TableSpec, key: ItemKey, item: Item, size: int, refusal: str) -> None:
    """Refuse an item of `size` bytes that is too large together with its rows in local indexes; `refusal` is AWS's text.

    Source: AWS's guide, "Quotas in Amazon DynamoDB", "Item size for tables with LSIs": they share 400 KB.
    """
    if not table.indexes or size * (1 + len(table.local_indexes)) <= ITEM_BYTES_MAX:
        return  # a row has at most what its item has
    rows = [row_of(table.key_schema, index, key, item) for index in table.local_indexes]
    if size + sum(row.size for row in rows if row is not None) > ITEM_BYTES_MAX:
        raise validation_error(refusal)


_Named = list[tuple[IndexSpec, KeyAttribute]]


def _attributes(indexes: Sequence[IndexSpec]) -> Iterator[tuple[IndexSpec, KeyAttribute]]:
    """Yield the key attributes of indexes; of several indexes with one attribute AWS's texts name the first by name."""
    for index in sorted(indexes, key=lambda index: index.name):
        for attribute in (*index.partition, *index.sort):
            yield index, attribute


def _require_types(named: _Named, item: Item) -> None:
    for index, attribute in named:
        value: dict[str, Any] = item[attribute.name]
        if attribute.type not in value:
            (actual,) = value
            raise validation_error(
                f"{_INVALID}Type mismatch for Index Key {attribute.name} Expected: {attribute.type} Actual: {actual} "
                f"IndexName: {index.name}"
            )


def _require_lengths(named: _Named, item: Item) -> None:
    for index, attribute in named:
        if attribute.type == "N":
            continue
        size = len(encode_key_value(attribute.type, item[attribute.name][attribute.type]))
        # AWS's own texts, missing space and all.
        if attribute in index.partition and size > PARTITION_KEY_BYTES_MAX:
            raise validation_error(
                f"{_INVALID}Size of hashkey has exceeded the maximum size limit of{PARTITION_KEY_BYTES_MAX} bytes"
            )
        if attribute in index.sort and size > SORT_KEY_BYTES_MAX:
            raise validation_error(
                f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
            )
