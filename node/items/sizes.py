"""What an update adds to an item's size, measuring only what it wrote.

Knows that an update shares with the item before whatever it has not written, and that one value may be written to hundreds of places.
Refuses to know what updates do.
"""

from operator import is_
from typing import TypeVar

from wire.items import AttributeValue, Item, text_size, value_size

_CONTAINERS = ("M", "L", "SS", "NS", "BS")
_LARGE_MIN = 16
_MEMBER_BYTES = 1

_Element = TypeVar("_Element")


class Sizes:
    """Measure the values of one update; a large one that stands in several places is measured once."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, value: AttributeValue) -> int:
        """Return the size of a value, which must outlive this object."""
        ((kind, payload),) = value.items()
        if kind not in _CONTAINERS or len(payload) < _LARGE_MIN:
            return value_size(value)
        size = self._known.get(id(value))
        if size is None:
            size = self._known[id(value)] = value_size(value)
        return size

    def growth(self, name: str, old: Item, new: Item) -> int:
        """Return by how many bytes an attribute has grown."""
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            return self._cost(name, after) - self._cost(name, before)
        return self._difference(before, after)

    def _cost(self, name: str, value: AttributeValue | None) -> int:
        return 0 if value is None else text_size(name) + self.of(value)

    def _difference(self, before: AttributeValue, after: AttributeValue) -> int:
        if before is after:
            return 0
        if "M" in before and "M" in after:
            return self._members(before["M"], after["M"])
        if "L" in before and "L" in after:
            return self._elements(before["L"], after["L"])
        if before.keys() == after.keys() and (kind := next(iter(after))) in _CONTAINERS:
            return _set_growth(kind, before[kind], after[kind])
        return self.of(after) - self.of(before)

    def _members(self, before: Item, after: Item) -> int:
        names = [name for name, value in after.items() if before.get(name) is not value]
        names += [name for name in before if name not in after]
        sides = sum((name in after) - (name in before) for name in names)
        return sides * _MEMBER_BYTES + sum(self.growth(name, before, after) for name in names)

    def _elements(self, before: list[AttributeValue], after: list[AttributeValue]) -> int:
        between_before, between_after = _between(before, after)
        grown = (len(after) - len(before)) * _MEMBER_BYTES
        return grown + sum(map(self.of, between_after)) - sum(map(self.of, between_before))


def _set_growth(kind: str, before: list[str], after: list[str]) -> int:
    old, new = map(set, _between(before, after))
    return _members_size(kind, new - old) - _members_size(kind, old - new)


def _members_size(kind: str, members: set[str]) -> int:
    return value_size({kind: list(members)})


def _between(before: list[_Element], after: list[_Element]) -> tuple[list[_Element], list[_Element]]:
    """Return what lies between the elements that both lists begin with and those that both end with."""
    shared = min(len(before), len(after))
    same = map(is_, before, after)
    first = next((at for at, is_same in enumerate(same) if not is_same), shared)
    same = map(is_, reversed(before), reversed(after))
    last = next((at for at, is_same in enumerate(same) if not is_same), shared)
    last = min(last, shared - first)
    return before[first : len(before) - last], after[first : len(after) - last]
