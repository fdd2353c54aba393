"""Ask nodes and gateways: status, link faults, dumps.

Every call has a deadline; a process that does not answer is a value, not an error.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import cast

import grpc

from wire.catalog import LinkSpec
from wire.catalog_changes import SetLink, encode_change
from wire.cluster import ClusterSpec, NodeEntry, RegionEntry
from wire.limits import GRPC_MESSAGE_BYTES_MAX
from wire.v1 import admin_pb2, admin_pb2_grpc, gateway_pb2, gateway_pb2_grpc

STATUS_TIMEOUT_SECONDS = 2.0
CONTROL_TIMEOUT_SECONDS = 10.0
GATEWAY_SECONDS_MAX = 3.0  # one that was replaced, or crashed, is back sooner
OPTIONS = (("grpc.max_receive_message_length", GRPC_MESSAGE_BYTES_MAX), ("grpc.enable_http_proxy", 0))
_PATIENT = (*OPTIONS, ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200))


class ControlRefused(Exception):
    """A region did not take a change; the message says why."""


async def node_statuses(nodes: Iterable[NodeEntry]) -> dict[str, admin_pb2.NodeStatus | None]:
    """Ask all nodes at once; None for those that do not answer in time."""
    nodes = list(nodes)
    answers = await asyncio.gather(*(_node_status(node.address) for node in nodes))
    return {node.id: answer for node, answer in zip(nodes, answers, strict=True)}


async def set_link(spec: ClusterSpec, source: str, link: LinkSpec) -> None:
    """Make `source`'s catalog hold the link's new state. Raises ControlRefused."""
    await control(spec, source, encode_change(SetLink(link=link)))


async def control(spec: ClusterSpec, source: str, change: bytes) -> None:
    """Hand an encoded change to the catalog of `source`. Raises ControlRefused."""
    region = spec.region(source)
    request = gateway_pb2.ControlRequest(source=source, change=change)
    async with grpc.aio.insecure_channel(region.gateway, options=_PATIENT) as channel:
        with suppress(TimeoutError):
            async with asyncio.timeout(GATEWAY_SECONDS_MAX):
                await channel.channel_ready()
        stub = cast("gateway_pb2_grpc.GatewayServiceAsyncStub", gateway_pb2_grpc.GatewayServiceStub(channel))
        try:
            answer = await stub.Control(request, timeout=CONTROL_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise ControlRefused(_unreachable(region, error)) from None
    if answer.code:
        raise ControlRefused(f"{source} refused: {answer.code}: {answer.message}")


async def dumped_items(node: NodeEntry, table: str, *, leaders_only: bool) -> AsyncIterator[admin_pb2.DumpedItem]:
    """Yield every record of a table in a node's replicas, tombstones too."""
    async with grpc.aio.insecure_channel(node.address, options=OPTIONS) as channel:
        stub = cast("admin_pb2_grpc.AdminServiceAsyncStub", admin_pb2_grpc.AdminServiceStub(channel))
        async for chunk in stub.Dump(admin_pb2.DumpRequest(table_name=table, leaders_only=leaders_only)):
            for item in chunk.items:
                yield item


async def list_held(node: NodeEntry, destination: str, limit: int) -> admin_pb2.ListHeldAnswer | None:
    """Ask a node for the changes that a region, or any, holds back; None when it does not answer in time."""
    request = admin_pb2.ListHeldRequest(destination=destination, limit=limit)
    async with grpc.aio.insecure_channel(node.address, options=OPTIONS) as channel:
        stub = cast("admin_pb2_grpc.AdminServiceAsyncStub", admin_pb2_grpc.AdminServiceStub(channel))
        try:
            return await stub.ListHeld(request, timeout=STATUS_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            return None


async def release_held(node: NodeEntry, destination: str, ahead: int) -> int | None:
    """Have a node carry a decision out on them; return how many, or None when it does not answer in time."""
    request = admin_pb2.ReleaseHeldRequest(destination=destination, ahead=ahead)
    async with grpc.aio.insecure_channel(node.address, options=OPTIONS) as channel:
        stub = cast("admin_pb2_grpc.AdminServiceAsyncStub", admin_pb2_grpc.AdminServiceStub(channel))
        try:
            return (await stub.ReleaseHeld(request, timeout=STATUS_TIMEOUT_SECONDS)).released
        except grpc.aio.AioRpcError:
            return None


async def endpoint_answers(address: str) -> bool:
    """Whether a router's HTTP endpoint says that it is healthy."""
    try:
        async with asyncio.timeout(STATUS_TIMEOUT_SECONDS):
            return b" 200 " in await _first_line(address)
    except (OSError, TimeoutError):
        return False


async def listens(address: str) -> bool:
    """Whether something takes connections at an address."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(STATUS_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _first_line(address: str) -> bytes:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"GET / HTTP/1.0\r\nHost: " + address.encode() + b"\r\n\r\n")
        return await reader.readline()
    finally:
        writer.close()


async def _node_status(address: str) -> admin_pb2.NodeStatus | None:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub = cast("admin_pb2_grpc.AdminServiceAsyncStub", admin_pb2_grpc.AdminServiceStub(channel))
        try:
            return await stub.Status(admin_pb2.StatusRequest(), timeout=STATUS_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            return None


def _unreachable(region: RegionEntry, error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return (
            f"{region.name} did not take the change in {CONTROL_TIMEOUT_SECONDS:.0f} s; "
            "has its catalog (partition 0) a leader? see `globetable status`"
        )
    return (
        f"the router of {region.name} at {region.gateway} does not answer ({error.code().name}); "
        f"start it with `globetable router start {region.name}`"
    )
