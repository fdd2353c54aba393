"""ListTables."""

from bisect import bisect_right
from typing import Any

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.store import Store
from wire.limits import LIST_TABLES_MAX


class ListTables:
    """Name the tables of the region in order, a page at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        names = sorted(self._store.view.tables)
        first = bisect_right(names, body.get("ExclusiveStartTableName", ""))
        page = names[first : first + body.get("Limit", LIST_TABLES_MAX)]
        answer: dict[str, Any] = {"TableNames": page}
        if page and page[-1] != names[-1]:
            answer["LastEvaluatedTableName"] = page[-1]
        return encoded(answer)
