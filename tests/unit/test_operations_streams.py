"""DynamoDB Streams: names, iterators, and records cut to their view type."""

from typing import Any

import pytest

from router.operations.iterators import ShardIterators, ShardPosition
from tests.support.clock import ManualClock
from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, item_bytes, table_spec
from wire.commands import ChangeRecord, Changes, ReadChanges
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey, encode_key_value
from wire.tables import StreamSpec, StreamViewType, TableSpec
from wire.versions import Version

LABEL = "2026-01-02T03:04:05.006"
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/{LABEL}"
SHARD = "shardId-00000001700000000000-00000001"
OLD = item_bytes(pk={"S": "a"}, sk={"N": "1"}, v={"S": "old"})
NEW = item_bytes(pk={"S": "a"}, sk={"N": "1"}, v={"S": "newer"})


def _streaming(view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES, disabled_ms: int = 0) -> TableSpec:
    stream = StreamSpec(view_type, LABEL, 3, 1_700_000_000_000, disabled_ms)
    return table_spec(schema=RANGE_SCHEMA, stream=stream)


def _api(spec: TableSpec | None = None) -> Api:
    return Api(FakeStore(spec or _streaming(), partitions=2))


def _record(sequence: int = 5, flags: int = 0, time_ms: int = 1_700_000_001_900) -> ChangeRecord:
    key = ItemKey(b"a", encode_key_value("N", "1"))
    return ChangeRecord(sequence, 7, 3, 2, key, Version(9, 1), OLD, NEW, 1, flags, time_ms)


async def _iterator(api: Api, kind: str = "TRIM_HORIZON", **more: Any) -> str:
    answer = await api("GetShardIterator", StreamArn=ARN, ShardId=SHARD, ShardIteratorType=kind, **more)
    iterator: str = answer["ShardIterator"]
    return iterator


async def _read(api: Api, *records: ChangeRecord, **more: Any) -> dict[str, Any]:
    iterator = await _iterator(api)
    api.store.script(ReadChanges, Changes(records, 9, 1, 9))
    return await api("GetRecords", ShardIterator=iterator, **more)


def _asked(api: Api) -> ReadChanges:
    command = api.store.commands[-1]
    assert isinstance(command, ReadChanges)
    return command


# A stream has a shard for every partition, and closed ones show an end.
async def test_a_stream_is_described() -> None:
    description = (await _api()("DescribeStream", StreamArn=ARN))["StreamDescription"]
    assert (description["StreamStatus"], description["StreamLabel"]) == ("ENABLED", LABEL)
    assert [shard["ShardId"] for shard in description["Shards"]] == [SHARD, SHARD[:-1] + "2"]
    assert description["Shards"][0]["SequenceNumberRange"] == {"StartingSequenceNumber": "0" * 20 + "1"}


# Readers stop at the end of a closed shard, so a stream that was switched off must show it.
async def test_a_disabled_stream_has_closed_shards() -> None:
    api = _api(_streaming(disabled_ms=5))
    api.store.script(ReadChanges, Changes((), 0, 1, 42), Changes((), 0, 1, 43))
    description = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]
    ends = [shard["SequenceNumberRange"]["EndingSequenceNumber"] for shard in description["Shards"]]
    assert description["StreamStatus"] == "DISABLED"
    assert ends == ["000000000000000000042", "000000000000000000043"]


# Shards come in pages like everything else.
async def test_shards_are_paged() -> None:
    api = _api()
    first = (await api("DescribeStream", StreamArn=ARN, Limit=1))["StreamDescription"]
    assert first["LastEvaluatedShardId"] == SHARD
    second = (await api("DescribeStream", StreamArn=ARN, ExclusiveStartShardId=SHARD))["StreamDescription"]
    assert len(second["Shards"]) == 1
    assert "LastEvaluatedShardId" not in second


# Partitions are never split yet, so no shard has children; consumers ask for them when a shard ends.
async def test_shards_have_no_children() -> None:
    answer = await _api()("DescribeStream", StreamArn=ARN, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": SHARD})
    assert answer["StreamDescription"]["Shards"] == []


# Past streams stay listed for as long as they can be read.
async def test_streams_are_listed_with_past_ones() -> None:
    past = StreamSpec(StreamViewType.KEYS_ONLY, "2026-01-01T00:00:00.000", 2, 1, 2)
    spec = table_spec(stream=_streaming().stream, past_streams=(past,))
    api = Api(FakeStore(spec, table_spec("plain")))
    streams = (await api("ListStreams"))["Streams"]
    assert [stream["StreamLabel"] for stream in streams] == [past.label, LABEL]
    assert (await api("ListStreams", TableName="plain"))["Streams"] == []
    page = await api("ListStreams", Limit=1)
    assert page["LastEvaluatedStreamArn"] == streams[0]["StreamArn"]
    rest = await api("ListStreams", ExclusiveStartStreamArn=page["LastEvaluatedStreamArn"])
    assert rest["Streams"] == streams[1:]


# Where each type of iterator begins to read.
@pytest.mark.parametrize(
    ("kind", "more", "after"),
    [
        ("TRIM_HORIZON", {}, 0),
        ("LATEST", {}, 42),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "0" * 19 + "17"}, 16),
        ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": "0" * 19 + "17"}, 17),
    ],
)
async def test_iterators_begin_where_they_say(kind: str, more: dict[str, str], after: int) -> None:
    api = _api()
    api.store.script(ReadChanges, *[Changes((), 42, 1, 42)] * (kind != "TRIM_HORIZON"))
    iterator = await _iterator(api, kind, **more)
    await api("GetRecords", ShardIterator=iterator, Limit=10)
    assert (_asked(api).after, _asked(api).generation, _asked(api).limit) == (after, 3, 10)


# A place that is missing, or is none, is refused.
@pytest.mark.parametrize(
    ("more", "text"), [({}, "SequenceNumber must be specified"), ({"SequenceNumber": "x" * 21}, "Invalid")]
)
async def test_sequence_numbers_are_checked(more: dict[str, str], text: str) -> None:
    refusal = await _api().refused(
        "GetShardIterator", StreamArn=ARN, ShardId=SHARD, ShardIteratorType="AT_SEQUENCE_NUMBER", **more
    )
    assert text in refusal.message


# The newest type: records older than the time are passed over; a time to come is a mistake.
async def test_an_iterator_can_begin_at_a_time() -> None:
    api = _api()
    iterator = await _iterator(api, "AT_TIMESTAMP", Timestamp=1_699_999_999)
    api.store.script(ReadChanges, Changes((_record(4, time_ms=1), _record(5)), 9, 1, 9))
    (record,) = (await api("GetRecords", ShardIterator=iterator))["Records"]
    assert record["dynamodb"]["SequenceNumber"].endswith("5")
    refusal = await api.refused(
        "GetShardIterator", StreamArn=ARN, ShardId=SHARD, ShardIteratorType="AT_TIMESTAMP", Timestamp=1_800_000_000
    )
    assert refusal.code is ErrorCode.VALIDATION


# A record in full, as AWS shows it.
async def test_how_a_record_looks() -> None:
    (record,) = (await _read(_api(), _record()))["Records"]
    assert len(record.pop("eventID")) == 32
    images = {"v": {"S": "newer"}}, {"v": {"S": "old"}}
    keys = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert record == {
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_001,
            "Keys": keys,
            "NewImage": {**keys, **images[0]},
            "OldImage": {**keys, **images[1]},
            "SequenceNumber": "000000000000000000005",
            "SizeBytes": 7 + 13 + 11,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


# The view type decides which images are shown.
@pytest.mark.parametrize(
    ("view_type", "images"),
    [
        (StreamViewType.KEYS_ONLY, set()),
        (StreamViewType.NEW_IMAGE, {"NewImage"}),
        (StreamViewType.OLD_IMAGE, {"OldImage"}),
    ],
)
async def test_images_follow_the_view_type(view_type: StreamViewType, images: set[str]) -> None:
    (record,) = (await _read(_api(_streaming(view_type)), _record()))["Records"]
    assert {"NewImage", "OldImage"} & set(record["dynamodb"]) == images


# Consumers tell expiry from deletes by the service's identity.
async def test_expiry_has_an_identity() -> None:
    (record,) = (await _read(_api(), _record(flags=2)))["Records"]
    assert record["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


# Reading goes on after what was read.
async def test_the_next_iterator_goes_on() -> None:
    api = _api()
    answer = await _read(api, _record())
    await api("GetRecords", ShardIterator=answer["NextShardIterator"])
    assert _asked(api).after == 9


# A shard of a stream that was switched off ends, but not before everything in it was read.
async def test_a_closed_shard_ends() -> None:
    api = _api(_streaming(disabled_ms=1_600_000_000_000))
    iterator = await _iterator(api)
    api.store.script(ReadChanges, Changes((_record(),), 5, 1, 9), Changes((), 9, 1, 9))
    answer = await api("GetRecords", ShardIterator=iterator)
    assert "NextShardIterator" not in await api("GetRecords", ShardIterator=answer["NextShardIterator"])


# A reader that was away too long must learn that it missed records.
async def test_trimmed_records_are_missed_loudly() -> None:
    api = _api()
    answer = await _read(api, _record())
    api.store.script(ReadChanges, Changes((), 99, 50, 99))
    refusal = await api.refused("GetRecords", ShardIterator=answer["NextShardIterator"])
    assert refusal.code is ErrorCode.TRIMMED_DATA_ACCESS
    api.store.script(ReadChanges, Changes((), 99, 50, 99))
    refusal = await api.refused(
        "GetShardIterator",
        StreamArn=ARN,
        ShardId=SHARD,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber="0" * 20 + "7",
    )
    assert refusal.code is ErrorCode.TRIMMED_DATA_ACCESS


# From the horizon there is nothing to miss: it moves.
async def test_the_horizon_may_move() -> None:
    api = _api()
    iterator = await _iterator(api)
    api.store.script(ReadChanges, Changes((_record(60),), 60, 50, 99))
    assert (await api("GetRecords", ShardIterator=iterator))["Records"]


# Iterators live for fifteen minutes.
async def test_iterators_expire() -> None:
    api = _api()
    iterator = await _iterator(api)
    api.clock.advance(900)
    await api("GetRecords", ShardIterator=iterator)
    api.clock.advance(1)
    refusal = await api.refused("GetRecords", ShardIterator=iterator)
    assert refusal.code is ErrorCode.EXPIRED_ITERATOR
    assert refusal.message.startswith(
        "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while right now it is "
    )


# Iterators are ours: what was not signed with the cluster's key is nothing, whatever it says.
@pytest.mark.parametrize("iterator", ["x", "!!!!", "AAAA" * 20])
async def test_foreign_iterators_are_refused(iterator: str) -> None:
    assert (await _api().refused("GetRecords", ShardIterator=iterator)).message == "Invalid ShardIterator"


# Another cluster's iterator is foreign too; another router's of the same cluster is not.
def test_iterators_belong_to_a_cluster() -> None:
    clock = ManualClock()
    position = ShardPosition(ARN, SHARD, 12)
    iterator = ShardIterators("one", clock).issued(position)
    assert ShardIterators("one", clock).position(iterator) == position
    with pytest.raises(StoreError):
        ShardIterators("two", clock).position(iterator)


# What is not there is named.
async def test_missing_streams_and_shards_are_named() -> None:
    api = _api()
    other = ARN.replace("2026", "2025")
    refusal = await api.refused("DescribeStream", StreamArn=other)
    assert refusal.message == f"Requested resource not found: Stream: {other} not found"
    shard = SHARD[:-1] + "9"
    refusal = await api.refused("GetShardIterator", StreamArn=ARN, ShardId=shard, ShardIteratorType="LATEST")
    assert refusal.message == f"Requested resource not found: Shard: {shard} in Stream: {ARN} not found"


# AWS's bound on a page of records.
async def test_a_page_has_at_most_a_thousand_records() -> None:
    api = _api()
    refusal = await api.refused("GetRecords", ShardIterator=await _iterator(api), Limit=1001)
    assert "Member must have value less than or equal to 1000" in refusal.message
