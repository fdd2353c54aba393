"""Forms: what a checked text becomes for the names and the types of values of a request, kept to be used again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from router.expressions.bindings import Binding, Names, ValuesByName
from router.expressions.conditions import ValueCheck, bound_condition
from router.expressions.keys import AttributeCondition, attribute_conditions
from router.expressions.projections import bound_projection
from router.expressions.shapes import Shape
from router.expressions.statements import StatementCost, statement_cost
from router.expressions.updates import bound_update
from wire.expressions import Tree, packed

# Per text: forms for different names and types of values. Per form: its bytes for different places of its values in the
# request's list. Who needs more starts again from none.
FORMS_PER_TEXT_MAX = 8
# A form is as long as the names in it, and those may have megabytes: longer ones are not kept.
KEPT_NAMES_CHARACTERS_MAX = 4 << 10
PLACEMENTS_PER_FORM_MAX = 4

_Form = TypeVar("_Form")


@dataclass(frozen=True, slots=True)
class PlacedTree:
    """A tree whose values are numbered in the order of its text, and its bytes for wherever they come to stand."""

    tree: Tree
    _placed: dict[tuple[int, ...], bytes] = field(default_factory=dict)

    def packed_at(self, places: tuple[int, ...]) -> bytes:
        """Return the tree's bytes when its values stand at these places of the request's list."""
        data = self._placed.get(places)
        if data is None:
            if len(self._placed) >= PLACEMENTS_PER_FORM_MAX:
                self._placed.clear()
            data = self._placed[places] = packed(_moved(self.tree, places))
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionForm:
    """A condition or filter; its checks are to be made again for every request's values."""

    tree: PlacedTree
    checks: tuple[ValueCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyForm:
    """A key condition; its checks are to be made again for every request's values."""

    conditions: tuple[AttributeCondition, ...]
    checks: tuple[ValueCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateForm:
    """An update, the top-level attributes it writes to, and what its statement costs."""

    tree: PlacedTree
    attributes: tuple[str, ...]
    cost: StatementCost


def kept_form(
    form_of: Callable[[Shape, Binding], _Form], shape: Shape, names: Names, values: ValuesByName, types: Names
) -> _Form:
    """Return what `form_of` makes of a text for these names and types of values, made now or before; or raise Fault."""
    try:
        key = (form_of, *[names[name] for name in shape.names], *[types[name] for name in shape.values])
    except KeyError:  # one is not defined; binding says which
        return form_of(shape, Binding(names, values, shape.values))
    form = shape.forms.get(key)
    if form is None:
        form = form_of(shape, Binding(names, values, shape.values))
        if sum(len(names[name]) for name in shape.names) > KEPT_NAMES_CHARACTERS_MAX:
            return form
        if len(shape.forms) >= FORMS_PER_TEXT_MAX:
            shape.forms.clear()
        shape.forms[key] = form
    return cast(_Form, form)


def condition_form(shape: Shape, binding: Binding) -> ConditionForm:
    """Return the form of a condition or filter, or raise Fault."""
    tree, checks = bound_condition(shape.node, binding)
    return ConditionForm(tree=PlacedTree(tree), checks=checks)


def key_form(shape: Shape, binding: Binding) -> KeyForm:
    """Return the form of a key condition, or raise Fault."""
    _, checks = bound_condition(shape.node, binding)
    return KeyForm(conditions=attribute_conditions(shape.node, binding.names), checks=checks)


def update_form(shape: Shape, binding: Binding) -> UpdateForm:
    """Return the form of an update, or raise Fault."""
    tree = bound_update(shape.node, binding)
    attributes = tuple(dict.fromkeys(path[1] for _, path, *_ in tree[1:]))
    return UpdateForm(tree=PlacedTree(tree), attributes=attributes, cost=statement_cost(tree, shape.values))


def projection_form(shape: Shape, binding: Binding) -> bytes:
    """Return a projection's packed tree, or raise Fault; it has no values to place."""
    return packed(bound_projection(shape.node, binding))


def _moved(tree: Tree, places: tuple[int, ...]) -> Tree:
    """Return a tree whose values stand at other places of the list."""
    if tree[0] == "v":
        return ["v", places[tree[1]]]
    if tree[0] == "p":
        return tree
    return [_moved(part, places) if type(part) is list else part for part in tree]
