"""Compiled conditions agree with a plain reading of their trees, on Python's own values."""

from base64 import b64decode
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from node.items.conditions import compiled_condition
from tests.support.attribute_values import conditions, items_for, value_lists
from wire.expressions import Tree, packed
from wire.items import AttributeValue, Item

ORDERINGS = {"<": lt, "<=": le, ">": gt, ">=": ge}

# A typed value: its type, and what Python has for it. Types are part of equality.
Plain = tuple[str, Any]


def plain(value: AttributeValue) -> Plain:
    """Return a value as Python's own."""
    ((kind, payload),) = value.items()
    match kind:
        case "N":
            return kind, Decimal(payload)
        case "B":
            return kind, b64decode(payload)
        case "SS" | "NS" | "BS":
            return kind, frozenset(plain({kind[0]: member}) for member in payload)
        case "L":
            return kind, [plain(element) for element in payload]
        case "M":
            return kind, {name: plain(member) for name, member in payload.items()}
    return kind, payload


class Reader:
    """Reads a condition's tree for one item and its values."""

    def __init__(self, item: Item, values: list[AttributeValue]) -> None:
        self.item = {name: plain(value) for name, value in item.items()}
        self.values = [plain(value) for value in values]

    def holds(self, tree: Tree) -> bool:
        operator, *arguments = tree
        match operator:
            case "and":
                return all(self.holds(part) for part in arguments)
            case "or":
                return any(self.holds(part) for part in arguments)
            case "not":
                return not self.holds(arguments[0])
        found = [self.operand(argument) for argument in arguments]
        match operator:
            case "exists":
                return found[0] is not None
            case "not_exists":
                return found[0] is None
            case "<>":
                no_size = any(value is None and tree[0] == "size" for value, tree in zip(found, arguments, strict=True))
                return not no_size and (None in found or found[0] != found[1])
        first, *others = found
        if operator == "in":
            return first is not None and first in others
        return None not in found and self.relates(operator, first, *others)

    def relates(self, operator: str, first: Any, second: Any, third: Any = None) -> bool:
        if operator == "=":
            return eq(first, second)
        if operator == "between":
            return self.relates("<=", second, first) and self.relates("<=", first, third)
        if operator == "type":
            return second == ("S", first[0])
        if operator == "contains":
            return self.contains(first, second)
        if first[0] != second[0] or first[0] not in ("S", "N", "B"):
            return False
        if operator == "begins_with":
            return first[0] != "N" and first[1][: len(second[1])] == second[1]
        ours, theirs = (value.encode() if isinstance(value, str) else value for value in (first[1], second[1]))
        return ORDERINGS[operator](ours, theirs)

    def contains(self, whole: Plain, part: Plain) -> bool:
        if whole[0] == "L":
            return part in whole[1]
        if whole[0] in ("SS", "NS", "BS"):
            return whole[0] == part[0] + "S" and part in whole[1]
        return whole[0] in ("S", "B") and whole[0] == part[0] and part[1] in whole[1]

    def operand(self, tree: Tree) -> Plain | None:
        operator, *arguments = tree
        if operator == "v":
            return self.values[arguments[0]]
        if operator == "size":
            return self.size(self.operand(arguments[0]))
        value: Any = ("M", self.item)
        for step in arguments:
            if isinstance(step, int):
                value = value[1][step] if value[0] == "L" and step < len(value[1]) else None
            else:
                value = value[1].get(step) if value[0] == "M" else None
            if value is None:
                return None
        return value

    def size(self, value: Plain | None) -> Plain | None:
        if value is None or value[0] in ("N", "BOOL", "NULL"):
            return None
        if value[0] == "S":
            return "N", Decimal(sum(2 if char > "\uffff" else 1 for char in value[1]))
        return "N", Decimal(len(value[1]))


# A conditional write stands or falls with this.
@settings(max_examples=200, deadline=None)
@given(st.data(), conditions, value_lists)
def test_conditions_agree_with_a_plain_reading(data: st.DataObject, tree: Tree, values: list[AttributeValue]) -> None:
    item = data.draw(items_for(tree))
    expected = Reader(item, values).holds(tree)
    event(f"holds: {expected}")
    assert compiled_condition(packed(tree))(item, values) == expected
