"""Bindings: a request's names and values put in the places of a text's placeholders.

The room knows when a placeholder is defined and which types of values an operand may have. Trees it builds hold indexes into
the list of the values one expression uses, in the order of the text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from router.expressions.faults import Fault
from router.expressions.shapes import parts
from router.expressions.syntax import Node
from wire import expressions
from wire.expressions import Tree
from wire.items import AttributeValue

Names: TypeAlias = Mapping[str, str]
ValuesByName: TypeAlias = Mapping[str, AttributeValue]


class Binding:
    """A request's names and values for one expression, which uses those of `order`."""

    def __init__(self, names: Names, values: ValuesByName, order: Sequence[str]) -> None:
        self.names = names
        self.values = values
        self._indexes = {name: index for index, name in enumerate(order)}

    def check_defined(self, node: Node) -> None:
        """Raise Fault for the first name or value in a node that the request does not define."""
        for part in parts(node):
            self._check_part_defined(part)

    def check_names_defined(self, node: Node) -> None:
        """Raise Fault for the first name in a node that the request does not define."""
        for part in parts(node):
            if part[0] == "path":
                self._check_part_defined(part)

    def check_values_defined(self, node: Node) -> None:
        """Raise Fault for the first value in a node that the request does not define."""
        for part in parts(node):
            if part[0] == "value":
                self._check_part_defined(part)

    def _check_part_defined(self, part: Node) -> None:
        if part[0] == "value" and part[1] not in self.values:
            raise Fault(f"An expression attribute value used in expression is not defined; attribute value: {part[1]}")
        if part[0] == "path":
            for step in part[1:]:
                if type(step) is str and step[0] == "#" and step not in self.names:
                    raise Fault(
                        f"An expression attribute name used in the document path is not defined; attribute name: {step}"
                    )

    def type_of(self, operand: Node) -> str | None:
        """Return the type of an operand, as far as it is known without an item."""
        if operand[0] == "value":
            return next(iter(self.values[operand[1]]))
        if operand[0] == "call":
            return _CALL_TYPES.get(operand[1])
        return None

    def path(self, node: Node) -> Tree:
        """Return the tree of a path."""
        return ["p", *(self.names[step] if type(step) is str and step[0] == "#" else step for step in node[1:])]

    def operand(self, node: Node) -> Tree:
        """Return the tree of a path, a value or a size."""
        if node[0] == "path":
            return self.path(node)
        if node[0] == "value":
            return expressions.value(self._indexes[node[1]])
        return expressions.size(self.operand(node[2]))


_CALL_TYPES = {"size": "N", "list_append": "L"}


def check_operand_count(call: Node, expected: Mapping[str, int]) -> None:
    """Raise Fault when a call has another number of operands than its function takes."""
    count = len(call) - 2
    if count != expected[call[1]]:
        raise Fault(
            "Incorrect number of operands for operator or function; "
            f"operator or function: {call[1]}, number of operands: {count}"
        )


def check_type(operator: str, found: str | None, allowed: Iterable[str]) -> None:
    """Raise Fault when an operand's type is known and not one of those allowed."""
    if found is not None and found not in allowed:
        raise wrong_type(operator, found)


def wrong_type(operator: str, found: str) -> Fault:
    """Return the fault of an operand that has a wrong type."""
    return Fault(
        f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {found}"
    )


def check_is_path(operator: str, operand: Node) -> None:
    """Raise Fault when a function's operand is not a document path."""
    if operand[0] != "path":
        raise Fault(f"Operator or function requires a document path; operator or function: {operator}")
