"""DynamoDB's protocol over HTTP: what is answered to what, in which order things are checked, and with which fields."""

import gzip
import re
import zlib
from typing import Any

import orjson
import pytest

from router.http.encoding import BODY_BYTES_MAX
from router.http.messages import HttpResponse
from router.operations.context import RequestContext
from tests.support.http_edge import dispatcher, echo, request
from tests.support.logs import events
from wire.errors import ErrorCode, StoreError

OPERATIONS = {"ListTables": echo}


async def _answer(*parts: Any, signed: bool = False, **settings: Any) -> HttpResponse:
    return await dispatcher(OPERATIONS, signed=signed)(request(*parts, **settings))


def _error(response: HttpResponse) -> dict[str, Any]:
    return orjson.loads(response.body)


# What an operation gets to know about its request.
async def test_the_context_of_an_operation() -> None:
    seen: list[RequestContext] = []

    async def remember(context: RequestContext, body: dict[str, Any]) -> bytes:
        seen.append(context)
        return b"{}"

    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    )
    response = await dispatcher({"ListTables": remember})(request(b"{}", {"Authorization": authorization}))
    context = seen[0]
    assert context.request_id == response.headers["x-amzn-requestid"]
    assert (context.region, context.access_key_id, context.endpoint) == ("us-east-1", "AKID", "localhost:8000")
    assert context.deadline > 0


# Fields every answer has: SDKs check the sum, people quote the id.
async def test_the_fields_of_an_answer() -> None:
    response = await _answer()
    assert re.fullmatch("[0-9A-V]{52}", response.headers["x-amzn-requestid"])
    assert response.headers["x-amz-crc32"] == str(zlib.crc32(response.body))
    assert response.headers["content-type"] == "application/x-amz-json-1.0"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", response.headers["date"])


# Ids are told apart.
async def test_every_answer_has_its_own_id() -> None:
    handler = dispatcher(OPERATIONS)
    assert len({(await handler(request())).headers["x-amzn-requestid"] for _ in range(100)}) == 100


# The answer speaks the dialect of the question.
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/x-amz-json-1.1", "application/x-amz-json-1.1"),
        ("application/json", "application/json"),
        ("application/json;charset=utf-8", "application/json"),
        ("  Application/X-Amz-Json-1.0  ;   asfd", "application/x-amz-json-1.0"),
    ],
)
async def test_content_types(asked: str, answered: str) -> None:
    response = await _answer(b"{}", {"Content-Type": asked})
    assert (response.status, response.headers["content-type"]) == (200, answered)


# Load balancers ask whether we are alive, with GET and with HEAD.
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health(method: str) -> None:
    response = await _answer(b"", method=method)
    assert (response.status, response.body) == (200, b"healthy: localhost:8000 ")
    assert response.headers["x-amz-crc32"] == str(zlib.crc32(response.body))


# AWS answers what is no call of an operation with a piece of XML; even its sum is known.
@pytest.mark.parametrize(
    ("method", "body", "content_type"),
    [
        ("PUT", b"", "application/json"),
        ("DELETE", b"", "application/json"),
        ("OPTIONS", b"", "application/json"),
        ("POST", b"hi", ""),
        ("POST", b"hi", "whatever"),
        ("POST", b"hi", "application/jsonasdf"),
        ("POST", b"hi", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_call(method: str, body: bytes, content_type: str) -> None:
    response = await _answer(body, {"Content-Type": content_type}, method=method)
    assert (response.status, response.body) == (404, b"<UnknownOperationException/>\n")
    assert response.headers["x-amz-crc32"] == "3552371480"
    assert len(response.headers["x-amzn-requestid"]) == 52


# A body that is no JSON is refused before anything else is looked at, without a text; the sum of that is known, too.
@pytest.mark.parametrize("body", [b"hi", b"{", b'{"a":1}x', b"\xff", b"[" * 5000, b'{"a":NaN}'])
async def test_what_is_no_json(body: bytes) -> None:
    response = await _answer(body, {"X-Amz-Target": "whatever"}, signed=True)
    assert response.status == 400
    assert response.body == b'{"__type":"com.amazon.coral.service#SerializationException"}'
    assert response.headers["x-amz-crc32"] == "3948637019"


# JSON that is no object, and no body at all, come to light only after the operation and the signature.
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", None),
        (b"null", None),
        (b"[]", "Start of list found where not expected"),
        (b"5", "Unexpected value type in payload"),
    ],
)
async def test_json_that_is_no_object(body: bytes, message: str | None) -> None:
    error = _error(await _answer(body))
    assert error.pop("__type") == "com.amazon.coral.service#SerializationException"
    assert error == ({} if message is None else {"Message": message})
    assert _error(await _answer(body, signed=True))["__type"].endswith("#MissingAuthenticationTokenException")


# What nobody knows is refused before the signature is looked at.
@pytest.mark.parametrize(
    "target",
    [
        "",
        "whatever",
        "DynamoDB_20120810",
        "DynamoDB_20120810.",
        "DynamoDB_20120810.ListTable",
        "DynamoDB_20111205.ListTables",
        "DynamoDBStreams_20120810.ListTables",
        "DynamoDB_20120810.ListStreams",
        "DynamoDB_20120810.ListTables.x",
        ".ListTables",
    ],
)
async def test_unknown_operations(target: str) -> None:
    response = await _answer(b"{}", {"X-Amz-Target": target}, signed=True)
    assert response.status == 400
    assert response.body == b'{"__type":"com.amazon.coral.service#UnknownOperationException"}'
    assert response.headers["x-amz-crc32"] == "1368724161"


# Streams have their own prefix on the same endpoint.
async def test_the_prefix_of_streams() -> None:
    handler = dispatcher({"ListStreams": echo})
    response = await handler(request(b"{}", {"X-Amz-Target": "DynamoDBStreams_20120810.ListStreams"}))
    assert response.status == 200


# Then comes the signature.
async def test_no_signature() -> None:
    response = await _answer(signed=True)
    assert (response.status, _error(response)) == (
        400,
        {
            "__type": "com.amazon.coral.service#MissingAuthenticationTokenException",
            "message": "Request is missing Authentication Token",
        },
    )
    assert response.headers["x-amz-crc32"] == "2088342776"


# Browsers ask first; what they ask for is granted, since there is no cookie here to abuse.
async def test_a_browser_asks_first() -> None:
    asked = {"Origin": "http://a", "Access-Control-Request-Headers": "a, b, c", "Access-Control-Request-Method": "d"}
    response = await _answer(b"", asked, method="OPTIONS", signed=True)
    assert (response.status, response.body) == (200, b"")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-headers"] == "a, b, c"
    assert response.headers["access-control-allow-methods"] == "d"
    assert response.headers["access-control-max-age"] == "172800"


# And may read what they get, errors included.
@pytest.mark.parametrize("target", ["DynamoDB_20120810.ListTables", "nothing"])
async def test_a_browser_may_read_the_answer(target: str) -> None:
    response = await _answer(b"{}", {"Origin": "http://a", "X-Amz-Target": target})
    assert response.headers["access-control-allow-origin"] == "*"


# Others are not told about that.
async def test_no_fields_for_browsers_without_an_origin() -> None:
    assert not [name for name in (await _answer()).headers if name.startswith("access-control")]


# SDKs compress large requests when told to; deflate means either of two things.
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b'{"Limit":1}')),
        ("GZIP", gzip.compress(b'{"Limit":1}')),
        ("deflate", zlib.compress(b'{"Limit":1}')),
        ("deflate", zlib.compress(b'{"Limit":1}', wbits=-15)),
        ("identity", b'{"Limit":1}'),
    ],
    ids=["gzip", "capitals", "zlib", "raw deflate", "identity"],
)
async def test_compressed_requests(encoding: str, packed: bytes) -> None:
    response = await _answer(packed, {"Content-Encoding": encoding})
    assert response.status == 200
    assert b"Limit" in response.body


# Damaged, cut off, followed by something, or of a kind nobody knows.
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(b"{}")[:-5]),
        ("gzip", gzip.compress(b"{}") + b"more"),
        ("deflate", b"\x00"),
        ("br", b"{}"),
    ],
    ids=["damaged", "cut off", "followed by more", "no deflate", "unknown"],
)
async def test_requests_that_cannot_be_unpacked(encoding: str, packed: bytes) -> None:
    response = await _answer(packed, {"Content-Encoding": encoding})
    assert (response.status, _error(response)) == (400, {"__type": "com.amazon.coral.service#SerializationException"})


# A few kilobytes may stand for gigabytes.
async def test_a_request_that_grows_too_large() -> None:
    bomb = gzip.compress(b" " * (BODY_BYTES_MAX + 1))
    assert (await _answer(bomb, {"Content-Encoding": "gzip"})).status == 413


# Large answers are compressed for those who ask; the sum is of the bytes that are sent, as SDKs count it.
async def test_compressed_answers() -> None:
    async def large(context: RequestContext, body: dict[str, Any]) -> bytes:
        return orjson.dumps({"TableNames": ["x" * 5000]})

    handler = dispatcher({"ListTables": large})
    response = await handler(request(b"{}", {"Accept-Encoding": "br, gzip;q=0.5"}))
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["x-amz-crc32"] == str(zlib.crc32(response.body))
    assert b"xxx" in gzip.decompress(response.body)
    for refusing in ("identity", "gzip;q=0", "GZIP; Q=0.0", ""):
        plain = await handler(request(b"{}", {"Accept-Encoding": refusing}))
        assert "content-encoding" not in plain.headers


# Small ones are not: it would make them larger.
async def test_small_answers_are_left_alone() -> None:
    assert "content-encoding" not in (await _answer(b"{}", {"Accept-Encoding": "gzip"})).headers


# What operations raise is the client's to read, members included.
async def test_a_refusal_of_an_operation() -> None:
    async def refuse(context: RequestContext, body: dict[str, Any]) -> bytes:
        item = {"a": {"S": "b"}}
        raise StoreError(ErrorCode.CONDITIONAL_CHECK_FAILED, "The conditional request failed", {"Item": item})

    response = await dispatcher({"ListTables": refuse})(request())
    assert (response.status, _error(response)) == (
        400,
        {
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
            "Item": {"a": {"S": "b"}},
        },
    )


# Our own codes never reach a client; they reach the log, with the id the client will quote.
async def test_a_failure_inside(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(context: RequestContext, body: dict[str, Any]) -> bytes:
        raise StoreError(ErrorCode.UNKNOWN_OUTCOME, "leadership was lost")

    response = await dispatcher({"ListTables": fail})(request())
    assert response.status == 500
    assert _error(response)["__type"] == "com.amazonaws.dynamodb.v20120810#InternalServerError"
    assert [(line["event"], line["request_id"], line["code"]) for line in events(caplog)] == [
        ("request_failed", response.headers["x-amzn-requestid"], "UnknownOutcome")
    ]


# A bug is an answer, too, and one line that leads to it; nothing of it is told outside.
async def test_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(context: RequestContext, body: dict[str, Any]) -> bytes:
        raise ZeroDivisionError("a secret")

    response = await dispatcher({"ListTables": crash})(request())
    assert response.status == 500
    assert b"secret" not in response.body
    assert [(line["event"], line["request_id"]) for line in events(caplog)] == [
        ("request_crashed", response.headers["x-amzn-requestid"])
    ]
