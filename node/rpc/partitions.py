"""Commands to the partitions of this region, from whichever node, wherever they are led.

Knows who seems to lead. Refuses to know what is asked and how a node is reached; a failure is the asker's to think about, who may ask
again.
"""

from typing import Final

from node.catalog.feed import CatalogFeed
from node.rpc.asking import NodeClient
from wire.catalog import NodeId, PartitionId, Placement
from wire.clock import Clock
from wire.commands import Command, Failed, NotLeader, Outcome
from wire.errors import ErrorCode

REDIRECTS_MAX: Final = 4  # in one call; then the asker backs off, as an election may be going on


class PartitionClient:
    """Ask leaders."""

    def __init__(self, nodes: NodeClient, feed: CatalogFeed, clock: Clock) -> None:
        self._nodes = nodes
        self._feed = feed
        self._clock = clock
        self._leaders: dict[PartitionId, NodeId] = {}

    async def execute(self, partition: PartitionId, command: Command, *, timeout_seconds: float) -> Outcome:
        """Have a partition's leader carry a command out; return its outcome, or why there is none."""
        deadline = self._clock.monotonic() + timeout_seconds
        outcome: Outcome = Failed(ErrorCode.NOT_READY, f"it is not known yet where partition {partition} is")
        placement = self._feed.view.placements.get(partition)
        for _ in range(REDIRECTS_MAX):
            if placement is None:
                return outcome
            asked = self._leader(placement)
            outcome = await self._nodes.ask(asked, placement, command, deadline)
            if not isinstance(outcome, NotLeader):
                break
            self._leaders[partition] = _next(placement, asked, outcome)
            placement = self._feed.view.placements.get(partition)
        if isinstance(outcome, Failed):
            self._note_failure(partition, outcome)
        return outcome

    def _leader(self, placement: Placement) -> NodeId:
        known = self._leaders.get(placement.partition)
        return known if known in placement.nodes() else placement.nodes()[0]

    def _note_failure(self, partition: PartitionId, failure: Failed) -> None:
        """After silence ask another node: the leader may be gone, and then nobody says so."""
        placement = self._feed.view.placements.get(partition)
        if failure.code is ErrorCode.UNKNOWN_OUTCOME and placement is not None:
            self._leaders[partition] = _next(placement, self._leader(placement), NotLeader(""))


def _next(placement: Placement, asked: NodeId, answer: NotLeader) -> NodeId:
    """Return whom to ask after a node that does not lead: who it says, or else the next replica."""
    nodes = placement.nodes()
    if answer.leader in nodes and answer.leader != asked:
        return NodeId(answer.leader)
    return nodes[(nodes.index(asked) + 1) % len(nodes)] if asked in nodes else nodes[0]
