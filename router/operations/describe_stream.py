"""DescribeStream (DynamoDB Streams)."""

import asyncio
from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.shards import TableStream, found_stream, read_ends, sequence_text, shard_id
from router.operations.store import Store
from router.operations.table_description import key_schema_elements
from wire.catalog import PartitionId
from wire.keys import RING_TOKENS

_SHARDS_MAX: Final = 100
_FIRST_SEQUENCE: Final = 1


class DescribeStream:
    """Say what a stream is like and which shards it has, a page of them at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        arn = body["StreamArn"]
        found = found_stream(self._store.view, arn, self._store.region)
        partitions = self._partitions(found, body)
        after = body.get("ExclusiveStartShardId", "")
        shards = sorted(shard for shard in partitions if shard > after)
        page = shards[: min(body.get("Limit", _SHARDS_MAX), _SHARDS_MAX)]
        described = await asyncio.gather(
            *(self._shard(found, shard, partitions[shard], context.deadline) for shard in page)
        )
        description = {**_description(found, arn), "Shards": described}
        if len(page) < len(shards):
            description["LastEvaluatedShardId"] = page[-1]
        return encoded({"StreamDescription": description})

    def _partitions(self, found: TableStream, body: dict[str, Any]) -> dict[str, PartitionId]:
        """Return the partitions of the shards that are asked for, by the names of the shards."""
        if body.get("ShardFilter"):
            return {}  # children of a shard: there are none, for no partition has ever been split
        placements = self._store.partitions(0, RING_TOKENS)
        return {shard_id(found.stream, placement.partition): placement.partition for placement in placements}

    async def _shard(self, found: TableStream, shard: str, partition: PartitionId, deadline: float) -> dict[str, Any]:
        """Return a shard; that of a stream which was switched off has an end."""
        numbers = {"StartingSequenceNumber": sequence_text(_FIRST_SEQUENCE)}
        if not found.stream.is_enabled:
            latest = (await read_ends(self._store, found, partition, deadline)).latest
            numbers["EndingSequenceNumber"] = sequence_text(max(latest, _FIRST_SEQUENCE))
        return {"ShardId": shard, "SequenceNumberRange": numbers}


def _description(found: TableStream, arn: str) -> dict[str, Any]:
    return {
        "StreamArn": arn,
        "StreamLabel": found.stream.label,
        "StreamStatus": "ENABLED" if found.stream.is_enabled else "DISABLED",
        "StreamViewType": found.stream.view_type.value,
        "CreationRequestDateTime": found.stream.created_ms / 1000,
        "TableName": found.table.name,
        "KeySchema": key_schema_elements(found.table.key_schema),
    }
