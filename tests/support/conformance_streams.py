"""What conformance tests of streams say again and again: a stream's shards, all records of one, iterators and pages."""

from collections.abc import Iterator
from typing import Any

from tests.support.conformance_table import Table, eventually, wait_until_active

Record = dict[str, Any]


def stream_settings(view_type: str = "NEW_AND_OLD_IMAGES") -> dict[str, Any]:
    """Return what makes CreateTable and UpdateTable enable a stream."""
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view_type}}


def stream_arn(table: Table) -> str:
    """Return the ARN of a table's latest stream."""
    arn: str = table.describe()["LatestStreamArn"]
    return arn


def described(streams: Any, arn: str, **parameters: Any) -> dict[str, Any]:
    """Return one page of a stream's description."""
    description: dict[str, Any] = streams.describe_stream(StreamArn=arn, **parameters)["StreamDescription"]
    return description


def shards_of(streams: Any, arn: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return all shards of a stream, page by page."""
    shards: list[dict[str, Any]] = []
    start: dict[str, str] = {}
    while True:
        page = described(streams, arn, **parameters, **start)
        shards += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return shards
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def iterator_of(streams: Any, arn: str, shard: str, kind: str = "TRIM_HORIZON", **place: Any) -> str:
    """Return an iterator."""
    answer = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType=kind, **place)
    iterator: str = answer["ShardIterator"]
    return iterator


def pages_from(streams: Any, iterator: str, **parameters: Any) -> Iterator[list[Record]]:
    """Yield pages of records until one is empty or the shard ends."""
    while True:
        answer = streams.get_records(ShardIterator=iterator, **parameters)
        if not answer["Records"]:
            return
        yield answer["Records"]
        if "NextShardIterator" not in answer:
            return
        iterator = answer["NextShardIterator"]


def all_records(streams: Any, arn: str) -> list[tuple[str, Record]]:
    """Return what every shard holds now, each record with its shard."""
    return [
        (shard["ShardId"], record)
        for shard in shards_of(streams, arn)
        for page in pages_from(streams, iterator_of(streams, arn, shard["ShardId"]))
        for record in page
    ]


def records_until(streams: Any, arn: str, count: int) -> list[tuple[str, Record]]:
    """Return all records of a stream once there are so many."""
    records: list[tuple[str, Record]] = []

    def are_there() -> bool:
        records[:] = all_records(streams, arn)
        return len(records) >= count

    eventually(are_there, f"{count} records")
    return records


def switch_stream(table: Table, **specification: Any) -> None:
    """Disable or enable the stream of a table, and wait until the table is ACTIVE again."""
    table.client.update_table(TableName=table.name, StreamSpecification=specification)
    wait_until_active(table.client, table.name)


def wait_until_closed(streams: Any, arn: str) -> list[dict[str, Any]]:
    """Wait until every shard of a disabled stream has its end; return the shards."""

    def closed() -> list[dict[str, Any]]:
        shards = shards_of(streams, arn)
        is_closed = all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shards)
        return shards if is_closed else []

    shards: list[dict[str, Any]] = eventually(closed, "closed shards")
    return shards
