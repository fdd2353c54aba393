"""GetShardIterator (DynamoDB Streams)."""

from typing import Any

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.iterators import ShardIterators, ShardPosition
from router.operations.shards import (
    TableStream,
    found_stream,
    parsed_sequence,
    read_ends,
    shard_partition,
    trimmed,
)
from router.operations.store import Store
from wire.catalog import PartitionId
from wire.clock import Clock
from wire.errors import validation_error


class GetShardIterator:
    """Give out an iterator that stands somewhere in a shard."""

    def __init__(self, store: Store, clock: Clock, iterators: ShardIterators) -> None:
        self._store = store
        self._clock = clock
        self._iterators = iterators

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        found = found_stream(self._store.view, body["StreamArn"], self._store.region)
        partition = shard_partition(self._store, found, body["ShardId"])
        position = await self._position(found, partition, body, context.deadline)
        return encoded({"ShardIterator": self._iterators.issued(position)})

    async def _position(
        self, found: TableStream, partition: PartitionId, body: dict[str, Any], deadline: float
    ) -> ShardPosition:
        arn, shard = body["StreamArn"], body["ShardId"]
        match body["ShardIteratorType"]:
            case "TRIM_HORIZON":
                return ShardPosition(arn, shard, 0, from_horizon=True)
            case "AT_TIMESTAMP":
                return ShardPosition(arn, shard, 0, from_horizon=True, since_ms=self._since_ms(body))
            case "LATEST":
                return ShardPosition(arn, shard, (await read_ends(self._store, found, partition, deadline)).latest)
        sequence = parsed_sequence(body)
        after = sequence if body["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER" else sequence - 1
        if after < (await read_ends(self._store, found, partition, deadline)).oldest - 1:
            raise trimmed()
        return ShardPosition(arn, shard, after)

    def _since_ms(self, body: dict[str, Any]) -> int:
        seconds = body.get("Timestamp")
        if seconds is None:
            raise validation_error(
                "One or more parameter values were invalid: Timestamp must be specified for ShardIteratorType "
                "AT_TIMESTAMP"
            )
        since_ms = int(seconds * 1000)
        if since_ms > self._clock.wall_ms():
            raise validation_error("One or more parameter values were invalid: Timestamp must not be in the future")
        return since_ms
