"""One request's expressions: its names and values checked, and their use followed over all of its texts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias, TypeVar

import orjson

from router.expressions.bindings import Binding
from router.expressions.conditions import check_values
from router.expressions.faults import Fault
from router.expressions.forms import (
    PlacedTree,
    condition_form,
    kept_form,
    key_form,
    projection_form,
    update_form,
)
from router.expressions.keys import KeyCondition, KeyExpression, QueriedKey
from router.expressions.shapes import Shape, condition_shape, projection_shape, update_shape
from wire.errors import ErrorCode, StoreError, validation_error
from wire.items import ITEM_TO_UPDATE_TOO_LARGE, AttributeValue, measured_value, text_size
from wire.limits import EXPRESSION_SUBSTITUTIONS_BYTES_MAX, ITEM_BYTES_MAX
from wire.names import name_fault
from wire.tables import KeySchema

ConditionKind: TypeAlias = Literal["ConditionExpression", "FilterExpression"]

PLACEHOLDER_BYTES_MAX = 255
# Texts quote so much of what cannot be meant.
UNUSED_SHOWN_MAX = 1000
KEY_SHOWN_CHARACTERS_MAX = 4096

_NAME_KEY = re.compile(r"#[A-Za-z0-9_]{1,254}")
_VALUE_KEY = re.compile(r":[A-Za-z0-9_]{1,254}")

_Form = TypeVar("_Form")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateExpression:
    """An update's packed tree, and the top-level attributes it writes to, in the order of the text, each once."""

    tree: bytes
    attributes: tuple[str, ...]


class RequestExpressions:
    """The expressions of one request.

    Construct it with ExpressionAttributeNames and -Values as the request has them (None where it has none), then parse the
    request's expressions in AWS's order (update, condition, key condition, filter, projection), then call `finish`.
    Everything raises a validation StoreError with AWS's text. Trees point into the list that `values` returns at the end.
    """

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, AttributeValue] | None) -> None:
        self._names = _checked_names(names)
        self._values, self._value_bytes = _checked_values(values)
        _check_size(self._names, self._value_bytes)
        self._types = {name: next(iter(value)) for name, value in self._values.items()}
        self._names_used: set[str] = set()
        self._values_used: set[str] = set()
        self._places: dict[str, int] = {}

    def condition(self, text: str, kind: ConditionKind = "ConditionExpression") -> bytes:
        """Return the packed tree of a condition or filter."""
        try:
            shape = condition_shape(text)
            form = self._form(condition_form, shape)
            check_values(form.checks, self._values)
        except Fault as fault:
            raise _invalid(kind, fault) from None
        return self._packed(shape, form.tree)

    def update(self, text: str) -> UpdateExpression:
        """Return the packed tree of an update, whose statement is not too large to be run."""
        try:
            shape = update_shape(text)
            form = self._form(update_form, shape)
        except Fault as fault:
            raise _invalid("UpdateExpression", fault) from None
        if form.cost.total_bytes(self._value_bytes) > ITEM_BYTES_MAX:
            raise validation_error(ITEM_TO_UPDATE_TOO_LARGE)
        return UpdateExpression(tree=self._packed(shape, form.tree), attributes=form.attributes)

    def projection(self, text: str) -> bytes:
        """Return the packed tree of a projection."""
        try:
            return self._form(projection_form, projection_shape(text))
        except Fault as fault:
            raise _invalid("ProjectionExpression", fault) from None

    def key_expression(self, text: str) -> KeyExpression:
        """Return a key condition that has passed all checks for which no key schema is needed."""
        try:
            form = self._form(key_form, condition_shape(text))
            check_values(form.checks, self._values)
        except Fault as fault:
            raise _invalid("KeyConditionExpression", fault) from None
        return KeyExpression(conditions=form.conditions, values=self._values)

    def key_condition(self, text: str, schema: KeySchema) -> KeyCondition:
        """Return a key condition for the key of a table."""
        return self.key_expression(text).matched(QueriedKey.of_table(schema))

    def finish(self) -> None:
        """Refuse names and values that no expression has used."""
        for parameter, defined, used in (
            ("ExpressionAttributeNames", self._names, self._names_used),
            ("ExpressionAttributeValues", self._values, self._values_used),
        ):
            if len(defined) != len(used):
                unused = ", ".join(islice((key for key in defined if key not in used), UNUSED_SHOWN_MAX))
                raise validation_error(f"Value provided in {parameter} unused in expressions: keys: {{{unused}}}")

    def values(self) -> list[AttributeValue]:
        """Return the values that the trees point into, in canonical form."""
        return [self._values[name] for name in self._places]

    def values_bytes(self) -> bytes:
        """Return the values that the trees point into as JSON."""
        return orjson.dumps(self.values())

    def _form(self, form_of: Callable[[Shape, Binding], _Form], shape: Shape) -> _Form:
        """Return what a text becomes for this request, and mark the names and values it uses."""
        form = kept_form(form_of, shape, self._names, self._values, self._types)
        self._names_used.update(shape.names)
        self._values_used.update(shape.values)
        return form

    def _packed(self, shape: Shape, tree: PlacedTree) -> bytes:
        """Return a tree's bytes, its values at their places in this request's list; new ones go to the end of it."""
        return tree.packed_at(tuple([self._places.setdefault(name, len(self._places)) for name in shape.values]))


def _checked_names(names: Mapping[str, str] | None) -> Mapping[str, str]:
    if names is None:
        return {}
    if not names:
        raise validation_error("ExpressionAttributeNames must not be empty")
    for key in names:
        if not _NAME_KEY.fullmatch(key):
            raise _invalid_key("ExpressionAttributeNames", key)
    for key, name in names.items():
        fault = name_fault(name)
        if fault is not None:
            raise validation_error(f"ExpressionAttributeNames contains invalid value: {fault} for key {key}")
    return names


def _checked_values(values: Mapping[str, AttributeValue] | None) -> tuple[dict[str, AttributeValue], dict[str, int]]:
    """Return the values in canonical form, and their sizes."""
    if values is None:
        return {}, {}
    if not values:
        raise validation_error("ExpressionAttributeValues must not be empty")
    for key in values:
        if not _VALUE_KEY.fullmatch(key):
            raise _invalid_key("ExpressionAttributeValues", key)
    forms, sizes = {}, {}
    for key, value in values.items():
        forms[key], sizes[key] = _checked_value(key, value)
    return forms, sizes


def _check_size(names: Mapping[str, str], value_bytes: Mapping[str, int]) -> None:
    """Refuse names and values that come to more than 2 MB, their placeholders included."""
    names_size = sum(len(key) + text_size(name) for key, name in names.items())
    values_size = sum(len(key) + size for key, size in value_bytes.items())
    if names_size + values_size <= EXPRESSION_SUBSTITUTIONS_BYTES_MAX:
        return
    if names_size > EXPRESSION_SUBSTITUTIONS_BYTES_MAX:
        what = "ExpressionAttributeNames"
    elif values_size > EXPRESSION_SUBSTITUTIONS_BYTES_MAX:
        what = "ExpressionAttributeValues"
    else:
        what = "Combined size of ExpressionAttributeNames and ExpressionAttributeValues"
    raise validation_error(f"{what} exceeds max size")


def _checked_value(key: str, value: AttributeValue) -> tuple[AttributeValue, int]:
    try:
        return measured_value(value)
    except StoreError as error:
        if error.code is not ErrorCode.VALIDATION:
            raise
        text = f"ExpressionAttributeValues contains invalid value: {error.message} for key {key}"
        raise validation_error(text) from error


def _invalid_key(parameter: str, key: str) -> StoreError:
    reason = "Syntax error"
    if len(key) > PLACEHOLDER_BYTES_MAX:
        reason = "The expression attribute map contains a key that is too long"
    return validation_error(f'{parameter} contains invalid key: {reason}; key: "{key[:KEY_SHOWN_CHARACTERS_MAX]}"')


def _invalid(kind: str, fault: Fault) -> StoreError:
    return validation_error(f"Invalid {kind}: {fault.detail}")
