"""From bytes to whole requests: one connection's parser, within bounds.

The only import of httptools. Knows heads, bodies and what is too much of either, and asks a gate about requests with large
bodies before it takes these in; refuses to know sockets.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

import httptools
from multidict import CIMultiDict

from router.http.messages import Gate, HttpRequest, HttpResponse
from router.http.strangers import SMALL_BODY_BYTES_MAX, BodyHold, StrangersBudget

HEAD_BYTES_MAX: Final = 16 << 10  # of the target and all fields, as AWS has it
FIELDS_MAX: Final = 128
_FIELD_OVERHEAD_BYTES: Final = 4  # a colon, a blank and the end of the line
PIECE_OVERHEAD_BYTES: Final = 64  # what a piece of a body takes beside its bytes; a client may send many of one byte
# What is taken in while a head is not complete; a read may hold the end of the request before it as well.
HEAD_READ_BYTES_MAX: Final = 1 << 20

_HEAD_TOO_LARGE: Final = f"a head of more than {HEAD_BYTES_MAX} bytes, or {FIELDS_MAX} fields"


class Arrived(NamedTuple):
    """A request that is whole, and whether its connection goes on after it."""

    request: HttpRequest
    keep_alive: bool


class Refusal(Exception):
    """What a connection was sent cannot become a request; nothing after it on the connection can be understood."""

    def __init__(self, response: HttpResponse, reason: str) -> None:
        super().__init__(reason)
        self.response = response

    @classmethod
    def malformed(cls, status: HTTPStatus, reason: str) -> "Refusal":
        """Return the refusal of what is no request: an answer without a body."""
        return cls(HttpResponse(status.value, b"", {}), reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalBounds:
    """What is taken in, and who says so."""

    body_bytes_max: int
    strangers: StrangersBudget
    gate: Gate | None = None  # None: nobody looks at requests before they are whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalListener:
    """Who is told what."""

    arrived: Callable[[Arrived], None]
    expects_continue: Callable[[], None]
    """The client waits to be asked for its body."""


class Arrival:
    """Put the pieces of requests together as they come."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_bounds",
        "_digest",
        "_fields",
        "_head_bytes",
        "_head_read_bytes",
        "_headers",
        "_hold",
        "_listener",
        "_parser",
        "_plain_bytes",
        "_refusal",
        "_target",
    )

    _headers: CIMultiDict[str] | None  # once the head is complete

    def __init__(self, listener: ArrivalListener, bounds: ArrivalBounds) -> None:
        self._listener = listener
        self._bounds = bounds
        self._parser = httptools.HttpRequestParser(self)
        self._refusal: Refusal | None = None
        self._begin()

    @property
    def is_within(self) -> bool:
        """Tell whether a request has begun to arrive and is not whole."""
        return bool(self._target)

    def feed(self, data: bytes) -> None:
        """Take what came; the listener is told of what that completes. Raises Refusal, and is of no use afterwards."""
        while data:
            if self._plain_bytes:
                data = self._taken_plainly(data)
                continue
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                # Nobody here speaks another protocol: the request was taken as it is, and what follows is HTTP again.
                data = data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                raise self._refusal or Refusal.malformed(HTTPStatus.BAD_REQUEST, str(error)) from None
        if self._headers is None and self._target:
            self._head_read_bytes += len(data)
            if self._head_read_bytes > HEAD_READ_BYTES_MAX:
                raise Refusal.malformed(HTTPStatus.BAD_REQUEST, _HEAD_TOO_LARGE)

    def let_go(self) -> None:
        """Forget a body that is not whole."""
        self._hold.release()
        self._body.clear()

    def end(self) -> None:
        """Let go of the parser, which holds on to this, so that both are freed at once."""
        self.let_go()
        del self._parser, self._listener

    # What the parser calls. It reports what is raised here as an error of its own.

    def on_url(self, piece: bytes) -> None:
        """Take a piece of the target."""
        self._target += piece
        self._head_bytes += len(piece)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise self._refused(HTTPStatus.BAD_REQUEST, _HEAD_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field. Bytes that are no UTF-8 are kept, for the signature's sake."""
        self._head_bytes += len(name) + len(value) + _FIELD_OVERHEAD_BYTES
        if self._head_bytes > HEAD_BYTES_MAX or len(self._fields) >= FIELDS_MAX:
            raise self._refused(HTTPStatus.BAD_REQUEST, _HEAD_TOO_LARGE)
        self._fields.append((name.decode("latin-1"), value.strip(b" \t").decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        """Look at how long the body is going to be."""
        headers: CIMultiDict[str] = CIMultiDict(self._fields)
        self._headers = headers
        length = int(headers.get("Content-Length", "0"))
        if length > self._bounds.body_bytes_max:
            raise self._too_large()
        if length > SMALL_BODY_BYTES_MAX:
            self._require_admission()
        if headers.get("Expect", "").lower() == "100-continue":
            self._listener.expects_continue()

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(piece)
        self._body_bytes += len(piece)
        if self._body_bytes > self._bounds.body_bytes_max:
            raise self._too_large()
        if self._digest is not None:
            self._digest.update(piece)
        elif self._body_bytes > SMALL_BODY_BYTES_MAX:
            self._require_admission()
        if not self._hold.grow(len(piece) + PIECE_OVERHEAD_BYTES):
            raise self._overloaded()

    def on_message_complete(self) -> None:
        """Hand a whole request on, unless its body is still to come although the parser sees none."""
        parser, headers = self._parser, self._headers
        assert headers is not None, "a head comes before its end"
        if parser.should_upgrade():
            # The parser leaves everything after the head of such a request to the other protocol.
            if "Transfer-Encoding" in headers:
                raise self._refused(HTTPStatus.BAD_REQUEST, "a body in chunks, of a request to change the protocol")
            self._plain_bytes = int(headers.get("Content-Length", "0"))
        if not self._plain_bytes:
            self._complete(headers)

    def _taken_plainly(self, data: bytes) -> bytes:
        """Take what belongs to the body that the parser does not see; return the rest."""
        piece = data[: self._plain_bytes]
        self._plain_bytes -= len(piece)
        self.on_body(piece)
        if not self._plain_bytes:
            assert self._headers is not None, "a head comes before its body"
            self._complete(self._headers)
        return data[len(piece) :]

    def _complete(self, headers: CIMultiDict[str]) -> None:
        parser, pieces = self._parser, self._body
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        digest = None if self._digest is None else self._digest.hexdigest()
        request = HttpRequest(
            parser.get_method().decode("ascii"), _origin_form(self._target), headers, body, digest, self._hold
        )
        self._begin()
        self._listener.arrived(Arrived(request, parser.should_keep_alive()))

    def _begin(self) -> None:
        self._target = b""
        self._fields: list[tuple[str, str]] = []
        self._headers = None
        self._head_bytes = 0
        self._head_read_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._plain_bytes = 0  # of a body that the parser does not see
        self._digest: hashlib._Hash | None = None  # of a body that is large
        self._hold = BodyHold(self._bounds.strangers)

    def _require_admission(self) -> None:
        """Ask the gate about a request whose body is large, and begin to hash it as it comes."""
        gate = self._bounds.gate
        refused = None if gate is None else gate.refused(self._head())
        if refused is not None:
            self._refusal = Refusal(refused, "a large body of a request that its fields decide")
            raise self._refusal
        self._digest = hashlib.sha256(b"".join(self._body))

    def _head(self) -> HttpRequest:
        assert self._headers is not None, "a head comes before its body"
        return HttpRequest(self._parser.get_method().decode("ascii"), _origin_form(self._target), self._headers, b"")

    def _overloaded(self) -> Refusal:
        gate, reason = self._bounds.gate, "no room for the bodies of strangers"
        if gate is None:
            return self._refused(HTTPStatus.SERVICE_UNAVAILABLE, reason)
        self._refusal = Refusal(gate.overloaded(self._head()), reason)
        return self._refusal

    def _too_large(self) -> Refusal:
        reason = f"a body of more than {self._bounds.body_bytes_max} bytes"
        return self._refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)

    def _refused(self, status: HTTPStatus, reason: str) -> Refusal:
        self._refusal = Refusal.malformed(status, reason)
        return self._refusal


def _origin_form(target: bytes) -> str:
    """Return path and query; proxies send the whole URL."""
    text = target.decode("utf-8", "surrogateescape")
    if text[:1] == "/":
        return text
    _, is_url, rest = text.partition("://")
    if not is_url:
        return text
    _, slash, path = rest.partition("/")
    return slash + path if slash else "/"
