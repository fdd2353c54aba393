"""DeleteTable."""

from typing import Any

from router.operations.answers import encoded
from router.operations.arns import table_name
from router.operations.context import RequestContext
from router.operations.store import Store
from router.operations.table_answers import dropped
from router.operations.table_description import table_description
from router.operations.table_sizes import TableSizes
from wire import catalog_changes
from wire.clock import Clock


class DeleteTable:
    """Drop a table and all its items."""

    def __init__(self, store: Store, clock: Clock, sizes: TableSizes) -> None:
        self._store = store
        self._clock = clock
        self._sizes = sizes

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        name = table_name(body["TableName"], self._store.home)
        change = catalog_changes.DeleteTable(name=name, now_ms=self._clock.wall_ms())
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog dropped table {name!r} and does not show it"
        sizes = self._sizes.known(decided.table.number)
        description = table_description(decided.table, self._store.home, sizes, now_ms=change.now_ms)
        return encoded({"TableDescription": dropped(description)})
