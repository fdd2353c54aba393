"""GetShardIterator (DynamoDB Streams)."""

from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.iterators import ShardIterators, ShardPosition
from router.operations.shards import (
    Shard,
    changes_after,
    found_shard,
    parsed_sequence,
    read_changes,
    read_ends,
    trimmed,
)
from router.operations.store import Store
from router.operations.streams import StreamDirectory, TableStream
from wire.clock import Clock
from wire.errors import validation_error

_INVALID: Final = "One or more parameter values were invalid: "
# What each type of iterator needs beside itself, and so cannot be given with another.
_PLACES: Final = {
    "AT_SEQUENCE_NUMBER": "SequenceNumber",
    "AFTER_SEQUENCE_NUMBER": "SequenceNumber",
    "AT_TIMESTAMP": "Timestamp",
}


class GetShardIterator:
    """Give out an iterator that stands somewhere in a shard."""

    def __init__(self, store: Store, clock: Clock, streams: StreamDirectory, iterators: ShardIterators) -> None:
        self._store = store
        self._clock = clock
        self._streams = streams
        self._iterators = iterators

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        _require_place(body)
        found = self._streams.found(body["StreamArn"])
        shard = found_shard(self._store, found, body["ShardId"])
        position = await self._position(found, shard, body, context.deadline)
        return encoded({"ShardIterator": self._iterators.issued(position)})

    async def _position(self, found: TableStream, shard: Shard, body: dict[str, Any], deadline: float) -> ShardPosition:
        arn = body["StreamArn"]
        match body["ShardIteratorType"]:
            case "TRIM_HORIZON":
                return ShardPosition(arn, shard.id, 0, from_horizon=True)
            case "LATEST":
                return ShardPosition(arn, shard.id, (await read_ends(self._store, found, shard, deadline)).latest)
            case "AT_TIMESTAMP":
                after, from_horizon = await self._at_time(found, shard, self._since_ms(body), deadline)
                return ShardPosition(arn, shard.id, after, from_horizon)
        sequence = parsed_sequence(body["SequenceNumber"])
        after = sequence if body["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER" else max(0, sequence - 1)
        ends = await read_ends(self._store, found, shard, deadline)
        if sequence > ends.latest + 1:
            raise validation_error(f"Invalid SequenceNumber: {body['SequenceNumber']}")
        if after < ends.oldest - 1:
            raise trimmed()
        return ShardPosition(arn, shard.id, after)

    def _since_ms(self, body: dict[str, Any]) -> int:
        since_ms: float = body["Timestamp"] * 1000
        if since_ms > self._clock.wall_ms():
            raise validation_error(f"{_INVALID}Timestamp must not be in the future")
        return round(max(0, since_ms))

    async def _at_time(self, found: TableStream, shard: Shard, since_ms: int, deadline: float) -> tuple[int, bool]:
        """Return the place before the first record of that time or later, and whether that is as old as records get.

        A page may end before there is one; it says how to go on.
        """
        after = 0
        while True:
            wanted = changes_after(found, after, 1, since_ms)
            page = await read_changes(self._store, shard, wanted, deadline)
            after = page.records[0].sequence - 1 if page.records else page.next_after
            if page.records or after >= page.latest:
                return after, after < page.oldest


def _require_place(body: dict[str, Any]) -> None:
    """Refuse a request without the place that its type of iterator needs, or with one that it does not."""
    kind = body["ShardIteratorType"]
    needed = _PLACES.get(kind)
    if needed is not None and body.get(needed) is None:
        raise validation_error(f"{_INVALID}{needed} must be specified for ShardIteratorType {kind}")
    for other in ("SequenceNumber", "Timestamp"):
        if other != needed and body.get(other) is not None:
            raise validation_error(f"{_INVALID}{other} must not be specified for ShardIteratorType {kind}")
