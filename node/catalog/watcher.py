"""Follow the catalog of another node, on a node that holds no replica of it.

Knows whom to ask next and how long to wait in between; refuses to know how one asks.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from node.catalog.feed import CatalogFeed
from wire.catalog import Delta
from wire.errors import StoreError
from wire.outages import Outage
from wire.telemetry import EventLog

RETRY_SECONDS_MIN: Final = 0.05
RETRY_SECONDS_MAX: Final = 2.0

_log = EventLog(__name__)


class CatalogClient(Protocol):
    """Ask a node for its catalog."""

    def watch(self, address: str, known_version: int) -> AsyncIterator[Delta]:
        """Yield deltas after `known_version`, or a full one; raise StoreError when the node is gone or silent."""
        ...


class CatalogWatcher:
    """Bring a feed forward from whichever node answers."""

    def __init__(
        self, client: CatalogClient, feed: CatalogFeed, addresses: Sequence[str], randomness: random.Random
    ) -> None:
        assert addresses, "a node without a replica of the catalog needs another node to watch"
        self._client = client
        self._feed = feed
        self._addresses = addresses
        self._randomness = randomness
        self._outage = Outage(
            _log, lost="catalog_watch_lost", lasting="catalog_watch_broken", over="catalog_watch_resumed"
        )

    async def run(self) -> None:
        """Follow until cancelled."""
        wait_seconds = RETRY_SECONDS_MIN
        for address in itertools.cycle(self._addresses):
            before = self._feed.view.version
            try:
                async for delta in self._client.watch(address, before):
                    self._outage.ended(asyncio.get_running_loop().time())
                    self._feed.publish(delta)
            except StoreError as error:
                self._outage.failed(asyncio.get_running_loop().time(), address=address, reason=str(error))
            has_progress = self._feed.view.version > before
            wait_seconds = RETRY_SECONDS_MIN if has_progress else min(2 * wait_seconds, RETRY_SECONDS_MAX)
            await asyncio.sleep(wait_seconds * self._randomness.uniform(0.5, 1.0))
