"""GetRecords (DynamoDB Streams)."""

from typing import Any, Final

import msgspec

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.iterators import ShardIterators, ShardPosition
from router.operations.shards import TableStream, found_stream, shard_partition
from router.operations.store import Store
from router.operations.stream_records import stream_record
from wire.clock import Clock
from wire.commands import Changes, ReadChanges
from wire.errors import ErrorCode, StoreError, validation_error
from wire.keys import RING_TOKENS
from wire.limits import PAGE_BYTES_MAX, STREAM_RECORDS_MAX

# A node may hear a moment late that a stream was switched off; its last records must not fall behind the shard's end.
_CLOSES_AFTER_MS: Final = 1000


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
        found = found_stream(self._store.view, position.stream_arn, self._store.region)
        placements = self._store.partitions(0, RING_TOKENS)
        partition = shard_partition(placements, found, position.shard, position.stream_arn)
        wanted = ReadChanges(
            found.table.number, found.stream.generation, position.after, limit=limit, bytes_max=PAGE_BYTES_MAX
        )
        changes = await self._store.execute_on(partition, wanted, deadline=context.deadline)
        assert type(changes) is Changes, f"expected Changes, found {changes!r}"
        _require_untrimmed(position, changes)
        records = [
            stream_record(record, found, partition, self._store.region)
            for record in changes.records
            if record.time_ms >= position.since_ms
        ]
        answer: dict[str, Any] = {"Records": records}
        if not self._is_at_end(found, changes):
            onward = msgspec.structs.replace(position, after=changes.next_after, from_horizon=False)
            answer["NextShardIterator"] = self._iterators.issued(onward)
        return encoded(answer)

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


def _require_untrimmed(position: ShardPosition, changes: Changes) -> None:
    if not position.from_horizon and position.after < changes.oldest - 1:
        raise StoreError(
            ErrorCode.TRIMMED_DATA_ACCESS,
            "The operation attempted to read past the oldest stream record in a shard.",
        )
