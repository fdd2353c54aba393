"""Key schemas of tables that are to be made, and AWS's words for what is wrong with them.

Refuses to know secondary indexes, which are not there yet.
"""

from typing import Any, Final

from router.operations.table_settings import INVALID
from wire.errors import validation_error
from wire.keys import AttributeType
from wire.tables import KeyAttribute, KeySchema

# With indexes, AWS says later and otherwise which definitions are unused.
_INDEXES: Final = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes", "VectorIndexes")


def parsed_key_schema(body: dict[str, Any]) -> KeySchema:
    """Return the key schema that KeySchema and AttributeDefinitions describe together."""
    elements, definitions = _required(body, "KeySchema"), _required(body, "AttributeDefinitions")
    types: dict[str, AttributeType] = {
        definition["AttributeName"]: definition["AttributeType"] for definition in definitions
    }
    names = [element["AttributeName"] for element in elements]
    _require_unique(definitions)
    _require_definitions(names, list(types))
    _require_kinds(elements)
    if len(types) > len(names) and not any(body.get(index) for index in _INDEXES):
        raise validation_error(
            f"{INVALID}Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )
    partition, *sort = (KeyAttribute(name, types[name]) for name in names)
    return KeySchema(partition, sort[0] if sort else None)


def _required(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    # The model leaves both out of what is required, because a replica of another account's table takes them from there.
    given: list[dict[str, Any]] | None = body.get(name)
    if given is None:
        where = name[0].lower() + name[1:]
        raise validation_error(
            f"1 validation error detected: Value null at '{where}' failed to satisfy constraint: "
            "Member must not be null"
        )
    return given


def _require_unique(definitions: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for definition in definitions:
        if definition["AttributeName"] in seen:
            raise validation_error(f"Attribute Name is duplicated: {definition['AttributeName']}")
        seen.add(definition["AttributeName"])


def _require_definitions(names: list[str], defined: list[str]) -> None:
    if len(defined) < len(names):  # equal names are counted twice
        raise validation_error("Invalid KeySchema: Some index key attribute have no definition")
    if not set(names) <= set(defined):
        raise validation_error(
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(defined)}]"
        )


def _require_kinds(elements: list[dict[str, Any]]) -> None:
    if len({element["AttributeName"] for element in elements}) < len(elements):
        raise validation_error("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    if elements[0]["KeyType"] != "HASH":
        raise validation_error("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(elements) == 2 and elements[1]["KeyType"] != "RANGE":
        raise validation_error("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
