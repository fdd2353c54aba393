"""Document paths side by side: which overlap, which contradict one another, and how AWS shows one."""

from dataclasses import dataclass, field

from router.expressions.faults import Fault
from wire.expressions import Step, Tree


def path_text(path: Tree) -> str:
    """Return a path as AWS shows it: [a, [1], b]."""
    return f"[{', '.join(f'[{step}]' if type(step) is int else str(step) for step in path[1:])}]"


def check_disjoint(paths: list[Tree]) -> None:
    """Raise Fault when one path is another's beginning, or two disagree whether something is a map or a list.

    An overlap anywhere comes before every conflict.
    """
    root = _Place(first=[])
    conflicts = []
    for path in paths:
        conflicting = _enter(root, path)
        if conflicting is not None:
            conflicts.append((conflicting, path))
    if conflicts:
        raise _related("conflict", *conflicts[0])


@dataclass(slots=True)
class _Place:
    """A place that some paths lead through or to."""

    first: Tree  # the first path that came here
    ends: bool = False  # whether that path ends here
    below: dict[Step, "_Place"] = field(default_factory=dict)


def _enter(place: _Place, path: Tree) -> Tree | None:
    """Add a path to the places; return the path it conflicts with, if any, and raise Fault for one it overlaps."""
    conflicting = None
    for step in path[1:]:
        neighbour = next(iter(place.below), step)
        if conflicting is None and type(neighbour) is not type(step):
            conflicting = place.below[neighbour].first
        place = place.below.setdefault(step, _Place(first=path))
        if place.ends:
            raise _related("overlap", place.first, path)
    if place.first is not path:
        raise _related("overlap", place.first, path)
    place.ends = True
    return conflicting


def _related(relation: str, first: Tree, second: Tree) -> Fault:
    return Fault(
        f"Two document paths {relation} with each other; must remove or rewrite one of these paths; "
        f"path one: {path_text(first)}, path two: {path_text(second)}"
    )
