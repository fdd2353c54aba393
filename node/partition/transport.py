"""The seams to the network: how a driver's messages and snapshots leave the node, and what may go wrong.

Knows what the driver expects of a carrier; refuses to know any. `node.rpc` implements both over gRPC, tests in memory.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from node.consensus.types import Message
from wire.catalog import NodeId, PartitionId


class SnapshotRefusedError(Exception):
    """The receiver did not install a snapshot, or could not be reached; the message says why.

    The leader tries again later.
    """


class PeerTransport(Protocol):
    """Carry consensus messages to other nodes, best effort and in order."""

    def send(self, node: NodeId, partition: PartitionId, message: Message) -> None:
        """Queue a message and return at once.

        What is queued in one event-loop turn for one node leaves as one batch. A full queue drops its oldest
        messages: consensus sends again.
        """
        ...


class SnapshotTransport(Protocol):
    """Carry a snapshot's data to another node, on a stream of its own."""

    async def send_snapshot(
        self, node: NodeId, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]
    ) -> None:
        """Carry the SNAPSHOT message and then every chunk; return when the receiver has installed it all durably.

        Raises SnapshotRefusedError. The receiving node gives the same message and chunks to
        `NodeAccess.install_snapshot`.
        """
        ...
