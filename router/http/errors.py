"""The one place where errors become AWS's JSON.

Knows how AWS spells each error on the wire: its namespace, its status, and whether the text stands under `message` or
`Message`. Refuses to know why an error was raised.
"""

import zlib
from typing import Final

import orjson

from wire.errors import ErrorCode, StoreError

_SERVICE: Final = "com.amazon.coral.service#"
_DYNAMODB: Final = "com.amazonaws.dynamodb.v20120810#"

# Texts quote what was sent; ten quotes of the longest kind are more than anybody reads.
MESSAGE_CHARACTERS_MAX: Final = 1 << 20

# Errors of the framework under DynamoDB rather than of DynamoDB itself.
_PREFIXES: Final = {
    ErrorCode.VALIDATION: "com.amazon.coral.validate#",
    ErrorCode.SERIALIZATION: _SERVICE,
    ErrorCode.UNKNOWN_OPERATION: _SERVICE,
    ErrorCode.UNSUPPORTED_OPERATION: _SERVICE,
    ErrorCode.MISSING_AUTHENTICATION_TOKEN: _SERVICE,
    ErrorCode.INCOMPLETE_SIGNATURE: _SERVICE,
    ErrorCode.INVALID_SIGNATURE: _SERVICE,
    ErrorCode.UNRECOGNIZED_CLIENT: _SERVICE,
    ErrorCode.ACCESS_DENIED: _SERVICE,
    ErrorCode.SERVICE_UNAVAILABLE: _SERVICE,
    ErrorCode.THROTTLING: "com.amazon.coral.availability#",
}

# Where the text stands under a capital M.
_CAPITAL_MESSAGE: Final = frozenset(
    {
        "SerializationException",
        "AccessDeniedException",
        "TransactionCanceledException",
        "TransactionInProgressException",
        "IdempotentParameterMismatchException",
    }
)

_STATUSES: Final = {ErrorCode.INTERNAL: 500, ErrorCode.SERVICE_UNAVAILABLE: 503}

# Our own codes mean nothing to a client. Each becomes what makes an SDK do the right thing: all of them retry a 5xx.
_PUBLIC: Final = {
    ErrorCode.NOT_LEADER: ErrorCode.SERVICE_UNAVAILABLE,
    ErrorCode.STALE_EPOCH: ErrorCode.SERVICE_UNAVAILABLE,
    ErrorCode.OVERLOADED: ErrorCode.SERVICE_UNAVAILABLE,
    ErrorCode.NOT_READY: ErrorCode.SERVICE_UNAVAILABLE,
    ErrorCode.STORAGE_FULL: ErrorCode.INTERNAL,
    ErrorCode.UNKNOWN_OUTCOME: ErrorCode.INTERNAL,
    ErrorCode.UNANSWERED: ErrorCode.INTERNAL,
    ErrorCode.DEADLINE_EXCEEDED: ErrorCode.INTERNAL,
    ErrorCode.DAMAGED: ErrorCode.INTERNAL,
}


def public_code(error: StoreError) -> ErrorCode:
    """Return the code under which a client sees `error`."""
    return _PUBLIC.get(error.code, error.code)


def status_of(code: ErrorCode) -> int:
    """Return the HTTP status AWS answers with the error `code`."""
    return _STATUSES.get(code, 400)


def body_of(error: StoreError) -> bytes:
    """Return the JSON body AWS sends for `error`; an empty text is left out, as AWS leaves it out."""
    code = public_code(error)
    body: dict[str, object] = {"__type": _PREFIXES.get(code, _DYNAMODB) + code.value}
    if error.message:
        body["Message" if code.value in _CAPITAL_MESSAGE else "message"] = error.message[:MESSAGE_CHARACTERS_MAX]
    body.update(error.members)
    return orjson.dumps(body)


def checksum(body: bytes) -> str:
    """Return the value of `x-amz-crc32` for `body` as it is sent, compressed or not."""
    return str(zlib.crc32(body))
