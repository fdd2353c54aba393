"""DynamoDB's protocol over HTTP: what is answered to what, in which order things are checked, and with which fields."""

import gzip
import random
import re
import zlib
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict

from router.http.encoding import BODY_BYTES_MAX, decoded
from router.http.messages import HttpResponse
from router.operations.context import Operation, RequestContext
from tests.support.http_edge import dispatcher, echo, request
from tests.support.logs import events
from wire.errors import ErrorCode, StoreError

OPERATIONS = {"ListTables": echo}
_LIMITED = b'{"Limit": 1}'


async def _answer(*parts: Any, signed: bool = False, **settings: Any) -> HttpResponse:
    return await dispatcher(OPERATIONS, signed=signed)(request(*parts, **settings))


def _answering(size: int) -> Operation:
    """Return an operation that answers with so many bytes of JSON."""

    async def answer(context: RequestContext, body: dict[str, Any]) -> bytes:
        return b'"%b"' % (b"x" * (size - 2))

    return answer


async def _large_answer(headers: dict[str, str], size: int = 4_097) -> HttpResponse:
    return await dispatcher({"ListTables": _answering(size)})(request(b"{}", headers))


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


# It is the root alone that they may ask.
# Source: scylladb/scylladb, test/alternator/test_health.py, where AWS answers other paths with something from 400 to 404.
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", ["/abc", "/-", "/index.htm", "/health", "/health?a=/", "/abc/"])
async def test_health_is_at_the_root_alone(method: str, target: str) -> None:
    response = await _answer(b"", method=method, target=target)
    assert (response.status, response.body) == (404, b"<UnknownOperationException/>\n")
    assert "content-type" not in response.headers


# A query, and slashes too many, leave the root what it is.
@pytest.mark.parametrize("target", ["/?a=b", "//", "/?a=/b"])
async def test_what_is_the_root(target: str) -> None:
    assert (await _answer(b"", method="GET", target=target)).status == 200
    assert (await _answer(target=target)).status == 200


# Operations are at the root alone, too; who signed for it and sends elsewhere is told about the signature.
# Source: scylladb/scylladb, test/alternator/test_manual_requests.py (pull request 23442): AWS answers what was signed for / with
# InvalidSignatureException, and 404 will do. What it answers to what was signed for the other path could not be established.
async def test_operations_are_at_the_root_alone() -> None:
    response = await _answer(target="/garbage")
    assert (response.status, response.body) == (404, b"<UnknownOperationException/>\n")
    assert "content-type" not in response.headers
    unsigned = _error(await _answer(target="/garbage", signed=True))
    assert unsigned["__type"].endswith("#MissingAuthenticationTokenException")


# AWS answers what is no call of an operation with a piece of XML; even its sum is known.
# Source: architect/dynalite, test/connection.js and lib/index.js, which were run against AWS: there is no version 1.1 of its JSON.
@pytest.mark.parametrize(
    ("method", "body", "content_type"),
    [
        ("PUT", b"", "application/json"),
        ("DELETE", b"", "application/json"),
        ("OPTIONS", b"", "application/json"),
        ("POST", b"hi", ""),
        ("POST", b"hi", "whatever"),
        ("POST", b"hi", "application/jsonasdf"),
        ("POST", b"{}", "application/x-amz-json-1.1"),
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


# SDKs compress large requests when told to; gzip may have several members, and what follows the last one is not looked at.
# Source: scylladb/scylladb, test/alternator/test_compressed_request.py, which says what AWS does; for a second stream that is broken, and
# for a third, Java's GZIPInputStream. Capital letters and x-gzip, which RFC 9110 takes for gzip, could not be established.
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(_LIMITED)),
        ("GZIP", gzip.compress(_LIMITED)),
        ("x-gzip", gzip.compress(_LIMITED)),
        ("gzip", gzip.compress(_LIMITED[:5]) + gzip.compress(_LIMITED[5:])),
        ("gzip", gzip.compress(_LIMITED[:5]) + gzip.compress(b"") + gzip.compress(_LIMITED[5:]) + b"\x1f\x8b\x08"),
        ("gzip", gzip.compress(_LIMITED) + b"junk"),
        ("gzip", gzip.compress(_LIMITED) + b"more junk than a member's head has bytes"),
        ("deflate", zlib.compress(_LIMITED)),
        ("identity", _LIMITED),
    ],
    ids=[
        *(
            "gzip",
            "capitals",
            "x-gzip",
            "two members",
            "three members and the begin of one",
            "junk",
            "more junk",
            "deflate",
            "identity",
        ),
    ],
)
async def test_compressed_requests(encoding: str, packed: bytes) -> None:
    response = await _answer(packed, {"Content-Encoding": encoding})
    assert response.status == 200
    assert rb"{\"Limit\": 1}" in response.body


# The pieces in which a stream is taken off leave no trace in it, wherever a member ends.
@pytest.mark.parametrize("size", [(64 << 10) - 30, 64 << 10, (64 << 10) + 1, 200_000])
async def test_compressed_requests_of_any_size(size: int) -> None:
    noise = random.Random(size).randbytes(size)
    assert decoded(gzip.compress(noise, 0) + gzip.compress(noise) + b"junk", "gzip") == noise * 2
    assert decoded(zlib.compress(noise), "deflate") == noise


# What is not in the coding that it says, or in one that nobody knows, is an error of the server's to AWS.
# Source: scylladb/scylladb, test/alternator/test_compressed_request.py: 500 for each kind; InternalServerError says its comment. Two
# deflated streams are taken there and "DynamoDB doesn't"; a bare stream (RFC 1951) is not what RFC 9110 calls deflate.
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", b"not gzip"),
        ("gzip", b"{}"),
        ("gzip", b""),
        ("gzip", gzip.compress(b"{}")[:-1]),
        ("gzip", gzip.compress(b"{}") + gzip.compress(b" ")[:-1]),
        ("deflate", b""),
        ("deflate", b"{}"),
        ("deflate", zlib.compress(b"{}")[:-1]),
        ("deflate", zlib.compress(b"{") + zlib.compress(b"}")),
        ("deflate", zlib.compress(b"{}") + b"junk"),
        ("deflate", zlib.compress(b"{}", wbits=-15)),
        ("br", b"{}"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        ("garbage", b"{}"),
    ],
    ids=[
        *(
            "no gzip",
            "plain",
            "no byte of gzip",
            "cut gzip",
            "cut second member",
            "no byte of deflate",
            "no deflate",
            "cut deflate",
        ),
        *("two of deflate", "deflate and junk", "bare deflate", "br", "twice", "unknown"),
    ],
)
async def test_requests_that_cannot_be_unpacked(encoding: str, packed: bytes) -> None:
    response = await _answer(packed, {"Content-Encoding": encoding})
    assert response.status == 500
    assert _error(response)["__type"] == "com.amazonaws.dynamodb.v20120810#InternalServerError"


# A few kilobytes may stand for gigabytes, in one member or in many; members may be without end as well.
# Source: the test above says that AWS takes 1 GB and answers 10 GB with 500; the bound here is the one of requests that are not compressed.
async def test_a_request_that_grows_too_large() -> None:
    half = gzip.compress(b" " * (BODY_BYTES_MAX // 2))
    whole = half + gzip.compress(b" " * (BODY_BYTES_MAX // 2 - 2)) + gzip.compress(b"{}")
    assert (await _answer(whole, {"Content-Encoding": "gzip"})).status == 200
    for bomb in (
        gzip.compress(b" " * (BODY_BYTES_MAX + 1)),
        half + half + gzip.compress(b" "),
        gzip.compress(b"") * 5_000,
    ):
        assert (await _answer(bomb, {"Content-Encoding": "gzip"})).status == 500


# Which coding a large answer has, by the Accept-Encoding field.
# Source: scylladb/scylladb, test/alternator/test_compressed_response.py, test_compressed_response_accept_encodings: run against AWS. That
# an entry counts for nothing when its first parameter is no q is what its two cases with nq have in common.
@pytest.mark.parametrize(
    ("coding", "accepted"),
    [
        *((None, each) for each in (
            "", "identity", "br", "zstd", "compress", "x-gzip", "gzip ;q=0", "identity;q=0", "*;q=0",
            "br;q=0.8,identity;q=0.5,*;q=0", '"gzip"', "gzip br", "gzip:q=1", "gzip;q= 0;q=1", "gzip; q=0;q=1", "gzip;nq=0;q=1",
            "gzip;nq=1;q=0 ",
        )),
        *(("gzip", each) for each in (
            "gzip", "gzip, deflate", "GZIP, identity", "dog, gzip ,, cat", "gzip;q=0.8, deflate;q=0.5", "*", "*, deflate;q=0.5",
            "*, identity", "*;q=0.5,identity", "gzip;q=0.5,identity;q=0.8", "deflate;q=0.5, gzip;q=31", "gzip;q=31,deflate;q=51",
            "deflate;q=0.5, gzip;q=1;q=0.2", "deflate;q=0.5,gzip;q=0.x", "deflate;q=0.5,gzip;q=0. x", "deflate;q=-0.5,gzip;q=0.2",
            "gzip;q =0;q=1", "gzip;q=0, gzip;q=1, gzip;q=0", "br,identity;q=0.5,gzip;q=0.0001",
        )),
        *(("deflate", each) for each in (
            "deflate", "br, identity, deflate, gzip", "br, gzip;q=0, deflate; q = 0.5 , identity;q=0", "*, gzip;q=0.5", "*, deflate",
            "deflate;q=0.5, gzip;q=0.2", "deflate;q=0.5,gzip;q=0.",
        )),
    ],
)  # fmt: skip
async def test_compressed_answers(coding: str | None, accepted: str) -> None:
    response = await _large_answer({"Accept-Encoding": accepted})
    assert response.headers.get("content-encoding") == coding
    # The sum is of the bytes that are sent, as SDKs count it.
    assert response.headers["x-amz-crc32"] == str(zlib.crc32(response.body))
    unpacked = {None: bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}[coding](response.body)
    assert unpacked == b'"%b"' % (b"x" * 4095)


# Of a field that is sent twice the first one counts, though the signature joins them.
# Source: the same, test_multiple_accept_encoding_headers.
@pytest.mark.parametrize(("accepted", "coding"), [(("gzip", "identity"), "gzip"), (("identity", "gzip"), None)])
async def test_the_first_of_several_accept_encodings_counts(accepted: tuple[str, str], coding: str | None) -> None:
    asked = request(b"{}")
    asked.headers = CIMultiDict([*asked.headers.items(), *(("Accept-Encoding", each) for each in accepted)])
    response = await dispatcher({"ListTables": _answering(5_000)})(asked)
    assert response.headers.get("content-encoding") == coding


# Only what is above 4,096 bytes is worth it; nobody gets what was not asked for.
# Source: the same, test_compressed_response: an answer of 4,094 bytes is left alone, one that is larger is not.
@pytest.mark.parametrize(("size", "coding"), [(2, None), (4_094, None), (4_096, None), (4_097, "gzip")])
async def test_small_answers_are_left_alone(size: int, coding: str | None) -> None:
    response = await _large_answer({"Accept-Encoding": "gzip"}, size)
    assert response.headers.get("content-encoding") == coding
    assert "content-encoding" not in (await _large_answer({}, size)).headers


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
