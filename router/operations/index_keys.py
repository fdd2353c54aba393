"""Key schemas of secondary indexes, and AWS's words for what is wrong with them.

Refuses to know projections and capacity, and what is in an index.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.operations.table_settings import INVALID
from wire.errors import validation_error
from wire.keys import AttributeType
from wire.tables import KeyAttribute

KEY_ATTRIBUTES_MAX: Final = 4  # per half of a global index's key

KeyHalves = tuple[tuple[KeyAttribute, ...], tuple[KeyAttribute, ...]]


def defined_key(elements: list[dict[str, Any]], types: Mapping[str, AttributeType]) -> KeyHalves:
    """Return the partition and the sort attributes of an index's key.

    The request itself has to define their types, even those of attributes that are keys of the table already.
    """
    names = [element["AttributeName"] for element in elements]
    if not set(names) <= types.keys():
        raise validation_error(
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    _require_distinct(names)
    kinds = [element["KeyType"] for element in elements]
    _require_kinds(kinds)
    attributes = tuple(KeyAttribute(name, types[name]) for name in names)
    partitions = kinds.count("HASH")
    return attributes[:partitions], attributes[partitions:]


def _require_distinct(names: list[str]) -> None:
    if len(set(names)) == len(names):
        return
    if len(names) == 2:
        raise validation_error("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    raise validation_error("The KeySchema contains multiple key attributes with the same name")


def _require_kinds(kinds: list[str]) -> None:
    if kinds[0] != "HASH":
        raise validation_error("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if kinds != sorted(kinds):  # HASH sorts before RANGE
        raise validation_error(f"{INVALID}All HASH key attributes must precede RANGE key attributes in the KeySchema")
    for kind in ("HASH", "RANGE"):
        if kinds.count(kind) > KEY_ATTRIBUTES_MAX:
            raise validation_error(
                f"{INVALID}The KeySchema exceeds the maximum allowed number of {kind} key attributes"
            )
