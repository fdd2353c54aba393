"""Sources: the values an update writes, computed from the old item.

The room's half that knows numbers, lists and sets; where a value is written is `updates`' concern.
"""

from collections.abc import Callable
from typing import TypeAlias

from node.items.operands import Operand, Values, compiled_operand
from wire.errors import StoreError, validation_error
from wire.expressions import Tree
from wire.items import AttributeValue, Item, sorted_set
from wire.numbers import NumberError, add_numbers, subtract_numbers

# The value to write, or None to remove what is there.
Change: TypeAlias = Callable[[Item, Values], AttributeValue | None]
_Source: TypeAlias = Callable[[Item, Values], AttributeValue]
_Arithmetic: TypeAlias = Callable[[str, str], str]

_MISSING = "The provided expression refers to an attribute that does not exist in the item"
_WRONG_TYPE = "An operand in the update expression has an incorrect data type"

_SETS = ("SS", "NS", "BS")


def compiled_change(action: Tree) -> Change:
    """Return the function that computes, from the old item, what an action leaves at its path."""
    match action:
        case ["set", _, source]:
            return _compiled_source(source)
        case ["remove", _]:
            return lambda _, __: None
        case ["add", path, operand]:
            return _combination(_added, compiled_operand(path), compiled_operand(operand))
        case ["delete", path, operand]:
            return _combination(_deleted, compiled_operand(path), compiled_operand(operand))
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
        return {"L": [*first, *second]}

    return source


def _combination(
    combined: Callable[[AttributeValue | None, AttributeValue], AttributeValue | None],
    current: Operand,
    operand: Operand,
) -> Change:
    def change(item: Item, values: Values) -> AttributeValue | None:
        value = operand(item, values)
        assert value is not None, "expected a value to add or delete"
        return combined(current(item, values), value)

    return change


def _added(current: AttributeValue | None, value: AttributeValue) -> AttributeValue:
    if current is None:
        return value
    ((kind, payload),) = value.items()
    if kind not in current:
        raise _wrong_type()
    if kind == "N":
        return _calculated(add_numbers, current, value)
    if kind == "L":
        return {"L": [*current["L"], *payload]}
    if kind not in _SETS:
        raise _wrong_type()
    return {kind: sorted_set(kind, [*{*current[kind], *payload}])}


def _deleted(current: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    if current is None:
        return None
    ((kind, payload),) = value.items()
    if kind not in current or kind not in _SETS:
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
    return validation_error(_WRONG_TYPE)
