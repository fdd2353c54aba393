"""Which replicas of a simulated region are whole, as far as a storm must know that: one at a time may be anything else.

A region promises to survive that one replica after another is without its log or holds damaged rows, each from when all others are whole.
"""

import asyncio

from node.partition.lost_logs import has_begun, lost_reason
from node.partition.node_driver import NodeDriver
from node.partition.quarantine import quarantine_reason
from tests.support.partition_simulation import PARTITION, SimulatedRegion
from wire.catalog import NodeId


class Wholeness:
    """What a storm has done to replicas, until they have got over it. Hold `one_at_a_time` from looking until it is done."""

    def __init__(self, region: SimulatedRegion) -> None:
        self.region = region
        self.one_at_a_time = asyncio.Lock()
        self.damaged: set[NodeId] = set()
        """Whose rows were damaged, until a scrub has found nothing."""
        self._stale: set[NodeId] = set()
        # Replicas that were told to begin anew, in which process; that is durable a little later only.
        self._losing: dict[NodeId, NodeDriver] = {}

    def spares(self, node: NodeId) -> bool:
        """Tell whether a node may lose what it has: all others are whole."""
        return all(self.is_whole(other) for other in self.region.nodes if other != node)

    def is_whole(self, node: NodeId) -> bool:
        """Tell whether a replica keeps its log and its data, and nothing speaks against that."""
        with self.region.nodes[node].engine.snapshot() as view:
            is_lost = lost_reason(view, PARTITION) is not None
            is_kept = has_begun(view, PARTITION) and quarantine_reason(view, PARTITION) is None
        if is_lost:
            self._stale.discard(node)
            self._losing.pop(node, None)
        is_losing = self._losing.get(node) is not None and self._losing[node] is self.region.nodes[node].driver
        return is_kept and not (is_lost or is_losing or node in self._stale or node in self.damaged)

    def wiped(self, node: NodeId) -> None:
        """Note that there is nothing on a disk any more."""
        self._stale.discard(node)
        self.damaged.discard(node)

    def made_stale(self, node: NodeId) -> None:
        """Note that an older copy is on a disk, until the node has learnt that it is one."""
        self._stale.add(node)
        self.damaged.discard(node)

    def told(self, node: NodeId, driver: NodeDriver) -> None:
        """Note that a running replica was told that its log is lost."""
        self._losing[node] = driver


def count_recovering(region: SimulatedRegion) -> int:
    """Return how many replicas have lost their logs, as their disks say."""
    count = 0
    for node in region.nodes.values():
        with node.engine.snapshot() as view:
            count += lost_reason(view, PARTITION) is not None
    return count


async def never_two_recover(region: SimulatedRegion, until: float) -> None:
    """Watch that a majority keeps its log, whatever is damaged."""
    while region.loop.time() < until:
        assert count_recovering(region) <= 1, "two replicas of three have cleared their logs at once"
        await asyncio.sleep(0.002)
