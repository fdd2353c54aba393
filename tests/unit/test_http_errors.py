"""How errors look on the wire, held against the service model and against what AWS is known to send."""

import orjson
import pytest

from router.http.errors import body_of, public_code, status_of
from router.operations.model import ServiceModel
from wire.errors import ErrorCode, StoreError

MODEL = ServiceModel.load()

_INTERNAL = {
    ErrorCode.NOT_LEADER,
    ErrorCode.STALE_EPOCH,
    ErrorCode.OVERLOADED,
    ErrorCode.NOT_READY,
    ErrorCode.STORAGE_FULL,
    ErrorCode.UNKNOWN_OUTCOME,
    ErrorCode.UNANSWERED,
    ErrorCode.DEADLINE_EXCEEDED,
    ErrorCode.DAMAGED,
}


# The model says of each error where its text stands and what its status is.
@pytest.mark.parametrize("code", [code for code in ErrorCode if code.value in MODEL.errors], ids=lambda code: code.name)
def test_errors_look_as_the_model_says(code: ErrorCode) -> None:
    shape = MODEL.errors[code.value]
    body = orjson.loads(body_of(StoreError(code, "text")))
    assert body[shape.message_member] == "text"
    assert status_of(code) == shape.status


# Each error has the namespace in which AWS sends it: SDKs cut it off, but tests compare it.
@pytest.mark.parametrize(
    ("code", "type_name", "member"),
    [
        (ErrorCode.VALIDATION, "com.amazon.coral.validate#ValidationException", "message"),
        (ErrorCode.SERIALIZATION, "com.amazon.coral.service#SerializationException", "Message"),
        (ErrorCode.ACCESS_DENIED, "com.amazon.coral.service#AccessDeniedException", "Message"),
        (ErrorCode.UNRECOGNIZED_CLIENT, "com.amazon.coral.service#UnrecognizedClientException", "message"),
        (ErrorCode.INVALID_SIGNATURE, "com.amazon.coral.service#InvalidSignatureException", "message"),
        (ErrorCode.INCOMPLETE_SIGNATURE, "com.amazon.coral.service#IncompleteSignatureException", "message"),
        (ErrorCode.THROTTLING, "com.amazon.coral.availability#ThrottlingException", "message"),
        (ErrorCode.RESOURCE_NOT_FOUND, "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message"),
        (ErrorCode.INTERNAL, "com.amazonaws.dynamodb.v20120810#InternalServerError", "message"),
    ],
)
def test_namespaces(code: ErrorCode, type_name: str, member: str) -> None:
    assert orjson.loads(body_of(StoreError(code, "text"))) == {"__type": type_name, member: "text"}


# No code of ours may ever be read by a client, whatever is added to them.
@pytest.mark.parametrize("code", list(ErrorCode), ids=lambda code: code.name)
def test_our_own_codes_stay_inside(code: ErrorCode) -> None:
    shown = public_code(StoreError(code, "text"))
    assert shown not in _INTERNAL
    assert (shown is code) == (code not in _INTERNAL)


# Every SDK retries a 5xx, and nothing else of what we make of our own codes.
@pytest.mark.parametrize("code", sorted(_INTERNAL))
def test_failures_inside_are_retried(code: ErrorCode) -> None:
    assert status_of(public_code(StoreError(code, "text"))) in {500, 503}
