"""The catalog as the router knows it, kept by watching any node of the region."""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Final

from router.nodes.channel import NodeChannel
from wire.catalog import CatalogView, Delta, NodeId
from wire.errors import ErrorCode, StoreError
from wire.outages import Outage
from wire.telemetry import EventLog

RETRY_SECONDS_MIN: Final = 0.02
RETRY_SECONDS_MAX: Final = 1.0
# How long a version that some node has may take to come from the node that is watched.
PATIENCE_SECONDS: Final = 1.0

_log = EventLog(__name__)


class CatalogCache:
    """Hold the view and bring it forward; whoever needs a newer one waits."""

    def __init__(self, randomness: random.Random, on_change: Callable[[CatalogView], None]) -> None:
        self._randomness = randomness
        self._on_change = on_change
        self._changed = asyncio.Event()
        self._suspected = asyncio.Event()
        self._outage = Outage(
            _log, lost="catalog_watch_lost", lasting="catalog_watch_broken", over="catalog_watch_resumed"
        )
        self.view = CatalogView()

    async def run(self, channels: dict[NodeId, NodeChannel]) -> None:
        """Watch one node after the other until cancelled."""
        wait_seconds = RETRY_SECONDS_MIN
        for turn in itertools.count():
            node = list(channels)[turn % len(channels)]
            before = self.view.version
            try:
                await self._follow(channels[node])
            except StoreError as error:
                self._outage.failed(asyncio.get_running_loop().time(), node=node, reason=error.message)
            has_progress = self.view.version > before
            wait_seconds = RETRY_SECONDS_MIN if has_progress else min(2 * wait_seconds, RETRY_SECONDS_MAX)
            await asyncio.sleep(wait_seconds * self._randomness.uniform(0.5, 1.0))

    async def wait_beyond(self, version: int, timeout_seconds: float | None = None) -> None:
        """Return when the view is newer than `version`. Raises StoreError when that takes too long.

        A version that is known to exist and does not come soon is looked for at the next node.
        """
        impatience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._suspect)
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.view.version <= version:
                    await self._changed.wait()
        except TimeoutError:
            text = f"the catalog is at version {self.view.version}, waited for {version + 1}"
            raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, text) from None
        finally:
            impatience.cancel()

    async def _follow(self, channel: NodeChannel) -> None:
        """Watch one node until it breaks, which raises StoreError, or until it is suspected to be behind."""
        self._suspected.clear()
        following = asyncio.ensure_future(self._take_all(channel))
        suspecting = asyncio.ensure_future(self._suspected.wait())
        try:
            await asyncio.wait([following, suspecting], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            for task in (following, suspecting):
                task.cancel()
            await asyncio.gather(following, suspecting, return_exceptions=True)

    async def _take_all(self, channel: NodeChannel) -> None:
        async for delta in channel.watch(self.view.version):
            self._outage.ended(asyncio.get_running_loop().time())
            self._take(delta)

    def _suspect(self) -> None:
        """Give up the node that is watched, unless there is no view at all: then it is too early to blame it."""
        if self.view.version > 0:
            self._suspected.set()

    def _take(self, delta: Delta) -> None:
        """Apply a delta. A node that is behind has nothing to tell. Raises StoreError after a gap: watching begins anew."""
        if delta.version < self.view.version or (delta.version == self.view.version and not delta.full):
            return
        if not delta.full and delta.version != self.view.version + 1:
            text = f"expected catalog version {self.view.version + 1}, found {delta.version}"
            raise StoreError(ErrorCode.INTERNAL, text)
        self.view.apply(delta)
        self._on_change(self.view)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
