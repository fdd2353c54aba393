"""Streams and their shards as clients name them: one shard per stream and partition.

Knows how names are made and read back; refuses to know what a shard holds.
"""

from typing import Any, Final, NamedTuple

from router.operations.arns import stream_arn, stream_name
from router.operations.store import Store
from wire.catalog import CatalogView, PartitionId
from wire.commands import Changes, ReadChanges
from wire.errors import ErrorCode, StoreError, validation_error
from wire.keys import RING_TOKENS
from wire.tables import StreamSpec, TableSpec

_SEQUENCE_DIGITS: Final = 21
_SEQUENCE_MAX: Final = (1 << 63) - 1


class TableStream(NamedTuple):
    """A stream, perhaps a past one, with its table."""

    table: TableSpec
    stream: StreamSpec

    def arn(self, region: str) -> str:
        """Return the stream's ARN."""
        return stream_arn(region, self.table.name, self.stream.label)


def streams_of(table: TableSpec) -> list[TableStream]:
    """Return a table's present stream and its past ones, which can be read for a day more."""
    streams = table.past_streams if table.stream is None else (*table.past_streams, table.stream)
    return [TableStream(table, stream) for stream in streams]


def found_stream(view: CatalogView, arn: str, region: str) -> TableStream:
    """Return the stream that an ARN names."""
    name = stream_name(arn, region)
    table = view.tables.get(name.table)
    for each in streams_of(table) if table is not None else ():
        if each.stream.label == name.label:
            return each
    raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"Requested resource not found: Stream: {arn} not found")


def shard_id(stream: StreamSpec, partition: PartitionId) -> str:
    """Return the name of a stream's shard in a partition."""
    return f"shardId-{stream.created_ms:020d}-{partition:08x}"


def shard_partition(store: Store, found: TableStream, shard: str) -> PartitionId:
    """Return the partition of a stream's shard."""
    for placement in store.partitions(0, RING_TOKENS):
        if shard_id(found.stream, placement.partition) == shard:
            return placement.partition
    raise StoreError(
        ErrorCode.RESOURCE_NOT_FOUND,
        f"Requested resource not found: Shard: {shard} in Stream: {found.arn(store.region)} not found",
    )


async def read_changes(
    store: Store,
    found: TableStream,
    partition: PartitionId,
    after: int,
    *,
    limit: int,
    bytes_max: int,
    deadline: float,
) -> Changes:
    """Return a page of a shard's changes with sequence numbers above `after`."""
    wanted = ReadChanges(found.table.number, found.stream.generation, after, limit, bytes_max)
    changes = await store.execute_on(partition, wanted, deadline=deadline)
    assert type(changes) is Changes, f"expected Changes, found {changes!r}"
    return changes


async def read_ends(store: Store, found: TableStream, partition: PartitionId, deadline: float) -> Changes:
    """Return the first and the last sequence number of a shard's partition, and no changes."""
    return await read_changes(store, found, partition, _SEQUENCE_MAX, limit=1, bytes_max=1, deadline=deadline)


def trimmed() -> StoreError:
    """Return the error of a reader whose place is before the oldest record that is left."""
    return StoreError(
        ErrorCode.TRIMMED_DATA_ACCESS, "The operation attempted to read past the oldest stream record in a shard."
    )


def sequence_text(sequence: int) -> str:
    """Return a sequence number as clients see it."""
    return f"{sequence:0{_SEQUENCE_DIGITS}d}"


def parsed_sequence(body: dict[str, Any]) -> int:
    """Return the sequence number that a request for an iterator names."""
    text = body.get("SequenceNumber")
    if text is None:
        raise validation_error(
            "One or more parameter values were invalid: SequenceNumber must be specified for ShardIteratorType "
            f"{body['ShardIteratorType']}"
        )
    if not (text.isascii() and text.isdigit()) or int(text) > _SEQUENCE_MAX:
        raise validation_error(f"Invalid SequenceNumber: {text}")
    return int(text)
