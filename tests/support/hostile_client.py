"""Send raw bodies to an endpoint over a few connections, as fast as it answers."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_SECONDS_MAX = 30.0
"""An answer that takes longer counts as a hang."""
_TARGETS = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what was answered. Status 0: the server closed the connection without an answer."""

    operation: str
    body: bytes
    status: int
    answer: bytes


class Connection:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, f"expected http://host:port, found {url}"
        self._host, self._port = parts.hostname, parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, operation: str, body: bytes) -> Exchange:
        """Send one request and return its answer. Raises TimeoutError when there is none."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 26)
            reader, writer = self._streams
            writer.write(self._head(operation, len(body)) + body)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                await self.close()
                return Exchange(operation, body, 0, b"")
            lines = head.lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
            answer = await reader.readexactly(length)
            if b"connection: close" in lines:
                await self.close()
            return Exchange(operation, body, int(head[9:12]), answer)

    async def close(self) -> None:
        """Let go of the connection; the next exchange opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def _head(self, operation: str, length: int) -> bytes:
        prefix = "DynamoDBStreams_20120810" if operation in _TARGETS else "DynamoDB_20120810"
        return (
            f"POST / HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nX-Amz-Target: {prefix}.{operation}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


async def exchange_all(url: str, requests: Iterable[tuple[str, bytes]], connections: int) -> list[Exchange]:
    """Send every request over some connections; return what was answered and is not plainly in order.

    In order is 200, or 400 with the type of an error.
    """
    source: Iterator[tuple[str, bytes]] = iter(requests)
    suspects: list[Exchange] = []

    async def work() -> None:
        connection = Connection(url)
        for operation, body in source:
            exchange = await connection.exchange(operation, body)
            if not is_in_order(exchange):
                suspects.append(exchange)
        await connection.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(work())
    return suspects


def is_in_order(exchange: Exchange) -> bool:
    """Tell whether an answer is one that DynamoDB could give to a request of which nothing is known."""
    if exchange.status == 200:
        return True
    return exchange.status == 400 and b'"__type"' in exchange.answer
