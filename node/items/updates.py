"""Updates: compiled from their trees' bytes to functions from an old item to a new one.

Every source is computed from the old item, or from the key of a new one, before anything is written, and list indexes mean
positions in the old item, whatever else the update does. The old item is never changed: what an update writes into is copied
first, the rest is shared.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from node.items.operands import Values
from node.items.projections import Projection, projection_on
from node.items.sizes import Sizes
from node.items.sources import UPDATED_TOO_LARGE, UPDATED_WRONG_TYPE, WRONG_TYPE, Change, compiled_change
from wire.errors import StoreError, validation_error
from wire.expressions import Step, kept_by_tree, unpacked
from wire.items import NESTING_TOO_DEEP, AttributeValue, Item, text_size
from wire.limits import ITEM_BYTES_MAX, NESTING_LEVELS_MAX

UPDATES_CACHED_MAX = 1024

_NESTED = frozenset(("M", "L"))
_INVALID_PATH = "The document path provided in the update expression is invalid for update"

# By what an update's tree begins with: what is said of a value of a wrong type.
_WRONG_TYPES = {"update": WRONG_TYPE, "attribute_updates": UPDATED_WRONG_TYPE}

# What to write below a step: the number of the action that writes there, or the further steps.
_Branch: TypeAlias = dict[Step, Any]
_Changes: TypeAlias = Sequence[AttributeValue | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A compiled update.

    `touched` projects an item on the update's paths: the old item for UPDATED_OLD, the new one for UPDATED_NEW. As in
    DynamoDB, that shows nothing of an element appended past a list's end, and what has moved up to a removed one's place.
    """

    attributes: tuple[str, ...]  # top-level attributes it writes to, in the order they are written, each once
    creates: bool  # whether it brings a missing item into being; an update that only takes away does not
    touched: Projection
    _changes: tuple[Change, ...]
    _depths: tuple[int, ...]  # by change: how many lists and maps its path leads through
    _branch: _Branch

    def apply(self, old: Item | None, key: Item, values: Values) -> Item | None:
        """Return the item after the update: `old` changed or, from its key, a new one; None where there is still none.

        What the update reads of a new one is its key already: only a condition is judged on an item that does not exist.

        Raises a validation StoreError with AWS's text when the item does not allow the update.
        """
        if old is None and not self.creates:
            return None
        before = key if old is None else old
        changes = [change(before, values) for change in self._changes]
        levels: dict[int, int] = {}
        for depth, value in zip(self._depths, changes, strict=True):
            if depth and value is not None and depth + _known_nesting(value, levels) > NESTING_LEVELS_MAX:
                raise validation_error(NESTING_TOO_DEEP)
        return _rewritten_members(before, self._branch, changes)

    def size_after(self, old: Item | None, old_bytes: int, new: Item) -> int:
        """Return the size in bytes of the item this update made of `old`, measuring only what it wrote.

        Raises a validation StoreError with AWS's text when that is too large.
        """
        sizes = Sizes()
        if old is None:
            size = sum(text_size(name) + sizes.of(value) for name, value in new.items())
        else:
            size = old_bytes + sum(sizes.growth(name, old, new) for name in self.attributes)
        if size > ITEM_BYTES_MAX:
            raise validation_error(UPDATED_TOO_LARGE)
        return size


@kept_by_tree(UPDATES_CACHED_MAX)
def compiled_update(data: bytes) -> Update:
    """Return the update whose packed tree `data` is; the last 1024 are kept."""
    operator, *actions = unpacked(data)
    wrong_type = _WRONG_TYPES[operator]
    paths = [action[1] for action in actions]
    return Update(
        attributes=tuple(dict.fromkeys(path[1] for path in paths)),
        creates=any(kind in ("set", "add") for kind, *_ in actions),
        touched=projection_on(paths),
        _changes=tuple(compiled_change(action, wrong_type) for action in actions),
        _depths=tuple(len(path) - 2 for path in paths),
        _branch=_branch_of([path[1:] for path in paths]),
    )


def nesting(value: AttributeValue) -> int:
    """Return how many lists and maps stand inside one another in a value."""
    if "M" in value:
        return 1 + _deepest(value["M"].values())
    if "L" in value:
        return 1 + _deepest(value["L"])
    return 0


def _deepest(values: Collection[AttributeValue]) -> int:
    if _NESTED.isdisjoint(chain.from_iterable(values)):  # nearly always, and at once
        return 0
    return max(map(nesting, values))


def _known_nesting(value: AttributeValue, levels: dict[int, int]) -> int:
    """Return the nesting of a value; one that is written to many places is looked through once."""
    level = levels.get(id(value))
    if level is None:
        level = levels[id(value)] = nesting(value)
    return level


def _branch_of(paths: list[list[Step]]) -> _Branch:
    branch: _Branch = {}
    for number, (*above, last) in enumerate(paths):
        below = branch
        for step in above:
            below = below.setdefault(step, {})
        assert last not in below, f"expected paths that do not overlap, found {paths!r}"
        below[last] = number
    return branch


def _rewritten_members(members: Item, branch: _Branch, changes: _Changes) -> Item:
    result = dict(members)
    for name, below in branch.items():
        assert type(name) is str, f"expected a member's name, found {name!r}"
        if type(below) is not int:
            result[name] = _rewritten(members.get(name), below, changes)
        elif (value := changes[below]) is not None:
            result[name] = value
        else:
            result.pop(name, None)
    return result


def _rewritten(value: AttributeValue | None, branch: _Branch, changes: _Changes) -> AttributeValue:
    """Return a copy of a map or list with the changes made below it."""
    if value is None:
        raise _invalid_path()
    if "M" in value and type(next(iter(branch))) is str:
        return {"M": _rewritten_members(value["M"], branch, changes)}
    if "L" in value and type(next(iter(branch))) is int:
        return {"L": _rewritten_elements(value["L"], branch, changes)}
    raise _invalid_path()


def _rewritten_elements(elements: list[AttributeValue], branch: _Branch, changes: _Changes) -> list[AttributeValue]:
    """Return the list with elements replaced in place, removed, and appended in the order of their indexes."""
    result: list[AttributeValue | None] = [*elements]
    for index in sorted(branch, key=int):
        below = branch[index]
        inside = int(index) < len(elements)
        if type(below) is not int:
            if not inside:
                raise _invalid_path()
            result[int(index)] = _rewritten(elements[int(index)], below, changes)
        elif inside:
            result[int(index)] = changes[below]
        else:
            result.append(changes[below])
    return [element for element in result if element is not None]


def _invalid_path() -> StoreError:
    return validation_error(_INVALID_PATH)
