"""Updates bound to names and values: AWS's checks, each over the whole text before the next, and the tree."""

from router.expressions.bindings import (
    Binding,
    check_is_path,
    check_operand_count,
    check_type,
)
from router.expressions.faults import Fault
from router.expressions.paths import check_disjoint
from router.expressions.shapes import UPDATE_FUNCTIONS, parts
from router.expressions.syntax import Node
from wire import expressions
from wire.expressions import Tree

_TYPE_WORDS = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "NULL": "NULL",
    "BOOL": "BOOL",
    "L": "LIST",
    "M": "MAP",
}


def bound_update(node: Node, binding: Binding) -> Tree:
    """Return the tree of an update for a request's names and types of values, or raise Fault."""
    actions = [(keyword, action) for keyword, *section in node[1:] for action in section]
    binding.check_names_defined(node)
    binding.check_values_defined(node)
    check_disjoint([binding.path(path) for _, (_, path, *_) in actions])
    for keyword, action in actions:
        if action[0] == "combine":
            _check_combination(keyword, str(binding.type_of(action[2])))
    _check_sources(binding, node)
    return expressions.update(*(_action(binding, keyword, action) for keyword, action in actions))


def _check_combination(keyword: str, found: str) -> None:
    if found in _TYPE_WORDS and not (keyword == "ADD" and found == "N"):
        raise Fault(
            f"Incorrect operand type for operator or function; operator: {keyword}, operand type: {_TYPE_WORDS[found]}, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND"  # of both operators, as AWS says it
        )


def _check_sources(binding: Binding, node: Node) -> None:
    """Check calls, sums and differences, those inside others first."""
    for part in [*parts(node)][::-1]:
        if part[0] == "call":
            check_operand_count(part, UPDATE_FUNCTIONS)
            _check_call(binding, part)
        elif part[0] in ("+", "-"):
            for operand in part[1:]:
                check_type(part[0], binding.type_of(operand), ("N",))


def _check_call(binding: Binding, call: Node) -> None:
    _, function, *operands = call
    if function == "if_not_exists":
        check_is_path(function, operands[0])
        return
    for operand in operands:
        check_type(function, binding.type_of(operand), ("L",))


def _action(binding: Binding, keyword: str, action: Node) -> Tree:
    match action:
        case ["set", path, source]:
            return expressions.assign(binding.path(path), _source(binding, source))
        case ["remove", path]:
            return expressions.remove(binding.path(path))
        case ["combine", path, value]:
            return [keyword.lower(), binding.path(path), binding.operand(value)]
    raise AssertionError(f"expected an action, found {action!r}")


def _source(binding: Binding, node: Node) -> Tree:
    match node:
        case ["call", function, *operands]:
            return [function, *(_source(binding, operand) for operand in operands)]
        case ["+" | "-" as sign, left, right]:
            return [sign, _source(binding, left), _source(binding, right)]
    return binding.operand(node)
