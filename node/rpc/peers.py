"""Consensus messages and snapshots to other nodes: one stream per node for the messages of all partitions.

Delivery is best effort. A queue that is full drops its oldest messages, and while a node cannot be reached everything to it is
dropped at once: consensus sends again, and what it sends then is newer.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import grpc

from node.clocks.exchange import ClockStamp
from node.consensus.types import Message
from node.partition.quarantine import REFUSED, Permit
from node.partition.transport import SnapshotRefusedError
from node.rpc.convert import clock_into, message_into
from node.rpc.options import CHANNEL_OPTIONS
from wire.catalog import NodeId, PartitionId
from wire.limits import PEER_QUEUE_MESSAGES_MAX
from wire.outages import Outage
from wire.recipients import GIVE_UP_SECONDS, failure, meant_for
from wire.telemetry import EventLog
from wire.v1 import peer_pb2, peer_pb2_grpc

QUEUE_BYTES_MAX: Final = 32 << 20
BATCH_BYTES_MAX: Final = 4 << 20
RECONNECT_SECONDS_MIN: Final = 0.02
RECONNECT_SECONDS_MAX: Final = 0.5
# A receiver that takes no chunk for this long is given up; installing may take longer than receiving.
SNAPSHOT_STALL_SECONDS: Final = 20.0
SNAPSHOT_INSTALL_SECONDS: Final = 120.0
PERMIT_SECONDS: Final = 2.0

StampOf = Callable[[NodeId], ClockStamp]
"""Returns what a batch to a node that leaves now says of the clocks here."""

_log = EventLog(__name__)


class PeerConnections:
    """Satisfy PeerTransport and SnapshotTransport over gRPC; connections are opened when they are first needed."""

    def __init__(
        self,
        sender: NodeId,
        address_of: Callable[[NodeId], str | None],
        randomness: random.Random,
        life: Callable[[], tuple[str, int]] = lambda: ("", 0),
        stamp: StampOf | None = None,
    ) -> None:
        """`life` names the disk and the present life of this node, see node.joining."""
        self._life = life
        self._sender = sender
        self._address_of = address_of
        self._randomness = randomness
        self._stamp = stamp
        self._connections: dict[NodeId, PeerConnection] = {}
        self._tasks: dict[NodeId, asyncio.Task[None]] = {}

    def send(self, node: NodeId, partition: PartitionId, message: Message) -> None:
        """Queue a message; what is queued in one event-loop turn for one node leaves as one batch."""
        connection = self._connections.get(node) or self._opened(node)
        if connection is not None:
            connection.send(partition, message)

    async def send_snapshot(
        self, node: NodeId, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]
    ) -> None:
        """Carry a snapshot; return when the receiver has installed it. Raises SnapshotRefusedError."""
        connection = self._connections.get(node) or self._opened(node)
        if connection is None:
            raise SnapshotRefusedError(f"the address of node {node} is not known")
        await connection.send_snapshot(partition, message, chunks)

    async def flush(self, timeout_seconds: float) -> None:
        """Wait until what is queued has left to every node that can be reached, but no longer than that."""
        waiting = [connection.left() for connection in self._connections.values() if connection.is_up]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await asyncio.gather(*waiting)

    async def ask_permit(self, node: NodeId, partition: PartitionId, replica: int) -> Permit:
        """Ask whether a damaged replica may begin anew; a node that cannot be reached refuses."""
        connection = self._connections.get(node) or self._opened(node)
        return REFUSED if connection is None else await connection.ask_permit(partition, replica)

    async def ask_checkpoint(self, node: NodeId, partition: PartitionId) -> bytes:
        """Ask what a replica held at its last checkpoint; empty = it does not say."""
        connection = self._connections.get(node) or self._opened(node)
        return b"" if connection is None else await connection.ask_checkpoint(partition)

    def all(self) -> Mapping[NodeId, "PeerConnection"]:
        """Return every connection that was opened."""
        return self._connections

    async def stop(self) -> None:
        """Close every connection; twice is once."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._connections.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _opened(self, node: NodeId) -> "PeerConnection | None":
        address = self._address_of(node)
        if address is None:
            return None
        connection = PeerConnection(self._sender, node, address, self._randomness, self._life, self._stamp)
        self._connections[node] = connection
        self._tasks[node] = asyncio.get_running_loop().create_task(connection.run())
        return connection


class PeerConnection:
    """The stream to one node."""

    def __init__(
        self,
        sender: NodeId,
        node: NodeId,
        address: str,
        randomness: random.Random,
        life: Callable[[], tuple[str, int]],
        stamp: StampOf | None = None,
    ) -> None:
        self._life = life
        # The life in which everything was said that is queued.
        self._queued_life = ("", 0)
        self._sender = sender
        self._stamp = stamp
        self._node = node
        self._randomness = randomness
        self._address = address
        self._channel = self._opened()
        self._queue: deque[tuple[PartitionId, Message]] = deque()
        self._queue_bytes = 0
        self._wake = asyncio.Event()
        self._left = asyncio.Event()
        self._left.set()
        self._is_down = False
        self._outage = Outage(
            _log, lost="peer_lost", lasting="peer_unreachable", over="peer_reachable", peer=node, address=address
        )
        self.dropped = 0

    @property
    def is_up(self) -> bool:
        """Tell whether messages reach the node, as far as is known."""
        return not self._is_down

    @property
    def queued(self) -> int:
        """Return how many messages wait to leave."""
        return len(self._queue)

    def send(self, partition: PartitionId, message: Message) -> None:
        """Queue a message, dropping the oldest when there are too many."""
        if self._is_down:
            self.dropped += 1
            return
        if (life := self._life()) != self._queued_life:
            # What was said in an earlier life may be forgotten in this one.
            self._drop_queued()
            self._queued_life = life
        self._queue.append((partition, message))
        self._queue_bytes += _payload_bytes(message)
        while len(self._queue) > PEER_QUEUE_MESSAGES_MAX or self._queue_bytes > QUEUE_BYTES_MAX:
            self._pop()
            self.dropped += 1
        self._left.clear()
        self._wake.set()

    async def left(self) -> None:
        """Return once nothing is queued."""
        await self._left.wait()

    async def run(self) -> None:
        """Keep the stream up until cancelled."""
        wait_seconds = RECONNECT_SECONDS_MIN
        try:
            while True:
                was_connected = await self._deliver()
                wait_seconds = RECONNECT_SECONDS_MIN if was_connected else min(2 * wait_seconds, RECONNECT_SECONDS_MAX)
                await asyncio.sleep(wait_seconds * self._randomness.uniform(0.5, 1.0))
        finally:
            await self._channel.close()

    async def send_snapshot(self, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]) -> None:
        """Carry a snapshot on a stream of its own."""
        stub: Any = peer_pb2_grpc.PeerServiceStub(self._channel)
        call = stub.SendSnapshot(metadata=meant_for(self._node))
        try:
            async for chunk in _chunks(partition, message, chunks):
                async with asyncio.timeout(SNAPSHOT_STALL_SECONDS):
                    await call.write(chunk)
            await call.done_writing()
            async with asyncio.timeout(SNAPSHOT_INSTALL_SECONDS):
                outcome = await call
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            reason, _ = await failure(call, error)
            raise SnapshotRefusedError(f"node {self._node} at {self._address}: {reason}") from None
        except TimeoutError:
            raise SnapshotRefusedError(f"node {self._node} at {self._address} takes no snapshot in time") from None
        finally:
            call.cancel()
        if not outcome.installed:
            raise SnapshotRefusedError(outcome.reason)

    async def ask_permit(self, partition: PartitionId, replica: int) -> Permit:
        """Ask the replica there whether a damaged one may begin anew."""
        stub: Any = peer_pb2_grpc.PeerServiceStub(self._channel)
        request = peer_pb2.PermitRequest(partition=partition, replica=replica)
        try:
            answer = await stub.Permit(request, metadata=meant_for(self._node), timeout=PERMIT_SECONDS)
        except grpc.aio.AioRpcError:
            return REFUSED
        return Permit(answer.granted, answer.leads)

    async def ask_checkpoint(self, partition: PartitionId) -> bytes:
        """Ask what the replica there held at its last checkpoint."""
        stub: Any = peer_pb2_grpc.PeerServiceStub(self._channel)
        request = peer_pb2.CheckpointRequest(partition=partition)
        try:
            answer = await stub.Checkpoint(request, metadata=meant_for(self._node), timeout=PERMIT_SECONDS)
        except grpc.aio.AioRpcError:
            return b""
        held: bytes = answer.held
        return held

    async def _deliver(self) -> bool:
        """Serve one stream until it breaks; tell whether it was ever connected."""
        stub: Any = peer_pb2_grpc.PeerServiceStub(self._channel)
        call = stub.Deliver(metadata=meant_for(self._node))
        was_connected = False
        reason = "the node ended the stream"
        try:
            await call.wait_for_connection()
            was_connected = True
            self._connected()
            call.add_done_callback(lambda _: self._wake.set())
            await self._write(call)
            await call
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            reason, is_misdirected = await failure(call, error)
            if is_misdirected:
                was_connected = False
                await self._reopen()
        finally:
            call.cancel()
        self._break(reason)
        return was_connected

    async def _reopen(self) -> None:
        """Have the node's name resolved anew: somebody else has the address that it led to."""
        former, self._channel = self._channel, self._opened()
        await former.close(GIVE_UP_SECONDS)

    def _opened(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)

    async def _write(self, call: Any) -> None:
        while not call.done():
            await self._wake.wait()
            self._wake.clear()
            while self._queue and not call.done():
                await call.write(self._next_batch())
            self._left.set()

    def _next_batch(self) -> peer_pb2.MessageBatch:
        disk, life = self._queued_life
        batch = peer_pb2.MessageBatch(sender=self._sender, disk=disk, life=life)
        batch_bytes = 0
        while self._queue and batch_bytes < BATCH_BYTES_MAX:
            partition, message = self._pop()
            batch_bytes += _payload_bytes(message)
            message_into(batch.messages.add(), partition, message)
        if self._stamp is not None:
            clock_into(batch.clock, self._stamp(self._node))
        return batch

    def _pop(self) -> tuple[PartitionId, Message]:
        partition, message = self._queue.popleft()
        self._queue_bytes -= _payload_bytes(message)
        return partition, message

    def _connected(self) -> None:
        self._outage.ended(asyncio.get_running_loop().time())
        self._is_down = False

    def _break(self, reason: str) -> None:
        self._outage.failed(asyncio.get_running_loop().time(), reason=reason)
        self._is_down = True
        self._drop_queued()

    def _drop_queued(self) -> None:
        self.dropped += len(self._queue)
        self._queue.clear()
        self._queue_bytes = 0


async def _chunks(
    partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]
) -> AsyncIterator[peer_pb2.SnapshotChunk]:
    """Yield the message, then the data, then an empty chunk that is marked as the last."""
    first = peer_pb2.SnapshotChunk(partition=partition)
    message_into(first.message, partition, message)
    yield first
    number = 0
    async for rows in chunks:
        number += 1
        yield peer_pb2.SnapshotChunk(partition=partition, number=number, rows=rows)
    yield peer_pb2.SnapshotChunk(partition=partition, number=number + 1, last=True)


def _payload_bytes(message: Message) -> int:
    return sum(len(entry.payload) for entry in message.entries) if message.entries else 0
