"""Consensus messages and snapshots from other nodes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

import grpc

from node.clocks.exchange import ClockStamp
from node.consensus.types import Message, ReplicaId
from node.joining.fence import Fence
from node.joining.introductions import Answer, Founding, Introduction
from node.partition.quarantine import Permit
from node.partition.transport import SnapshotRefusedError
from node.rpc.convert import clock_from, message_from
from node.rpc.introductions import answer_into, founding_from, introduction_from
from wire.catalog import NodeId, PartitionId
from wire.open_streams import OpenStreams
from wire.telemetry import EventLog
from wire.v1 import peer_pb2, peer_pb2_grpc

# A sender that is silent this long in the middle of a snapshot is given up.
SNAPSHOT_STALL_SECONDS: Final = 20.0

_log = EventLog(__name__)


class MessageTaker(Protocol):
    """The part of a node that takes messages; `node.partition.access.NodeAccess` has it."""

    def deliver(self, partition: PartitionId, message: Message) -> None:
        """Take a consensus message; one for a partition that is not here is dropped."""
        ...

    async def install_snapshot(self, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]) -> None:
        """Replace a replica's state by a snapshot's; return when it is durable. Raises SnapshotRefusedError."""
        ...

    def clock_heard(self, node: NodeId, stamp: ClockStamp) -> None:
        """Take what another node's batch says of its clocks."""
        ...

    def checkpoint(self, partition: PartitionId) -> bytes:
        """Return what a replica here held at its last checkpoint, encoded; empty = it does not say."""
        ...

    def permit(self, partition: PartitionId, asker: ReplicaId) -> Permit:
        """Answer a replica of another node that holds damaged data and wants to begin anew."""
        ...


class JoinTaker(Protocol):
    """The part of a node that answers others on their way into the region; `node.joining.joiner.Joiner` is it."""

    @property
    def fence(self) -> Fence:
        """Return what keeps out messages of earlier lives."""
        ...

    async def answer(self, introduction: Introduction) -> Answer:
        """Answer another node's introduction."""
        ...

    async def adopt_proposed(self, founding: Founding) -> bool:
        """Write down the founders that another node proposes; tell whether they are this node's now."""
        ...


class PeerService(peer_pb2_grpc.PeerServiceServicer):
    """Receive other nodes' streams."""

    def __init__(self, node: MessageTaker, streams: OpenStreams, joiner: JoinTaker | None = None) -> None:
        self._node = node
        self._joiner = joiner
        self._streams = streams

    async def Deliver(self, request_iterator: object, context: Any) -> peer_pb2.DeliverEnd:
        """Take messages as they come."""
        with self._streams.opened():
            await self._take(context)
        return peer_pb2.DeliverEnd()

    async def _take(self, context: Any) -> None:
        deliver, fence = self._node.deliver, self._joiner.fence if self._joiner is not None else Fence()
        while (batch := await context.read()) is not grpc.aio.EOF:
            if not fence.admits(NodeId(batch.sender), batch.disk, batch.life):
                continue
            if batch.HasField("clock"):
                self._node.clock_heard(NodeId(batch.sender), clock_from(batch.clock))
            for message in batch.messages:
                try:
                    deliver(PartitionId(message.partition), message_from(message))
                except ValueError as error:
                    _log.warning("message_unreadable", peer=batch.sender, partition=message.partition, error=str(error))

    async def Introduce(self, request: peer_pb2.Introduction, context: Any) -> peer_pb2.IntroductionAnswer:
        """Say what speaks against another node's start."""
        assert self._joiner is not None, "a node with peers joins its region"
        return answer_into(await self._joiner.answer(introduction_from(request)))

    async def ProposeFounders(self, request: peer_pb2.Founders, context: Any) -> peer_pb2.FoundersOutcome:
        """Write down who founds the region."""
        assert self._joiner is not None, "a node with peers joins its region"
        return peer_pb2.FoundersOutcome(adopted=await self._joiner.adopt_proposed(founding_from(request)))

    async def SendSnapshot(self, request_iterator: object, context: Any) -> peer_pb2.SnapshotOutcome:
        """Take one snapshot and say what became of it."""
        with self._streams.opened():
            return await self._installed(context)
        return peer_pb2.SnapshotOutcome(installed=False, reason="the node is stopping")

    async def Permit(self, request: peer_pb2.PermitRequest, context: Any) -> peer_pb2.PermitAnswer:
        """Say whether the replica here can spare another one that is damaged."""
        permit = self._node.permit(PartitionId(request.partition), ReplicaId(request.replica))
        return peer_pb2.PermitAnswer(granted=permit.is_granted, leads=permit.leads)

    async def Checkpoint(self, request: peer_pb2.CheckpointRequest, context: Any) -> peer_pb2.CheckpointAnswer:
        """Say what the replica here held at its last checkpoint."""
        return peer_pb2.CheckpointAnswer(held=self._node.checkpoint(PartitionId(request.partition)))

    async def _installed(self, context: Any) -> peer_pb2.SnapshotOutcome:
        try:
            first = await _next_chunk(context)
            partition = PartitionId(first.partition)
            await self._node.install_snapshot(partition, message_from(first.message), _rows(context))
        except (SnapshotRefusedError, ValueError) as error:
            return peer_pb2.SnapshotOutcome(installed=False, reason=str(error))
        return peer_pb2.SnapshotOutcome(installed=True)


async def _rows(context: Any) -> AsyncIterator[bytes]:
    """Yield the data of every chunk up to the one that is marked as the last."""
    expected = 1
    while not (chunk := await _next_chunk(context)).last:
        if chunk.number != expected:
            raise SnapshotRefusedError(f"expected chunk {expected} of a snapshot, found {chunk.number}")
        expected += 1
        yield chunk.rows


async def _next_chunk(context: Any) -> peer_pb2.SnapshotChunk:
    try:
        async with asyncio.timeout(SNAPSHOT_STALL_SECONDS):
            chunk = await context.read()
    except TimeoutError:
        raise SnapshotRefusedError("the sender of a snapshot fell silent") from None
    if chunk is grpc.aio.EOF:
        raise SnapshotRefusedError("a snapshot ended before its last chunk")
    assert isinstance(chunk, peer_pb2.SnapshotChunk)
    return chunk
