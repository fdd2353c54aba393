"""AttributeUpdates, the update older than UpdateExpression, made a tree.

Knows which actions take which types, and AWS's words for the rest; refuses to know items and tables.
"""

from collections.abc import Mapping
from typing import Any, Final

from wire import expressions
from wire.errors import validation_error
from wire.expressions import Tree
from wire.items import AttributeValue, normalized_value
from wire.names import require_names

_INVALID: Final = "One or more parameter values were invalid: "
_DELETED_TYPES: Final = ("SS", "NS", "BS")
_ADDED_TYPES: Final = ("N", "L", *_DELETED_TYPES)


def attribute_updates(updates: Mapping[str, Mapping[str, Any]], values: list[AttributeValue]) -> Tree:
    """Return the tree of at least one AttributeUpdates member; their values are added to `values`.

    Raises a validation StoreError with AWS's text.
    """
    require_names(updates)
    return expressions.attribute_updates(*(_action(name, update, values) for name, update in updates.items()))


def _action(attribute: str, update: Mapping[str, Any], values: list[AttributeValue]) -> Tree:
    path, action = expressions.path(attribute), update.get("Action", "PUT")
    if update.get("Value") is None:
        if action != "DELETE":
            raise validation_error(f"{_INVALID}Only DELETE action is allowed when no attribute value is specified")
        return expressions.remove(path)
    value = normalized_value(update["Value"])
    (kind,) = value
    operand = expressions.value(len(values))
    values.append(value)
    match action:
        case "DELETE":
            if kind not in _DELETED_TYPES:
                raise validation_error(f"{_INVALID}DELETE action with value is not supported for the type {kind}")
            return expressions.delete(path, operand)
        case "ADD":
            if kind not in _ADDED_TYPES:
                raise validation_error(f"{_INVALID}ADD action is not supported for the type {kind}")
            return expressions.add(path, operand)
    return expressions.assign(path, operand)
