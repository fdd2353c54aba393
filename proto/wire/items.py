"""Items: plain DynamoDB JSON, normalized once on write, and measured as DynamoDB measures.

The room knows attribute values: which are valid (in AWS's words), their canonical form and their size. It refuses to
know keys, tables and expressions. In canonical form numbers are canonical text, sets are sorted without duplicates, and
binary values are canonical base64; so two values are equal when their forms are.
"""

from binascii import a2b_base64, b2a_base64
from bisect import insort
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from heapq import merge
from itertools import accumulate
from typing import Any, TypeAlias

from wire.errors import ErrorCode, StoreError, validation_error
from wire.limits import ITEM_BYTES_MAX, NAME_BYTES_MAX, NESTING_LEVELS_MAX
from wire.names import NAMELESS, require_names
from wire.numbers import NOT_NUMERIC, NumberError, canonical_number

# {"S": str} | {"N": str} | {"B": base64 str} | {"SS": [str]} | {"NS": [str]} | {"BS": [base64 str]}
# | {"M": {str: AttributeValue}} | {"L": [AttributeValue]} | {"BOOL": bool} | {"NULL": True}
AttributeValue: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, AttributeValue]

ATTRIBUTE_TYPES = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL")

# So many members are put in their places one by one; every one of them orders some of the others anew.
_INSERTED_MAX = 256
# An item holds a hundred thousand numbers only if they are short: then most of them have been measured before.
_NUMBERS_KEPT_MAX = 1 << 14
_SHOWN_CHARACTERS_MAX = 64 << 10
_SORTED_AT_ONCE_MAX = 4096
_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1

_INVALID = "One or more parameter values were invalid: "
_EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_SEVERAL = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)
NESTING_TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
ITEM_TOO_LARGE = "Item size has exceeded the maximum allowed size"
ITEM_TO_UPDATE_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"

_Measured: TypeAlias = tuple[AttributeValue, int]


class DuplicateMembers(StoreError):
    """A set that names a member twice; the kind and the members, as sent, are kept for who has other words for it."""

    def __init__(self, message: str, kind: str, members: Sequence[str]) -> None:
        super().__init__(ErrorCode.VALIDATION, message)
        self.kind = kind
        self._members = members

    def sorted_to_the_first_repeat(self) -> list[str]:
        """Return the members up to the first repeat in order, then it and the rest as sent; of too many to show, the first."""
        seen: set[str] = set()
        for member in self._members:
            if member in seen:
                break
            seen.add(member)
        return list(_first_of([*sorted_set(self.kind, list(seen)), *self._members[len(seen) :]]))


def nesting_of(value: Any) -> int:
    """Return how many lists and maps the deepest value in the JSON of a request stands inside."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        current, depth = waiting.pop()
        deepest = max(deepest, depth)
        if type(current) is dict:
            is_value = len(current) == 1 and ("L" in current or "M" in current)
            waiting.extend((part, depth + is_value) for part in current.values())
        elif type(current) is list:
            waiting.extend((part, depth) for part in current)
    return deepest


def normalized_item(item: Item) -> tuple[Item, int]:
    """Return the item in canonical form and its size in bytes, or raise a validation StoreError with AWS's text.

    The given item is left as it is; values that are canonical already are shared with it, not copied.
    """
    size = 0
    result: Item = {}
    if "" in item:
        raise validation_error(NAMELESS)
    if len(item) > ITEM_BYTES_MAX:
        raise validation_error(ITEM_TOO_LARGE)
    for name, value in item.items():
        # The commonest case by far, and every put comes here: texts are measured in place.
        size += len(name) if name.isascii() else len(name.encode())
        if type(value) is dict and len(value) == 1 and type(text := value.get("S")) is str:
            size += len(text) if text.isascii() else len(text.encode())
            result[name] = value
            continue
        result[name], value_bytes = _measured(value, 0)
        size += value_bytes
    if size > NAME_BYTES_MAX:  # only then can a name be too long
        require_names(result)
    if size > ITEM_BYTES_MAX:
        raise validation_error(ITEM_TOO_LARGE)
    return result, size


def normalized_value(value: AttributeValue) -> AttributeValue:
    """Return one attribute value in canonical form, or raise a validation StoreError with AWS's text."""
    return _measured(value, 0)[0]


def measured_value(value: AttributeValue) -> tuple[AttributeValue, int]:
    """Return one attribute value in canonical form and its size in bytes, or raise like `normalized_value`."""
    return _measured(value, 0)


def item_size(item: Item) -> int:
    """Return the size in bytes of an item in canonical form, as it counts against 400 KB and for capacity units."""
    return sum(text_size(name) + value_size(value) for name, value in item.items())


def value_size(value: AttributeValue) -> int:
    """Return the size in bytes of one attribute value in canonical form."""
    ((kind, payload),) = value.items()
    return _SIZES[kind](payload)


def text_size(text: str) -> int:
    """Return the length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


@lru_cache(_NUMBERS_KEPT_MAX)
def number_size(canonical: str) -> int:
    """Return what a canonical number costs in bytes.

    One byte, one for every two significant digits on each side of the point, one for a minus sign. AWS's guide says so
    roughly ("one byte per two significant digits, plus one"); public test projects measured the exact rule at the
    400 KB limit: 1.5 costs more than 15, and 100.5 counts its zeros while 100 does not.
    """
    if canonical == "0":
        return 1
    sign = canonical[0] == "-"
    whole, point, fraction = (canonical[1:] if sign else canonical).partition(".")
    if not point:
        return 1 + sign + (len(whole.rstrip("0")) + 1) // 2
    if whole == "0":
        return 1 + sign + (len(fraction.lstrip("0")) + 1) // 2
    return 1 + sign + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2


def sort_key(value: AttributeValue) -> str | Decimal | bytes | None:
    """Return what a text, a number or a binary sorts by among values of its type; None for types without an order."""
    ((kind, payload),) = value.items()
    order = _SCALAR_ORDERS.get(kind)
    return None if order is None else order(payload)


def decoded_binary(text: str) -> bytes:
    """Return the bytes of a canonical base64 text."""
    return a2b_base64(text)


def encoded_binary(raw: bytes) -> str:
    """Return the canonical base64 text of some bytes."""
    return b2a_base64(raw, newline=False).decode("ascii")


def sorted_set(kind: str, members: Sequence[str]) -> list[str]:
    """Return a set's members in DynamoDB's order: texts and binaries by their bytes, numbers by value."""
    if len(members) < 2:
        return list(members)
    order = _SET_ORDERS[kind]
    if len(members) <= _SORTED_AT_ONCE_MAX:
        return sorted(members, key=order)
    # Sorted at once, the largest sets would keep all other threads from running for as long as that takes.
    starts = range(0, len(members), _SORTED_AT_ONCE_MAX)
    return list(merge(*(sorted(members[at : at + _SORTED_AT_ONCE_MAX], key=order) for at in starts), key=order))


def merged_set(kind: str, members: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return the members of a set in order together with others that are in order, too; none is in both."""
    order = _SET_ORDERS[kind]
    if len(more) > _INSERTED_MAX:
        return sorted([*members, *more], key=order)
    merged = [*members]
    for member in more:
        insort(merged, member, key=order)
    return merged


def _measured(value: AttributeValue, depth: int) -> _Measured:
    """Return the canonical form and the size of a value that stands inside `depth` lists and maps."""
    if type(value) is not dict:
        raise _misplaced(value)
    if len(value) == 1:
        ((kind, payload),) = value.items()
        measure = _MEASURES.get(kind)
        if measure is not None and payload is not None:
            return measure(value, payload, depth)
    return _measured_sole(value, depth)


def _measured_sole(value: AttributeValue, depth: int) -> _Measured:
    """Measure a value that has other members than one known type: AWS ignores nulls and what it does not know."""
    known = {kind: payload for kind, payload in value.items() if kind in _MEASURES and payload is not None}
    measured = [_MEASURES[kind]({kind: payload}, payload, depth) for kind, payload in known.items()]
    if not measured:
        raise validation_error(_EMPTY)
    if len(measured) > 1:
        raise validation_error(_SEVERAL)
    return measured[0]


def _measured_text(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not str:
        raise _unconvertible(payload, "String")
    return value, len(payload) if payload.isascii() else len(payload.encode())


def _measured_number(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    canonical = _canonical(payload)
    return value if canonical == payload else {"N": canonical}, number_size(canonical)


def _measured_binary(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    return value, len(_checked_binary(payload))


def _measured_boolean(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not bool:
        raise _unconvertible(payload, "Boolean")
    return value, 1


def _measured_null(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not bool:
        raise _unconvertible(payload, "Boolean")
    if not payload:
        raise validation_error(_INVALID + "Null attribute value types must have the value of true")
    return value, 1


def _measured_texts(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    members = _checked_members(payload)
    if not members:
        raise validation_error(_INVALID + "An string set  may not be empty")
    if None in members:
        raise validation_error(_INVALID + "An string set may not have a null string as a member")
    size = sum(_measured_text(value, member, depth)[1] for member in members)
    if len(set(members)) != len(members):
        raise DuplicateMembers(f"{_INVALID}Input collection [{_shown(members)}] contains duplicates.", "SS", members)
    return {"SS": sorted_set("SS", members)}, size


def _measured_numbers(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    members = _checked_members(payload)
    if not members:
        raise validation_error(_INVALID + "An number set  may not be empty")
    if None in members:
        raise validation_error(NOT_NUMERIC)
    canonical = [_canonical(member) for member in members]
    if len(set(canonical)) != len(canonical):
        raise DuplicateMembers("Input collection contains duplicates", "NS", canonical)
    return {"NS": sorted_set("NS", canonical)}, sum(map(number_size, canonical))


def _measured_binaries(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    members = _checked_members(payload)
    if not members:
        raise validation_error(_INVALID + "Binary sets should not be empty")
    if None in members:
        raise validation_error(_INVALID + "Binary sets may not contain null or empty values")
    size = sum(len(_checked_binary(member)) for member in members)
    if len(set(members)) != len(members):
        text = f"{_INVALID}Input collection [{_shown(members)}]of type BS contains duplicates."
        raise DuplicateMembers(text, "BS", members)
    return {"BS": sorted_set("BS", members)}, size


def _measured_list(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    elements = _checked_members(payload)
    if depth >= NESTING_LEVELS_MAX:
        raise validation_error(NESTING_TOO_DEEP)
    size = _CONTAINER_BYTES
    result = []
    for element in elements:
        form, element_bytes = _measured(element, depth + 1)
        result.append(form)
        size += _ELEMENT_BYTES + element_bytes
    return {"L": result}, size


def _measured_map(value: AttributeValue, payload: Any, depth: int) -> _Measured:
    if type(payload) is not dict:
        raise _misplaced(payload)
    if depth >= NESTING_LEVELS_MAX:
        raise validation_error(NESTING_TOO_DEEP)
    if len(payload) > ITEM_BYTES_MAX:
        raise validation_error(ITEM_TOO_LARGE)
    if "" in payload:
        raise validation_error(NAMELESS)
    size = _CONTAINER_BYTES
    result = {}
    for name, element in payload.items():
        result[name], element_bytes = _measured(element, depth + 1)
        size += _ELEMENT_BYTES + text_size(name) + element_bytes
    if size > NAME_BYTES_MAX:
        require_names(result)
    return {"M": result}, size


def _canonical(payload: Any) -> str:
    if type(payload) is not str:
        raise _unconvertible(payload, "String")
    try:
        return canonical_number(payload)
    except NumberError as error:
        raise validation_error(str(error)) from error


def _checked_list(payload: Any) -> list[Any]:
    if type(payload) is not list:
        raise _misplaced(payload)
    return payload


def _checked_members(payload: Any) -> list[Any]:
    """Return the members of a list or set, of which each takes a byte at least, before anything else is done with them."""
    members = _checked_list(payload)
    if len(members) > ITEM_BYTES_MAX:
        raise validation_error(ITEM_TOO_LARGE)
    return members


def _shown(members: Sequence[str]) -> str:
    """Return members as a text lists them."""
    return ", ".join(_first_of(members))


def _first_of(members: Sequence[str]) -> Sequence[str]:
    """Return members to show, and of those of a set beyond all use the first."""
    shown = sum(size <= _SHOWN_CHARACTERS_MAX for size in accumulate(map(len, members)))
    return members if shown == len(members) else (*members[:shown], "...")


def _checked_binary(payload: Any) -> bytes:
    """Return the bytes of a base64 text that must be the one a standard encoder writes."""
    if type(payload) is not str:
        raise _unconvertible(payload, "Blob")
    try:
        raw = a2b_base64(payload)
        if encoded_binary(raw) == payload:
            return raw
    except ValueError:
        pass
    reason = _base64_fault(payload)
    raise StoreError(
        ErrorCode.SERIALIZATION, f"'{payload[:_SHOWN_CHARACTERS_MAX]}' can not be converted to a Blob: {reason}"
    )


def _base64_fault(text: str) -> str:
    if len(text) % 4:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    body = text.rstrip("=") if len(text) - len(text.rstrip("=")) <= 2 else text
    strange = next((char for char in body if not (char.isascii() and (char.isalnum() or char in "+/"))), None)
    if strange is not None:
        return f"Invalid Base64 character: '{strange}'"
    return "Invalid last non-pad Base64 character dectected"


_JSON_VALUE_NAMES = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}


def _unconvertible(payload: Any, wanted: str) -> StoreError:
    if isinstance(payload, (dict, list)):
        return _misplaced(payload)
    found = _JSON_VALUE_NAMES.get(type(payload), "TRUE_VALUE" if payload else "FALSE_VALUE")
    return StoreError(ErrorCode.SERIALIZATION, f"{found} cannot be converted to {wanted}")


def _misplaced(payload: Any) -> StoreError:
    if isinstance(payload, list):
        return StoreError(ErrorCode.SERIALIZATION, "Start of list found where not expected")
    if isinstance(payload, dict):
        return StoreError(ErrorCode.SERIALIZATION, "Start of structure or map found where not expected.")
    return StoreError(ErrorCode.SERIALIZATION, "Unexpected value type in payload")


def _list_size(elements: list[AttributeValue]) -> int:
    size = _CONTAINER_BYTES + _ELEMENT_BYTES * len(elements)
    for element in elements:
        for kind, payload in element.items():
            size += _SIZES[kind](payload)
    return size


def _map_size(members: Item) -> int:
    return _CONTAINER_BYTES + sum(
        _ELEMENT_BYTES + text_size(name) + value_size(element) for name, element in members.items()
    )


def binary_size(text: str) -> int:
    """Return the length of the bytes of a canonical base64 text."""
    return len(text) // 4 * 3 - text.endswith("=") - text.endswith("==")


# Texts sort by code points, which is the order of their UTF-8.
_SCALAR_ORDERS: dict[str, Callable[[str], str | Decimal | bytes]] = {"S": str, "N": Decimal, "B": decoded_binary}
_SET_ORDERS: dict[str, Callable[[str], Any]] = {"SS": str, "NS": Decimal, "BS": decoded_binary}

_MEASURES: dict[str, Callable[[AttributeValue, Any, int], _Measured]] = {
    "S": _measured_text,
    "N": _measured_number,
    "B": _measured_binary,
    "SS": _measured_texts,
    "NS": _measured_numbers,
    "BS": _measured_binaries,
    "M": _measured_map,
    "L": _measured_list,
    "BOOL": _measured_boolean,
    "NULL": _measured_null,
}

_SIZES: dict[str, Callable[[Any], int]] = {
    "S": text_size,
    "N": number_size,
    "B": binary_size,
    "SS": lambda members: sum(map(text_size, members)),
    "NS": lambda members: sum(map(number_size, members)),
    "BS": lambda members: sum(map(binary_size, members)),
    "M": _map_size,
    "L": _list_size,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
}
