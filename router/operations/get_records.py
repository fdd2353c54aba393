"""GetRecords (DynamoDB Streams)."""

from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.iterators import ShardIterators, ShardPosition
from router.operations.shards import Shard, changes_after, found_shard, read_changes, trimmed
from router.operations.store import Store
from router.operations.stream_records import stream_record
from router.operations.streams import StreamDirectory, StreamStatus, TableStream, page_limit
from wire.commands import Changes
from wire.limits import STREAM_RECORDS_MAX

_UNCHANGED: Final = 4  # of ChangeRecord.flags: other regions need the version, a reader of the stream sees no change


class GetRecords:
    """Read records from a shard, and give out the iterator that goes on."""

    def __init__(self, store: Store, streams: StreamDirectory, iterators: ShardIterators) -> None:
        self._store = store
        self._streams = streams
        self._iterators = iterators

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        limit = page_limit(body, STREAM_RECORDS_MAX)
        position = self._iterators.position(body["ShardIterator"])
        found = self._streams.found(position.stream_arn)
        shard = found_shard(self._store, found, position.shard)
        changes = await self._read(found, shard, position, limit, context.deadline)
        records = [
            stream_record(record, found, shard.partition, self._store.region)
            for record in changes.records
            if not record.flags & _UNCHANGED
        ]
        answer: dict[str, Any] = {"Records": records}
        if not self._is_at_end(found, changes):
            onward = ShardPosition(position.stream_arn, shard.id, changes.next_after)
            answer["NextShardIterator"] = self._iterators.issued(onward)
        return encoded(answer)

    async def _read(
        self, found: TableStream, shard: Shard, position: ShardPosition, limit: int, deadline: float
    ) -> Changes:
        wanted = changes_after(found, position.after, limit)
        changes = await read_changes(self._store, shard, wanted, deadline)
        if not position.from_horizon and position.after < changes.oldest - 1:
            raise trimmed()
        return changes

    def _is_at_end(self, found: TableStream, changes: Changes) -> bool:
        """Return whether no record will ever follow: the stream has ended, and all of it was read."""
        is_disabled = self._streams.status(found) is StreamStatus.DISABLED
        return is_disabled and changes.is_closed and changes.next_after >= changes.latest
