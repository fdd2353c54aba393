"""The gateway's network edge: streams of batches in, acknowledgements out.

Knows gRPC and the gateway's messages. Refuses to know tables and partitions.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio
from msgspec import MsgspecError

from router.gateway.receiver import Batch, Receiver
from wire.catalog_changes import decode_change
from wire.commands import Ahead
from wire.convert_pieces import change_from_proto, held_to_proto
from wire.errors import ErrorCode, StoreError
from wire.limits import GRPC_MESSAGE_BYTES_MAX
from wire.open_streams import OpenStreams
from wire.recipients import RecipientCheck
from wire.telemetry import EventLog
from wire.v1 import gateway_pb2, gateway_pb2_grpc

STREAM_BATCHES_MAX: Final = (
    64  # under way per stream; when full the stream is not read, and flow control holds the sender back
)
STOP_GRACE_SECONDS: Final = 1.0

_log = EventLog(__name__)

_Context = grpc.aio.ServicerContext[Any, Any]


class GatewayService(gateway_pb2_grpc.GatewayServiceServicer):
    """Receive other regions' RPCs."""

    def __init__(self, receiver: Receiver, streams: OpenStreams) -> None:
        self._receiver = receiver
        self._streams = streams

    async def Replicate(  # type: ignore[override]
        self, request_iterator: AsyncIterator[gateway_pb2.ChangeBatch], context: _Context
    ) -> None:
        """Merge batches as they come, several at a time; acknowledge each when it is done, in any order."""
        acks: asyncio.Queue[gateway_pb2.Ack | None] = asyncio.Queue(STREAM_BATCHES_MAX)
        with self._streams.opened():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_write(context, acks))
                await self._merge_all(request_iterator, acks)

    async def Control(self, request: gateway_pb2.ControlRequest, context: _Context) -> gateway_pb2.ControlAnswer:
        """Take a step of a global table's life to the local catalog."""
        try:
            decided = await self._receiver.change(request.source, decode_change(request.change))
        except StoreError as error:
            return gateway_pb2.ControlAnswer(code=error.code.value, message=error.message)
        except MsgspecError as error:
            return gateway_pb2.ControlAnswer(code=ErrorCode.SERIALIZATION.value, message=str(error))
        return gateway_pb2.ControlAnswer(decided=decided.encode())

    async def _merge_all(
        self, batches: AsyncIterator[gateway_pb2.ChangeBatch], acks: "asyncio.Queue[gateway_pb2.Ack | None]"
    ) -> None:
        slots = asyncio.Semaphore(STREAM_BATCHES_MAX)

        async def merge(message: gateway_pb2.ChangeBatch) -> None:
            try:
                await acks.put(await self._acknowledged(message))
            finally:
                slots.release()

        async with asyncio.TaskGroup() as tasks:
            async for message in batches:
                await slots.acquire()
                tasks.create_task(merge(message))
        await acks.put(None)

    async def _acknowledged(self, message: gateway_pb2.ChangeBatch) -> gateway_pb2.Ack:
        batch = _batch(message)
        try:
            merged = await self._receiver.merge(batch)
        except StoreError as error:
            self._receiver.note_refused(batch, error)
            return gateway_pb2.Ack(id=message.id, code=error.code.value, message=error.message)
        ack = gateway_pb2.Ack(id=message.id, applied=merged.applied, superseded=merged.superseded)
        for held in merged.held:
            held_to_proto(ack.held, held)
        return ack


class GatewayServer:
    """Listen for other regions' shippers at one address, as the gateway of a region."""

    def __init__(self, receiver: Receiver, address: str, region: str) -> None:
        self._receiver = receiver
        self._region = region
        self.address = address
        self._streams = OpenStreams()
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen; port 0 takes a free one, which `port` then tells."""
        self._server = grpc.aio.server(options=_OPTIONS, interceptors=[RecipientCheck(self._region)])
        service = GatewayService(self._receiver, self._streams)
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(service, self._server)
        self.port = self._server.add_insecure_port(self.address)
        await self._server.start()
        _log.info("gateway_listening", address=self.address, port=self.port)

    async def stop(self) -> None:
        """Stop taking batches, give those under way a moment, and close."""
        server, self._server = self._server, None
        if server is not None:
            await self._streams.stop_server(server.stop, STOP_GRACE_SECONDS)


_OPTIONS = (
    ("grpc.max_receive_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", GRPC_MESSAGE_BYTES_MAX),
    ("grpc.so_reuseport", 0),
    # Shippers ask now and then whether we are alive, also when they have nothing to send.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 500),
    ("grpc.http2.max_ping_strikes", 0),
    # And a stream whose other end vanished without a word must not be kept for ever.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


async def _write(context: _Context, acks: "asyncio.Queue[gateway_pb2.Ack | None]") -> None:
    while (ack := await acks.get()) is not None:
        await context.write(ack)


def _batch(message: gateway_pb2.ChangeBatch) -> Batch:
    return Batch(
        source=message.source,
        partition=message.partition,
        table_name=message.table_name,
        global_table_id=message.global_table_id,
        changes=tuple(map(change_from_proto, message.changes)),
        forgets=message.forgets,
        joined_ms=message.joined_ms,
        remembers_held=message.remembers_held,
        ahead=Ahead(message.ahead),
    )
