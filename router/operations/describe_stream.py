"""DescribeStream (DynamoDB Streams)."""

import asyncio
from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.shards import Shard, all_shards, read_ends, sequence_text
from router.operations.store import Store
from router.operations.streams import StreamDirectory, StreamStatus, TableStream, page_limit
from router.operations.table_description import key_schema_elements
from wire.clock import Clock
from wire.commands import Changes
from wire.errors import StoreError, validation_error

_SHARDS_MAX: Final = 100
_FIRST_SEQUENCE: Final = 1
# How long a partition may take to say where its shard begins and ends: without a leader it must not keep the others from readers.
_ENDS_SECONDS: Final = 2.0


class DescribeStream:
    """Say what a stream is like and which shards it has, a page of them at a time."""

    def __init__(self, store: Store, clock: Clock, streams: StreamDirectory) -> None:
        self._store = store
        self._clock = clock
        self._streams = streams

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        limit = page_limit(body, _SHARDS_MAX)
        parent = _parent_asked(body)
        arn = body["StreamArn"]
        found = self._streams.found(arn)
        status = self._streams.status(found)
        after = body.get("ExclusiveStartShardId", "")
        shards = [shard for shard in all_shards(self._store, found) if shard.id > after]
        if parent is not None:
            shards = [shard for shard in shards if shard.parent == parent]
        page = shards[:limit]
        deadline = min(context.deadline, self._clock.monotonic() + _ENDS_SECONDS)
        described = await asyncio.gather(*(self._shard(found, status, shard, deadline) for shard in page))
        description = {**_description(found, status, arn), "Shards": described}
        if len(page) < len(shards):
            description["LastEvaluatedShardId"] = page[-1].id
        return encoded({"StreamDescription": description})

    async def _shard(self, found: TableStream, status: StreamStatus, shard: Shard, deadline: float) -> dict[str, Any]:
        """Return a shard; one that has ended, and of which no record is still on its way, has an ending number."""
        try:
            ends = await read_ends(self._store, found, shard, deadline)
        except StoreError:
            # Its partition cannot be asked now. All numbers are possible, and nobody can say that it is closed.
            numbers = {"StartingSequenceNumber": sequence_text(_FIRST_SEQUENCE)}
        else:
            is_closed = ends.is_closed and status is StreamStatus.DISABLED
            numbers = _numbers(ends, is_closed=is_closed)
        described: dict[str, Any] = {"ShardId": shard.id, "SequenceNumberRange": numbers}
        return described if shard.parent is None else {**described, "ParentShardId": shard.parent}


def _numbers(ends: Changes, *, is_closed: bool) -> dict[str, str]:
    starting = max(ends.starting, _FIRST_SEQUENCE)
    numbers = {"StartingSequenceNumber": sequence_text(starting)}
    if is_closed:
        numbers["EndingSequenceNumber"] = sequence_text(max(ends.ending, starting))
    return numbers


def _parent_asked(body: dict[str, Any]) -> str | None:
    """Return the shard whose children are asked for, or None when all shards are."""
    shard_filter = body.get("ShardFilter")
    if not shard_filter:
        return None
    for name in ("ShardId", "Type"):
        if shard_filter.get(name) is None:
            member = f"shardFilter.{name[0].lower()}{name[1:]}"
            raise validation_error(
                f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            )
    parent: str = shard_filter["ShardId"]
    return parent


def _description(found: TableStream, status: StreamStatus, arn: str) -> dict[str, Any]:
    return {
        "StreamArn": arn,
        "StreamLabel": found.stream.label,
        "StreamStatus": status.value,
        "StreamViewType": found.stream.view_type.value,
        "CreationRequestDateTime": found.stream.created_ms / 1000,
        "TableName": found.table.name,
        "KeySchema": key_schema_elements(found.table.key_schema),
    }
