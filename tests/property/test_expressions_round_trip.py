"""Texts and trees say the same: a tree printed as a text and parsed again is the tree it was."""

from typing import Any

from hypothesis import assume, given, settings

from router.expressions.request import RequestExpressions
from tests.support.attribute_values import conditions, projections, updates
from tests.support.expressions import Printer
from wire.expressions import COMPARATORS, Tree, unpacked
from wire.items import AttributeValue

# For each operator whose operands are checked before an item is looked at: a value of a type it takes.
TAKEN = {"+": "N", "-": "N", "list_append": "L", "add": "N", "delete": "SS", "type": "S", "begins_with": "S"}
SAMPLES: dict[str, AttributeValue] = {"N": {"N": "1"}, "S": {"S": "S"}, "L": {"L": []}, "SS": {"SS": ["a"]}}


def numbered(tree: Tree, values: list[AttributeValue], wanted: str = "S") -> Tree:
    """Return a tree with a value of its own, of a type that will do, in each value's place, in the order of the text."""
    if tree[0] == "p":
        return tree
    if tree[0] == "v":
        values.append(SAMPLES[wanted])
        return ["v", len(values) - 1]
    wanted = "S" if tree[0] == "size" else TAKEN.get(tree[0], wanted)
    return [numbered(part, values, wanted) if isinstance(part, list) else part for part in tree]


def operators(tree: Any) -> list[Tree]:
    """Return a tree and all trees in it."""
    return [tree, *(inner for part in tree for inner in operators(part) if part)] if isinstance(tree, list) else []


def is_acceptable(tree: Tree) -> bool:
    """Say whether the languages take a tree: some operands are refused whatever the item."""
    for operator, *arguments in operators(tree):
        if operator == "size" and arguments[0][0] == "size":
            return False
        if operator in ("begins_with", "type") and any(argument[0] == "size" for argument in arguments):
            return False
        if operator in ("list_append", "if_not_exists") and any(part[0] == "list_append" for part in arguments):
            return False
        if operator in ("+", "-") and any(part[0] == "list_append" for part in arguments):
            return False
        if operator in DISTINCT and arguments[0][0] == "p" and arguments[0] in arguments[1:]:
            return False
    return True


DISTINCT = (*COMPARATORS, "between", "in", "type", "begins_with", "contains")


def request_for(printer: Printer, values: list[AttributeValue]) -> RequestExpressions:
    """Return a request with the names a printer has used and these values."""
    given_values = {f":v{index}": value for index, value in enumerate(values)}
    return RequestExpressions(printer.names_by_placeholder(), given_values or None)


# Precedence, parentheses, placeholders: none of it may change what a condition means.
@settings(max_examples=200, deadline=None)
@given(conditions)
def test_conditions(tree: Tree) -> None:
    assume(is_acceptable(tree))
    values: list[AttributeValue] = []
    tree = numbered(tree, values)
    printer = Printer()
    text = printer.condition(tree)
    request = request_for(printer, values)
    assert unpacked(request.condition(text)) == tree
    request.finish()


# Sections of an update come in any order.
@settings(deadline=None)
@given(updates())
def test_updates(tree: Tree) -> None:
    assume(is_acceptable(tree))
    kinds = list(dict.fromkeys(action[0] for action in tree[1:]))
    values: list[AttributeValue] = []
    tree = numbered(["update", *sorted(tree[1:], key=lambda action: kinds.index(action[0]))], values)
    printer = Printer()
    text = printer.update(tree)
    request = request_for(printer, values)
    update = request.update(text)
    assert unpacked(update.tree) == tree
    assert update.attributes == tuple(dict.fromkeys(action[1][1] for action in tree[1:]))
    request.finish()


# Any name may stand behind a placeholder.
@settings(deadline=None)
@given(projections())
def test_projections(tree: Tree) -> None:
    printer = Printer()
    text = printer.projection(tree)
    request = request_for(printer, [])
    assert unpacked(request.projection(text)) == tree
    request.finish()
