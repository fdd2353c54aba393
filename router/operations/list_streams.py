"""ListStreams (DynamoDB Streams)."""

from typing import Any, Final

from router.operations.answers import encoded
from router.operations.arns import stream_name
from router.operations.context import RequestContext
from router.operations.store import Store
from router.operations.streams import StreamDirectory, TableStream, page_limit
from router.operations.tables import table_not_found

_STREAMS_MAX: Final = 100


class ListStreams:
    """Name the streams of the region, or of one table, a page at a time."""

    def __init__(self, store: Store, streams: StreamDirectory) -> None:
        self._store = store
        self._streams = streams

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        limit = page_limit(body, _STREAMS_MAX)
        home = self._store.home
        after = body.get("ExclusiveStartStreamArn", "")
        if after:
            stream_name(after, home)
        streams = {each.arn(home): each for each in self._asked(body.get("TableName"))}
        arns = sorted(arn for arn in streams if arn > after)
        page = arns[:limit]
        answer: dict[str, Any] = {"Streams": [_summary(arn, streams[arn]) for arn in page]}
        if len(page) < len(arns):
            answer["LastEvaluatedStreamArn"] = page[-1]
        return encoded(answer)

    def _asked(self, table: str | None) -> list[TableStream]:
        """Return all streams, or those of one table, which may be gone."""
        streams = list(self._streams.streams(table))
        if table is not None and not streams and table not in self._store.view.tables:
            raise table_not_found(table)
        return streams


def _summary(arn: str, each: TableStream) -> dict[str, str]:
    return {"StreamArn": arn, "TableName": each.table.name, "StreamLabel": each.stream.label}
