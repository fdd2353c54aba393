"""DescribeTable."""

from typing import Any

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.store import Store
from router.operations.table_description import table_description
from router.operations.tables import described_table


class DescribeTable:
    """Say what a table is like, from the catalog as this router knows it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        spec = described_table(self._store.view, body, self._store.region)
        return encoded({"Table": table_description(spec, self._store.region)})
