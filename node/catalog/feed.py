"""The catalog as this node knows it, and how others follow it from here.

One feed per node, written either by the local replica of partition 0 or by watching another node. Whoever follows it asks for what
came after a version; a follower that is too far behind gets everything. There is no queue per follower, so a slow one costs nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from wire.catalog import CatalogView, Delta

# Deltas kept for followers that are a little behind; older ones give way to a full delta.
RECENT_DELTAS_MAX: Final = 256


class CatalogFeed:
    """Hold the newest view and the last deltas; wake those who wait for a version."""

    def __init__(self) -> None:
        self._view = CatalogView()
        self._rows: dict[str, bytes] = {}
        self._recent: deque[Delta] = deque(maxlen=RECENT_DELTAS_MAX)
        self._listeners: list[Callable[[], None]] = []
        self._changed = asyncio.Event()

    @property
    def view(self) -> CatalogView:
        """Return the present view; it is brought forward in place."""
        return self._view

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every change."""
        self._listeners.append(listener)

    def publish(self, delta: Delta) -> None:
        """Take the next delta, or a full one of any version that is not older; anything older is dropped."""
        if delta.version < self._view.version or (not delta.full and delta.version == self._view.version):
            return
        if delta.full:
            self._rows = {}
            self._recent.clear()
        else:
            assert delta.version == self._view.version + 1, (
                f"versions are dense: expected {self._view.version + 1}, found {delta.version}"
            )
            self._recent.append(delta)
        self._keep_rows(delta)
        self._view.apply(delta)
        self._wake()

    def since(self, version: int) -> list[Delta]:
        """Return the deltas that bring a follower from `version` to the present, or one full delta if they are gone."""
        missing = self._view.version - version
        if missing == 0:
            return []
        if 0 < missing <= len(self._recent):
            return list(self._recent)[-missing:]
        return [Delta(self._view.version, dict(self._rows), full=True)]

    async def wait_beyond(self, version: int) -> None:
        """Return when the present version is above `version`."""
        while self._view.version <= version:
            await self._changed.wait()

    def _keep_rows(self, delta: Delta) -> None:
        for key, value in delta.rows.items():
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        for listener in self._listeners:
            listener()
