"""Servers in processes of their own, and a load that costs little beside them."""

import asyncio
import multiprocessing
import random
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import uvloop
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from router.http.dispatcher import Dispatcher
from router.http.identity import UnverifiedClaims
from router.http.server import HttpServer, HttpSettings
from router.http.sigv4 import SignatureVerifier
from router.operations.context import RequestContext
from wire.clock import SystemClock

CONNECTIONS = 64
_BODY = b'{"TableName":"Music","Key":{"pk":{"S":"user-12345"}},"ConsistentRead":true}'
_ANSWER = b'{"Item":{"pk":{"S":"user-12345"}}}'


async def _answer(context: RequestContext, body: dict[str, Any]) -> bytes:
    return _ANSWER


async def _plain(request: web.BaseRequest) -> web.StreamResponse:
    await request.read()
    return web.Response(body=_ANSWER)


async def _start(kind: str) -> int:
    """Start the server of this `kind` and return its port: "plain" is aiohttp with nothing of ours."""
    if kind == "plain":
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(web.Server(_plain, access_log=None), "127.0.0.1", 0)
        return int(listener.sockets[0].getsockname()[1])
    clock = SystemClock()
    verifier = SignatureVerifier(credentials={"AKID": "secret"}, clock=clock)
    edge = Dispatcher(
        operations={"GetItem": _answer},
        authentication=verifier if kind == "signed" else UnverifiedClaims(),
        clock=clock,
        randomness=random.Random(1),
        local_region="eu-west-1",
    )
    server = HttpServer(edge, HttpSettings())
    await server.start()
    return server.port


def _serve(kind: str, pipe: Connection) -> None:
    """Serve until the pipe closes; answer every message with the CPU seconds used so far."""

    async def main() -> None:
        pipe.send(await _start(kind))
        closed = asyncio.Event()

        def on_message() -> None:
            try:
                pipe.recv()
            except EOFError:
                closed.set()
                return
            used = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send(used.ru_utime + used.ru_stime)

        asyncio.get_running_loop().add_reader(pipe.fileno(), on_message)
        await closed.wait()

    uvloop.run(main())


@dataclass
class Subject:
    """One server under load, and what was measured of it."""

    kind: str
    pipe: Connection
    port: int
    cpu_us: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)

    def round(self, requests: int) -> None:
        """Put `requests` through, and note what they cost the server."""
        before = self._cpu_seconds()
        elapsed = uvloop.run(_load(self.port, requests))
        self.cpu_us.append((self._cpu_seconds() - before) / requests * 1e6)
        self.per_second.append(requests / elapsed)

    def _cpu_seconds(self) -> float:
        self.pipe.send(None)
        return float(self.pipe.recv())


@contextmanager
def subject(kind: str) -> Iterator[Subject]:
    """Run a server of this `kind` in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(kind, theirs))
    process.start()
    theirs.close()
    try:
        yield Subject(kind, ours, ours.recv())
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _request(port: int) -> bytes:
    """Return a signed GetItem as boto3 writes it."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
        "User-Agent": "Boto3/1.43.64 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11",
    }
    signed = AWSRequest("POST", f"http://127.0.0.1:{port}/", headers=headers, data=_BODY)
    SigV4Auth(Credentials("AKID", "secret"), "dynamodb", "eu-west-1").add_auth(signed)
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Accept-Encoding": "identity",
        **dict(signed.headers.items()),
        "amz-sdk-invocation-id": "9e1b0f4a-7e1a-4c59-9f5c-36ae62d0a1b0",
        "amz-sdk-request": "attempt=1",
        "Content-Length": str(len(_BODY)),
    }
    return b"POST / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items()).encode() + b"\r\n" + _BODY


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, remaining: list[int], done: "asyncio.Future[None]") -> None:
        self._request = request
        self._remaining = remaining
        self._done = done
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if self._remaining[0] > 0:
            self._remaining[0] -= 1
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(_ANSWER):
            return
        assert self._received.startswith(b"HTTP/1.1 200"), self._received
        self._received = b""
        if self._remaining[0] > 0:
            self._ask()
        elif not self._done.done():
            self._done.set_result(None)


async def _load(port: int, requests: int) -> float:
    loop = asyncio.get_running_loop()
    remaining, done = [requests], loop.create_future()
    data = _request(port)
    started = time.perf_counter()
    transports = [
        (await loop.create_connection(lambda: _Client(data, remaining, done), "127.0.0.1", port))[0]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.wait_for(done, 60)
    for transport in transports:
        transport.close()
    return time.perf_counter() - started
