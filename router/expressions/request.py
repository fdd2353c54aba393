"""One request's expressions: its names and values checked, and their use followed over all of its texts.

What a text became is kept with the text's shape, by the names and the types of values it was bound to; so a text seen
before costs a few lookups.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import orjson

from router.expressions.bindings import Binding
from router.expressions.conditions import ValueCheck, bound_condition, check_values
from router.expressions.faults import Fault
from router.expressions.keys import AttributeCondition, KeyCondition, KeyExpression, attribute_conditions
from router.expressions.projections import bound_projection
from router.expressions.shapes import Shape, condition_shape, projection_shape, update_shape
from router.expressions.updates import bound_update
from wire.errors import ErrorCode, StoreError, validation_error
from wire.expressions import Tree, packed, unpacked
from wire.items import AttributeValue, normalized_value
from wire.tables import KeySchema

ConditionKind: TypeAlias = Literal["ConditionExpression", "FilterExpression"]

# Per text, what it became for different names and types of values, and per such form, for different places of its values
# in the list. Who needs more starts again from none.
FORMS_PER_TEXT_MAX = 16
PLACEMENTS_PER_FORM_MAX = 16

PLACEHOLDER_BYTES_MAX = 255

_NAME_KEY = re.compile(r"#[A-Za-z0-9_]{1,254}")
_VALUE_KEY = re.compile(r":[A-Za-z0-9_]{1,254}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateExpression:
    """An update's packed tree, and the top-level attributes it writes to, in the order of the text, each once."""

    tree: bytes
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What a text became for some names and types of values."""

    data: bytes = b""
    checks: tuple[ValueCheck, ...] = ()
    attributes: tuple[str, ...] = ()
    conditions: tuple[AttributeCondition, ...] = ()
    placed: dict[tuple[int, ...], bytes] = field(default_factory=dict)


_FormOf: TypeAlias = Callable[[Shape, Binding], _Form]


class RequestExpressions:
    """The expressions of one request.

    Construct it with ExpressionAttributeNames and -Values as the request has them (None where it has none), then parse the
    request's expressions in AWS's order (update, condition, key condition, filter, projection), then call `finish`.
    Everything raises a validation StoreError with AWS's text. Trees point into the list that `values` returns at the end.
    """

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, AttributeValue] | None) -> None:
        self._names = _checked_names(names)
        self._values = _checked_values(values)
        self._types = {name: next(iter(value)) for name, value in self._values.items()}
        self._names_used: set[str] = set()
        self._values_used: set[str] = set()
        self._places: dict[str, int] = {}

    def condition(self, text: str, kind: ConditionKind = "ConditionExpression") -> bytes:
        """Return the packed tree of a condition or filter."""
        try:
            shape = condition_shape(text)
            form = self._form(shape, "condition", _condition_form)
            check_values(form.checks, self._values)
        except Fault as fault:
            raise _invalid(kind, fault) from None
        return self._placed(shape, form)

    def update(self, text: str) -> UpdateExpression:
        """Return the packed tree of an update."""
        try:
            shape = update_shape(text)
            form = self._form(shape, "update", _update_form)
        except Fault as fault:
            raise _invalid("UpdateExpression", fault) from None
        return UpdateExpression(tree=self._placed(shape, form), attributes=form.attributes)

    def projection(self, text: str) -> bytes:
        """Return the packed tree of a projection."""
        try:
            return self._form(projection_shape(text), "projection", _projection_form).data
        except Fault as fault:
            raise _invalid("ProjectionExpression", fault) from None

    def key_expression(self, text: str) -> KeyExpression:
        """Return a key condition that has passed all checks for which no key schema is needed."""
        try:
            form = self._form(condition_shape(text), "key", _key_form)
            check_values(form.checks, self._values)
        except Fault as fault:
            raise _invalid("KeyConditionExpression", fault) from None
        return KeyExpression(conditions=form.conditions, values=self._values)

    def key_condition(self, text: str, schema: KeySchema) -> KeyCondition:
        """Return a key condition for a key schema."""
        return self.key_expression(text).matched(schema)

    def finish(self) -> None:
        """Refuse names and values that no expression has used."""
        for parameter, defined, used in (
            ("ExpressionAttributeNames", self._names, self._names_used),
            ("ExpressionAttributeValues", self._values, self._values_used),
        ):
            if len(defined) != len(used):
                unused = ", ".join(key for key in defined if key not in used)
                raise validation_error(f"Value provided in {parameter} unused in expressions: keys: {{{unused}}}")

    def values(self) -> list[AttributeValue]:
        """Return the values that the trees point into, in canonical form."""
        return [self._values[name] for name in self._places]

    def values_bytes(self) -> bytes:
        """Return the values that the trees point into as JSON."""
        return orjson.dumps(self.values())

    def _form(self, shape: Shape, purpose: str, form_of: _FormOf) -> _Form:
        """Return what a text becomes for this request's names and values, and mark those as used."""
        try:
            key = (purpose, *[self._names[name] for name in shape.names], *[self._types[name] for name in shape.values])
            form: _Form | None = shape.forms.get(key)
        except KeyError:  # one is not defined; binding says which one
            form = None
        if form is None:
            form = form_of(shape, Binding(self._names, self._values, shape.values))
            if len(shape.forms) >= FORMS_PER_TEXT_MAX:
                shape.forms.clear()
            shape.forms[key] = form
        self._names_used.update(shape.names)
        self._values_used.update(shape.values)
        return form

    def _placed(self, shape: Shape, form: _Form) -> bytes:
        """Return a form's bytes with its values at their places in the request's list."""
        places = tuple([self._places.setdefault(name, len(self._places)) for name in shape.values])
        if places == tuple(range(len(places))):
            return form.data
        data = form.placed.get(places)
        if data is None:
            if len(form.placed) >= PLACEMENTS_PER_FORM_MAX:
                form.placed.clear()
            data = form.placed[places] = packed(_moved(unpacked(form.data), places))
        return data


def _condition_form(shape: Shape, binding: Binding) -> _Form:
    tree, checks = bound_condition(shape.node, binding)
    return _Form(data=packed(tree), checks=checks)


def _key_form(shape: Shape, binding: Binding) -> _Form:
    _, checks = bound_condition(shape.node, binding)
    return _Form(checks=checks, conditions=attribute_conditions(shape.node, binding.names))


def _update_form(shape: Shape, binding: Binding) -> _Form:
    tree = bound_update(shape.node, binding)
    return _Form(data=packed(tree), attributes=tuple(dict.fromkeys(path[1] for _, path, *_ in tree[1:])))


def _projection_form(shape: Shape, binding: Binding) -> _Form:
    return _Form(data=packed(bound_projection(shape.node, binding)))


def _moved(tree: Tree, places: tuple[int, ...]) -> Tree:
    """Return a tree whose values stand at other places of the list."""
    if tree[0] == "v":
        return ["v", places[tree[1]]]
    if tree[0] == "p":
        return tree
    return [_moved(part, places) if type(part) is list else part for part in tree]


def _checked_names(names: Mapping[str, str] | None) -> Mapping[str, str]:
    if names is None:
        return {}
    if not names:
        raise validation_error("ExpressionAttributeNames must not be empty")
    for key in names:
        if not _NAME_KEY.fullmatch(key):
            raise _invalid_key("ExpressionAttributeNames", key)
    for key, name in names.items():
        if not name:
            raise validation_error(
                f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {key}"
            )
    return names


def _checked_values(values: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    if values is None:
        return {}
    if not values:
        raise validation_error("ExpressionAttributeValues must not be empty")
    for key in values:
        if not _VALUE_KEY.fullmatch(key):
            raise _invalid_key("ExpressionAttributeValues", key)
    return {key: _checked_value(key, value) for key, value in values.items()}


def _checked_value(key: str, value: AttributeValue) -> AttributeValue:
    try:
        return normalized_value(value)
    except StoreError as error:
        if error.code is not ErrorCode.VALIDATION:
            raise
        text = f"ExpressionAttributeValues contains invalid value: {error.message} for key {key}"
        raise validation_error(text) from None


def _invalid_key(parameter: str, key: str) -> StoreError:
    reason = "Syntax error"
    if len(key) > PLACEHOLDER_BYTES_MAX:
        reason = "The expression attribute map contains a key that is too long"
    return validation_error(f'{parameter} contains invalid key: {reason}; key: "{key}"')


def _invalid(kind: str, fault: Fault) -> StoreError:
    return validation_error(f"Invalid {kind}: {fault.detail}")
