"""Asking the region's catalog for a change, from whichever node, wherever the catalog is led."""

import asyncio
import random
from typing import Final

from node.catalog.feed import CatalogFeed
from node.rpc.asking import NodeClient
from wire.catalog import CATALOG_PARTITION, NodeId
from wire.catalog_changes import CatalogChange, Decided, encode_change
from wire.clock import Clock
from wire.commands import CatalogDecided, ChangeCatalog, Failed, NotLeader, Outcome
from wire.errors import NOT_APPLIED, ErrorCode, StoreError

CHANGE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.1


class CatalogProposer:
    """Have the catalog leader decide changes."""

    def __init__(self, nodes: NodeClient, feed: CatalogFeed, clock: Clock, randomness: random.Random) -> None:
        self._nodes = nodes
        self._feed = feed
        self._clock = clock
        self._randomness = randomness

    async def change(self, change: CatalogChange) -> Decided:
        """Have a change decided. Raises StoreError when it is refused, or when its outcome is unknown."""
        deadline = self._clock.monotonic() + CHANGE_SECONDS
        command = ChangeCatalog(encode_change(change))
        asked = self._candidates()[0]
        while True:
            placement = self._feed.view.placements[CATALOG_PARTITION]
            outcome = await self._nodes.ask(asked, placement, command, deadline)
            if isinstance(outcome, CatalogDecided):
                return Decided.decode(outcome.payload)
            asked = self._next(asked, outcome, deadline)
            await asyncio.sleep(RETRY_SECONDS * self._randomness.uniform(0.5, 1.0))

    def _candidates(self) -> tuple[NodeId, ...]:
        placement = self._feed.view.placements.get(CATALOG_PARTITION)
        if placement is None:
            raise StoreError(ErrorCode.NOT_READY, "it is not known yet where the catalog is")
        nodes = placement.nodes()
        return tuple(sorted(nodes, key=lambda node: node != self._nodes.node))

    def _next(self, asked: NodeId, outcome: Outcome, deadline: float) -> NodeId:
        """Return whom to ask after a failure, or raise it."""
        if isinstance(outcome, NotLeader):
            failure = Failed(ErrorCode.NOT_LEADER, "the catalog has no leader that could be found in time")
        else:
            assert isinstance(outcome, Failed), f"expected a decision or a failure, found {type(outcome).__name__}"
            failure = outcome
        if failure.code not in NOT_APPLIED or self._clock.monotonic() >= deadline:
            raise StoreError(failure.code, failure.message)
        candidates = self._candidates()
        if isinstance(outcome, NotLeader) and outcome.leader in candidates and outcome.leader != asked:
            return NodeId(outcome.leader)
        place = candidates.index(asked) if asked in candidates else -1
        return candidates[(place + 1) % len(candidates)]
