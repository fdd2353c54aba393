"""Installing a snapshot in place of a replica's state, in bounded transactions that a crash may fall between.

A mark is written before the first row goes and removed in the transaction that names what the state is complete up to:
whoever finds it at a start knows that the state is not whole. Until then the replica keeps its log and its promises,
hears its leader and votes, but refuses entries, serves nothing and campaigns for nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from node.consensus.types import Message
from node.partition.core import PartitionCore
from node.partition.quarantine import release_to
from node.partition.transport import SnapshotRefusedError
from node.partition.writing import OrderedWriting
from node.storage.batch import WriteBatch
from node.storage.engine import Transaction
from node.storage.errors import DamagedRecord
from node.storage.snapshots import (
    Chunk,
    begin_install_to,
    clear_step,
    decode_chunk,
    finish_install_to,
    install_to,
)
from wire.catalog import PartitionId
from wire.keys import TokenRange

CLEAR_ROWS_MAX = 2_000


class Installation:
    """One snapshot on its way in."""

    def __init__(
        self,
        core: PartitionCore,
        partition: PartitionId,
        writing: OrderedWriting,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._core = core
        self._partition = partition
        self._writing = writing
        self._loop = loop
        self._awaited: asyncio.Future[None] | None = None
        self._is_aborted = False

    def accepts(self, message: Message) -> bool:
        """Tell whether a snapshot is news: beyond everything this replica knows to be committed, and meant for it."""
        snapshot, consensus = message.snapshot, self._core.consensus
        if snapshot is None or message.recipient != consensus.id or message.term < consensus.term:
            return False
        if snapshot.index <= consensus.commit or consensus.id not in snapshot.membership.replicas:
            return False
        # A log that has this very entry needs no data, only the news that it is committed.
        return consensus.term_of(snapshot.index) != snapshot.term

    async def receive(self, chunks: AsyncIterator[bytes]) -> None:
        """Clear what is there and write every chunk. Raises SnapshotRefusedError.

        Then the state is marked as not whole.
        """
        self._core.is_installing = True
        self._core.catalog_changed()
        await self._mark_and_clear()
        is_last = False
        try:
            async for encoded in chunks:
                chunk = decode_chunk(encoded)
                await self._write(chunk)
                is_last = chunk.is_last
        except DamagedRecord as error:
            raise SnapshotRefusedError(f"partition {self._partition}: {error}") from error
        if not is_last:
            raise SnapshotRefusedError(f"partition {self._partition}: the snapshot ended before its last chunk")

    async def finish(self, message: Message, carry_out: Callable[[], None]) -> None:
        """Let consensus begin anew from the snapshot, whose rows are all there; return once that is durable.

        `carry_out` sees to the turn that comes of it. The message's term may have passed meanwhile: what the snapshot holds
        is committed all the same.
        """
        consensus = self._core.consensus
        assert message.snapshot is not None, "accepted snapshots have their place"
        if message.snapshot.index <= consensus.commit:
            raise SnapshotRefusedError(
                f"partition {self._partition}: snapshot {message.snapshot.index} is behind commit {consensus.commit}"
            )
        self._core.step(replace(message, term=max(message.term, consensus.term)))
        awaited = self._awaiting()
        carry_out()
        await awaited

    def finish_to(self, batch: WriteBatch) -> None:
        """Remove the marks, in the batch that writes what consensus begins from."""
        finish_install_to(batch, self._partition)
        release_to(batch, self._partition)

    def durable(self) -> None:
        """Note that what is awaited is durable."""
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def abort(self) -> None:
        """Give up: the node stops, or the replica begins anew."""
        self._is_aborted = True
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(self._aborted())

    async def _mark_and_clear(self) -> None:
        batch = WriteBatch()
        begin_install_to(batch, self._partition, b"snapshot")
        await self._written(batch)
        deleted = CLEAR_ROWS_MAX
        while deleted >= CLEAR_ROWS_MAX:
            deleted = await self._cleared()

    async def _cleared(self) -> int:
        deleted = 0
        partition, tokens = self._partition, self._tokens()

        def clear(transaction: Transaction) -> None:
            nonlocal deleted
            deleted = clear_step(transaction, partition, tokens, CLEAR_ROWS_MAX)

        batch = WriteBatch()
        batch.call(clear)
        await self._written(batch)
        return deleted

    async def _write(self, chunk: Chunk) -> None:
        batch = WriteBatch()
        install_to(batch, self._partition, self._tokens(), chunk)
        await self._written(batch)

    async def _written(self, batch: WriteBatch) -> None:
        awaited = self._awaiting()
        batch.after_commit(self.durable)
        self._writing.submit(batch)
        await awaited

    def _aborted(self) -> SnapshotRefusedError:
        return SnapshotRefusedError(f"partition {self._partition}: the replica has stopped")

    def _awaiting(self) -> asyncio.Future[None]:
        if self._is_aborted:
            raise self._aborted()
        self._awaited = self._loop.create_future()
        return self._awaited

    def _tokens(self) -> TokenRange:
        placement = self._core.placement
        return TokenRange(placement.lower, placement.upper)
