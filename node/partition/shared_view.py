"""One read view for everything that is read in one turn of the event loop.

Knows when a view has to be let go of: at the end of the turn, and whenever something was applied, because the overlay
then relies on the engine to have it. Refuses to know who reads.
"""

import asyncio

from node.storage.engine import Engine, Snapshot


class SharedView:
    """Open a view when the first reader comes."""

    __slots__ = ("_engine", "_loop", "_view")

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._loop = loop
        self._view: Snapshot | None = None

    def open(self) -> Snapshot:
        """Return the view of this turn. Never keep it across an await."""
        view = self._view
        if view is None:
            view = self._view = self._engine.snapshot()
            self._loop.call_soon(self.drop)
        return view

    def drop(self) -> None:
        """Let go of the view; the next reader gets a new one."""
        view, self._view = self._view, None
        if view is not None:
            view.close()
