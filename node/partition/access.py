"""How the rooms above use the partitions of a node: requests and messages in, leadership and replicated state out.

These Protocols are what `node.rpc`, `node.catalog`, `node.replication` and `node.main` may rely on; `NodeDriver` and
`PartitionDriver` satisfy them. Everything is called on the event loop; what is not `async` returns at once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from node.consensus.types import Message
from wire.catalog import CatalogView, NodeId, PartitionId
from wire.commands import Changes, Outcome, Position, ReadChanges, Request
from wire.conditions import Condition
from wire.keys import ItemKey
from wire.versions import Version

OnDone = Callable[[int, Outcome], None]
"""Called once with the request's id and its outcome; perhaps before `submit` returns."""


class CatalogSource(Protocol):
    """Hold the catalog as this node knows it. `NodeDriver.catalog_changed` is called after every change."""

    @property
    def view(self) -> CatalogView:
        """Return the present view."""
        ...


class StoredItem(NamedTuple):
    """An item or a tombstone of the applied state: its place, its version and, for an item, its size and JSON body."""

    position: Position
    version: Version
    tombstone: bool
    size: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus:
    """What one replica is doing, for operators."""

    partition: PartitionId
    replica: int
    term: int
    role: str
    leader: NodeId | None
    commit: int
    applied: int
    first_index: int
    last_index: int
    is_ready: bool
    waiting_requests: int
    conditions: frozenset[Condition] = frozenset()


class ReplicaAccess(Protocol):
    """One replica of a partition as replication uses it. Reading is of applied state and useful on the leader only."""

    @property
    def partition(self) -> PartitionId:
        """Return the partition's id."""
        ...

    @property
    def is_ready(self) -> bool:
        """Tell whether this replica leads and has applied an entry of its own term."""
        ...

    @property
    def proposed_index(self) -> int:
        """Return the last index proposed so far: once it is applied, everything evaluated before now is."""
        ...

    async def applied_barrier(self) -> bool:
        """Wait until everything evaluated before the call is applied; False when leadership was lost first."""
        ...

    def read_changes(self, request: ReadChanges) -> Changes:
        """Return a page of change records."""
        ...

    def scan_records(
        self, table: int, after: Position | None, limit: int, bytes_max: int = 1 << 20
    ) -> Sequence[StoredItem]:
        """Return items and tombstones of a table in hash order after a position; empty at the end, only there."""
        ...

    def find_record(self, table: int, key: ItemKey) -> StoredItem | None:
        """Return one item or tombstone, or None."""
        ...

    def cursor(self, name: str) -> bytes | None:
        """Return the applied value of a replicated cursor, or None."""
        ...

    def cursors_under(self, prefix: str) -> Mapping[str, bytes]:
        """Return the applied values of all replicated cursors whose names begin so."""
        ...

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        """Set a replicated cursor (empty value = remove it); True once that is committed, False when it may be lost."""
        ...


class NodeAccess(Protocol):
    """All replicas of a node."""

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a request; `on_done` gets the outcome exactly once, unless the node stops first.

        What can be answered from memory or one read is answered before this returns. Bounded: a partition with too
        many waiting requests answers OVERLOADED at once.
        """
        ...

    def deliver(self, partition: PartitionId, message: Message) -> None:
        """Take a consensus message from another node; one for a partition that is not here is dropped."""
        ...

    async def install_snapshot(self, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]) -> None:
        """Replace a replica's state by a snapshot's; return when it is durable. Raises SnapshotRefusedError."""
        ...

    def catalog_changed(self) -> None:
        """Look at the catalog view again: tables, placements, and whether a new leader may begin."""
        ...

    def replica(self, partition: PartitionId) -> ReplicaAccess | None:
        """Return a replica hosted here, or None."""
        ...

    def replicas(self) -> Mapping[PartitionId, ReplicaAccess]:
        """Return every replica hosted here."""
        ...

    def on_leadership(self, ready: Callable[[PartitionId], None], lost: Callable[[PartitionId], None]) -> None:
        """Ask to be told when a replica here begins to serve as leader, and when it ceases.

        Called now for those that lead.
        """
        ...

    async def hand_over(self, timeout_seconds: float) -> int:
        """Hand every leadership to another node; return how many are left when none is, or when the time is up."""
        ...

    def status(self) -> Sequence[ReplicaStatus]:
        """Return what every replica is doing, by partition id."""
        ...

    def conditions(self) -> frozenset[Condition]:
        """Return what is wrong with the node as a whole; what is wrong with single replicas is in their status."""
        ...
