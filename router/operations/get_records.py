"""GetRecords (DynamoDB Streams)."""

from typing import Any, Final

import msgspec

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.iterators import ShardIterators, ShardPosition
from router.operations.shards import TableStream, found_stream, read_changes, shard_partition, trimmed
from router.operations.store import Store
from router.operations.stream_records import stream_record
from wire.catalog import PartitionId
from wire.clock import Clock
from wire.commands import Changes
from wire.errors import validation_error
from wire.limits import PAGE_BYTES_MAX, STREAM_RECORDS_MAX

# A node may hear a moment late that a stream was switched off; its last records must not fall behind the shard's end.
_CLOSES_AFTER_MS: Final = 1000
_UNCHANGED: Final = 4  # of ChangeRecord.flags: other regions need the version, a reader of the stream sees no change


class GetRecords:
    """Read records from a shard, and give out the iterator that goes on."""

    def __init__(self, store: Store, clock: Clock, iterators: ShardIterators) -> None:
        self._store = store
        self._clock = clock
        self._iterators = iterators

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        limit = _limit(body)
        position = self._iterators.position(body["ShardIterator"])
        region = self._store.region
        found = found_stream(self._store.view, position.stream_arn, region)
        partition = shard_partition(self._store, found, position.shard)
        changes = await self._read(found, partition, position, limit, context.deadline)
        records = [
            stream_record(record, found, partition, region)
            for record in changes.records
            if record.time_ms >= position.since_ms and not record.flags & _UNCHANGED
        ]
        answer: dict[str, Any] = {"Records": records}
        if not self._is_at_end(found, changes):
            onward = msgspec.structs.replace(position, after=changes.next_after, from_horizon=False)
            answer["NextShardIterator"] = self._iterators.issued(onward)
        return encoded(answer)

    async def _read(
        self, found: TableStream, partition: PartitionId, position: ShardPosition, limit: int, deadline: float
    ) -> Changes:
        changes = await read_changes(
            self._store, found, partition, position.after, limit=limit, bytes_max=PAGE_BYTES_MAX, deadline=deadline
        )
        if not position.from_horizon and position.after < changes.oldest - 1:
            raise trimmed()
        return changes

    def _is_at_end(self, found: TableStream, changes: Changes) -> bool:
        """Return whether no record will ever follow: the stream is switched off, and all of it was read."""
        disabled_ms = found.stream.disabled_ms
        if not disabled_ms or self._clock.wall_ms() - disabled_ms < _CLOSES_AFTER_MS:
            return False
        return changes.next_after >= changes.latest


def _limit(body: dict[str, Any]) -> int:
    limit: int = body.get("Limit", STREAM_RECORDS_MAX)
    if limit > STREAM_RECORDS_MAX:
        raise validation_error(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have "
            f"value less than or equal to {STREAM_RECORDS_MAX}"
        )
    return limit
