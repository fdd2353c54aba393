"""Projections: the part of an item that some document paths name.

Members of one map come together in one map, elements of one list in one list, without gaps and in the order of their
indexes. What a path does not find is left out, and so is every map or list in which nothing was found.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from wire.expressions import Step, Tree, kept_by_tree, unpacked
from wire.items import AttributeValue, Item

Projection: TypeAlias = Callable[[Item], Item]

PROJECTIONS_CACHED_MAX = 1024

# What to take below a step: None for all of it, or what to take below each further step.
_Wanted: TypeAlias = dict[Step, Any]


@kept_by_tree(PROJECTIONS_CACHED_MAX)
def compiled_projection(data: bytes) -> Projection:
    """Return the function that projects an item on the paths whose packed tree `data` is; the last 1024 are kept."""
    operator, *paths = unpacked(data)
    assert operator == "project", f"expected a projection, found {operator!r}"
    return projection_on(paths)


def projection_on(paths: Iterable[Tree]) -> Projection:
    """Return the function that projects an item on paths of which none is another's beginning."""
    wanted: _Wanted = {}
    for _, *steps in paths:
        _want(wanted, steps)
    if all(below is None for below in wanted.values()):
        names = [str(name) for name in wanted]
        return lambda item: {name: item[name] for name in names if name in item}
    return lambda item: _projected_members(item, wanted)


def _want(wanted: _Wanted, steps: list[Step]) -> None:
    *above, last = steps
    for step in above:
        wanted = wanted.setdefault(step, {})
    wanted[last] = None


def _projected_members(members: Item, wanted: _Wanted) -> Item:
    result: Item = {}
    for name, below in wanted.items():
        if type(name) is str and name in members:
            value = _projected(members[name], below)
            if value is not None:
                result[name] = value
    return result


def _projected(value: AttributeValue, wanted: _Wanted | None) -> AttributeValue | None:
    if wanted is None:
        return value
    if "M" in value:
        members = _projected_members(value["M"], wanted)
        return {"M": members} if members else None
    if "L" in value:
        elements = _projected_elements(value["L"], wanted)
        return {"L": elements} if elements else None
    return None


def _projected_elements(elements: list[AttributeValue], wanted: _Wanted) -> list[AttributeValue]:
    indexes = sorted(step for step in wanted if type(step) is int and step < len(elements))
    found = (_projected(elements[index], wanted[index]) for index in indexes)
    return [value for value in found if value is not None]
