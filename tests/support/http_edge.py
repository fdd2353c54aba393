"""An HTTP edge with trivial operations, and a raw client that shows every byte."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict

from router.http.dispatcher import Dispatcher
from router.http.identity import UnverifiedClaims
from router.http.messages import Gate, Handler, HttpRequest
from router.http.server import HttpServer, HttpSettings
from router.http.sigv4 import SignatureVerifier
from router.operations.context import OperationRegistry, RequestContext
from wire.clock import SystemClock

SECONDS_MAX = 30.0
CREDENTIALS = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "other": "secret"}


async def echo(context: RequestContext, body: dict[str, Any]) -> bytes:
    """Answer a ListTables with what was asked, as table names a client lets through."""
    return json.dumps({"TableNames": [context.region, context.endpoint, json.dumps(body, sort_keys=True)]}).encode()


def dispatcher(operations: OperationRegistry, *, signed: bool = False) -> Dispatcher:
    """Build a dispatcher for `operations` that knows two regions."""
    clock = SystemClock()
    verifier = SignatureVerifier(credentials=CREDENTIALS, clock=clock)
    return Dispatcher(
        operations=operations,
        authentication=verifier if signed else UnverifiedClaims(),
        clock=clock,
        randomness=random.Random(7),
        local_region="eu-west-1",
        regions=frozenset({"eu-west-1", "us-east-1"}),
    )


def request(
    body: bytes = b"{}", headers: Mapping[str, str] | None = None, *, method: str = "POST", target: str = "/"
) -> HttpRequest:
    """Build a request for ListTables; `headers` come on top."""
    fields = CIMultiDict(
        {
            "Host": "localhost:8000",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
        }
    )
    fields.update(headers or {})
    return HttpRequest(method, target, fields, body)


@asynccontextmanager
async def running(
    handler: Handler, settings: HttpSettings | None = None, gate: Gate | None = None
) -> AsyncIterator[HttpServer]:
    """Serve `handler` on a free port."""
    server = HttpServer(handler, settings or HttpSettings(), gate)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(1.0)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One response as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """A connection on which a test writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def response(self) -> RawResponse:
        """Read one response that has a content-length."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SECONDS_MAX)
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            if line:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
        body = await asyncio.wait_for(self.reader.readexactly(int(headers.get("content-length", "0"))), SECONDS_MAX)
        return RawResponse(int(status_line.split(" ")[1]), headers, body)

    async def closed(self) -> bool:
        """Return whether the server closes the connection with nothing more to say."""
        return await asyncio.wait_for(self.reader.read(1), SECONDS_MAX) == b""


@asynccontextmanager
async def raw_client(port: int) -> AsyncIterator[RawClient]:
    """Connect to a server on loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def taken_port() -> socket.socket:
    """Return a socket that holds a port of loopback."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    return holder
