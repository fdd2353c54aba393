"""Conditions: compiled from their trees' bytes to functions that judge an item.

A condition is never an error: a missing attribute, or types that do not go together, make a comparison false (and `<>`
true).
"""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from node.items.operands import Operand, Values, compiled_operand
from wire.expressions import Tree, kept_by_tree, packed, reading_tree, unpacked
from wire.items import AttributeValue, Item, decoded_binary, sort_key

# An item that does not exist is judged as one without attributes: pass {}.
Condition: TypeAlias = Callable[[Item, Values], bool]
_Ordering: TypeAlias = Callable[[Any, Any], bool]
_Pair: TypeAlias = Callable[[AttributeValue | None, AttributeValue | None], bool]

CONDITIONS_CACHED_MAX = 1024

_CONTAINERS = frozenset(("SS", "NS", "BS", "L", "M"))
_IN = b'["in",'
_SET_MEMBERS = {"S": "SS", "N": "NS", "B": "BS"}


@kept_by_tree(CONDITIONS_CACHED_MAX)
def compiled_condition(data: bytes) -> Condition:
    """Return the function that judges an item by the condition whose packed tree `data` is; the last 1024 are kept."""
    return compiled_tree(unpacked(data))


def bound_condition(data: bytes, values: Values) -> Callable[[Item], bool]:
    """Return the function that judges many items by one condition with the same values.

    What depends on the values alone is worked out once: to look an item's value up among hundreds of candidates costs the same as
    among two.
    """
    if _IN not in data:
        condition = compiled_condition(data)
    else:
        with reading_tree(data):
            condition = compiled_tree(unpacked(data), values)
    return lambda item: condition(item, values)


def compiled_tree(tree: Tree, values: Values | None = None) -> Condition:
    """Return the function that judges an item by a condition's tree; `values` are those it will be judged with, where they are known."""
    operator, *arguments = tree
    if operator in ("and", "or"):
        return _junction(operator, [compiled_tree(part, values) for part in arguments])
    if operator == "not":
        return _negation(compiled_tree(arguments[0], values))
    if operator == "in":
        return _membership(compiled_operand(arguments[0]), _each_once(arguments[1:]), values)
    operands = [compiled_operand(argument) for argument in arguments]
    if operator == "between":
        return _range(*operands)
    if operator in ("exists", "not_exists"):
        return _existence(operands[0], wanted=operator == "exists")
    if operator == "<>":
        return _difference(arguments, *operands)
    return _pairing(_PAIRS[operator], *operands)


def _junction(operator: str, parts: list[Condition]) -> Condition:
    if operator == "and":
        return lambda item, values: all(part(item, values) for part in parts)
    return lambda item, values: any(part(item, values) for part in parts)


def _negation(part: Condition) -> Condition:
    return lambda item, values: not part(item, values)


def _existence(operand: Operand, *, wanted: bool) -> Condition:
    if wanted:
        return lambda item, values: operand(item, values) is not None
    return lambda item, values: operand(item, values) is None


def _pairing(holds: _Pair, left: Operand, right: Operand) -> Condition:
    return lambda item, values: holds(left(item, values), right(item, values))


def _difference(trees: list[Tree], left: Operand, right: Operand) -> Condition:
    """Return `<>`: true of a missing attribute, but false of the size of something that has none."""
    sizes = [operand for tree, operand in zip(trees, (left, right), strict=True) if tree[0] == "size"]

    def differs(item: Item, values: Values) -> bool:
        if any(size(item, values) is None for size in sizes):
            return False
        return not _equal(left(item, values), right(item, values))

    return differs


def _range(operand: Operand, lower: Operand, upper: Operand) -> Condition:
    def within(item: Item, values: Values) -> bool:
        value = operand(item, values)
        return _at_least(value, lower(item, values)) and _at_most(value, upper(item, values))

    return within


def _each_once(candidates: list[Tree]) -> list[Tree]:
    """Return the candidates without those that are there twice: a large value can be named hundreds of times."""
    seen = {packed(candidate): candidate for candidate in candidates}
    return list(seen.values())


def _membership(operand: Operand, candidates: list[Tree], values: Values | None) -> Condition:
    if values is not None and all(candidate[0] == "v" for candidate in candidates):
        return _membership_among(operand, [compiled_operand(candidate)({}, values) for candidate in candidates])
    operands = [compiled_operand(candidate) for candidate in candidates]

    def is_candidate(item: Item, values: Values) -> bool:
        value = operand(item, values)
        return value is not None and any(value == candidate(item, values) for candidate in operands)

    return is_candidate


def _membership_among(operand: Operand, candidates: list[AttributeValue | None]) -> Condition:
    """Return the test whether a value is one of those known before: scalars are looked up, not compared with each."""
    scalars = {place for candidate in candidates if (place := _scalar(candidate)) is not None}
    others = [candidate for candidate in candidates if _scalar(candidate) is None]

    def is_candidate(item: Item, values: Values) -> bool:
        value = operand(item, values)
        if value is None:
            return False
        place = _scalar(value)
        return value in others if place is None else place in scalars

    return is_candidate


def _scalar(value: AttributeValue | None) -> tuple[str, Any] | None:
    """Return a scalar in a form that can be looked up; None for lists, maps and sets."""
    assert value is not None, "expected a value"
    ((kind, payload),) = value.items()
    return None if kind in _CONTAINERS else (kind, payload)


def _equal(left: AttributeValue | None, right: AttributeValue | None) -> bool:
    """Tell whether both are there and the same; in canonical form, which all values have, that is equality of their forms."""
    return left is not None and left == right


def _ordered(ordering: _Ordering) -> _Pair:
    """Return the comparison of two texts, two numbers or two binaries, false for everything else."""

    def holds(left: AttributeValue | None, right: AttributeValue | None) -> bool:
        if left is None or right is None or left.keys() != right.keys():
            return False
        ours = sort_key(left)
        return ours is not None and ordering(ours, sort_key(right))

    return holds


_at_least = _ordered(ge)
_at_most = _ordered(le)


def _begins_with(value: AttributeValue | None, prefix: AttributeValue | None) -> bool:
    if value is None or prefix is None:
        return False
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    return "B" in value and "B" in prefix and decoded_binary(value["B"]).startswith(decoded_binary(prefix["B"]))


def _contains(value: AttributeValue | None, part: AttributeValue | None) -> bool:
    if value is None or part is None:
        return False
    if "L" in value:
        return part in value["L"]
    ((kind, payload),) = part.items()
    members = value.get(_SET_MEMBERS.get(kind, ""))
    if members is not None:
        return payload in members
    if kind == "S":
        return "S" in value and payload in value["S"]
    return kind == "B" and "B" in value and decoded_binary(payload) in decoded_binary(value["B"])


def _has_type(value: AttributeValue | None, type_name: AttributeValue | None) -> bool:
    return value is not None and type_name is not None and type_name.get("S") in value


_PAIRS: dict[str, _Pair] = {
    "=": _equal,
    "<": _ordered(lt),
    "<=": _at_most,
    ">": _ordered(gt),
    ">=": _at_least,
    "begins_with": _begins_with,
    "contains": _contains,
    "type": _has_type,
}
