"""Sources: the values an update writes, computed from the old item.

The room's half that knows numbers, lists and sets; where a value is written is `updates`' concern.
"""

from collections.abc import Callable
from typing import TypeAlias

from node.items.operands import Operand, Values, compiled_operand
from wire.errors import StoreError, validation_error
from wire.expressions import Tree
from wire.items import AttributeValue, Item, merged_set
from wire.limits import ITEM_BYTES_MAX
from wire.numbers import NumberError, add_numbers, subtract_numbers

# The value to write, or None to remove what is there.
Change: TypeAlias = Callable[[Item, Values], AttributeValue | None]
_Source: TypeAlias = Callable[[Item, Values], AttributeValue]
_Arithmetic: TypeAlias = Callable[[str, str], str]

_MISSING = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
# The same, in the words for AttributeUpdates.
UPDATED_WRONG_TYPE = "Type mismatch for attribute to update"

UPDATED_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"

_SETS = ("SS", "NS", "BS")


def compiled_change(action: Tree, wrong_type: str = WRONG_TYPE) -> Change:
    """Return the function that computes, from the old item, what an action leaves at its path.

    `wrong_type` is AWS's text when the item has a value of another type than one to add or delete.
    """
    match action:
        case ["set", _, source]:
            return _compiled_source(source)
        case ["remove", _]:
            return lambda _, __: None
        case ["add", path, operand]:
            operands = compiled_operand(path), compiled_operand(operand)
            return _combination(_added, *operands, creates=True, wrong_type=wrong_type)
        case ["delete", path, operand]:
            operands = compiled_operand(path), compiled_operand(operand)
            return _combination(_deleted, *operands, creates=False, wrong_type=wrong_type)
    raise AssertionError(f"expected an update action, found {action!r}")


def _compiled_source(tree: Tree) -> _Source:
    match tree:
        case ["+", left, right]:
            return _calculation(add_numbers, _compiled_source(left), _compiled_source(right))
        case ["-", left, right]:
            return _calculation(subtract_numbers, _compiled_source(left), _compiled_source(right))
        case ["if_not_exists", path, otherwise]:
            return _default(compiled_operand(path), _compiled_source(otherwise))
        case ["list_append", left, right]:
            return _concatenation(_compiled_source(left), _compiled_source(right))
    return _required(compiled_operand(tree))


def _required(operand: Operand) -> _Source:
    def source(item: Item, values: Values) -> AttributeValue:
        value = operand(item, values)
        if value is None:
            raise validation_error(_MISSING)
        return value

    return source


def _default(operand: Operand, otherwise: _Source) -> _Source:
    def source(item: Item, values: Values) -> AttributeValue:
        value = operand(item, values)
        return otherwise(item, values) if value is None else value

    return source


def _calculation(calculate: _Arithmetic, left: _Source, right: _Source) -> _Source:
    def source(item: Item, values: Values) -> AttributeValue:
        return _calculated(calculate, left(item, values), right(item, values))

    return source


def _concatenation(left: _Source, right: _Source) -> _Source:
    def source(item: Item, values: Values) -> AttributeValue:
        first, second = left(item, values).get("L"), right(item, values).get("L")
        if first is None or second is None:
            raise _wrong_type()
        if (
            len(first) + len(second) > ITEM_BYTES_MAX
        ):  # no element takes less than a byte; lists of lists would grow without bound
            raise validation_error(UPDATED_TOO_LARGE)
        return {"L": [*first, *second]}

    return source


def _combination(
    combined: Callable[[AttributeValue, AttributeValue], AttributeValue | None],
    current: Operand,
    operand: Operand,
    *,
    creates: bool,
    wrong_type: str,
) -> Change:
    """Return the change that combines a value with one of its type; where there is none, the value itself or nothing."""

    def change(item: Item, values: Values) -> AttributeValue | None:
        value, present = operand(item, values), current(item, values)
        assert value is not None, "expected a value to add or delete"
        if present is None:
            return value if creates else None
        if value.keys() != present.keys():
            raise validation_error(wrong_type)
        return combined(present, value)

    return change


def _added(current: AttributeValue, value: AttributeValue) -> AttributeValue:
    ((kind, payload),) = value.items()
    if kind == "N":
        return _calculated(add_numbers, current, value)
    if kind == "L":
        return {"L": [*current["L"], *payload]}
    if kind not in _SETS:
        raise _wrong_type()
    known = set(current[kind])
    return {kind: merged_set(kind, current[kind], [member for member in payload if member not in known])}


def _deleted(current: AttributeValue, value: AttributeValue) -> AttributeValue | None:
    ((kind, payload),) = value.items()
    if kind not in _SETS:
        raise _wrong_type()
    gone = set(payload)
    members = [member for member in current[kind] if member not in gone]
    return {kind: members} if members else None


def _calculated(calculate: _Arithmetic, left: AttributeValue, right: AttributeValue) -> AttributeValue:
    first, second = left.get("N"), right.get("N")
    if first is None or second is None:
        raise _wrong_type()
    try:
        return {"N": calculate(first, second)}
    except NumberError as error:
        raise validation_error(str(error)) from None


def _wrong_type() -> StoreError:
    return validation_error(WRONG_TYPE)
