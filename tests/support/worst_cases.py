"""The most expensive requests that fit into so many bytes: for every operation of the model, every member filled to the brim.

Made from the model, so that an operation or a member that is added to it is covered by itself. What a request is filled with is
mostly in order, for what is not is refused early.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from router.operations.model import ServiceModel
from router.operations.shapes import ATTRIBUTE_VALUE, Kind, ListShape, MapShape, Scalar, Shape, Structure

TABLE: Final = "things"  # with the key (pk S)
_HOLE: Final = "\x7fhole\x7f"
_HOLE_BYTES: Final = orjson.dumps(_HOLE)
_DEPTH_MAX: Final = 6
_EXPRESSION_BYTES: Final = 4096

Fill = Callable[[int], bytes]
"""Makes a JSON text of at most so many bytes."""


class WorstCase(NamedTuple):
    """A request, and what is too much of it."""

    operation: str
    place: str
    body: bytes


def worst_cases(model: ServiceModel, body_bytes: int) -> Iterator[WorstCase]:
    """Yield requests of about `body_bytes`, for every operation and every place in its requests."""
    for operation in model.operations:
        shape = model.input_shape(operation)
        for place, body in _filled(shape):
            yield WorstCase(operation, place, body(body_bytes))
        for place, texts in _expressions(shape).items():
            yield WorstCase(operation, place, orjson.dumps({**_least(shape), **texts}))


def _filled(shape: Structure) -> Iterator[tuple[str, Fill]]:
    for place, whole, fills in _places(shape, _least(shape), 0, lambda hole: hole):
        frame = orjson.dumps(whole)
        before, _, after = frame.partition(_HOLE_BYTES)
        for name, fill in fills.items():
            yield f"{place}: {name}", _framed(before, fill, after)


def _framed(before: bytes, fill: Fill, after: bytes) -> Fill:
    return lambda size: before + fill(max(size - len(before) - len(after), 64)) + after


def _places(
    shape: Shape, least: Any, depth: int, around: Callable[[Any], Any], path: str = ""
) -> Iterator[tuple[str, Any, dict[str, Fill]]]:
    """Yield every place below `shape`: its name, a request with a hole there, and what may fill it."""
    yield path or "body", around(_HOLE), _fills(shape)
    if depth == _DEPTH_MAX:
        return
    match shape:
        case Structure() if shape.name != ATTRIBUTE_VALUE:
            for name, member in shape.members.items():
                inner = _around_member(around, least, name)
                yield from _places(member, _least(member), depth + 1, inner, f"{path}.{name}")
        case ListShape():
            yield from _places(shape.member, _least(shape.member), depth + 1, lambda hole: around([hole]), f"{path}[]")
        case MapShape():
            key = _key(shape)
            yield from _places(
                shape.value, _least(shape.value), depth + 1, lambda hole: around({key: hole}), f"{path}{{}}"
            )


def _around_member(around: Callable[[Any], Any], least: Any, name: str) -> Callable[[Any], Any]:
    return lambda hole: around({**least, name: hole})


def _least(shape: Shape) -> Any:
    """Return the least value that is in order."""
    match shape:
        case Structure() if shape.name == ATTRIBUTE_VALUE:
            return {"S": "a"}
        case Structure():
            return {name: _least(shape.members[name]) for name in shape.required}
        case ListShape():
            return [_least(shape.member)]
        case MapShape() if shape.value.name == ATTRIBUTE_VALUE:
            return {"pk": {"S": "a"}}
        case MapShape():
            return {_key(shape): _least(shape.value)}
        case Scalar():
            return _least_scalar(shape)


def _least_scalar(shape: Scalar) -> Any:
    if shape.limits.enum:
        return shape.limits.enum[0]
    match shape.kind:
        case Kind.BOOLEAN:
            return True
        case Kind.STRING | Kind.BLOB:
            return TABLE.ljust(shape.limits.minimum or 0, "x")
        case _:
            return max(shape.limits.minimum or 0, 1)


def _key(shape: MapShape) -> str:
    return {"NonKeyAttributeName": "pk"}.get(shape.key.name, TABLE if "Table" in shape.key.name else "pk")


def _fills(shape: Shape) -> dict[str, Fill]:
    match shape:
        case Structure() if shape.name == ATTRIBUTE_VALUE:
            return _VALUE_FILLS
        case Structure():
            return {"unknown members": _map_of(b"1"), "members of another kind": _map_of(b"[]")}
        case ListShape():
            member = orjson.dumps(_least(shape.member))
            return {"members": _list_of(member), "wrong members": _list_of(b"[]"), "nulls": _list_of(b"null")}
        case MapShape():
            value = orjson.dumps(_least(shape.value))
            return {"members": _map_of(value), "wrong members": _map_of(b"[]"), "long names": _long_names(value)}
        case Scalar() if shape.kind in (Kind.STRING, Kind.BLOB):
            return {
                "text": _text,
                "escapes": lambda size: b'"%b"' % (b"\\n" * ((size - 2) // 2)),
                "list": _list_of(b'"a"'),
            }
        case Scalar():
            return {"digits": lambda size: b"1" * min(size, 300), "list": _list_of(b"1")}


def _list_of(member: bytes) -> Fill:
    return lambda size: b"[%b]" % b",".join([member] * max((size - 2) // (len(member) + 1), 1))


def _map_of(member: bytes) -> Fill:
    def fill(size: int) -> bytes:
        count = max((size - 2) // (len(member) + 10), 1)
        return b"{%b}" % b",".join([b'"n%06x":%b' % (number, member) for number in range(count)])

    return fill


def _long_names(member: bytes) -> Fill:
    def fill(size: int) -> bytes:
        length = max(size // 3, 8)
        return b"{%b}" % b",".join(b'"%b":%b' % (letter * length, member) for letter in (b"a", b"b"))

    return fill


def _text(size: int) -> bytes:
    return b'"%b"' % (b"x" * (size - 2))


def _distinct(kind: str, form: bytes, length: int) -> Fill:
    return lambda size: b'{"%b":[%b]}' % (
        kind.encode(), b",".join([form % number for number in range(max((size - 9) // (length + 1), 1))])
    )  # fmt: skip


def _wrapped(before: bytes, fill: Fill, after: bytes) -> Fill:
    return lambda size: before + fill(size - len(before) - len(after)) + after


def _nested(size: int) -> bytes:
    depth = min(size // 10, 400)
    return b'{"L":[' * depth + b"]}" * depth


_VALUE_FILLS: Final[dict[str, Fill]] = {
    "texts in a list": _wrapped(b'{"L":', _list_of(b'{"S":""}'), b"}"),
    "nulls in a list": _wrapped(b'{"L":', _list_of(b'{"NULL":true}'), b"}"),
    "numbers in a list": _wrapped(b'{"L":', _list_of(b'{"N":"-1.5E-7"}'), b"}"),
    "lists in a list": _wrapped(b'{"L":', _list_of(b'{"L":[]}'), b"}"),
    "a map": _wrapped(b'{"M":', _map_of(b'{"S":""}'), b"}"),
    "texts in a set": _distinct("SS", b'"%06x"', 8),
    "numbers in a set": _distinct("NS", b'"%06d"', 8),
    "bytes in a set": _distinct("BS", b'"%06dAA"', 10),
    "texts twice in a set": _wrapped(b'{"SS":', _list_of(b'"a"'), b"}"),
    "one text": _wrapped(b'{"S":', _text, b"}"),
    "one number": lambda size: b'{"N":"%b"}' % (b"1" * max(size - 8, 1)),
    "zeros": lambda size: b'{"N":"%b1"}' % (b"0" * max(size - 9, 1)),
    "bytes": lambda size: b'{"B":"%b"}' % (b"AAAA" * max((size - 8) // 4, 1)),
    "unknown types": _map_of(b"null"),
    "depth": _nested,
    "empty values": _wrapped(b'{"L":', _list_of(b"{}"), b"}"),
}  # fmt: skip


def _repeated(piece: str, joint: str, before: str = "", size: int = _EXPRESSION_BYTES) -> str:
    return before + joint.join(itertools.repeat(piece, (size - len(before) + len(joint)) // (len(piece) + len(joint))))


_CONDITIONS: Final = (
    _repeated("a=:v", " or "), _repeated("a[0].b<:v", " and "), "a in (" + _repeated(":v", ",", size=4000) + ")",
    "not " * 1000 + "a=:v", "(" * 2000 + "a=:v" + ")" * 2000, _repeated("size(a)>size(b)", " or "), "a" * 4096, _repeated("a", "."),
)  # fmt: skip
_TEXTS: Final = {
    "ConditionExpression": _CONDITIONS,
    "FilterExpression": _CONDITIONS,
    "KeyConditionExpression": ("pk=:v", *_CONDITIONS),
    "ProjectionExpression": (
        ",".join(f"a{number}" for number in range(700)), _repeated("a[0]", ","), ",".join("abcdefghijklmnop"), _repeated("a", "."),
    ),
    "UpdateExpression": (
        "set " + ",".join(f"a{number}=:v" for number in range(480)), "set a=" + _repeated(":v", "+", size=4000),
        "remove " + ",".join(f"a[{number}]" for number in range(500)), _repeated("add a :v", " "),
    ),
}  # fmt: skip


def _expressions(shape: Structure) -> dict[str, dict[str, Any]]:
    """Return requests with every expression that the operation takes, all of them as long as may be."""
    taken = [name for name in _TEXTS if name in shape.members]
    rounds = max((len(_TEXTS[name]) for name in taken), default=0)
    return {
        f"expressions {number}": {
            **{name: _TEXTS[name][number % len(_TEXTS[name])] for name in taken},
            "ExpressionAttributeValues": {":v": {"S": "a"}},
        }
        for number in range(rounds)
    }
