"""ListStreams (DynamoDB Streams)."""

from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.shards import TableStream, streams_of
from router.operations.store import Store
from router.operations.tables import table_not_found
from wire.catalog import CatalogView
from wire.tables import TableSpec

_STREAMS_MAX: Final = 100


class ListStreams:
    """Name the streams of the region, or of one table, a page at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        region = self._store.region
        streams = {each.arn(region): each for table in _tables(self._store.view, body) for each in streams_of(table)}
        after = body.get("ExclusiveStartStreamArn", "")
        arns = sorted(arn for arn in streams if arn > after)
        page = arns[: min(body.get("Limit", _STREAMS_MAX), _STREAMS_MAX)]
        answer: dict[str, Any] = {"Streams": [_summary(arn, streams[arn]) for arn in page]}
        if len(page) < len(arns):
            answer["LastEvaluatedStreamArn"] = page[-1]
        return encoded(answer)


def _tables(view: CatalogView, body: dict[str, Any]) -> list[TableSpec]:
    name = body.get("TableName")
    if name is None:
        return list(view.tables.values())
    table = view.tables.get(name)
    if table is None:
        raise table_not_found(name)
    return [table]


def _summary(arn: str, each: TableStream) -> dict[str, str]:
    return {"StreamArn": arn, "TableName": each.table.name, "StreamLabel": each.stream.label}
