"""What people may make the server do of whom it is not known yet who they are: little, and all of them together little."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from router.http.encoding import BODY_BYTES_MAX
from router.http.server import HttpServer, HttpSettings
from router.http.strangers import SMALL_BODY_BYTES_MAX, BodyHold, StrangersBudget
from tests.support.http_edge import CREDENTIALS, RawClient, dispatcher, echo, raw_client, request, running

KEY = "AKIDEXAMPLE"
LARGE = 15 << 20
_TARGET = "DynamoDB_20120810.ListTables"


@asynccontextmanager
async def _serving(strangers_bytes_max: int = 64 << 20) -> AsyncIterator[HttpServer]:
    handler = dispatcher({"ListTables": echo}, signed=True)
    async with running(handler, HttpSettings(strangers_bytes_max=strangers_bytes_max), gate=handler) as server:
        yield server


def _date(format_: str = "%Y%m%dT%H%M%SZ") -> str:
    return datetime.now(UTC).strftime(format_)


def _head(
    *, key: str = KEY, service: str = "dynamodb", date: str = "", length: int | None = LARGE, more: str = ""
) -> bytes:
    """Return the head of a request with a signature that is wrong."""
    date = date or _date()
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: {_TARGET}\r\nX-Amz-Date: {date}\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\n{size}\r\nAuthorization: AWS4-HMAC-SHA256 "
        f"Credential={key}/{date[:8]}/eu-west-1/{service}/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, "
        f"Signature=00\r\n{more}\r\n"
    ).encode()


def _signed(body: bytes, **fields: str) -> bytes:
    """Return a whole request as botocore signs it."""
    headers = {"Host": "localhost", "X-Amz-Target": _TARGET, "Content-Type": "application/x-amz-json-1.0"}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    made = AWSRequest("POST", "http://localhost/", headers=headers, data=body)
    SigV4Auth(Credentials(KEY, CREDENTIALS[KEY]), "dynamodb", "eu-west-1").add_auth(made)
    lines = "".join(f"{name}: {value}\r\n" for name, value in made.headers.items())
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _type_answered(client: RawClient) -> str:
    answer = await client.response()
    return str(orjson.loads(answer.body)["__type"]).rpartition("#")[2]


# What fields alone can tell is told before the body comes, and the connection ends: nobody reads what still comes.
@pytest.mark.parametrize(
    ("head", "code"),
    [
        (_head(key="nobody"), "UnrecognizedClientException"),
        (_head(service="s3"), "InvalidSignatureException"),
        (_head(date="20200101T000000Z"), "InvalidSignatureException"),
        (_head(date="yesterday"), "IncompleteSignatureException"),
        (_head(more="X-Amz-Meta: unsigned\r\n"), "InvalidSignatureException"),
        (_head().replace(b"AWS4-HMAC", b"AWS4-MD5"), "IncompleteSignatureException"),
        (_head().replace(b"Authorization", b"Authorisation"), "MissingAuthenticationTokenException"),
        (_head().replace(b".ListTables", b".ListTablets"), "UnknownOperationException"),
        (_head(key="nobody", more="Expect: 100-continue\r\n"), "UnrecognizedClientException"),
    ],
)
async def test_refused_before_the_body_comes(head: bytes, code: str) -> None:
    async with _serving() as server, raw_client(server.port) as client:
        await client.send(head)
        assert await _type_answered(client) == code
        assert await client.closed()


# A body that comes in chunks says nowhere how large it will be: it is looked at when it has become large.
async def test_chunks_are_refused_when_they_become_large() -> None:
    async with _serving() as server, raw_client(server.port) as client:
        await client.send(_head(key="nobody", length=None))
        chunk = b"%x\r\n%b\r\n" % (SMALL_BODY_BYTES_MAX, b" " * SMALL_BODY_BYTES_MAX)
        await client.send(chunk + b"1\r\n \r\n")
        assert await _type_answered(client) == "UnrecognizedClientException"
        assert server.strangers.bytes_taken == 0


# The fault of a small body is still found before that of its signature, as on AWS.
async def test_a_small_body_is_looked_at_first() -> None:
    async with _serving() as server, raw_client(server.port) as client:
        await client.send(_head(key="nobody", length=2) + b"hi")
        assert await _type_answered(client) == "SerializationException"


# Who knows an access key still has no secret: all such bodies together take what the budget allows, and others are served.
async def test_all_strangers_together_take_little() -> None:
    before = _resident_bytes()
    async with _serving() as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw_client(server.port)) for _ in range(30)]
        sent = [asyncio.create_task(_send_all_but_the_last(client)) for client in clients]
        refused = asyncio.as_completed([_type_answered(each) for each in clients])
        assert {await next(refused) for _ in range(26)} == {"ThrottlingException"}
        assert server.strangers.bytes_taken <= server.strangers.bytes_max
        assert _resident_bytes() - before < 160 << 20  # of 450 MB
        async with raw_client(server.port) as client:
            await client.send(_signed(b"{}"))
            assert (await client.response()).status == 200
        await asyncio.gather(*sent, return_exceptions=True)


async def _send_all_but_the_last(client: RawClient) -> None:
    piece = b" " * (64 << 10)
    await client.send(_head())
    for _ in range(LARGE // len(piece) - 1):
        await client.send(piece)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# What is known to be somebody's, refused, or gone takes nothing any more.
async def test_what_bodies_take_is_given_back() -> None:
    body = orjson.dumps({"Limit": 1, "x": "y" * 100_000})
    async with _serving() as server:
        async with raw_client(server.port) as client:
            await client.send(_signed(body))
            assert (await client.response()).status == 200
            assert server.strangers.bytes_taken == 0
            await client.send(_head(length=len(body)) + body)
            assert await _type_answered(client) == "InvalidSignatureException"
            assert server.strangers.bytes_taken == 0
        async with raw_client(server.port) as client:
            await client.send(_head() + body)
    assert server.strangers.bytes_taken == 0  # when the server has stopped, every connection has ended


# Large bodies never take the last quarter, which is for small ones.
def test_large_bodies_leave_room_for_small_ones() -> None:
    budget = StrangersBudget(1 << 20)
    large, small = BodyHold(budget), BodyHold(budget)
    while large.grow(SMALL_BODY_BYTES_MAX):
        pass
    assert budget.bytes_taken == 3 << 18
    assert not large.grow(1)
    assert small.grow(SMALL_BODY_BYTES_MAX)
    large.release()
    large.release()
    assert budget.bytes_taken == SMALL_BODY_BYTES_MAX


# Many requests sent ahead on one connection are read as they are answered, not all at once.
async def test_requests_sent_ahead_take_little() -> None:
    body = orjson.dumps({"x": "y" * 500_000})
    async with _serving(4 << 20) as server, raw_client(server.port) as client:
        sent = asyncio.create_task(client.send(_signed(body) * 30))
        assert [(await client.response()).status for _ in range(30)] == [200] * 30
        await sent


# The path is signed: who signed for / is refused elsewhere, whatever else would be said of that path.
# Source: scylladb/scylladb, test/alternator/test_manual_requests.py (pull request 23442).
async def test_what_is_signed_for_the_root_and_sent_elsewhere() -> None:
    async with _serving() as server, raw_client(server.port) as client:
        await client.send(_signed(b"{}").replace(b"POST / ", b"POST /garbage "))
        assert await _type_answered(client) == "InvalidSignatureException"
        await client.send(_signed(b" " * LARGE).replace(b"POST / ", b"POST /garbage "))
        assert await _type_answered(client) == "InvalidSignatureException"


# A bomb is a bomb only for those who may throw it: nothing is unpacked before the signature is verified.
async def test_nothing_is_unpacked_for_strangers() -> None:
    bomb = gzip.compress(b" " * (BODY_BYTES_MAX + 1))
    handler = dispatcher({"ListTables": echo}, signed=True)
    answer = await handler(request(bomb, {"Content-Encoding": "gzip"}))
    assert orjson.loads(answer.body)["__type"].endswith("#MissingAuthenticationTokenException")
    async with _serving() as server, raw_client(server.port) as client:
        await client.send(_signed(bomb, Content_Encoding="gzip"))
        assert (await client.response()).status == 500
        await client.send(_signed(gzip.compress(b'{"Limit":1}'), Content_Encoding="gzip"))
        assert (await client.response()).status == 200
