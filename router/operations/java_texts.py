"""How AWS's services, which are written in Java, put values and sets of names into their texts.

Clients and tests compare these texts, so they are made here as a Java program would: hash order, `toString`, lower first
letters. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from router.operations.shapes import ListShape, MapShape, Scalar, Shape, Structure

# A text never grows beyond this, however large the value is that it quotes.
QUOTED_CHARACTERS_MAX: Final = 64 << 10
# Nor does it follow a value deeper than this: twice what an item may be nested.
_QUOTED_DEPTH_MAX: Final = 130

# Nor are more members looked at to find in which order a map lists them, or more characters of a name: what is quoted whole has less.
_ORDERED_NAMES_MAX: Final = 10_000
_HASHED_CHARACTERS_MAX: Final = 4096

# A hash map has at least so many buckets.
HASH_BUCKETS_MIN: Final = 16
# The table behind a set of enum values has this many buckets, whatever their number.
_ENUM_BUCKETS: Final = 32


def lower_first(name: str) -> str:
    """Return `name` as its Java field is called: SSESpecification is sSESpecification."""
    return name[:1].lower() + name[1:]


def java_hash(text: str) -> int:
    """Return `String.hashCode` of `text`, as an unsigned number; of a longer text that of its beginning."""
    text = text[:_HASHED_CHARACTERS_MAX]
    value = 0
    for unit in text.encode("ascii") if text.isascii() else _utf16_units(text):
        value = (31 * value + unit) & 0xFFFFFFFF
    return value


def _utf16_units(text: str) -> list[int]:
    raw = text.encode("utf-16-be", "surrogatepass")
    return [raw[i] << 8 | raw[i + 1] for i in range(0, len(raw), 2)]


def hash_map_order(names: Iterable[str], buckets: int = HASH_BUCKETS_MIN) -> list[str]:
    """Return `names` in the order in which a `HashMap` filled with them in turn gives them back.

    Names that share a bucket keep their order. The map has at least so many `buckets`, a power of two.
    """
    listed = list(islice(names, _ORDERED_NAMES_MAX))
    while len(listed) > buckets * 3 // 4:
        buckets *= 2
    return sorted(listed, key=lambda name: _spread(java_hash(name)) & (buckets - 1))


def _spread(value: int) -> int:
    return value ^ (value >> 16)


def enum_order(values: Sequence[str]) -> list[str]:
    """Return the values of an enum in the order in which AWS lists them; those of one bucket stand by name."""
    return sorted(values, key=lambda value: (java_hash(value) % _ENUM_BUCKETS, value))


def quoted(value: Any, shape: Shape) -> str:
    """Return `value` as Java's `toString` writes it, cut where it grows beyond all use."""
    pieces: list[str] = []
    room = QUOTED_CHARACTERS_MAX
    for piece in _pieces(value, shape, 0):
        pieces.append(piece[:room])
        room -= len(piece)
        if room < 0:
            return "".join(pieces) + "..."
    return "".join(pieces)


def _pieces(value: Any, shape: Shape, depth: int) -> Iterator[str]:
    if value is None or depth > _QUOTED_DEPTH_MAX:
        yield "null" if value is None else "..."
        return
    match shape:
        case Scalar():
            yield str(value).lower() if isinstance(value, bool) else str(value)
        case ListShape():
            members = (("", member, shape.member) for member in value)
            yield from _listed("[", members, "]", depth)
        case MapShape():
            entries = ((f"{key}=", value[key], shape.value) for key in hash_map_order(value))
            yield from _listed("{", entries, "}", depth)
        case Structure():
            parts = ((f"{lower_first(name)}=", value.get(name), part) for name, part in shape.members.items())
            yield from _listed(f"{shape.name}(", parts, ")", depth)


def _listed(opening: str, parts: Iterable[tuple[str, Any, Shape]], closing: str, depth: int) -> Iterator[str]:
    """Yield `opening`, the labelled parts with commas between them, and `closing`."""
    before = opening
    for label, value, shape in parts:
        yield before + label
        yield from _pieces(value, shape, depth + 1)
        before = ", "
    yield closing if before == ", " else opening + closing


def type_name(shape: Shape) -> str:
    """Return the Java type of `shape`, as AWS names it when it met something else."""
    match shape:
        case ListShape():
            return f"java.util.List<{type_name(shape.member)}>"
        case MapShape():
            return f"java.util.Map<java.lang.String, {type_name(shape.value)}>"
        case Structure():
            return f"com.amazonaws.dynamodb.v20120810.{shape.name}"
        case Scalar():
            return _SCALAR_TYPES.get(shape.kind.value, f"java.lang.{shape.kind.value}")


_SCALAR_TYPES: Final = {"Blob": "java.nio.ByteBuffer", "Date": "java.util.Date"}
