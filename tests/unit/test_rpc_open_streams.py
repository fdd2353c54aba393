"""Servers that stop while streams are open: both sides see an end, nobody an abort."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from node.catalog.feed import CatalogFeed
from router.gateway.receiver import Receiver
from router.gateway.server import GatewayServer
from tests.support.clock import ManualClock
from tests.support.replication_store import FakeStore, table_spec
from tests.support.rpc_nodes import FakeNode, served
from wire.catalog import Delta
from wire.open_streams import OpenStreams
from wire.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    gateway_pb2,
    gateway_pb2_grpc,
    peer_pb2,
    peer_pb2_grpc,
    storage_pb2,
    storage_pb2_grpc,
)


def feed() -> CatalogFeed:
    started = CatalogFeed()
    started.publish(Delta(1, {}, full=True))
    return started


@asynccontextmanager
async def channel_to(port: int) -> AsyncIterator[grpc.aio.Channel]:
    async with asyncio.timeout(30), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


async def written(call: Any, message: object) -> Any:
    await call.write(message)
    return call


async def read(call: Any) -> Any:
    assert await call.read() is not grpc.aio.EOF
    return call


# A peer, a follower of the catalog and a router are connected all the time: a node that stops ends their streams in order.
async def test_a_node_that_stops_ends_its_streams(caplog: pytest.LogCaptureFixture) -> None:
    node = FakeNode()
    async with served(node, feed()) as server, channel_to(server.port) as channel:
        peers: Any = peer_pb2_grpc.PeerServiceStub(channel)
        storage: Any = storage_pb2_grpc.StorageServiceStub(channel)
        catalog: Any = catalog_pb2_grpc.CatalogServiceStub(channel)
        calls = [
            await written(peers.Deliver(), peer_pb2.MessageBatch(sender="n2")),
            await written(peers.SendSnapshot(), peer_pb2.SnapshotChunk(partition=1)),
            await read(await written(storage.Exchange(), storage_pb2.RequestBatch())),
            await read(catalog.Watch(catalog_pb2.WatchRequest())),
        ]
        await server.stop()
        assert [await call.code() for call in calls] == [grpc.StatusCode.OK] * len(calls)
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


# Shippers of other regions, too.
async def test_a_gateway_that_stops_ends_its_streams(caplog: pytest.LogCaptureFixture) -> None:
    server = GatewayServer(
        Receiver(FakeStore(table_spec()), ManualClock(), timeout_ms=1_000), "127.0.0.1:0", "region-a"
    )
    await server.start()
    async with channel_to(server.port) as channel:
        gateway: Any = gateway_pb2_grpc.GatewayServiceStub(channel)
        call = await read(await written(gateway.Replicate(), gateway_pb2.ChangeBatch(source="eu-west-1")))
        await server.stop()
        assert await call.code() is grpc.StatusCode.OK
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


# A stream's block is left at its end only: who cancels the task for another reason must see it cancelled.
async def test_other_cancellations_go_through() -> None:
    streams = OpenStreams()

    async def handler() -> None:
        with streams.opened():
            await asyncio.Event().wait()

    cancelled, ended = asyncio.ensure_future(handler()), asyncio.ensure_future(handler())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    streams.end()
    await ended
