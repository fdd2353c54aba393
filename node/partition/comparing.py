"""Comparing the replicas of a partition: at the end of a scrub, what each held at the last checkpoint.

Knows whom to ask, and how often a difference must be seen. Refuses to know what is held, and what becomes of the one that is wrong.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from node.partition.checkpoints import Verdict, decode_held, judged
from node.partition.rebuilding import PermitTransport
from node.storage.digests import Area
from wire.catalog import CATALOG_PARTITION, NodeId, PartitionId, Placement
from wire.telemetry import EventLog

PROPOSE_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 0.5
"""For followers to apply what was committed just now; those that have not are compared next time."""

_log = EventLog(__name__)


class Compared(Protocol):
    """The part of a replica that is needed here."""

    @property
    def is_ready(self) -> bool:
        """Tell whether this replica leads and may serve."""
        ...

    @property
    def placement(self) -> Placement:
        """Return where its partition is."""
        ...

    async def propose_checkpoint(self) -> bool:
        """Have every replica write down what it holds; True once that is committed."""
        ...

    def checkpoint(self) -> bytes:
        """Return what this replica held at the last checkpoint, encoded."""
        ...


class Comparing:
    """Hold the replicas of one node against those of others."""

    def __init__(self, node: NodeId, transport: PermitTransport, is_kept: Callable[[Area], bool]) -> None:
        self._node = node
        self._transport = transport
        self._is_kept = is_kept
        self._odd_at: dict[PartitionId, int] = {}

    async def finding(self, replica: Compared) -> str | None:
        """Return what is wrong with a replica here, or None. Raises StorageError.

        A node may hear of a dropped table later than its peers, so one difference is not believed: the next checkpoint must show it, too.
        """
        placement, partition = replica.placement, replica.placement.partition
        if partition == CATALOG_PARTITION or len(placement.replicas) == 1:
            return None
        if replica.is_ready:
            async with asyncio.timeout(PROPOSE_SECONDS):
                await replica.propose_checkpoint()
        await asyncio.sleep(SETTLE_SECONDS)
        nodes = [each.node for each in placement.replicas if each.node != self._node]
        told = await asyncio.gather(*(self._transport.ask_checkpoint(node, partition) for node in nodes))
        mine = decode_held(replica.checkpoint())
        if mine is None:
            return None
        verdict = judged(mine, [decode_held(each) for each in told], len(placement.replicas), self._is_kept)
        if verdict is Verdict.UNDECIDED:
            _log.error("replicas_differ", partition=partition, checkpoint=mine.number)
        if verdict is not Verdict.ODD:
            self._odd_at.pop(partition, None)
            return None
        before = self._odd_at.setdefault(partition, mine.number)
        return None if before == mine.number else f"partition {partition}: it differs from a majority of its replicas"
