"""Large values looked at hundreds of times in one evaluation, worked out once.

An expression may have 300 operators, and each may compare, search or decode the same 400 KB. Knows what is worth keeping and for how
long: one evaluation, while the item and the values that it is about stay where they are. Refuses to know expressions.
"""

from collections.abc import Set
from typing import Any, Final

import orjson

from wire.items import AttributeValue, decoded_binary

# Below so many elements, or characters of base64, looking is cheaper than remembering.
SMALL_MAX: Final = 64
_CONTAINERS: Final = frozenset(("SS", "NS", "BS", "L", "M"))


class LargeValues:
    """Remember by identity, so only what belongs to the item or to the expression's values may be given here; `forget` afterwards."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}

    def forget(self) -> None:
        """Forget everything: the item goes."""
        if self._known:
            self._known.clear()

    def equal(self, left: AttributeValue, right: AttributeValue) -> bool:
        """Tell whether two values are the same; in canonical form, which all have, that is equality of their forms."""
        if left is right:
            return True
        for kind, payload in left.items():
            if kind not in _CONTAINERS or len(payload) <= SMALL_MAX:
                break
            if len(right.get(kind, ())) != len(payload):
                return False
            place = ("equal", id(left), id(right))
            if place not in self._known:
                self._known[place] = left == right
            return bool(self._known[place])
        return left == right

    def decoded(self, text: str) -> bytes:
        """Return the bytes of a canonical base64 text."""
        if len(text) <= SMALL_MAX:
            return decoded_binary(text)
        place = ("decoded", id(text))
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = decoded_binary(text)
        return bytes(found)

    def is_member(self, payload: str, members: list[str]) -> bool:
        """Tell whether a set has a member."""
        if self._is_first(members):
            return payload in members
        place = ("members", id(members))
        found: Set[str] | None = self._known.get(place)
        if found is None:
            found = self._known[place] = frozenset(members)
        return payload in found

    def is_element(self, part: AttributeValue, elements: list[AttributeValue]) -> bool:
        """Tell whether a list has an element."""
        if self._is_first(elements):
            return part in elements
        ((kind, payload),) = part.items()
        place = ("elements", id(elements), kind)
        found: Set[Any] | None = self._known.get(place)
        if found is None:
            found = self._known[place] = _elements_of(elements, kind)
        return (_form(part) if kind in _CONTAINERS else payload) in found

    def _is_first(self, elements: list[Any]) -> bool:
        """Tell whether something is looked for in a list for the first time, or the list is small: then nothing is worth keeping."""
        if len(elements) <= SMALL_MAX:
            return True
        place = ("seen", id(elements))
        is_first = place not in self._known
        self._known[place] = True
        return is_first


def _elements_of(elements: list[AttributeValue], kind: str) -> Set[Any]:
    if kind in _CONTAINERS:
        return {_form(element) for element in elements if kind in element}
    return {element.get(kind) for element in elements}


def _form(value: AttributeValue) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
