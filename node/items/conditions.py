"""Conditions: compiled from their trees' bytes to functions that judge an item.

A condition is never an error: a missing attribute, or types that do not go together, make a comparison false (and `<>`
true).
"""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from node.items.large_values import LargeValues
from node.items.operands import Operand, Values, compiled_operand
from wire.expressions import Tree, kept_by_tree, packed, reading_tree, unpacked
from wire.items import AttributeValue, Item, sort_key

# An item that does not exist is judged as one without attributes: pass {}.
Condition: TypeAlias = Callable[[Item, Values], bool]
_Ordering: TypeAlias = Callable[[Any, Any], bool]
_Pair: TypeAlias = Callable[[AttributeValue | None, AttributeValue | None], bool]

CONDITIONS_CACHED_MAX = 1024
COMPARISONS_MIN = 2
"""From so many comparisons on one evaluation may look at a large value again, and has something to forget."""

_CONTAINERS = frozenset(("SS", "NS", "BS", "L", "M"))
_ORDERINGS: dict[str, _Ordering] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_IN = b'["in",'
_SET_MEMBERS = {"S": "SS", "N": "NS", "B": "BS"}


@kept_by_tree(CONDITIONS_CACHED_MAX)
def compiled_condition(data: bytes) -> Condition:
    """Return the function that judges an item by the condition whose packed tree `data` is; the last 1024 are kept."""
    return compiled_tree(unpacked(data))


def bound_condition(data: bytes, values: Values) -> Condition:
    """Return the function that judges many items by one condition, always with these same values.

    What depends on the values alone is worked out once: to look an item's value up among hundreds of candidates costs the same as
    among two.
    """
    if _IN not in data:
        return compiled_condition(data)
    with reading_tree(data):
        return compiled_tree(unpacked(data), values)


def compiled_tree(tree: Tree, values: Values | None = None) -> Condition:
    """Return the function that judges an item by a condition's tree; `values` are those it will be judged with, where they are known."""
    if tree[0] == "=":  # the commonest of all, and the only one here: nothing is looked at twice
        return _pairing(_equal, *map(compiled_operand, tree[1:]))
    compiler = _Compiler(values)
    condition = compiler.compiled(tree)
    if compiler.comparisons < COMPARISONS_MIN:
        return condition
    forget = compiler.large.forget

    def judged(item: Item, values: Values) -> bool:
        try:
            return condition(item, values)
        finally:
            forget()

    return judged


class _Compiler:
    """Compile one tree. What its parts find out about large values they share."""

    def __init__(self, values: Values | None) -> None:
        self.large = LargeValues()
        self.comparisons = 0
        self._values = values

    def compiled(self, tree: Tree) -> Condition:
        operator, *arguments = tree
        if operator in ("and", "or"):
            return _junction(operator, [self.compiled(part) for part in arguments])
        if operator == "not":
            return _negation(self.compiled(arguments[0]))
        self.comparisons += 1
        if operator == "in":
            return self._membership(compiled_operand(arguments[0]), _each_once(arguments[1:]))
        operands = [compiled_operand(argument) for argument in arguments]
        if operator == "between":
            return self._range(*operands)
        if operator in ("exists", "not_exists"):
            return _existence(operands[0], wanted=operator == "exists")
        if operator == "<>":
            return self._difference(arguments, *operands)
        return _pairing(self._pair(operator), *operands)

    def _pair(self, operator: str) -> _Pair:
        large = self.large
        if operator in _ORDERINGS:
            return _ordered(_ORDERINGS[operator], large)
        match operator:
            case "=":
                return _equality(large)
            case "begins_with":
                return lambda value, prefix: _begins_with(value, prefix, large)
            case "contains":
                return lambda value, part: _contains(value, part, large)
            case "type":
                return _has_type
        raise AssertionError(f"expected a condition, found {operator!r}")

    def _difference(self, trees: list[Tree], left: Operand, right: Operand) -> Condition:
        """Return `<>`: true of a missing attribute, but false of the size of something that has none."""
        sizes = [operand for tree, operand in zip(trees, (left, right), strict=True) if tree[0] == "size"]
        equal = _equality(self.large)

        def differs(item: Item, values: Values) -> bool:
            if any(size(item, values) is None for size in sizes):
                return False
            return not equal(left(item, values), right(item, values))

        return differs

    def _range(self, operand: Operand, lower: Operand, upper: Operand) -> Condition:
        at_least, at_most = _ordered(ge, self.large), _ordered(le, self.large)

        def within(item: Item, values: Values) -> bool:
            value = operand(item, values)
            return at_least(value, lower(item, values)) and at_most(value, upper(item, values))

        return within

    def _membership(self, operand: Operand, candidates: list[Tree]) -> Condition:
        values, equal = self._values, self.large.equal
        if values is not None and all(candidate[0] == "v" for candidate in candidates):
            return _membership_among(operand, [compiled_operand(candidate)({}, values) for candidate in candidates])
        operands = [compiled_operand(candidate) for candidate in candidates]

        def is_candidate(item: Item, values: Values) -> bool:
            value = operand(item, values)
            if value is None:
                return False
            if _scalar(value) is not None:
                return any(value == candidate(item, values) for candidate in operands)
            found = [candidate(item, values) for candidate in operands]
            return any(each is not None and equal(value, each) for each in found)

        return is_candidate


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


def _each_once(candidates: list[Tree]) -> list[Tree]:
    """Return the candidates without those that are there twice: a large value can be named hundreds of times."""
    seen = {packed(candidate): candidate for candidate in candidates}
    return list(seen.values())


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
    return left is not None and left == right


def _equality(large: LargeValues) -> _Pair:
    equal = large.equal
    return lambda left, right: left is not None and right is not None and equal(left, right)


def _ordered(ordering: _Ordering, large: LargeValues) -> _Pair:
    """Return the comparison of two texts, two numbers or two binaries, false for everything else."""

    def holds(left: AttributeValue | None, right: AttributeValue | None) -> bool:
        if left is None or right is None or left.keys() != right.keys():
            return False
        if "B" in left:
            return ordering(large.decoded(left["B"]), large.decoded(right["B"]))
        ours = sort_key(left)
        return ours is not None and ordering(ours, sort_key(right))

    return holds


def _begins_with(value: AttributeValue | None, prefix: AttributeValue | None, large: LargeValues) -> bool:
    if value is None or prefix is None:
        return False
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    return "B" in value and "B" in prefix and large.decoded(value["B"]).startswith(large.decoded(prefix["B"]))


def _contains(value: AttributeValue | None, part: AttributeValue | None, large: LargeValues) -> bool:
    if value is None or part is None:
        return False
    if "L" in value:
        return large.is_element(part, value["L"])
    ((kind, payload),) = part.items()
    members = value.get(_SET_MEMBERS.get(kind, ""))
    if members is not None:
        return large.is_member(payload, members)
    if kind == "S":
        return "S" in value and payload in value["S"]
    return kind == "B" and "B" in value and large.decoded(payload) in large.decoded(value["B"])


def _has_type(value: AttributeValue | None, type_name: AttributeValue | None) -> bool:
    return value is not None and type_name is not None and type_name.get("S") in value
