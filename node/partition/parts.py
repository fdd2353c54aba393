"""What the composition root hands to a node's driver."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from node.partition.access import CatalogSource
from node.partition.machine import StateMachine
from node.partition.merges import Superseded, forget_superseded
from node.partition.rebuilding import NobodyToAsk, PermitTransport
from node.partition.transport import PeerTransport, SnapshotTransport
from node.partition.writing import Writer
from node.storage.batch import WriteBatch
from node.storage.engine import Engine
from wire.catalog import NodeId
from wire.clock import Clock


class Lives(Protocol):
    """The lives of a node, by which other nodes know what it has said before it lost something."""

    def begin_to(self, batch: WriteBatch) -> None:
        """Begin the next life in a batch; what was sent until that is durable counts no more where this life is known."""
        ...


class OneLife:
    """Satisfy `Lives` where there are no other nodes."""

    def begin_to(self, batch: WriteBatch) -> None:
        """Do nothing: nobody hears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """The node, its disk, its ways to others, and whom it tells."""

    node: NodeId
    region_number: int
    engine: Engine
    writer: Writer
    catalog: CatalogSource
    catalog_machine: StateMachine | None
    """The state machine of partition 0; None on a node that holds no replica of it."""
    transport: PeerTransport
    snapshots: SnapshotTransport
    clock: Clock
    random: random.Random
    on_fatal: Callable[[BaseException], None]
    """Called once when the node cannot go on; it must stop the process."""
    has_peers: bool = False
    """Whether the region has other nodes, which can be asked what time it is."""
    superseded: Superseded = forget_superseded
    """Told of writes that lost to another region's."""
    lives: Lives = field(default_factory=OneLife)
    permits: PermitTransport = field(default_factory=NobodyToAsk)
    """The way to ask other nodes whether they can spare a damaged replica."""
