"""Whether a node says that it is ready, with other nodes that answer over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from node.catalog.feed import CatalogFeed
from node.catalog.placement import founding_delta
from node.partition.access import ReplicaStatus
from node.rpc.readiness import Readiness
from node.rpc.server import RpcServer
from tests.support.replica_status import FOLLOWER
from wire.catalog import NodeId, PartitionId
from wire.cluster import NodeEntry, RegionEntry, Settings
from wire.v1 import admin_pb2, admin_pb2_grpc

REGION = RegionEntry(
    "us-east-1", 1, "h:1", "g:1", tuple(NodeEntry(each, f"zone-{each}", f"{each}:1") for each in "abc")
)


class Leader(admin_pb2_grpc.AdminServiceServicer):
    """A node that leads partitions 0 and 1, and says how far it has committed."""

    def __init__(self) -> None:
        self.commit = 9
        self.asked = asyncio.Semaphore(0)

    async def Status(self, request: Any, context: Any) -> admin_pb2.NodeStatus:
        self.asked.release()
        led = [admin_pb2.PartitionStatus(partition=each, commit=self.commit, ready=True) for each in (0, 1)]
        return admin_pb2.NodeStatus(partitions=[*led, admin_pb2.PartitionStatus(partition=2, commit=99, ready=False)])


@pytest.fixture
async def leader() -> AsyncIterator[tuple[Leader, str]]:
    service = Leader()
    server = RpcServer("127.0.0.1:0", "n1")
    await server.start(lambda each: admin_pb2_grpc.add_AdminServiceServicer_to_server(service, each))
    yield service, f"127.0.0.1:{server.port}"
    await server.stop()


# Not ready before anybody was asked; ready once what a leader told is applied here. A node that is gone does not matter for it.
async def test_ready_once_caught_up(leader: tuple[Leader, str]) -> None:
    service, address = leader
    replicas: list[ReplicaStatus] = [replace(FOLLOWER, partition=PartitionId(each)) for each in (0, 1)]
    feed = CatalogFeed()
    feed.publish(founding_delta(REGION, Settings(partitions=2)))
    addresses = {"b": address, "c": "127.0.0.1:1"}
    readiness = Readiness(NodeId("a"), lambda: replicas, feed, addresses.get)
    assert readiness.state() == "catching up: partitions 0, 1"
    asking = asyncio.ensure_future(readiness.run())
    for _ in range(3):
        await service.asked.acquire()
    assert readiness.state() == "catching up: partitions 0, 1"
    replicas[:] = [replace(each, applied=9) for each in replicas]
    assert readiness.state() == "ready"
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
