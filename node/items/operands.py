"""Operands: how a tree's paths, values and sizes find their attribute value in an item.

A missing attribute is None, never an error: what that means is for the condition or the update to say.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from wire.expressions import Step, Tree, UnreadableTree
from wire.items import AttributeValue, Item, binary_size

Values: TypeAlias = Sequence[AttributeValue]
Operand: TypeAlias = Callable[[Item, Values], AttributeValue | None]

_COUNTED = frozenset(("SS", "NS", "BS", "L", "M"))


def compiled_operand(tree: Tree) -> Operand:
    """Return the function that finds the attribute value an operand's tree stands for."""
    match tree:
        case ["v", index]:
            return _compiled_value(index)
        case ["p", name]:
            return lambda item, _: item.get(name)
        case ["p", name, *steps]:
            return lambda item, _: value_at(item.get(name), steps)
        case ["size", operand]:
            return _compiled_size(compiled_operand(operand))
    raise AssertionError(f"expected an operand, found {tree!r}")


def _compiled_value(index: int) -> Operand:
    def find(_: Item, values: Values) -> AttributeValue:
        try:
            return values[index]
        except (LookupError, TypeError):
            raise UnreadableTree(f"an expression names value {index!r} of {len(values)}") from None

    return find


def value_at(value: AttributeValue | None, steps: Sequence[Step]) -> AttributeValue | None:
    """Return what stands `steps` below a value, or None where a member or element, or a map or list, is missing."""
    for step in steps:
        if value is None:
            return None
        value = _member(value, step)
    return value


def size_of(value: AttributeValue | None) -> int | None:
    """Return the `size` of a value; None where its type has none.

    Of a text it is the number of UTF-16 code units (so it was measured on DynamoDB: 3 for an e with an accent and a clef),
    of a binary the number of bytes, of sets, lists and maps the number of what is in them.
    """
    if value is None:
        return None
    ((kind, payload),) = value.items()
    if kind in _COUNTED:
        return len(payload)
    if kind == "S":
        return len(payload) if payload.isascii() else len(payload.encode("utf-16-le")) // 2
    return binary_size(payload) if kind == "B" else None


def _member(value: AttributeValue, step: Step) -> AttributeValue | None:
    if type(step) is int:
        elements = value.get("L")
        return elements[step] if elements is not None and step < len(elements) else None
    members = value.get("M")
    return members.get(step) if members is not None else None


def _compiled_size(operand: Operand) -> Operand:
    def size(item: Item, values: Values) -> AttributeValue | None:
        found = size_of(operand(item, values))
        return None if found is None else {"N": str(found)}

    return size
