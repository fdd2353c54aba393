"""Which replica to ask: the leader as last heard of, or anyone in turn."""

from wire.catalog import NodeId, PartitionId, Placement


class Routes:
    """Remember leaders. A guess may be wrong: the node asked says so, and names a better one if it can."""

    def __init__(self) -> None:
        self._leaders: dict[PartitionId, tuple[Placement, NodeId]] = {}
        self._turn = 0

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
        """Return a node that holds a replica, each in turn."""
        self._turn += 1
        return placement.replicas[self._turn % len(placement.replicas)].node

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
