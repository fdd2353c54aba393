"""What all replicas of a node share: engine, writer, network, event loop, and the node's driver behind a few callbacks."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.partition.counts import ReplicaCounts
from node.partition.shared_view import SharedView
from node.partition.transport import PeerTransport, SnapshotTransport
from node.partition.writing import Writer
from node.storage.engine import Engine
from wire.catalog import NodeId, PartitionId

if TYPE_CHECKING:
    from node.partition.driver import PartitionDriver


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What all replicas of a node share."""

    node: NodeId
    engine: Engine
    writer: Writer
    view: SharedView
    transport: PeerTransport
    snapshots: SnapshotTransport
    loop: asyncio.AbstractEventLoop
    mark: Callable[["PartitionDriver"], None]
    """Ask for a turn soon."""
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    """Run a coroutine as a task of the node's driver."""
    fail: Callable[[BaseException], None]
    """Give up on this node."""
    ready: Callable[[PartitionId], None]
    lost: Callable[[PartitionId], None]
    lose: Callable[[PartitionId, str], None]
    """Let a replica begin anew as one that has lost its log, for this reason."""
    changed: Callable[[PartitionId, Collection[int], int], None]
    """Tell that a partition led here has applied change records of these tables, the last one numbered so."""
    counts: ReplicaCounts
    monotonic: Callable[[], float]
    wall_ms: Callable[[], int]
    retention_ms: int
