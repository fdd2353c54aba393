"""A replica's whole state as a stream of chunks, all of one moment.

Knows how to name that moment so that the log can go on from it. Refuses to know how chunks travel.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from dataclasses import replace

from node.consensus.types import Entry, Index, Membership, Message, SnapshotMetadata, Term
from node.partition.equipment import Equipment
from node.partition.rows import read_applied_index
from node.partition.transport import SnapshotRefusedError
from node.storage.engine import Engine, Snapshot
from node.storage.log import LogStore
from node.storage.scrub import SumCheck
from node.storage.snapshots import Position, encode_chunk, read_chunk
from wire.catalog import NodeId, Placement
from wire.keys import TokenRange
from wire.limits import SNAPSHOT_CHUNK_BYTES

SNAPSHOT_STALL_SECONDS = 30.0
"""How long a snapshot may make no progress, on its way or while the receiver finishes."""
OPENINGS_MAX = 1_000
"""How often a view is opened until it shows just what the log store knows to be applied."""


class SnapshotSource:
    """One view of a replica, open until closed: close it soon, it keeps deleted data alive."""

    def __init__(self, view: Snapshot, metadata: SnapshotMetadata, placement: Placement) -> None:
        self._view = view
        self._placement = placement
        self.metadata = metadata

    @classmethod
    async def opened(cls, engine: Engine, log: LogStore[Entry], placement: Placement) -> "SnapshotSource":
        """Open a view and name its moment. Raises SnapshotRefusedError when the replica changes too fast."""
        for _ in range(OPENINGS_MAX):
            view = engine.snapshot()
            # A view may already show a batch of which the event loop has not heard.
            if read_applied_index(view, placement.partition) == log.applied_index:
                index = log.applied_index
                membership = Membership.decode(log.membership)
                return cls(view, SnapshotMetadata(Index(index), Term(log.term(index)), membership), placement)
            view.close()
            await asyncio.sleep(0)
        raise SnapshotRefusedError(f"partition {placement.partition}: no quiet moment in {OPENINGS_MAX} turns")

    def named_in(self, message: Message) -> Message:
        """Return a SNAPSHOT message with the moment of this source in place of the one consensus chose."""
        return replace(message, snapshot=self.metadata)

    async def chunks(self, stall: asyncio.Timeout) -> AsyncGenerator[bytes, None]:
        """Yield all chunks, encoded, putting the timeout off with each.

        Raises DamagedRecord before the last one when what was read is not what should be there: damage must not spread.
        """
        tokens = TokenRange(self._placement.lower, self._placement.upper)
        loop = asyncio.get_running_loop()
        patience_seconds = (stall.when() or loop.time()) - loop.time()
        after: Position | None = None
        is_last = False
        check = SumCheck(tokens)
        while not is_last:
            chunk = read_chunk(self._view, self._placement.partition, tokens, after, SNAPSHOT_CHUNK_BYTES)
            after, is_last = chunk.position, chunk.is_last
            for row in chunk.rows:
                check.read(*row)
            if is_last:
                check.finish(self._view, self._placement.partition)
            yield encode_chunk(chunk)
            stall.reschedule(loop.time() + patience_seconds)

    def close(self) -> None:
        """Let go of the view; twice is once."""
        self._view.close()


async def send_snapshot(
    equipment: Equipment, log: LogStore[Entry], placement: Placement, node: NodeId | None, message: Message
) -> None:
    """Carry a replica's state to another node; return when it is installed there.

    Raises SnapshotRefusedError, StorageError, or TimeoutError when nothing moves for too long.
    """
    if node is None:
        raise SnapshotRefusedError(f"no node is known for replica {message.recipient}")
    source = await SnapshotSource.opened(equipment.engine, log, placement)
    with closing(source):
        async with asyncio.timeout(SNAPSHOT_STALL_SECONDS) as stall, aclosing(source.chunks(stall)) as chunks:
            named = source.named_in(message)
            await equipment.snapshots.send_snapshot(node, placement.partition, named, chunks)
