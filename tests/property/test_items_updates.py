"""Compiled updates agree with a plain model that changes a copy of the item step by step."""

from base64 import b64decode
from copy import deepcopy
from decimal import Context, Decimal
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from node.items.updates import compiled_update
from tests.support.attribute_values import items_for, names, scalars, updates, value_lists
from wire.errors import StoreError
from wire.expressions import Tree, packed
from wire.items import AttributeValue, Item, item_size, normalized_item, normalized_value

EXACT = Context(prec=300)
KEY: Item = {"pk": {"S": "k"}}
GONE = object()


class Refused(Exception):
    """The model's refusal: a word for each of AWS's reasons."""


REASONS = {
    "The document path provided in the update expression is invalid for update": "path",
    "The provided expression refers to an attribute that does not exist in the item": "missing",
    "An operand in the update expression has an incorrect data type": "type",
    "Number overflow. Attempting to store a number with magnitude larger than supported range": "number",
    "Number underflow. Attempting to store a number with magnitude smaller than supported range": "number",
}


class Model:
    """Applies an update's tree to a copy of an item, in place."""

    def __init__(self, old: Item, values: list[AttributeValue]) -> None:
        self.old = old
        self.values = values
        self.new: Any = {"M": deepcopy(old)}
        self.appended: list[tuple[list[Any], int, AttributeValue]] = []

    def apply(self, actions: list[Tree]) -> Item:
        changes = [(action[1][1:], self.change(action)) for action in actions]
        for path, value in changes:
            self.write(path, value)
        for elements, _, value in sorted(self.appended, key=lambda entry: entry[1]):
            elements.append(value)
        return swept(self.new)["M"]

    def change(self, action: Tree) -> AttributeValue | None:
        kind, path, *operands = action
        if kind == "set":
            return self.source(operands[0])
        if kind == "remove":
            return None
        current, value = self.find(path), self.values[operands[0][1]]
        return combined(kind, current, value)

    def source(self, tree: Tree) -> AttributeValue:
        operator, *arguments = tree
        if operator == "if_not_exists":
            found = self.find(arguments[0])
            return self.source(arguments[1]) if found is None else found
        if operator in ("+", "-", "list_append"):
            left, right = map(self.source, arguments)
            if operator == "list_append":
                require("L" in left and "L" in right, "type")
                return {"L": left["L"] + right["L"]}
            return calculated(operator, left, right)
        value = self.values[arguments[0]] if operator == "v" else self.find(tree)
        require(value is not None, "missing")
        return value  # type: ignore[return-value]

    def find(self, path: Tree) -> AttributeValue | None:
        value: Any = {"M": self.old}
        for step in path[1:]:
            inside = value.get("L" if isinstance(step, int) else "M")
            if inside is None or (step >= len(inside) if isinstance(step, int) else step not in inside):
                return None
            value = inside[step]
        return value

    def write(self, path: list[Any], value: AttributeValue | None) -> None:
        *above, last = path
        place = self.new
        for step in above:
            inside = place.get("L" if isinstance(step, int) else "M")
            require(inside is not None, "path")
            require(step < len(inside) if isinstance(step, int) else step in inside, "path")
            place = inside[step]
        inside = place.get("L" if isinstance(last, int) else "M")
        require(inside is not None, "path")
        if isinstance(last, str):
            if value is None:
                inside.pop(last, None)
            else:
                inside[last] = deepcopy(value)
        elif last < len(inside):
            inside[last] = GONE if value is None else deepcopy(value)
        elif value is not None:
            self.appended.append((inside, last, deepcopy(value)))


def require(condition: bool, reason: str) -> None:
    """Refuse unless a condition holds."""
    if not condition:
        raise Refused(reason)


def combined(kind: str, current: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    """Return what ADD or DELETE leaves."""
    ((type_, payload),) = value.items()
    if current is None:
        return value if kind == "add" else None
    require(type_ in current, "type")
    if type_ == "N" and kind == "add":
        return calculated("+", current, value)
    if type_ == "L" and kind == "add":
        return {"L": current["L"] + payload}
    require(type_ in ("SS", "NS", "BS"), "type")
    members = set(current[type_]) | set(payload) if kind == "add" else set(current[type_]) - set(payload)
    order = {"SS": str.encode, "NS": Decimal, "BS": b64decode}[type_]
    return {type_: sorted(members, key=order)} if members else None


def calculated(operator: str, left: AttributeValue, right: AttributeValue) -> AttributeValue:
    """Return the sum or difference of two numbers."""
    require("N" in left and "N" in right, "type")
    first, second = Decimal(left["N"]), Decimal(right["N"])
    result = EXACT.add(first, second if operator == "+" else -second)
    try:
        return normalized_value({"N": f"{result:f}"})
    except StoreError:
        raise Refused("number") from None


def swept(value: Any) -> Any:
    """Return a document without the elements that are gone."""
    if "L" in value:
        return {"L": [swept(element) for element in value["L"] if element is not GONE]}
    if "M" in value:
        return {"M": {name: swept(member) for name, member in value["M"].items()}}
    return value


def outcome_of_model(tree: Tree, old: Item | None, values: list[AttributeValue], key: Item = KEY) -> Item | str | None:
    """Return the model's new item, None where there is none, or the reason for which it refuses."""
    if old is None and all(action[0] in ("remove", "delete") for action in tree[1:]):
        return None
    try:
        return Model(key if old is None else old, values).apply(tree[1:])
    except Refused as refused:
        return str(refused)


def outcome(tree: Tree, old: Item | None, values: list[AttributeValue], key: Item = KEY) -> Item | str | None:
    """Return the same of the compiled update."""
    try:
        return compiled_update(packed(tree)).apply(old, key, values)
    except StoreError as error:
        return REASONS[error.message]


# What the leader computes is what every replica stores; there is no second chance to get it right.
@settings(max_examples=200, deadline=None)
@given(st.data(), updates(), value_lists)
def test_updates_agree_with_a_plain_model(data: st.DataObject, tree: Tree, values: list[AttributeValue]) -> None:
    old = data.draw(items_for(tree))
    before = deepcopy(old)
    expected = outcome_of_model(tree, old, values)
    event(expected if isinstance(expected, str) else "applied")
    assert outcome(tree, old, values) == expected
    assert old == before


# A missing item follows the same rules, but for what it starts from: its key, which the update may read and never writes.
@settings(deadline=None)
@given(updates(), value_lists, names, scalars)
def test_updates_of_missing_items(tree: Tree, values: list[AttributeValue], name: str, value: AttributeValue) -> None:
    assume(all(action[1][1] != name for action in tree[1:]))
    key = {name: normalized_value(value)}
    assert outcome(tree, None, values, key) == outcome_of_model(tree, None, values, key)


# What an update makes is in normal form again, and its size is known without measuring it all.
@settings(deadline=None)
@given(st.data(), updates(), value_lists)
def test_results_are_normal_and_measured(data: st.DataObject, tree: Tree, values: list[AttributeValue]) -> None:
    old = data.draw(items_for(tree))
    new = outcome(tree, old, values)
    if not isinstance(new, dict):
        return
    assert normalized_item(new) == (new, item_size(new))
    assert compiled_update(packed(tree)).size_after(old, item_size(old), new) == item_size(new)
