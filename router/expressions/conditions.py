"""Conditions bound to names and values: AWS's checks, comparison by comparison in the order of the text, and the tree."""

from typing import TypeAlias

from router.expressions.bindings import (
    Binding,
    ValuesByName,
    check_is_path,
    check_operand_count,
    check_type,
    wrong_type,
)
from router.expressions.faults import Fault
from router.expressions.paths import path_text
from router.expressions.shapes import CONDITION_FUNCTIONS, parts
from router.expressions.syntax import Node
from wire import expressions
from wire.expressions import COMPARATORS, Tree
from wire.items import ATTRIBUTE_TYPES, AttributeValue, sort_key

IN_OPERANDS_MAX = 100

_ORDERED_TYPES = ("S", "N", "B")
_ORDERINGS = frozenset(COMPARATORS) - {"=", "<>"}
_TYPE_NAMES = ",".join(("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"))

# A check of values themselves, to be made again for every request: two bounds in order, or one value that names a type.
ValueCheck: TypeAlias = tuple[str, str] | tuple[str]


def bound_condition(node: Node, binding: Binding) -> tuple[Tree, tuple[ValueCheck, ...]]:
    """Return a condition's tree and what is left to check of the values whenever they change, or raise Fault."""
    binder = _ConditionBinder(binding)
    tree = binder.condition(node)
    return tree, tuple(binder.checks)


def check_values(checks: tuple[ValueCheck, ...], values: ValuesByName) -> None:
    """Raise Fault when values do not pass what is left to check of them."""
    for check in checks:
        _check_values(check, values)


class _ConditionBinder:
    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self.checks: list[ValueCheck] = []

    def condition(self, node: Node) -> Tree:
        """Return the tree of a condition after checking each comparison and function in it."""
        match node:
            case ["and", *conditions]:
                return expressions.all_of(*map(self.condition, conditions))
            case ["or", *conditions]:
                return expressions.any_of(*map(self.condition, conditions))
            case ["not", condition]:
                return expressions.negated(self.condition(condition))
        self._check(node)
        return self._tree(node)

    def _check(self, node: Node) -> None:
        calls = [part for part in parts(node) if part[0] == "call"][::-1]
        self._binding.check_defined(node)
        for call in calls:
            check_operand_count(call, CONDITION_FUNCTIONS)
        self._check_distinct(node)
        for call in calls:
            self._check_call(call)
        if node[0] != "call":
            self._check_comparison(node)

    def _check_distinct(self, node: Node) -> None:
        """Refuse a path that is compared with itself."""
        operator, first, *others = node[1:] if node[0] == "call" else node
        if first[0] != "path":
            return
        path = self._binding.path(first)
        if any(other[0] == "path" and self._binding.path(other) == path for other in others):
            raise Fault(
                "The first operand must be distinct from the remaining operands for this operator or function; "
                f"operator: {_shown(operator)}, first operand: {path_text(path)}"
            )

    def _check_call(self, call: Node) -> None:
        _, function, *operands = call
        types = [self._binding.type_of(operand) for operand in operands]
        match function:
            case "attribute_exists" | "attribute_not_exists":
                check_is_path(function, operands[0])
            case "begins_with":
                for found in types:
                    check_type(function, found, ("S", "B"))
            case "size":
                if types[0] in ("N", "BOOL", "NULL"):
                    raise wrong_type(function, str(types[0]))
            case "attribute_type":
                self._check_type_name(operands[1], types[1])

    def _check_type_name(self, operand: Node, found: str | None) -> None:
        if found != "S" or operand[0] != "value":
            raise wrong_type("attribute_type", found or f"{{{','.join(ATTRIBUTE_TYPES)}}}")
        self._leave((operand[1],))

    def _check_comparison(self, node: Node) -> None:
        operator, *operands = node
        if operator in _ORDERINGS or operator == "between":
            for operand in operands:
                check_type(_shown(operator), self._binding.type_of(operand), _ORDERED_TYPES)
        if operator == "between":
            _, lower, upper = operands
            if lower[0] == upper[0] == "value":
                self._leave((lower[1], upper[1]))
        if operator == "in" and len(operands) - 1 > IN_OPERANDS_MAX:
            raise Fault(f"The IN operator is provided with too many operands; number of operands: {len(operands) - 1}")

    def _leave(self, check: ValueCheck) -> None:
        """Make a check of values now, and keep it for the next request that has the same shape."""
        _check_values(check, self._binding.values)
        self.checks.append(check)

    def _tree(self, node: Node) -> Tree:
        if node[0] == "call":
            _, function, *operands = node
            return [_FUNCTION_OPERATORS[function], *map(self._binding.operand, operands)]
        operator, *operands = node
        return [operator, *map(self._binding.operand, operands)]


_FUNCTION_OPERATORS = {
    "attribute_exists": "exists",
    "attribute_not_exists": "not_exists",
    "attribute_type": "type",
    "begins_with": "begins_with",
    "contains": "contains",
}


def _shown(operator: str) -> str:
    """Return an operator as AWS shows it: keywords in capitals."""
    return operator.upper() if operator in ("between", "in") else operator


def _check_values(check: ValueCheck, values: ValuesByName) -> None:
    if len(check) == 1:
        _check_is_type_name(values[check[0]])
    else:
        _check_bounds(values[check[0]], values[check[1]])


def _check_is_type_name(value: AttributeValue) -> None:
    if value["S"] not in ATTRIBUTE_TYPES:
        raise Fault(f"Invalid attribute type name found; type: {value['S']}, valid types: {{{_TYPE_NAMES}}}")


def _check_bounds(lower: AttributeValue, upper: AttributeValue) -> None:
    if lower.keys() != upper.keys():
        requirement = "same data type for lower and upper bounds"
    elif sort_key(lower) > sort_key(upper):  # type: ignore[operator]  # the same type: S, N or B
        requirement = "upper bound to be greater than or equal to lower bound"
    else:
        return
    raise Fault(
        f"The BETWEEN operator requires {requirement}; lower bound operand: AttributeValue: {value_text(lower)}, "
        f"upper bound operand: AttributeValue: {value_text(upper)}"
    )


def value_text(value: AttributeValue) -> str:
    """Return a value as AWS's texts quote it: {S:a}."""
    ((kind, payload),) = value.items()
    return f"{{{kind}:{payload}}}"
