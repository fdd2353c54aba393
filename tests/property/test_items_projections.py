"""Projections agree with looking each path up by itself and putting what was found together."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.items.projections import compiled_projection
from tests.support.attribute_values import items_for, projections
from wire.expressions import Step, Tree, packed
from wire.items import AttributeValue, Item


def found_at(item: Item, steps: list[Step]) -> AttributeValue | None:
    """Return what stands at a path, or None."""
    value: Any = {"M": item}
    for step in steps:
        inside = value.get("L" if isinstance(step, int) else "M")
        if inside is None or (step >= len(inside) if isinstance(step, int) else step not in inside):
            return None
        value = inside[step]
    return value


def put_together(found: list[tuple[list[Step], AttributeValue]]) -> AttributeValue:
    """Return the document that has just these values: under names by name, under indexes in their order."""
    if found[0][0] == []:
        return found[0][1]
    below: dict[Step, list[tuple[list[Step], AttributeValue]]] = {}
    for (first, *rest), value in found:
        below.setdefault(first, []).append((rest, value))
    if isinstance(next(iter(below)), int):
        return {"L": [put_together(below[index]) for index in sorted(below)]}
    return {"M": {str(name): put_together(part) for name, part in below.items()}}


# A client asks for a part and must get that part, and no more.
@settings(deadline=None)
@given(st.data(), projections())
def test_projections_agree_with_plain_lookups(data: st.DataObject, tree: Tree) -> None:
    item = data.draw(items_for(tree))
    found = [(steps, value) for _, *steps in tree[1:] if (value := found_at(item, steps)) is not None]
    expected = put_together(found)["M"] if found else {}
    assert compiled_projection(packed(tree))(item) == expected
