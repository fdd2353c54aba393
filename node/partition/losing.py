"""Making a replica of a running node begin anew as one that has lost its log.

The mark first, and durable; then the log and the data, in bounded transactions that a crash may fall between. Knows the order.
Refuses to know why, and what becomes of the replica afterwards.
"""

import asyncio
from collections.abc import Sequence

from node.partition.lost_logs import CLEAR_ROWS_MAX, clear_lost_step, lose_to
from node.partition.parts import Lives
from node.partition.writing import OrderedWriting, Writer
from node.storage.batch import WriteBatch
from node.storage.engine import Transaction
from wire.catalog import Placement


class Losing:
    """Lose the logs of some replicas that nobody works with any more; a full disk only makes it take longer."""

    def __init__(self, writer: Writer, lives: Lives, placements: Sequence[Placement], reason: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._writing = OrderedWriting(writer, self._loop, lambda _: None)
        self._lives = lives
        self._placements = placements
        self._reason = reason

    async def carry_out(self) -> None:
        """Mark and clear; return when that is durable."""
        try:
            await self._mark()
            for placement in self._placements:
                while await self._cleared(placement) >= CLEAR_ROWS_MAX:
                    pass
        finally:
            self._writing.stop()

    async def _mark(self) -> None:
        batch = WriteBatch()
        # What the replicas have said so far belongs to the life that ends here.
        self._lives.begin_to(batch)
        for placement in self._placements:
            lose_to(batch, placement.partition, self._reason)
        await self._written(batch)

    async def _cleared(self, placement: Placement) -> int:
        counts: list[int] = []

        def clear(transaction: Transaction) -> None:
            counts[:] = [clear_lost_step(transaction, placement)]

        batch = WriteBatch()
        batch.call(clear)
        await self._written(batch)
        return counts[0]

    async def _written(self, batch: WriteBatch) -> None:
        durable: asyncio.Future[None] = self._loop.create_future()
        batch.after_commit(lambda: None if durable.done() else durable.set_result(None))
        self._writing.submit(batch)
        await durable
