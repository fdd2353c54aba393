"""Which replica to ask: the leader as last heard of, or anyone in turn."""

from typing import Final

from wire.catalog import NodeId, PartitionId, Placement

# Reads in a row that go to replicas at the same place, so that they travel in few, large batches.
READS_IN_A_ROW: Final = 64


class Routes:
    """Remember leaders. A guess may be wrong: the node asked says so, and names a better one if it can."""

    def __init__(self) -> None:
        self._leaders: dict[PartitionId, tuple[Placement, NodeId]] = {}
        self._sorted: dict[PartitionId, tuple[Placement, list[NodeId]]] = {}
        self._reads = 0

    def leader(self, placement: Placement) -> NodeId:
        """Return the node to ask for what only a leader can do; at first the preferred one."""
        known = self._leaders.get(placement.partition)
        if known is not None and known[0] is placement:
            return known[1]
        # The placement is new here: a guess about an earlier one holds as long as the node still has a replica.
        nodes = placement.nodes()
        node = known[1] if known is not None and known[1] in nodes else nodes[0]
        self._leaders[placement.partition] = placement, node
        return node

    def replica(self, placement: Placement) -> NodeId:
        """Return a node that holds a replica; each has its turn, and partitions on the same nodes turn together."""
        self._reads += 1
        known = self._sorted.get(placement.partition)
        if known is None or known[0] is not placement:
            known = self._sorted[placement.partition] = placement, sorted(placement.nodes())
        nodes = known[1]
        return nodes[self._reads // READS_IN_A_ROW % len(nodes)]

    def next_replica(self) -> None:
        """End the turn of the replicas asked now: one of them could not answer."""
        self._reads += READS_IN_A_ROW

    def learn(self, placement: Placement, leader: str) -> bool:
        """Take a hint; tell whether it names another replica than the one believed in so far."""
        is_news = leader in placement.nodes() and leader != self.leader(placement)
        if is_news:
            self._leaders[placement.partition] = placement, NodeId(leader)
        return is_news

    def turn_away(self, placement: Placement, asked: NodeId) -> None:
        """Believe in the next replica instead of the one that was asked, unless somebody has corrected it meanwhile."""
        nodes = placement.nodes()
        if self.leader(placement) == asked:
            following = (nodes.index(asked) + 1) % len(nodes) if asked in nodes else 0
            self._leaders[placement.partition] = placement, nodes[following]
