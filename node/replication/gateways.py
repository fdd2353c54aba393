"""The seam to other regions: how batches and membership steps leave this node.

Knows what a shipper expects of a connection. Refuses to know any network: `node.rpc` implements it over gRPC, tests in memory.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from node.replication.cursors import BatchId
from wire.catalog_changes import CatalogChange, Decided
from wire.commands import Ahead, Change, HeldChange


class LinkBrokenError(Exception):
    """A region cannot be reached, or the connection to it ended; the message says how."""


class OutgoingBatch(NamedTuple):
    """Changes of one table from one partition. `id` is unique per connection.

    One that `forgets` names tombstones that may go, each at exactly its version. `joined_ms` says which membership of the sending region
    this comes from, `ahead` what to do with changes whose versions are too far ahead of the clock there.
    """

    id: BatchId
    partition: int
    table_name: str
    global_table_id: str
    changes: tuple[Change, ...]
    forgets: bool = False
    joined_ms: int = 0
    ahead: Ahead = Ahead.HOLD


class BatchAnswer(NamedTuple):
    """What became of a batch. An empty `code`: committed there by a quorum of every partition concerned, but for what is `held` back."""

    id: BatchId
    applied: int
    superseded: int
    code: str
    message: str
    held: tuple[HeldChange, ...] = ()


class GatewayConnection(Protocol):
    """An open stream to one region's gateway."""

    async def send(self, batch: OutgoingBatch) -> None:
        """Send a batch; wait while the other side does not read. Raises LinkBrokenError."""
        ...

    def answers(self) -> AsyncIterator[BatchAnswer]:
        """Yield answers as they come, in any order, until the stream ends. Raises LinkBrokenError."""
        ...


class Gateways(Protocol):
    """All other regions' gateways."""

    def connect(self, destination: str) -> AbstractAsyncContextManager[GatewayConnection]:
        """Open a stream and close it when the block ends. Raises LinkBrokenError when there is no answer soon."""
        ...

    async def control(self, destination: str, change: CatalogChange, *, timeout_seconds: float) -> Decided:
        """Have another region's catalog decide a change.

        Raises LinkBrokenError when its answer is unknown, StoreError when it refused.
        """
        ...
