"""Which constraints of the model a request violates, in the order and with the paths of AWS's texts.

Works on a body whose types are right. AttributeValues are left alone: items have their own rules, elsewhere.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from router.operations.java_texts import HASH_BUCKETS_MIN, enum_order, hash_map_order, lower_first, quoted
from router.operations.shapes import (
    ATTRIBUTE_VALUE,
    MANAGED_TABLE_NAME,
    TABLE_ARN,
    TABLE_ARN_CHARACTERS_MAX,
    TABLE_NAME_CHARACTERS_MAX,
    TABLE_NAME_PATTERN,
    Kind,
    ListShape,
    MapShape,
    Scalar,
    Shape,
    Structure,
)

# Of a key that is part of a path; no key that satisfies its own constraints is longer.
_LABEL_CHARACTERS_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Path:
    """Where a member stands, spelled as Java names it (`keySchema.1.member.keyType`) and as the model does."""

    java: str = ""
    model: str = ""

    def member(self, name: str) -> "Path":
        """Return the path of the member `name` of the structure that is here."""
        return self._below(lower_first(name), name)

    def element(self, label: str) -> "Path":
        """Return the path of the element `label` (a position from 1, or a key) of the collection that is here."""
        member = f"{label[:_LABEL_CHARACTERS_MAX]}.member"
        return self._below(member, member)

    def _below(self, java: str, model: str) -> "Path":
        return Path(f"{self.java}.{java}", f"{self.model}.{model}") if self.java else Path(java, model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One constraint that one value does not satisfy."""

    path: Path
    value: Any  # None: the member is missing
    shape: Shape
    constraint: str
    inner: "Violation | None" = None  # of a map: the first that its value itself breaks

    def value_text(self) -> str:
        """Return the value as a text quotes it."""
        return "null" if self.value is None else f"'{quoted(self.value, self.shape)}'"


def violations(body: dict[str, Any], shape: Structure, *, hash_buckets: int = HASH_BUCKETS_MIN) -> Iterator[Violation]:
    """Yield what `body` violates: members in the order of a Java hash map, the outermost with at least so many buckets."""
    return _Walk().structure(body, shape, Path(), hash_buckets)


class _Walk:
    """One walk over a body."""

    def structure(
        self, body: dict[str, Any], shape: Structure, path: Path, buckets: int = HASH_BUCKETS_MIN
    ) -> Iterator[Violation]:
        for name in _hash_ordered(tuple(shape.members), buckets):
            member = shape.members[name]
            if name in body:
                yield from self._value(body[name], member, path.member(name))
            elif name in shape.required:
                yield _missing(member, path.member(name))

    def _value(self, value: Any, shape: Shape, path: Path) -> Iterator[Violation]:
        if shape.name == ATTRIBUTE_VALUE:
            return
        if value is None:
            yield _missing(shape, path)
            return
        for constraint in breached(value, shape):
            yield Violation(path=path, value=value, shape=shape, constraint=constraint)
        match shape:
            case Scalar() if shape.name == TABLE_ARN:
                yield from _name_rules(value, shape, path)
            case Structure():
                yield from self.structure(value, shape, path)
            case ListShape():
                yield from self._list(value, shape, path)
            case MapShape():
                yield from self._map(value, shape, path)

    def _list(self, value: list[Any], shape: ListShape, path: Path) -> Iterator[Violation]:
        if isinstance(shape.member, Scalar):
            if any(member is None or breached(member, shape.member) for member in value):
                constraint = f"Member must satisfy constraint: [{', '.join(_all_constraints(shape.member))}]"
                yield Violation(path=path, value=value, shape=shape, constraint=constraint)
            return
        for position, member in enumerate(value, 1):
            yield from self._value(member, shape.member, path.element(str(position)))

    def _map(self, value: dict[str, Any], shape: MapShape, path: Path) -> Iterator[Violation]:
        names_tables = shape.key.name == TABLE_ARN
        if any(not is_batched_table(key) if names_tables else breached(key, shape.key) for key in value):
            wanted = _BATCHED_TABLE if names_tables else _all_constraints(shape.key)
            constraint = f"Map keys must satisfy constraint: [{', '.join(wanted)}]"
            yield Violation(path=path, value=value, shape=shape, constraint=constraint)
        for key in hash_map_order(value):
            yield from self._map_value(value[key], shape, path, key, value)

    def _map_value(
        self, value: Any, shape: MapShape, path: Path, key: str, whole: dict[str, Any]
    ) -> Iterator[Violation]:
        # A value's own constraints are reported for the map.
        own = breached(value, shape.value) if value is not None else []
        if own:
            constraint = f"Map value must satisfy constraint: [{', '.join(_all_constraints(shape.value))}]"
            inner = Violation(path=path.element(key), value=value, shape=shape.value, constraint=own[0])
            yield Violation(path=path, value=whole, shape=shape, constraint=constraint, inner=inner)
        for violation in self._value(value, shape.value, path.element(key)):
            if not (own and violation.value is value):
                yield violation


@lru_cache(maxsize=1024)
def _hash_ordered(names: tuple[str, ...], buckets: int) -> tuple[str, ...]:
    by_field = {lower_first(name): name for name in names}
    return tuple(by_field[field] for field in hash_map_order(by_field, buckets))


def _missing(shape: Shape, path: Path) -> Violation:
    return Violation(path=path, value=None, shape=shape, constraint="Member must not be null")


def _name_rules(value: str, shape: Scalar, path: Path) -> Iterator[Violation]:
    """Yield what is wrong with a table's name where an ARN would do as well."""
    if not value or value.startswith("arn:"):
        return
    for constraint in _name_constraints(value):
        yield Violation(path=path, value=value, shape=shape, constraint=constraint)


def _name_constraints(name: str) -> Iterable[str]:
    if not re.fullmatch(TABLE_NAME_PATTERN, name):
        yield _PATTERN + TABLE_NAME_PATTERN
    if len(name) > TABLE_NAME_CHARACTERS_MAX:
        yield f"{_LENGTH}less than or equal to {TABLE_NAME_CHARACTERS_MAX}"


_PATTERN = "Member must satisfy regular expression pattern: "
_LENGTH = "Member must have length "
_VALUE = "Member must have value "

# A batch names its tables in the keys of a map; there names have three characters, as those of new tables have.
_BATCHED_TABLE = (
    f"{_LENGTH}less than or equal to {TABLE_NAME_CHARACTERS_MAX}",
    f"{_LENGTH}greater than or equal to 3",
    _PATTERN + TABLE_NAME_PATTERN,
)
_BATCHED_TABLE_NAME = re.compile(rf"[a-zA-Z0-9_.-]{{3,{TABLE_NAME_CHARACTERS_MAX}}}")


def is_batched_table(key: str) -> bool:
    """Return whether a key of a batch's map names a table, or could be the ARN of one."""
    return _BATCHED_TABLE_NAME.fullmatch(key) is not None or (
        key.startswith("arn:") and len(key) <= TABLE_ARN_CHARACTERS_MAX
    )


def breached(value: Any, shape: Shape) -> list[str]:
    """Return the constraints of `shape` itself, not of its parts, that `value` does not satisfy."""
    if isinstance(shape, Structure) or (shape.name == MANAGED_TABLE_NAME and value.startswith("arn:")):
        return []
    limits = shape.limits
    found = []
    if limits.enum and value not in limits.enum:
        found.append(_enum_text(limits.enum))
    if limits.pattern is not None and not compiled_pattern(limits.pattern).fullmatch(value):
        found.append(_PATTERN + limits.pattern)
    if limits.minimum is None and limits.maximum is None:
        return found
    size, measure = _measured(value, shape)
    if limits.minimum is not None and size < limits.minimum:
        found.append(f"{measure}greater than or equal to {limits.minimum}")
    if limits.maximum is not None and size > limits.maximum:
        found.append(f"{measure}less than or equal to {limits.maximum}")
    return found


def _measured(value: Any, shape: Shape) -> tuple[int | float, str]:
    """Return what of `value` the minimum and the maximum bound, and how a text begins that says so."""
    if isinstance(shape, Scalar) and shape.kind not in {Kind.STRING, Kind.BLOB}:
        return value, _VALUE
    return len(value), _LENGTH


def _all_constraints(shape: Shape) -> list[str]:
    """Return every constraint of `shape` itself, in the order in which AWS lists them for parts of a collection."""
    if isinstance(shape, Structure):
        return []
    limits = shape.limits
    measure = _VALUE if isinstance(shape, Scalar) and shape.kind not in {Kind.STRING, Kind.BLOB} else _LENGTH
    listed = []
    if limits.maximum is not None:
        listed.append(f"{measure}less than or equal to {limits.maximum}")
    if limits.minimum is not None:
        listed.append(f"{measure}greater than or equal to {limits.minimum}")
    if limits.pattern is not None:
        listed.append(_PATTERN + limits.pattern)
    if limits.enum:
        listed.append(_enum_text(limits.enum))
    return listed or ["Member must not be null"]


def _enum_text(enum: tuple[str, ...]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(enum_order(enum))}]"


@lru_cache(maxsize=256)
def compiled_pattern(pattern: str) -> re.Pattern[str]:
    """Return the Java pattern `pattern` of a model as one of ours."""
    return re.compile(_python_pattern(pattern))


def _python_pattern(pattern: str) -> str:
    # The models use two things that Python spells differently: a class of printable characters, and halves of
    # surrogate pairs to mean what lies beyond the basic plane.
    return pattern.replace(r"\p{Print}", r"[\x20-\x7E]").replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
