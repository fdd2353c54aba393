"""Other regions' gateways over gRPC: one stream per region for changes, one call per membership step.

Satisfies `node.replication.gateways.Gateways`. Knows addresses and messages. Refuses to know tables, cursors and retries.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import grpc.aio

from node.replication.cursors import BatchId
from node.replication.gateways import BatchAnswer, GatewayConnection, LinkBrokenError, OutgoingBatch
from node.replication.reports import LinkReport
from wire.catalog_changes import CatalogChange, Decided, encode_change
from wire.convert_pieces import change_to_proto, held_from_proto
from wire.errors import ErrorCode, StoreError
from wire.limits import GRPC_MESSAGE_BYTES_MAX
from wire.recipients import meant_for
from wire.v1 import admin_pb2, gateway_pb2, gateway_pb2_grpc

CONNECT_SECONDS: Final = 5.0

_OPTIONS = (
    ("grpc.max_receive_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.enable_http_proxy", 0),
    # A cut is told by silence: ask every few seconds whether the other side is alive, even when nothing is under way.
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Every connection is our own, so that closing one closes it.
    ("grpc.use_local_subchannel_pool", 1),
    # Nobody but the link decides when to try again.
    ("grpc.initial_reconnect_backoff_ms", 50),
    # In spite of its name: how long an attempt to connect may take. With less, a link with a long delay would never come up.
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS * 1_000)),
    ("grpc.max_reconnect_backoff_ms", 500),
)

_Call = grpc.aio.StreamStreamCall[gateway_pb2.ChangeBatch, gateway_pb2.Ack]


class GrpcConnection:
    """An open Replicate stream."""

    def __init__(self, call: _Call, source: str) -> None:
        self._call = call
        self._source = source

    async def send(self, batch: OutgoingBatch) -> None:
        """Send a batch; wait while the other side does not read. Raises LinkBrokenError."""
        message = gateway_pb2.ChangeBatch(
            id=batch.id,
            source=self._source,
            partition=batch.partition,
            table_name=batch.table_name,
            global_table_id=batch.global_table_id,
            forgets=batch.forgets,
            joined_ms=batch.joined_ms,
            remembers_held=True,
            ahead=batch.ahead,
        )
        for change in batch.changes:
            change_to_proto(message.changes, change)
        try:
            await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise LinkBrokenError(_text(error)) from error

    async def answers(self) -> AsyncIterator[BatchAnswer]:
        """Yield answers until the stream ends. Raises LinkBrokenError."""
        try:
            async for ack in self._call:
                held = tuple(map(held_from_proto, ack.held))
                yield BatchAnswer(BatchId(ack.id), ack.applied, ack.superseded, ack.code, ack.message, held)
        except grpc.aio.AioRpcError as error:
            raise LinkBrokenError(_text(error)) from error


class GrpcGateways:
    """Reach other regions' gateways at the addresses of the cluster file."""

    def __init__(self, source: str, addresses: Mapping[str, str]) -> None:
        self._source = source
        self._addresses = addresses

    @asynccontextmanager
    async def connect(self, destination: str) -> AsyncIterator[GatewayConnection]:
        """Open a stream and close it when the block ends. Raises LinkBrokenError when there is no answer soon."""
        async with self._channel(destination) as channel:
            await _ready(channel, destination)
            call: Any = _stub(channel).Replicate(metadata=meant_for(destination))
            try:
                yield GrpcConnection(call, self._source)
            finally:
                call.cancel()

    async def control(self, destination: str, change: CatalogChange, *, timeout_seconds: float) -> Decided:
        """Have another region's catalog decide a change.

        Raises LinkBrokenError when its answer is unknown, StoreError when it refused.
        """
        request = gateway_pb2.ControlRequest(source=self._source, change=encode_change(change))
        async with self._channel(destination) as channel:
            await _ready(channel, destination)
            try:
                answer = await _stub(channel).Control(request, timeout=timeout_seconds, metadata=meant_for(destination))
            except grpc.aio.AioRpcError as error:
                raise LinkBrokenError(_text(error)) from error
        if answer.code:
            raise StoreError(_codes.get(answer.code, ErrorCode.INTERNAL), answer.message)
        return Decided.decode(answer.decided)

    def _channel(self, destination: str) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._addresses[destination], options=_OPTIONS)


_codes = {code.value: code for code in ErrorCode}


def _stub(channel: grpc.aio.Channel) -> "gateway_pb2_grpc.GatewayServiceAsyncStub":
    stub: Any = gateway_pb2_grpc.GatewayServiceStub(channel)
    return stub  # type: ignore[no-any-return]


async def _ready(channel: grpc.aio.Channel, destination: str) -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await channel.channel_ready()
    except TimeoutError:
        raise LinkBrokenError(f"no gateway of {destination} answers within {CONNECT_SECONDS:.0f} s") from None


def _text(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)


def link_statuses(reports: Iterable[LinkReport]) -> list[admin_pb2.LinkStatus]:
    """Return what replication reports as operators ask for it."""
    return [_link_status(report) for report in reports]


def _link_status(report: LinkReport) -> admin_pb2.LinkStatus:
    shipper = report.shipper
    return admin_pb2.LinkStatus(
        destination=report.destination,
        partition=report.partition,
        state=report.state,
        lag_seconds=shipper.lag_seconds,
        pending_records=shipper.pending_records,
        shipped=shipper.shipped,
        superseded=shipper.superseded,
        errors=shipper.errors,
        last_error=shipper.last_error,
        backfilling_tables=shipper.backfilling_tables,
        held_changes=shipper.held,
    )
