"""From JSON to the types of the model, as AWS's deserializer does it, with its refusals.

Knows what AWS lets pass (a float for a count, "true" for a flag, members it has never heard of) and how it refuses the
rest. Knows no constraints: those come after.
"""

import base64
import binascii
from enum import Enum
from itertools import islice
from typing import Any, Final, NoReturn

from router.operations.java_texts import type_name
from router.operations.shapes import ATTRIBUTE_VALUE, Kind, ListShape, MapShape, Scalar, Shape, Structure, members_max
from wire.errors import ErrorCode, StoreError, validation_error
from wire.items import ITEM_TOO_LARGE
from wire.limits import NESTING_LEVELS_MAX

_STRUCTURE_FOUND: Final = "Start of structure or map found where not expected"
_NOT_A_CLASS: Final = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class "
    "(sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of "
    "loader 'bootstrap')"
)

# AttributeValues nested deeper than items allow are left for the items' own rules to refuse.
_DEPTH_MAX: Final = NESTING_LEVELS_MAX + 2

# Of a collection with more members than it may have so many are kept: that it has too many is said of those as well, and more than
# a text quotes they are in any case.
_MEMBERS_KEPT_MAX: Final = 1000

# Numbers beyond what their Java type holds become the nearest it does hold.
_RANGES: Final = {Kind.INTEGER: (-(2**31), 2**31 - 1), Kind.LONG: (-(2**63), 2**63 - 1)}


class _Place(Enum):
    """Where a value stands: AWS words its refusals differently for members of structures and of collections."""

    FIELD = "Unexpected field type"
    ELEMENT = "Unexpected value type in payload"


def coerce(body: dict[str, Any], shape: Structure) -> None:
    """Make `body` into what `shape` describes, in place.

    Raises StoreError SERIALIZATION for the first value, in the order of the body, that cannot be had.
    """
    _coerce_members(body, shape, 0)


def coerced_attribute_value(value: Any, shape: Structure) -> Any:
    """Return `value` as the AttributeValue that `shape` describes.

    Raises StoreError SERIALIZATION as `coerce` does.
    """
    return _coerced(value, shape, _Place.ELEMENT, 0)


def _coerce_members(body: dict[str, Any], shape: Structure, depth: int) -> None:
    for name in list(body):
        member = shape.members.get(name)
        if member is None or body[name] is None:
            del body[name]
        else:
            body[name] = _coerced(body[name], member, _Place.FIELD, depth)


def _coerced(value: Any, shape: Shape, place: _Place, depth: int) -> Any:
    """Return `value`, which stands in `depth` other AttributeValues, as `shape` describes it."""
    if value is None:
        # An attribute without a value is an empty one; what is wrong with that, the items' own rules say.
        return {} if shape.name == ATTRIBUTE_VALUE else None
    match shape:
        case Structure():
            return _coerced_structure(value, shape, place, depth)
        case MapShape():
            return _coerced_map(value, shape, place, depth)
        case ListShape():
            return _coerced_list(value, shape, place, depth)
        case Scalar():
            return _coerced_scalar(value, shape)


def _coerced_structure(value: Any, shape: Structure, place: _Place, depth: int) -> Any:
    if isinstance(value, list):
        _refuse(f"Unrecognized collection type class {type_name(shape)}")
    if not isinstance(value, dict):
        _refuse(place.value)
    deeper = depth + (shape.name == ATTRIBUTE_VALUE)
    if deeper <= _DEPTH_MAX:
        _coerce_members(value, shape, deeper)
    return value


def _coerced_map(value: Any, shape: MapShape, place: _Place, depth: int) -> Any:
    if isinstance(value, list):
        _refuse(f"Unrecognized collection type {type_name(shape)}")
    if not isinstance(value, dict):
        _refuse(_PARAMETERIZED[place])
    if len(value) > _MEMBERS_KEPT_MAX and (kept := _kept_members(value, shape)):
        for key in list(islice(value, kept, None)):
            del value[key]
    for key, member in value.items():
        value[key] = _coerced(member, shape.value, _Place.ELEMENT, depth)
    return value


def _coerced_list(value: Any, shape: ListShape, place: _Place, depth: int) -> Any:
    if isinstance(value, dict):
        _refuse(_STRUCTURE_FOUND)
    if not isinstance(value, list):
        _refuse(_PARAMETERIZED[place])
    if len(value) > _MEMBERS_KEPT_MAX and (kept := _kept_members(value, shape)):
        while len(value) > kept:  # not in one go: other threads want their turn
            del value[max(kept, len(value) - _MEMBERS_KEPT_MAX) :]
    value[:] = [_coerced(member, shape.member, _Place.ELEMENT, depth) for member in value]
    return value


def _kept_members(value: list[Any] | dict[str, Any], shape: ListShape | MapShape) -> int | None:
    """Return how many members of a large collection are looked at, or None for all. Refuse what nothing can be made of."""
    most = members_max(shape)
    if shape.limits.maximum is not None:
        return max(most + 1, _MEMBERS_KEPT_MAX)
    if len(value) <= most:
        return None
    kind = shape.member if isinstance(shape, ListShape) else shape.value
    if kind.name == ATTRIBUTE_VALUE:
        raise validation_error(ITEM_TOO_LARGE)
    raise validation_error(
        f"One or more parameter values were invalid: found {len(value)} members of {shape.name}, expected at most {most}"
    )


# A list in a list, or a map in a map, is of a type that the deserializer stumbles over when it meets a scalar there.
_PARAMETERIZED: Final = {_Place.FIELD: _Place.FIELD.value, _Place.ELEMENT: _NOT_A_CLASS}


def _coerced_scalar(value: Any, shape: Scalar) -> Any:
    if isinstance(value, dict):
        _refuse(_STRUCTURE_FOUND)
    if isinstance(value, list):
        _refuse(f"Unrecognized collection type class {type_name(shape)}")
    match shape.kind:
        case Kind.STRING:
            return value if isinstance(value, str) else _refuse_token(value, shape)
        case Kind.BOOLEAN:
            return value if isinstance(value, bool) else _flag(value, shape)
        case Kind.BLOB:
            return _blob(value)
        case _:
            return _number(value, shape)


def _flag(value: Any, shape: Scalar) -> bool:
    if not isinstance(value, str):
        _refuse_token(value, shape)
    if value.lower() not in {"true", "false"}:
        _refuse("Unexpected token received from parser")
    return bool(value.lower() == "true")


def _number(value: Any, shape: Scalar) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse_token(value, shape)
    if shape.kind not in _RANGES:
        return value
    least, most = _RANGES[shape.kind]
    return min(max(int(value), least), most)


def _blob(value: Any) -> str:
    if not isinstance(value, str):
        _refuse("only base-64-encoded strings are convertible to bytes")
    if len(value) % 4:
        _refuse(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}")
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        _refuse("Invalid last non-pad Base64 character dectected")
    return value


def _refuse_token(value: Any, shape: Scalar) -> NoReturn:
    _refuse(f"{_token(value)} cannot be converted to {shape.kind.value}")


def _token(value: Any) -> str:
    """Return how AWS's parser calls the JSON token that `value` was."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    return "DECIMAL_VALUE" if isinstance(value, float) else "STRING_VALUE"


def _refuse(message: str) -> NoReturn:
    raise StoreError(ErrorCode.SERIALIZATION, message)
