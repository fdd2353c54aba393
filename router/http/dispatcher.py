"""From a request to the operation it asks for, and back: the order of the checks is AWS's.

Knows how DynamoDB lays its protocol over HTTP: what answers a GET, which content types there are, what a browser asks
first. Refuses to know what any operation does.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

import orjson

from router.http.encoding import PLAIN_BYTES_MAX, answer_coding, decoded, encoded
from router.http.errors import body_of, checksum, public_code, status_of
from router.http.identifiers import new_request_id
from router.http.identity import Authentication, Identity
from router.http.json_pieces import SHORT_BYTES_MAX, is_dense, parsed_in_pieces
from router.http.messages import HttpRequest, HttpResponse
from router.http.side_thread import SideThread
from router.http.target import operation_of
from router.http.timestamps import HttpDates
from router.http.traffic import ANSWERED, Traffic
from router.operations.context import Operation, OperationRegistry, RequestContext
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError
from wire.limits import REQUEST_TIMEOUT_MS
from wire.telemetry import EventLog

_log = EventLog(__name__)

_JSON: Final = "application/json"
_JSON_TYPES: Final = frozenset({"application/x-amz-json-1.0", _JSON})
_NOT_AN_OPERATION: Final = b"<UnknownOperationException/>\n"
# An answer larger than this is compressed and summed up beside the event loop.
FINISHED_BYTES_MAX: Final = 256 << 10
_PREFLIGHT_SECONDS: Final = "172800"
_PREFLIGHT: Final = (
    ("access-control-allow-headers", "Access-Control-Request-Headers"),
    ("access-control-allow-methods", "Access-Control-Request-Method"),
)

# Where there is no room for a body; SDKs wait and try again.
_THROTTLED: Final = StoreError(ErrorCode.THROTTLING, "Rate of requests exceeds the allowed throughput.")


class _ElsewhereError(Exception):
    """A request asks for an operation at a path where there is none."""


class Dispatcher:
    """Answer requests with operations; this is the handler a server calls, and the gate that it asks before it does."""

    def __init__(
        self,
        *,
        operations: OperationRegistry,
        authentication: Authentication,
        clock: Clock,
        randomness: random.Random,
        local_region: str,
        regions: frozenset[str] = frozenset(),
        timeout_ms: int = REQUEST_TIMEOUT_MS,
    ) -> None:
        self._operations = operations
        self._authentication = authentication
        self._clock = clock
        self._randomness = randomness
        self._local_region = local_region
        self._regions = regions
        self._timeout_seconds = timeout_ms / 1000
        self._dates = HttpDates()
        self._side = SideThread(clock)
        self.traffic = Traffic(operations)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer `request`; whatever happens, there is an answer."""
        headers = self._headers()
        plain = _plainly_answered(request, headers, bool(request.body))
        if plain is not None:
            return plain
        began = self._clock.monotonic()
        try:
            status, body, code = await self._answer(request, headers["x-amzn-requestid"], began)
        except _ElsewhereError:
            return _no_call(headers)
        self.traffic.note(request.headers.get("X-Amz-Target"), code, self._clock.monotonic() - began)
        if len(body) > FINISHED_BYTES_MAX:  # zlib lets go of the interpreter while it works
            return await asyncio.to_thread(_finished, request, status, body, headers)
        return _finished(request, status, body, headers)

    def refused(self, head: HttpRequest) -> HttpResponse | None:
        """Return the answer to a request that its fields alone decide: what is no call, or of nobody who is known."""
        if head.method != "POST" or _content_type(head) not in _JSON_TYPES:
            return _plainly_answered(head, self._headers(), has_body=True)
        try:
            self._operation(head)
            self._authentication.require_claim(head)
        except StoreError as error:
            return self._refusal(head, error)
        return None

    def overloaded(self, head: HttpRequest) -> HttpResponse:
        """Return the answer to a request for whose body there is no room."""
        return self._refusal(head, _THROTTLED)

    def _headers(self) -> dict[str, str]:
        request_id = new_request_id(self._randomness)
        return {"x-amzn-requestid": request_id, "date": self._dates.text(self._clock.wall())}

    def _refusal(self, head: HttpRequest, error: StoreError) -> HttpResponse:
        headers = self._headers()
        answered = _plainly_answered(head, headers, has_body=True)
        if answered is not None:
            return answered
        code = public_code(error)
        self.traffic.note(head.headers.get("X-Amz-Target"), code.value, 0.0)
        return _plain(status_of(code), body_of(error), headers)

    async def _answer(self, request: HttpRequest, request_id: str, began: float) -> tuple[int, bytes, str]:
        """Return the status and the body that answer `request`, and the code by which that is counted."""
        try:
            return 200, await self._run(request, request_id, began), ANSWERED
        except StoreError as error:
            code = public_code(error)
            if code is not error.code:
                self.traffic.note_cause(request.headers.get("X-Amz-Target"), error.code)
                _log.warning("request_failed", request_id=request_id, code=error.code.value, message=error.message)
            return status_of(code), body_of(error), code.value
        except _ElsewhereError:
            raise
        except Exception:  # noqa: BLE001 - the end of the line: a bug must become an answer, and one line in the log
            _log.exception("request_crashed", request_id=request_id, target=request.headers.get("X-Amz-Target"))
            crash = StoreError(ErrorCode.INTERNAL, "The request processing has failed because of an unknown error.")
            return 500, body_of(crash), ErrorCode.INTERNAL.value

    async def _run(self, request: HttpRequest, request_id: str, began: float) -> bytes:
        encoding = request.headers.get("Content-Encoding")
        if request.digest is not None or encoding is not None:
            return await self._run_verified_first(request, encoding, request_id, began)
        # AWS's order: first that the body is JSON, then the operation, then the signature, and only then the members.
        body = _parsed(request.body)
        operation = self._operation(request)
        identity = self._identity(request)
        context = self._context(request, request_id, identity, began)
        if len(request.body) > SHORT_BYTES_MAX:
            context.is_short, context.is_long = False, is_dense(request.body)
        return await operation(context, body if type(body) is dict else _object(body))

    async def _run_verified_first(
        self, request: HttpRequest, encoding: str | None, request_id: str, began: float
    ) -> bytes:
        """Run a request whose body is work to read: nobody does that work for strangers."""
        operation = self._operation(request)
        identity = self._identity(request)
        text = request.body if encoding is None else await asyncio.to_thread(decoded, request.body, encoding)
        context = self._context(request, request_id, identity, began)
        context.is_short = len(text) <= SHORT_BYTES_MAX
        if not is_dense(text):
            return await operation(context, _object(_parsed(text)))
        return await self._run_beside(operation, context, text)

    async def _run_beside(self, operation: Operation, context: RequestContext, text: bytes) -> bytes:
        """Run a request that takes too long to be read on the event loop."""
        context.is_long = True
        values: list[Any] = []
        with self._side.admitted(len(text), values):
            values.append(await context.read(_parsed, text, parsed_in_pieces))
            return await operation(context, _object(values[0]))

    def _operation(self, request: HttpRequest) -> Operation:
        operation = self._operations.get(operation_of(request.headers.get("X-Amz-Target")))
        if operation is None:
            raise StoreError(ErrorCode.UNKNOWN_OPERATION, "")
        return operation

    def _identity(self, request: HttpRequest) -> Identity:
        """Return who sent `request`, of which nothing is a stranger's from now on."""
        identity = self._authentication.verify(request)
        request.release()
        # After the signature, which covers the path: what was signed for / and arrives elsewhere is refused for that.
        if _is_elsewhere(request):
            raise _ElsewhereError
        return identity

    def _context(self, request: HttpRequest, request_id: str, identity: Identity, began: float) -> RequestContext:
        region = identity.region
        return RequestContext(
            request_id=request_id,
            region=region if region is not None and region in self._regions else self._local_region,
            access_key_id=identity.access_key_id,
            deadline=began + self._timeout_seconds,
            endpoint=request.headers.get("Host") or "",
            beside=self._side,
        )


def _allow_origin(request: HttpRequest, headers: dict[str, str]) -> None:
    """Let a browser's page read the answer, and say what it may send when it asks."""
    headers["access-control-allow-origin"] = "*"
    headers["access-control-expose-headers"] = "x-amzn-requestid, x-amz-crc32"
    if request.method == "OPTIONS":
        for answer, question in _PREFLIGHT:
            asked = request.headers.get(question)
            if asked is not None and asked.isprintable():
                headers[answer] = asked
        headers["access-control-max-age"] = _PREFLIGHT_SECONDS


def _content_type(request: HttpRequest) -> str:
    value = request.headers.get("Content-Type") or ""
    if value in _JSON_TYPES:
        return value
    return value.partition(";")[0].strip().lower()


def _is_elsewhere(request: HttpRequest) -> bool:
    """Tell whether a request is for another path than /, the only one that there is."""
    return request.target != "/" and request.target.partition("?")[0].strip("/") != ""


def _parsed(body: bytes, read: Callable[[bytes], Any] = orjson.loads) -> Any:
    """Return the JSON value of a body, or None for no body.

    Raises StoreError SERIALIZATION, without a text as AWS does, when it is not JSON.
    """
    if not body:
        return None
    try:
        return read(body)
    except orjson.JSONDecodeError:
        raise StoreError(ErrorCode.SERIALIZATION, "") from None


def _object(body: Any) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    if body is None:
        raise StoreError(ErrorCode.SERIALIZATION, "")
    if isinstance(body, list):
        raise StoreError(ErrorCode.SERIALIZATION, "Start of list found where not expected")
    raise StoreError(ErrorCode.SERIALIZATION, "Unexpected value type in payload")


def _plainly_answered(request: HttpRequest, headers: dict[str, str], has_body: bool) -> HttpResponse | None:
    """Return the answer to what is no call of an operation, or None; add what browsers and callers are told to `headers`."""
    if request.headers.get("Origin") is not None:
        _allow_origin(request, headers)
        if request.method == "OPTIONS":
            return HttpResponse(200, b"", headers)
    if request.method in {"GET", "HEAD"} and not _is_elsewhere(request):
        return _plain(200, f"healthy: {request.headers.get('Host') or ''} ".encode(), headers)
    content_type = _content_type(request)
    if request.method != "POST" or (has_body and content_type not in _JSON_TYPES):
        return _no_call(headers)
    headers["content-type"] = content_type if content_type in _JSON_TYPES else _JSON
    return None


def _no_call(headers: dict[str, str]) -> HttpResponse:
    headers.pop("content-type", None)
    return _plain(404, _NOT_AN_OPERATION, headers)


def _plain(status: int, body: bytes, headers: dict[str, str]) -> HttpResponse:
    headers["x-amz-crc32"] = checksum(body)
    return HttpResponse(status, body, headers)


def _finished(request: HttpRequest, status: int, body: bytes, headers: dict[str, str]) -> HttpResponse:
    if len(body) > PLAIN_BYTES_MAX and (coding := answer_coding(request.headers.get("Accept-Encoding"))) is not None:
        body = encoded(body, coding)
        headers["content-encoding"] = coding
    headers["x-amz-crc32"] = checksum(body)
    return HttpResponse(status, body, headers)
