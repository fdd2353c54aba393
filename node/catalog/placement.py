"""Where partitions are placed: pure functions of nodes and counts.

Replicas of a partition go to distinct zones as long as there are enough, and the order of replicas is rotated so that the first
ones, the preferred leaders, are spread over all nodes.
"""

from collections import Counter
from collections.abc import Sequence

from wire.catalog import (
    CATALOG_PARTITION,
    Delta,
    NodeId,
    NodeSpec,
    PartitionId,
    Placement,
    ReplicaPlacement,
    encode_row,
)
from wire.cluster import RegionEntry, Settings
from wire.keys import TokenRange, split_ring

FOUNDING_VERSION = 1
_FIRST_EPOCH = 1
# The catalog is not on the ring: no token leads to it.
_NO_TOKENS = TokenRange(0, 0)


def founding_delta(region: RegionEntry, settings: Settings) -> Delta:
    """Return the rows that a region begins with: the same on every node that reads the same cluster file."""
    nodes = [node.spec() for node in region.nodes]
    placements = founding_placements(nodes, settings.partitions, settings.replicas)
    rows: dict[str, bytes | None] = {f"node/{node.id}": encode_row(node) for node in nodes}
    rows |= {f"placement/{placement.partition}": encode_row(placement) for placement in placements}
    replicas = sum(len(placement.replicas) for placement in placements)
    rows["counter/next_replica"] = encode_row(replicas + 1)
    rows["counter/next_partition"] = encode_row(len(placements))
    return Delta(version=FOUNDING_VERSION, rows=rows, full=True)


def founding_placements(nodes: Sequence[NodeSpec], partitions: int, replicas: int) -> tuple[Placement, ...]:
    """Return the catalog's placement (partition 0) and those of the data partitions 1 to `partitions`, in order."""
    assert nodes, "a region has at least one node"
    spread = _Spread(nodes)
    tokens = [_NO_TOKENS, *split_ring(partitions)]
    placements = []
    next_replica = 1
    for number, held in enumerate(tokens):
        chosen = spread.choose(number, min(replicas, len(nodes)))
        members = tuple(ReplicaPlacement(next_replica + place, node) for place, node in enumerate(chosen))
        next_replica += len(members)
        placements.append(Placement(PartitionId(number), held.lower, held.upper, _FIRST_EPOCH, members))
    assert placements[0].partition == CATALOG_PARTITION, "the catalog comes first"
    return tuple(placements)


class _Spread:
    """Choose nodes so that zones differ, and load and leaders stay even."""

    def __init__(self, nodes: Sequence[NodeSpec]) -> None:
        self._order = {node.id: place for place, node in enumerate(nodes)}
        self._zones: dict[str, list[NodeId]] = {}
        for node in nodes:
            self._zones.setdefault(node.zone, []).append(node.id)
        self._replicas: Counter[NodeId] = Counter()
        self._leads: Counter[NodeId] = Counter()

    def choose(self, number: int, count: int) -> list[NodeId]:
        """Return `count` distinct nodes, the preferred leader first."""
        leader = min(self._order, key=lambda node: (self._leads[node], self._replicas[node], self._order[node]))
        chosen = [leader]
        while len(chosen) < count:
            chosen.append(self._next(chosen, number))
        self._leads[leader] += 1
        self._replicas.update(chosen)
        return chosen

    def _next(self, chosen: list[NodeId], number: int) -> NodeId:
        """Return the best further node: in a zone used least by this partition, then the least loaded one."""
        used = Counter({zone: len(set(nodes) & set(chosen)) for zone, nodes in self._zones.items()})
        size = len(self._order)

        def cost(node: NodeId) -> tuple[int, int, int]:
            zone = next(zone for zone, nodes in self._zones.items() if node in nodes)
            # Ties turn with the partition's number, or the second choice would always be the same node.
            return used[zone], self._replicas[node], (self._order[node] - number) % size

        return min((node for node in self._order if node not in chosen), key=cost)
