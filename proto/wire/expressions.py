"""Expressions as data: trees of plain JSON arrays, the same on the wire, in caches and in evaluators.

The room knows the grammar of the trees and how they become bytes; it refuses to know expression texts and how trees are
evaluated. A tree never holds an attribute value: `["v", i]` points into a list of values that travels beside it, so one
tree's bytes serve every request that has the same shape, and a node can cache what it compiled from them.

    condition   ["and", condition, condition, ...]        two or more
                ["or", condition, condition, ...]
                ["not", condition]
                [comparator, operand, operand]            comparator: "=" "<>" "<" "<=" ">" ">="
                ["between", operand, lower, upper]        three operands
                ["in", operand, candidate, ...]           one or more candidates
                ["exists", path]  ["not_exists", path]
                ["type", operand, operand]                the second names a type: "S", "SS", "N", ...
                ["begins_with", operand, operand]
                ["contains", operand, operand]            NOT_CONTAINS is ["not", ["contains", ...]]
    operand     path | value | ["size", operand]
    path        ["p", name, step, ...]                    a step is a member's name (text) or a list index (integer)
    value       ["v", index]

    update      ["update", action, ...]
                ["attribute_updates", action, ...]        as AttributeUpdates makes it: other words for a wrong type
    action      ["set", path, source]  ["remove", path]  ["add", path, value]  ["delete", path, value]
    source      path | value | ["+", source, source] | ["-", source, source]
                | ["if_not_exists", path, source] | ["list_append", source, source]

    projection  ["project", path, ...]

A tree is a list; its first element says what it is. Operators are only ever added, never renamed: they travel between
versions.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeAlias, TypeVar

import orjson

Tree: TypeAlias = list[Any]
Step: TypeAlias = str | int

COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")

# A tree is as long as the names in it, and those may have megabytes: what is made of longer ones is not kept.
TREE_BYTES_KEPT_MAX = 8 << 10

_Made = TypeVar("_Made")


class UnreadableTree(ValueError):
    """Say that bytes from another process are no tree that this version knows."""


def kept_by_tree(count: int) -> Callable[[Callable[[bytes], _Made]], Callable[[bytes], _Made]]:
    """Decorate a function of a packed tree, so that what it made of the last `count` of them is kept.

    Whatever it finds wrong with the tree becomes an UnreadableTree: trees come from other processes.
    """

    def decorated(make: Callable[[bytes], _Made]) -> Callable[[bytes], _Made]:
        kept = lru_cache(count)(make)

        @wraps(make)
        def made(data: bytes) -> _Made:
            with reading_tree(data):
                return kept(data) if len(data) <= TREE_BYTES_KEPT_MAX else make(data)

        return made

    return decorated


class reading_tree:
    """Turn whatever is found wrong with a tree inside the block into an UnreadableTree."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (AssertionError, LookupError, TypeError, ValueError)):
            raise UnreadableTree(f"expected an expression tree, found {self._data[:80]!r}: {error!r}") from error


def packed(tree: Tree) -> bytes:
    """Return the bytes of a tree, as they travel and as caches know it."""
    return orjson.dumps(tree)


def unpacked(data: bytes) -> Tree:
    """Return the tree that `packed` turned into these bytes."""
    tree = orjson.loads(data)
    assert isinstance(tree, list), f"expected an expression tree, found {data[:40]!r}"
    return tree


def path(name: str, *steps: Step) -> Tree:
    """Build a document path from a top-level attribute's name down."""
    return ["p", name, *steps]


def value(index: int) -> Tree:
    """Build a reference to the value at `index` of the list that travels with the tree."""
    return ["v", index]


def size(operand: Tree) -> Tree:
    """Build the size of an operand."""
    return ["size", operand]


def comparison(comparator: str, left: Tree, right: Tree) -> Tree:
    """Build a comparison of two operands."""
    assert comparator in COMPARATORS, f"expected a comparator, found {comparator!r}"
    return [comparator, left, right]


def between(operand: Tree, lower: Tree, upper: Tree) -> Tree:
    """Build lower <= operand <= upper."""
    return ["between", operand, lower, upper]


def one_of(operand: Tree, *candidates: Tree) -> Tree:
    """Build the test whether an operand equals one of the candidates."""
    assert candidates, "expected at least one candidate"
    return ["in", operand, *candidates]


def exists(target: Tree) -> Tree:
    """Build the test whether there is something at a path."""
    return ["exists", target]


def not_exists(target: Tree) -> Tree:
    """Build the test whether there is nothing at a path."""
    return ["not_exists", target]


def has_type(operand: Tree, type_name: Tree) -> Tree:
    """Build the test whether an operand has the type that another operand names."""
    return ["type", operand, type_name]


def begins_with(operand: Tree, prefix: Tree) -> Tree:
    """Build the test whether a text or binary operand begins with another."""
    return ["begins_with", operand, prefix]


def contains(operand: Tree, part: Tree) -> Tree:
    """Build the test whether a text, binary, set or list contains another operand."""
    return ["contains", operand, part]


def negated(condition: Tree) -> Tree:
    """Build the opposite of a condition; the opposite of an opposite is the condition itself."""
    return condition[1] if condition[0] == "not" else ["not", condition]


def all_of(*conditions: Tree) -> Tree:
    """Build the conjunction of conditions; those that are conjunctions themselves are taken apart."""
    return _joined("and", conditions)


def any_of(*conditions: Tree) -> Tree:
    """Build the disjunction of conditions; those that are disjunctions themselves are taken apart."""
    return _joined("or", conditions)


def assign(target: Tree, source: Tree) -> Tree:
    """Build the action that writes a source's value at a path."""
    return ["set", target, source]


def remove(target: Tree) -> Tree:
    """Build the action that removes what is at a path."""
    return ["remove", target]


def add(target: Tree, operand: Tree) -> Tree:
    """Build the action that adds a number, or the members of a set, to what is at a path."""
    return ["add", target, operand]


def delete(target: Tree, operand: Tree) -> Tree:
    """Build the action that takes the members of a set out of the set at a path."""
    return ["delete", target, operand]


def plus(left: Tree, right: Tree) -> Tree:
    """Build the sum of two sources."""
    return ["+", left, right]


def minus(left: Tree, right: Tree) -> Tree:
    """Build the difference of two sources."""
    return ["-", left, right]


def if_not_exists(target: Tree, otherwise: Tree) -> Tree:
    """Build the value at a path, or another source's where there is none."""
    return ["if_not_exists", target, otherwise]


def list_append(left: Tree, right: Tree) -> Tree:
    """Build the list of two lists' elements."""
    return ["list_append", left, right]


def update(*actions: Tree) -> Tree:
    """Build an update of one or more actions, in the order they were written."""
    assert actions, "expected at least one action"
    return ["update", *actions]


def attribute_updates(*actions: Tree) -> Tree:
    """Build the update of one or more actions on top-level attributes that AttributeUpdates describes."""
    assert actions, "expected at least one action"
    return ["attribute_updates", *actions]


def projection(*paths: Tree) -> Tree:
    """Build a projection on one or more paths."""
    assert paths, "expected at least one path"
    return ["project", *paths]


def _joined(operator: str, conditions: tuple[Tree, ...]) -> Tree:
    assert conditions, "expected at least one condition"
    if len(conditions) == 1:
        return conditions[0]
    parts: Tree = [operator]
    for condition in conditions:
        parts.extend(condition[1:] if condition[0] == operator else [condition])
    return parts
