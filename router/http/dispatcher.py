"""From a request to the operation it asks for, and back: the order of the checks is AWS's.

Knows how DynamoDB lays its protocol over HTTP: what answers a GET, which content types there are, what a browser asks
first. Refuses to know what any operation does.
"""

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import orjson

from router.http.encoding import (
    GZIP_BODY_BYTES_MIN,
    BodyTooLargeError,
    accepts_gzip,
    compressed,
    decoded,
)
from router.http.errors import body_of, checksum, public_code, status_of
from router.http.identifiers import new_request_id
from router.http.messages import HttpRequest, HttpResponse
from router.http.sigv4 import Identity
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
_JSON_TYPES: Final = frozenset({"application/x-amz-json-1.0", "application/x-amz-json-1.1", _JSON})
_NOT_AN_OPERATION: Final = b"<UnknownOperationException/>\n"
_PREFLIGHT_SECONDS: Final = "172800"
_PREFLIGHT: Final = (
    ("access-control-allow-headers", "Access-Control-Request-Headers"),
    ("access-control-allow-methods", "Access-Control-Request-Method"),
)

Authenticator = Callable[[HttpRequest], Identity]


class Dispatcher:
    """Answer requests with operations; this is the handler a server calls."""

    def __init__(
        self,
        *,
        operations: OperationRegistry,
        authenticate: Authenticator,
        clock: Clock,
        randomness: random.Random,
        local_region: str,
        regions: frozenset[str] = frozenset(),
        timeout_ms: int = REQUEST_TIMEOUT_MS,
    ) -> None:
        self._operations = operations
        self._authenticate = authenticate
        self._clock = clock
        self._randomness = randomness
        self._local_region = local_region
        self._regions = regions
        self._timeout_seconds = timeout_ms / 1000
        self._dates = HttpDates()
        self.traffic = Traffic(operations)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer `request`; whatever happens, there is an answer."""
        request_id = new_request_id(self._randomness)
        headers = {"x-amzn-requestid": request_id, "date": self._dates.text(self._clock.wall())}
        if request.headers.get("Origin") is not None:
            _allow_origin(request, headers)
            if request.method == "OPTIONS":
                return HttpResponse(200, b"", headers)
        if request.method in {"GET", "HEAD"}:
            return _plain(200, f"healthy: {request.headers.get('Host') or ''} ".encode(), headers)
        content_type = _content_type(request)
        if request.method != "POST" or (request.body and content_type not in _JSON_TYPES):
            return _plain(404, _NOT_AN_OPERATION, headers)
        headers["content-type"] = content_type if content_type in _JSON_TYPES else _JSON
        began = self._clock.monotonic()
        status, body, code = await self._answer(request, request_id, began)
        self.traffic.note(request.headers.get("X-Amz-Target"), code, self._clock.monotonic() - began)
        return _finished(request, status, body, headers)

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
        except BodyTooLargeError:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value, b"", "RequestEntityTooLarge"
        except Exception:  # noqa: BLE001 - the end of the line: a bug must become an answer, and one line in the log
            _log.exception("request_crashed", request_id=request_id, target=request.headers.get("X-Amz-Target"))
            crash = StoreError(ErrorCode.INTERNAL, "The request processing has failed because of an unknown error.")
            return 500, body_of(crash), ErrorCode.INTERNAL.value

    async def _run(self, request: HttpRequest, request_id: str, began: float) -> bytes:
        # AWS's order: first that the body is JSON, then the operation, then the signature, and only then the members.
        body = _parsed(request)
        operation = self._operation(request)
        identity = self._authenticate(request)
        if not isinstance(body, dict):
            raise _not_an_object(body)
        return await operation(self._context(request, request_id, identity, began), body)

    def _operation(self, request: HttpRequest) -> Operation:
        operation = self._operations.get(operation_of(request.headers.get("X-Amz-Target")))
        if operation is None:
            raise StoreError(ErrorCode.UNKNOWN_OPERATION, "")
        return operation

    def _context(self, request: HttpRequest, request_id: str, identity: Identity, began: float) -> RequestContext:
        region = identity.region
        return RequestContext(
            request_id=request_id,
            region=region if region is not None and region in self._regions else self._local_region,
            access_key_id=identity.access_key_id,
            deadline=began + self._timeout_seconds,
            endpoint=request.headers.get("Host") or "",
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


def _parsed(request: HttpRequest) -> Any:
    """Return the JSON value of the body, or None for no body.

    Raises StoreError SERIALIZATION, without a text as AWS does, when it is not JSON.
    """
    body = decoded(request.body, request.headers.get("Content-Encoding"))
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise StoreError(ErrorCode.SERIALIZATION, "") from None


def _not_an_object(body: Any) -> StoreError:
    if body is None:
        return StoreError(ErrorCode.SERIALIZATION, "")
    if isinstance(body, list):
        return StoreError(ErrorCode.SERIALIZATION, "Start of list found where not expected")
    return StoreError(ErrorCode.SERIALIZATION, "Unexpected value type in payload")


def _plain(status: int, body: bytes, headers: dict[str, str]) -> HttpResponse:
    headers["x-amz-crc32"] = checksum(body)
    return HttpResponse(status, body, headers)


def _finished(request: HttpRequest, status: int, body: bytes, headers: dict[str, str]) -> HttpResponse:
    if len(body) >= GZIP_BODY_BYTES_MIN and accepts_gzip(request.headers.get("Accept-Encoding")):
        body = compressed(body)
        headers["content-encoding"] = "gzip"
    headers["x-amz-crc32"] = checksum(body)
    return HttpResponse(status, body, headers)
