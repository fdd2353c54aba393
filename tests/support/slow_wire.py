"""A wire on loopback over which it takes its time to connect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

SLOW_SECONDS: Final = 0.8


@asynccontextmanager
async def slow_wire(port: int, seconds: float) -> AsyncIterator[int]:
    """Listen on a port that leads to another one; nothing passes in the first seconds of a connection."""
    carrying: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as ends:
            ends.callback(writer.close)
            await asyncio.sleep(seconds)
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
            ends.callback(there_writer.close)
            await asyncio.gather(carry(reader, there_writer), carry(there_reader, writer))

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrying.add(asyncio.ensure_future(connect(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in carrying:
            task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await task
