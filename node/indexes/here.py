"""A region of one node: every partition is led here, the catalog's too, and nothing has to travel.

Knows how a node in the same process is asked. Refuses to know networks.
"""

import asyncio
from typing import Final, Protocol

from node.partition.access import CatalogSource, OnDone
from wire.catalog import CATALOG_PARTITION, PartitionId
from wire.catalog_changes import CatalogChange, Decided, encode_change
from wire.commands import CatalogDecided, ChangeCatalog, Command, Failed, Outcome, Request
from wire.errors import ErrorCode, StoreError

CHANGE_SECONDS: Final = 10.0


class RequestTaker(Protocol):
    """The part of a node that takes requests."""

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a request; `on_done` gets its outcome exactly once, perhaps before this returns."""
        ...


class PartitionsHere:
    """Satisfy `Partitions` and `CatalogChanges` with the node of this process alone."""

    def __init__(self, taker: RequestTaker, catalog: CatalogSource) -> None:
        self._taker = taker
        self._catalog = catalog

    async def execute(self, partition: PartitionId, command: Command, *, timeout_seconds: float) -> Outcome:
        """Have a partition carry a command out."""
        placement = self._catalog.view.placements.get(partition)
        if placement is None:
            return Failed(ErrorCode.NOT_READY, f"it is not known yet where partition {partition} is")
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(_: int, outcome: Outcome) -> None:
            if not answered.done():
                answered.set_result(outcome)

        self._taker.submit(Request(1, partition, placement.epoch, int(timeout_seconds * 1000), command), done)
        return await answered

    async def change(self, change: CatalogChange) -> Decided:
        """Have the catalog decide a change. Raises StoreError."""
        command = ChangeCatalog(encode_change(change))
        outcome = await self.execute(CATALOG_PARTITION, command, timeout_seconds=CHANGE_SECONDS)
        if isinstance(outcome, CatalogDecided):
            return Decided.decode(outcome.payload)
        if isinstance(outcome, Failed):
            raise StoreError(outcome.code, outcome.message)
        raise StoreError(ErrorCode.NOT_LEADER, "the catalog has no leader yet")
