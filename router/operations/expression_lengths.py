"""How long all expressions of a request are together: to parse the longest ones takes longer than a turn of the event loop may.

Knows where operations have their expressions; refuses to know what they say.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from router.operations.shapes import Structure

# Parsed in a few milliseconds.
EXPRESSIONS_BYTES_AT_ONCE: Final = 1024

Measure = Callable[[dict[str, Any]], int]


def expressions_measure(operation: str, shape: Structure) -> Measure | None:
    """Return what tells the length of the expressions of a request that fits the model, or None where it has none."""
    names = tuple(name for name in shape.members if name.endswith("Expression"))
    nested = _NESTED.get(operation)
    if nested is not None:
        return nested
    return partial(_length, names) if names else None


def _length(names: tuple[str, ...], members: Mapping[str, Any]) -> int:
    length = 0
    for name in names:
        if name in members:
            length += len(members[name] or "")
    return length


def _of_tables(body: dict[str, Any]) -> int:
    return sum(len(asked.get("ProjectionExpression") or "") for asked in body["RequestItems"].values())


def _of_actions(body: dict[str, Any]) -> int:
    return sum(
        _length(_OF_ACTIONS, action) for element in body["TransactItems"] for action in element.values() if action
    )


_OF_ACTIONS: Final = ("ConditionExpression", "UpdateExpression", "ProjectionExpression")
_NESTED: Final[Mapping[str, Measure]] = {
    "BatchGetItem": _of_tables,
    "TransactGetItems": _of_actions,
    "TransactWriteItems": _of_actions,
}
