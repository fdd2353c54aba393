"""The catalog over the network: serving those who follow it, and following another node."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from node.catalog.feed import CatalogFeed
from node.rpc.options import CHANNEL_OPTIONS
from wire.catalog import Delta, decode_delta, encode_delta
from wire.errors import ErrorCode, StoreError
from wire.open_streams import OpenStreams
from wire.v1 import catalog_pb2, catalog_pb2_grpc

HEARTBEAT_SECONDS: Final = 1.0
SILENCE_SECONDS_MAX: Final = 3.5


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """Show the catalog to routers and other nodes."""

    def __init__(self, feed: CatalogFeed, streams: OpenStreams) -> None:
        self._feed = feed
        self._streams = streams

    # The stubs know generators only; grpc.aio also takes a coroutine that writes.
    async def Watch(self, request: catalog_pb2.WatchRequest, context: Any) -> None:  # type: ignore[override]
        """Send what the follower lacks, then every change; something is sent at least every heartbeat."""
        with self._streams.opened():
            await self._tell(request.known_version, context)

    async def _tell(self, version: int, context: Any) -> None:
        while True:
            for delta in self._feed.since(version):
                await context.write(catalog_pb2.WatchDelta(delta=encode_delta(delta), version=delta.version))
                version = delta.version
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._feed.wait_beyond(version)
            except TimeoutError:
                await context.write(catalog_pb2.WatchDelta(version=version))


class GrpcCatalogClient:
    """Satisfy node.catalog.watcher.CatalogClient."""

    async def watch(self, address: str, known_version: int) -> AsyncIterator[Delta]:
        """Yield deltas after `known_version`, or a full one; raise StoreError when the node is gone or silent."""
        async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
            stub: Any = catalog_pb2_grpc.CatalogServiceStub(channel)
            call = stub.Watch(catalog_pb2.WatchRequest(known_version=known_version))
            try:
                while True:
                    async with asyncio.timeout(SILENCE_SECONDS_MAX):
                        message = await call.read()
                    if message is grpc.aio.EOF:
                        raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, f"{address} ended the catalog stream")
                    if message.delta:
                        yield decode_delta(message.delta)
            except TimeoutError:
                raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, f"{address} is silent about the catalog") from None
            except grpc.aio.AioRpcError as error:
                text = f"{address}: {error.code().name}: {error.details()}"
                raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, text) from None
            finally:
                call.cancel()
