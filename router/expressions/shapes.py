"""Shapes: what a text alone says, without the request's names and values; checked once and kept.

Here stand the checks that need nothing but the text, in the order in which AWS makes them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from router.expressions.faults import Fault
from router.expressions.reserved import is_reserved
from router.expressions.syntax import Language, Node, parsed

SHAPES_CACHED_MAX = 1024
OPERATORS_MAX = 300
PATH_STEPS_MAX = 32
LIST_INDEX_MAX = 2**31 - 1

# By function: how many operands it takes.
CONDITION_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}

_SINGLE_OPERATORS = frozenset(("not", "=", "<>", "<", "<=", ">", ">=", "between", "in", "call", "+", "-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A checked text. `forms` is a place for what the text becomes with names and values; whoever fills it bounds it."""

    node: Node
    names: tuple[str, ...]  # the "#n" it uses, in order, each once
    values: tuple[str, ...]  # the ":v" it uses, in order, each once
    forms: dict[tuple[Any, ...], Any] = field(default_factory=dict)


@lru_cache(SHAPES_CACHED_MAX)
def condition_shape(text: str) -> Shape:
    """Return the shape of a condition, filter or key condition, or raise Fault; the last 1024 are kept."""
    node = parsed(Language.CONDITION, text)
    _check_functions(node, CONDITION_FUNCTIONS, UPDATE_FUNCTIONS, "a condition expression")
    _check_operators(node)
    _check_conditions([node])
    _check_names(node)
    return _shape(node)


@lru_cache(SHAPES_CACHED_MAX)
def update_shape(text: str) -> Shape:
    """Return the shape of an update, or raise Fault; the last 1024 are kept."""
    node = parsed(Language.UPDATE, text)
    _check_names(node)
    _check_functions(node, UPDATE_FUNCTIONS, CONDITION_FUNCTIONS, "an update expression")
    _check_operators(node)
    _check_appends(node)
    _check_sections(node)
    return _shape(node)


@lru_cache(SHAPES_CACHED_MAX)
def projection_shape(text: str) -> Shape:
    """Return the shape of a projection, or raise Fault; the last 1024 are kept."""
    node = parsed(Language.PROJECTION, text)
    _check_names(node)
    return _shape(node)


def parts(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(part for part in reversed(current) if type(part) is tuple)


def _shape(node: Node) -> Shape:
    names: list[str] = []
    values: list[str] = []
    for part in parts(node):
        if part[0] == "path":
            names.extend(step for step in part[1:] if type(step) is str and step[0] == "#")
        elif part[0] == "value":
            values.append(part[1])
    return Shape(node=node, names=tuple(dict.fromkeys(names)), values=tuple(dict.fromkeys(values)))


def _check_operators(node: Node) -> None:
    """Refuse more than 300 operators and functions; like AWS, name the first that is too many, not how many there are."""
    count = 0
    for part in parts(node):
        if part[0] in ("and", "or"):
            count += len(part) - 2
        elif part[0] in _SINGLE_OPERATORS:
            count += 1
    if count > OPERATORS_MAX:
        raise Fault(f"The expression contains too many operators; operator count: {OPERATORS_MAX + 1}")


def _check_functions(node: Node, known: Iterable[str], elsewhere: Iterable[str], place: str) -> None:
    for part in parts(node):
        if part[0] == "call" and part[1] not in known:
            if part[1] in elsewhere:
                raise Fault(f"The function is not allowed in {place}; function: {part[1]}")
            raise Fault(f"Invalid function name; function: {part[1]}")


def _check_conditions(nodes: Iterable[Node]) -> None:
    """Refuse a size that stands as a condition and any other function that stands as an operand."""
    for node in nodes:
        if node[0] in ("and", "or", "not"):
            _check_conditions(node[1:])
            continue
        if node[0] == "call" and node[1] == "size":
            raise _misused(node)
        for operand in node[1:]:
            _check_operand(operand)


def _check_operand(operand: Any) -> None:
    for part in parts(operand) if type(operand) is tuple else ():
        if part[0] == "call" and part[1] != "size":
            raise _misused(part)


def _check_appends(node: Node) -> None:
    """Refuse a list_append among the operands of a function."""
    for part in parts(node):
        if part[0] == "call":
            for operand in part[2:]:
                if operand[0] == "call" and operand[1] == "list_append":
                    raise _misused(operand)


def _misused(call: Node) -> Fault:
    return Fault(f"The function is not allowed to be used this way in an expression; function: {call[1]}")


def _check_names(node: Node) -> None:
    paths = [part for part in parts(node) if part[0] == "path"]
    for _, *steps in paths:
        for step in steps:
            if type(step) is str and is_reserved(step):
                raise Fault(f"Attribute name is a reserved keyword; reserved keyword: {step}")
    for _, *steps in paths:
        _check_steps(steps)


def _check_steps(steps: list[str | int]) -> None:
    if len(steps) > PATH_STEPS_MAX:
        raise Fault(f"The document path has too many nesting levels; nesting levels: {len(steps)}")
    for step in steps:
        if type(step) is int and step > LIST_INDEX_MAX:
            raise Fault(f"List index is not within the allowable range; index: [{step}]")


def _check_sections(node: Node) -> None:
    seen = set()
    for keyword, *_ in node[1:]:
        if keyword in seen:
            raise Fault(f'The "{keyword}" section can only be used once in an update expression;')
        seen.add(keyword)
