"""A table with a stream for tests of operations on streams, and how they ask."""

from typing import Any

from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, item_bytes, table_spec
from wire.commands import ChangeRecord, Changes, ReadChanges
from wire.keys import ItemKey, encode_key_value
from wire.tables import (
    StreamSpec,
    StreamViewType,
    TableSpec,
)
from wire.versions import Version

LABEL = "2026-01-02T03:04:05.006"
ARN = f"arn:aws:dynamodb:us-east-1:123456789012:table/things/stream/{LABEL}"
SHARD = "shardId-00000001700000000000-00000001"
OLD = item_bytes(pk={"S": "a"}, sk={"N": "1"}, v={"S": "old"})
NOW_MS = 1_700_000_000_000
DAY_SECONDS = 24 * 3600
NEW = item_bytes(pk={"S": "a"}, sk={"N": "1"}, v={"S": "newer"})


def streaming(view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES, disabled_ms: int = 0) -> TableSpec:
    stream = StreamSpec(view_type, LABEL, 3, 1_700_000_000_000, disabled_ms)
    return table_spec(schema=RANGE_SCHEMA, stream=stream)


def streaming_api(spec: TableSpec | None = None) -> Api:
    return Api(FakeStore(spec or streaming(), partitions=2))


def change_record(sequence: int = 5, flags: int = 0, time_ms: int = 1_700_000_001_900) -> ChangeRecord:
    key = ItemKey(b"a", encode_key_value("N", "1"))
    return ChangeRecord(sequence, 7, 3, 2, key, Version(9, 1), OLD, NEW, 1, flags, time_ms)


def sequence(number: int) -> str:
    return f"1{number:020d}"


async def iterator_of(api: Api, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    answer = await api("GetShardIterator", StreamArn=ARN, ShardId=SHARD, ShardIteratorType=kind, **more)
    iterator: str = answer["ShardIterator"]
    return iterator


async def read_records(api: Api, *records: ChangeRecord, **more: Any) -> dict[str, Any]:
    iterator = await iterator_of(api)
    api.store.script(ReadChanges, Changes(records, 9, 1, 9))
    return await api("GetRecords", ShardIterator=iterator, **more)


def asked_changes(api: Api) -> ReadChanges:
    command = api.store.commands[-1]
    assert isinstance(command, ReadChanges)
    return command
