"""DescribeTable."""

from typing import Any

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.store import Store
from router.operations.table_description import table_description
from router.operations.table_sizes import TableSizes
from router.operations.tables import described_table
from wire.clock import Clock


class DescribeTable:
    """Say what a table is like, from the catalog as this router knows it, and how much it holds."""

    def __init__(self, store: Store, clock: Clock, sizes: TableSizes) -> None:
        self._store = store
        self._clock = clock
        self._sizes = sizes

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        spec = described_table(self._store.view, body, self._store.home)
        sizes = await self._sizes.measured(spec.number)
        # The row as it is by now: it may have changed while partitions were asked.
        spec = self._store.view.tables.get(spec.name, spec)
        return encoded({"Table": table_description(spec, self._store.home, sizes, now_ms=self._clock.wall_ms())})
