"""JSON read piece by piece, for texts that take too long to be read at once.

orjson holds the interpreter for as long as it reads: half a second for 16 MB of small objects. Here a text is cut where its own
commas allow it, each piece is read by orjson, and between pieces other threads have their turn. The result, and what is refused,
are orjson's. Pure.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from router.http.strangers import SMALL_BODY_BYTES_MAX

PIECE_BYTES: Final = 32 << 10
# To read a text and to do what there is to be done with its values takes a few milliseconds when it is shorter than the first
# of these, or when it is shorter than the second and has no more commas and brackets than this.
SHORT_BYTES_MAX: Final = 8 << 10
BYTES_AT_ONCE_MAX: Final = 1 << 20
COMMAS_AT_ONCE_MAX: Final = 1_500
BRACKETS_AT_ONCE_MAX: Final = 8_000
# What AWS takes of one text is at most an item, or a policy; with every character escaped that is six times as long.
TEXT_BYTES_MAX: Final = 4 << 20
DEPTH_MAX: Final = 1024  # orjson's own

_DEPTH_AHEAD: Final = 70  # as deep as items may be nested, an object and a type to each level, and what is around them
_BYTES_AHEAD: Final = 4 << 10
# A legal text has no more marks at which nothing can be skipped.
_STEPS_MAX: Final = 500_000

_BLANKS: Final = b" \t\r\n"


def _elements(depth: int) -> str:
    """Return the pattern of whole elements, each with the comma behind it, nested up to `depth`.

    One kind of bracket may close the other here: orjson will see to that.
    """
    text = r'"(?:[^"\\]++|\\.)*+"'
    nested = ""
    for _ in range(depth):
        nested = rf'|[{{\[](?:[^"{{}}\[\]]++|{text}{nested})*+[}}\]]'
    return rf'(?:(?:[^"{{}}\[\],]++|{text}{nested})*+,)*+'


_ELEMENTS: Final = re.compile(_elements(_DEPTH_AHEAD).encode(), re.DOTALL)
_PLAIN: Final = re.compile(rb'[^"{}\[\]]*+')
_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_BRACE: Final = ord("{")
_CLOSED_BY: Final = {_BRACE: ord("}"), ord("["): ord("]")}


def is_dense(text: bytes) -> bool:
    """Tell whether `text` may take too long to be read, and its values to be walked, at once."""
    size = len(text)
    if not SHORT_BYTES_MAX < size <= BYTES_AT_ONCE_MAX:
        return size > SHORT_BYTES_MAX
    if text.count(b",") > COMMAS_AT_ONCE_MAX:
        return True
    # Without commas there are as many brackets at most as these texts may be deep, for each comma.
    return size > SMALL_BODY_BYTES_MAX and text.count(b"{") + text.count(b"[") > BRACKETS_AT_ONCE_MAX


def parsed_in_pieces(text: bytes, piece_bytes: int = PIECE_BYTES) -> Any:
    """Return the value of a JSON text; raises orjson.JSONDecodeError as orjson does."""
    if len(text) <= piece_bytes or text.lstrip(_BLANKS)[:1] not in (b"{", b"["):
        return orjson.loads(text)
    return _Reader(text, piece_bytes).value()


@dataclass(slots=True)
class _Container:
    """An object or array that is open. Its elements are in `value` up to `read`, and still text from there on."""

    kind: int  # the byte that opens it
    opened: int  # where that stands
    key: tuple[int, int] | None  # where its name stands in the object around it
    read: int
    value: Any = None  # None while it may yet turn out to be small enough to be read with what surrounds it
    is_after_element: bool = False
    is_after_comma: bool = False


class _Reader:
    """One text being read, from one comma, string or bracket to the next."""

    def __init__(self, text: bytes, piece_bytes: int) -> None:
        self._text = text
        self._piece_bytes = piece_bytes
        self._open: list[_Container] = []
        self._key: tuple[int, int] | None = None  # the last string, if it may be the name of what comes next
        self._root: Any = None

    def value(self) -> Any:
        text = self._text
        at = self._opened(len(text) - len(text.lstrip(_BLANKS)))
        steps = 0
        while self._open:
            at = self._stepped(at)
            steps += 1
            if steps > _STEPS_MAX:
                raise _malformed("too many marks", at)
        if text[at:].strip(_BLANKS):
            raise _malformed("something follows the value", at)
        return self._root

    def _stepped(self, at: int) -> int:
        """Go on from `at`, past whole elements if there are any, and return where that leads."""
        text, ahead = self._text, at + min(self._piece_bytes, _BYTES_AHEAD)
        elements = _ELEMENTS.match(text, at, ahead)
        if elements is not None and elements.end() > at:
            self._cut(elements.end())
            return elements.end()
        plain = _PLAIN.match(text, at, ahead)
        at = at if plain is None else plain.end()
        if at == len(text):
            raise _malformed("the text ends within a value", at)
        return at if at == ahead else self._marked(at)

    def _marked(self, at: int) -> int:
        mark = self._text[at]
        if mark == _QUOTE:
            end = self._string_end(at)
            self._key = (at, end)
            return end
        return self._opened(at) if mark in _CLOSED_BY else self._closed(at)

    def _string_end(self, at: int) -> int:
        text, end = self._text, at
        while True:
            end = text.find(b'"', end + 1)
            if end < 0 or end - at > TEXT_BYTES_MAX:
                raise _malformed("a text without end", at)
            last = end - 1
            while text[last] == _BACKSLASH:
                last -= 1
            if (end - last) % 2:
                return end + 1

    def _opened(self, at: int) -> int:
        if len(self._open) >= DEPTH_MAX:
            raise _malformed("nested too deep", at)
        self._open.append(_Container(self._text[at], at, self._key, at + 1))
        self._key = None
        return at + 1

    def _closed(self, at: int) -> int:
        container = self._open.pop()
        if _CLOSED_BY[container.kind] != self._text[at]:
            raise _malformed("closed by the other bracket", at)
        self._key = None
        if container.value is not None:
            self._read(container, at, is_last=True)
            if self._open:
                self._open[-1].read = at + 1
        if not self._open:
            is_read = container.value is not None
            self._root = container.value if is_read else orjson.loads(self._text[container.opened : at + 1])
        return at + 1

    def _cut(self, after_comma: int) -> None:
        """Read what the innermost container has as text, if that is enough by now."""
        self._key = None
        innermost = self._open[-1]
        if after_comma - innermost.read < self._piece_bytes:
            return
        around: _Container | None = None
        for container in self._open:
            if container.value is None:
                container.value = {} if container.kind == _BRACE else []
                if around is not None:
                    self._attach(container, around)
            around = container
        self._read(innermost, after_comma, is_last=False)

    def _attach(self, child: _Container, around: _Container) -> None:
        """Read what stands before a container, and put it behind that."""
        if around.kind == _BRACE:
            if child.key is None or self._text[child.key[1] : child.opened].strip(_BLANKS) != b":":
                raise _malformed("a member without a name", child.opened)
            self._read(around, child.key[0], is_last=False)
            around.value[orjson.loads(self._text[slice(*child.key)])] = child.value
        else:
            self._read(around, child.opened, is_last=False)
            around.value.append(child.value)
        around.is_after_element, around.is_after_comma = True, False

    def _read(self, container: _Container, end: int, *, is_last: bool) -> None:
        """Read the elements from where the container is read to; unless they are its last ones, a comma ends them."""
        piece = self._text[container.read : end].strip(_BLANKS)
        if container.is_after_element and piece:
            if piece[:1] != b",":
                raise _malformed("no comma between elements", container.read)
            piece = piece[1:].lstrip(_BLANKS)
            container.is_after_element, container.is_after_comma = False, True
        if not piece:
            if container.is_after_comma if is_last else container.is_after_element:
                raise _malformed("no element where one must be", end)
            container.read = end
            return
        if not is_last and piece[-1:] != b",":
            raise _malformed("no comma between elements", end)
        self._add(container, piece if is_last else piece[:-1])
        container.read, container.is_after_element, container.is_after_comma = end, False, not is_last

    def _add(self, container: _Container, piece: bytes) -> None:
        if not piece.strip(_BLANKS):
            raise _malformed("no element where one must be", container.read)
        if container.kind == _BRACE:
            container.value.update(orjson.loads(b"{%b}" % piece))
        else:
            container.value.extend(orjson.loads(b"[%b]" % piece))


def _malformed(what: str, at: int) -> orjson.JSONDecodeError:
    return orjson.JSONDecodeError(what, "", at)
