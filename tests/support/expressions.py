"""Expressions for tests: one request's texts to trees, what a refusal says, and trees printed back as texts."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from router.expressions.request import RequestExpressions
from wire.errors import ErrorCode, StoreError
from wire.expressions import Tree, unpacked
from wire.items import AttributeValue

Values = Mapping[str, AttributeValue]
Names = Mapping[str, str]

ONE_OF_EACH_TYPE: dict[str, AttributeValue] = {
    "S": {"S": "a"},
    "N": {"N": "1"},
    "B": {"B": "YQ=="},
    "BOOL": {"BOOL": True},
    "NULL": {"NULL": True},
    "L": {"L": []},
    "M": {"M": {}},
    "SS": {"SS": ["1"]},
    "NS": {"NS": ["1"]},
    "BS": {"BS": ["YQ=="]},
}


def refusal(action: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """Return the text with which an action is refused as invalid."""
    with pytest.raises(StoreError) as raised:
        action(*arguments, **options)
    assert raised.value.code is ErrorCode.VALIDATION, f"expected a validation error, found {raised.value}"
    return raised.value.message


def condition(text: str, names: Names | None = None, values: Values | None = None) -> Tree:
    """Return the tree of a condition in a request that has nothing else."""
    request = RequestExpressions(names, values)
    tree = request.condition(text)
    request.finish()
    return unpacked(tree)


def update(text: str, names: Names | None = None, values: Values | None = None) -> Tree:
    """Return the tree of an update in a request that has nothing else."""
    request = RequestExpressions(names, values)
    tree = request.update(text).tree
    request.finish()
    return unpacked(tree)


def projection(text: str, names: Names | None = None) -> Tree:
    """Return the tree of a projection in a request that has nothing else."""
    request = RequestExpressions(names, None)
    tree = request.projection(text)
    request.finish()
    return unpacked(tree)


class Printer:
    """Prints trees as texts, every name behind a placeholder of its own, with as few parentheses as the grammar allows."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def condition(self, tree: Tree, binding: int = 0) -> str:
        """Return a condition's text; `binding` is how tightly what stands around it binds: 1 and, 2 not."""
        operator, *arguments = tree
        if operator in ("and", "or"):
            strength = 1 if operator == "and" else 0
            text = f" {operator.upper()} ".join(self.condition(part, strength + 1) for part in arguments)
            return f"({text})" if strength < binding else text
        if operator == "not":
            return f"NOT {self.condition(arguments[0], 2)}"
        operands = [self.operand(argument) for argument in arguments]
        if operator == "between":
            return f"{operands[0]} BETWEEN {operands[1]} AND {operands[2]}"
        if operator == "in":
            return f"{operands[0]} IN ({', '.join(operands[1:])})"
        if operator in _FUNCTIONS:
            return f"{_FUNCTIONS[operator]}({', '.join(operands)})"
        return f"{operands[0]} {operator} {operands[1]}"

    def update(self, tree: Tree) -> str:
        """Return an update's text: a section for each kind of action, in the order in which kinds appear first."""
        sections: dict[str, list[str]] = {}
        for kind, path, *operands in tree[1:]:
            sign = " = " if kind == "set" else " "
            text = sign.join([self.operand(path), *(self.source(operand) for operand in operands)])
            sections.setdefault(kind, []).append(text)
        return " ".join(f"{kind.upper()} {', '.join(actions)}" for kind, actions in sections.items())

    def projection(self, tree: Tree) -> str:
        """Return a projection's text."""
        return ", ".join(self.operand(path) for path in tree[1:])

    def source(self, tree: Tree) -> str:
        """Return the text of what an update writes."""
        operator, *arguments = tree
        if operator in ("+", "-"):
            return f" {operator} ".join(map(self.source, arguments))
        if operator in ("if_not_exists", "list_append"):
            return f"{operator}({', '.join(map(self.source, arguments))})"
        return self.operand(tree)

    def operand(self, tree: Tree) -> str:
        """Return the text of a path, a value or a size."""
        operator, *arguments = tree
        if operator == "v":
            return f":v{arguments[0]}"
        if operator == "size":
            return f"size({self.operand(arguments[0])})"
        first, *steps = arguments
        return self._name(first) + "".join(
            f"[{step}]" if isinstance(step, int) else f".{self._name(step)}" for step in steps
        )

    def _name(self, name: str) -> str:
        return self.names.setdefault(name, f"#n{len(self.names)}")

    def names_by_placeholder(self) -> dict[str, str] | None:
        """Return the names that have been printed, as a request gives them."""
        return {placeholder: name for name, placeholder in self.names.items()} or None


_FUNCTIONS = {
    "exists": "attribute_exists",
    "not_exists": "attribute_not_exists",
    "type": "attribute_type",
    "begins_with": "begins_with",
    "contains": "contains",
}
