"""The quick way to say that a request is in order: the model compiled to closures that answer yes or no.

A closure says yes only when there is nothing to say about the value: right types, nothing unknown, no constraint
violated. Why it says no, and whether that matters, is found out by the slow way. AttributeValues are looked at only as
far as being objects; what they hold is read once, where items are made.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from router.operations.constraints import compiled_pattern, is_batched_table
from router.operations.shapes import (
    ATTRIBUTE_VALUE,
    MANAGED_TABLE_NAME,
    TABLE_ARN,
    TABLE_ARN_CHARACTERS_MAX,
    TABLE_NAME_CHARACTERS_MAX,
    Kind,
    ListShape,
    MapShape,
    Scalar,
    Shape,
    Structure,
    members_max,
)
from wire.limits import ITEM_BYTES_MAX

Accepts = Callable[[Any], bool]

_OBJECTS: Final = frozenset({dict})
_UNBOUNDED: Final = 1 << 62


class AcceptanceCompiler:
    """Compile shapes, each once."""

    def __init__(self) -> None:
        self._compiled: dict[int, Accepts] = {}

    def compiled(self, shape: Shape) -> Accepts:
        """Return the closure for `shape`."""
        known = self._compiled.get(id(shape))
        if known is not None:
            return known
        match shape:
            case Structure():
                accepts = self._structure(shape)
            case ListShape():
                accepts = self._list(shape)
            case MapShape():
                accepts = self._map(shape)
            case Scalar():
                accepts = _scalar(shape)
        self._compiled[id(shape)] = accepts
        return accepts

    def _structure(self, shape: Structure) -> Accepts:
        if shape.name == ATTRIBUTE_VALUE:
            return _is_object
        members = {name: self.compiled(member) for name, member in shape.members.items()}
        required = shape.required

        def accepts(value: Any) -> bool:
            if type(value) is not dict:
                return False
            for name, part in value.items():
                member = members.get(name)
                if member is None or not member(part):
                    return False
            return all(name in value for name in required) if len(required) > 2 else _has(value, required)

        return accepts

    def _list(self, shape: ListShape) -> Accepts:
        member = self.compiled(shape.member)
        least, most = _collection_bounds(shape)

        def accepts(value: Any) -> bool:
            return type(value) is list and least <= len(value) <= most and all(map(member, value))

        return accepts

    def _map(self, shape: MapShape) -> Accepts:
        if shape.value.name == ATTRIBUTE_VALUE:
            return _attribute_map(shape)
        key = is_batched_table if shape.key.name == TABLE_ARN else self.compiled(shape.key)
        part = self.compiled(shape.value)
        least, most = _collection_bounds(shape)

        def accepts(value: Any) -> bool:
            return (
                type(value) is dict
                and least <= len(value) <= most
                and all(map(key, value))
                and all(map(part, value.values()))
            )

        return accepts


def _has(value: dict[str, Any], required: tuple[str, ...]) -> bool:
    for name in required:  # noqa: SIM110 - a plain loop takes a third of the time of all() over a generator
        if name not in value:
            return False
    return True


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _attribute_map(shape: MapShape) -> Accepts:
    assert _bounds(shape.key) == (0, _UNBOUNDED), f"the names in {shape.name} have a length that nobody checks"

    def accepts(value: Any) -> bool:
        return type(value) is dict and len(value) <= ITEM_BYTES_MAX and {*map(type, value.values())} <= _OBJECTS

    return accepts


def _collection_bounds(shape: ListShape | MapShape) -> tuple[int, int]:
    return _bounds(shape)[0], members_max(shape)


def _bounds(shape: Scalar | ListShape | MapShape) -> tuple[int, int]:
    limits = shape.limits
    least = 0 if limits.minimum is None else limits.minimum
    return least, _UNBOUNDED if limits.maximum is None else limits.maximum


def _scalar(shape: Scalar) -> Accepts:
    match shape.kind:
        case Kind.STRING:
            return _string(shape)
        case Kind.BOOLEAN:
            return lambda value: value is True or value is False
        case Kind.INTEGER | Kind.LONG:
            return _integer(shape)
        case Kind.DOUBLE | Kind.TIMESTAMP:
            return lambda value: type(value) is int or type(value) is float
        case Kind.BLOB:
            return lambda value: False  # none outside AttributeValues; the slow way knows base 64


def _integer(shape: Scalar) -> Accepts:
    limits = shape.limits
    least = -(2**31) if limits.minimum is None else limits.minimum
    most = 2**31 - 1 if shape.kind is Kind.INTEGER else 2**63 - 1
    if limits.maximum is not None:
        most = limits.maximum
    return lambda value: type(value) is int and least <= value <= most


def _string(shape: Scalar) -> Accepts:
    limits = shape.limits
    if shape.name == TABLE_ARN:
        return _table_name
    if shape.name == MANAGED_TABLE_NAME:
        return _managed_table_name
    if limits.enum:
        known = frozenset(limits.enum)
        return lambda value: type(value) is str and value in known
    least, most = _bounds(shape)
    if limits.pattern is not None:
        matches = compiled_pattern(limits.pattern).fullmatch
        return lambda value: type(value) is str and least <= len(value) <= most and matches(value) is not None
    if least == 0 and most == _UNBOUNDED:
        return lambda value: type(value) is str
    return lambda value: type(value) is str and least <= len(value) <= most


_NAME: Final = re.compile(rf"[a-zA-Z0-9_.-]{{1,{TABLE_NAME_CHARACTERS_MAX}}}").fullmatch
_MANAGED_NAME: Final = re.compile(rf"[a-zA-Z0-9_.-]{{3,{TABLE_NAME_CHARACTERS_MAX}}}").fullmatch


def _table_name(value: Any) -> bool:
    return type(value) is str and (_NAME(value) is not None or _is_arn(value))


def _managed_table_name(value: Any) -> bool:
    return type(value) is str and (_MANAGED_NAME(value) is not None or _is_arn(value))


def _is_arn(value: str) -> bool:
    return value.startswith("arn:") and len(value) <= TABLE_ARN_CHARACTERS_MAX
