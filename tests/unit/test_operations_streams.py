"""DynamoDB Streams: names, iterators, ends, and records cut to their view type."""

from typing import Any

import pytest

from router.operations.iterators import ShardIterators, ShardPosition
from tests.support.clock import ManualClock
from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, item_bytes, table_spec
from wire.commands import ChangeRecord, Changes, ReadChanges
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey, encode_key_value
from wire.tables import (
    KeyAttribute,
    KeySchema,
    StreamSpec,
    StreamViewType,
    TableNumber,
    TableSpec,
    TableStatus,
)
from wire.versions import Version

LABEL = "2026-01-02T03:04:05.006"
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/{LABEL}"
SHARD = "shardId-00000001700000000000-00000001"
OLD = item_bytes(pk={"S": "a"}, sk={"N": "1"}, v={"S": "old"})
NOW_MS = 1_700_000_000_000
DAY_SECONDS = 24 * 3600
NEW = item_bytes(pk={"S": "a"}, sk={"N": "1"}, v={"S": "newer"})


def _streaming(view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES, disabled_ms: int = 0) -> TableSpec:
    stream = StreamSpec(view_type, LABEL, 3, 1_700_000_000_000, disabled_ms)
    return table_spec(schema=RANGE_SCHEMA, stream=stream)


def _api(spec: TableSpec | None = None) -> Api:
    return Api(FakeStore(spec or _streaming(), partitions=2))


def _record(sequence: int = 5, flags: int = 0, time_ms: int = 1_700_000_001_900) -> ChangeRecord:
    key = ItemKey(b"a", encode_key_value("N", "1"))
    return ChangeRecord(sequence, 7, 3, 2, key, Version(9, 1), OLD, NEW, 1, flags, time_ms)


_REC2 = _record(2)


def _text(sequence: int) -> str:
    return f"1{sequence:020d}"


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


# A stream has a shard for every partition; where an open one begins is said, and no end.
async def test_a_stream_is_described() -> None:
    api = _api()
    api.store.script(ReadChanges, Changes((), 9, 4, 9, 4, 8), Changes((), 9, 1, 9, 1, 0))
    description = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]
    assert (description["StreamStatus"], description["StreamLabel"]) == ("ENABLED", LABEL)
    assert [shard["ShardId"] for shard in description["Shards"]] == [SHARD, SHARD[:-1] + "2"]
    ranges = [shard["SequenceNumberRange"] for shard in description["Shards"]]
    assert ranges == [{"StartingSequenceNumber": _text(4)}, {"StartingSequenceNumber": _text(1)}]


# Readers stop at the end of a closed shard, so a stream that was switched off must show it.
async def test_a_disabled_stream_has_closed_shards() -> None:
    api = _api(_streaming(disabled_ms=NOW_MS - 5_000))
    api.store.script(ReadChanges, Changes((), 9, 1, 99, 3, 42, True), Changes((), 9, 1, 99, 7, 6, True))
    description = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]
    ranges = [tuple(shard["SequenceNumberRange"].values()) for shard in description["Shards"]]
    assert description["StreamStatus"] == "DISABLED"
    assert ranges == [(_text(3), _text(42)), (_text(7), _text(7))]


# A node that has not heard of the end yet may still write to the stream: the shard has no end before.
async def test_a_shard_has_no_end_while_records_may_come() -> None:
    api = _api(_streaming(disabled_ms=NOW_MS - 5_000))
    api.store.script(ReadChanges, *[Changes((), 9, 1, 9, 1, 8)] * 2)
    for shard in (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]["Shards"]:
        assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]


# A partition without a leader must not keep readers from the shards of the others.
async def test_a_partition_that_cannot_be_asked_is_described() -> None:
    api = _api()
    silent = StoreError(ErrorCode.DEADLINE_EXCEEDED, "no leader")
    api.store.script(ReadChanges, Changes((), 9, 4, 9, 4, 8), silent)
    shards = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]["Shards"]
    assert [shard["SequenceNumberRange"]["StartingSequenceNumber"] for shard in shards] == [_text(4), _text(1)]


# Status follows the clock: a stream that was just switched off is on its way, and so is what a slow table settles.
@pytest.mark.parametrize(
    ("disabled_ms", "settings", "status"),
    [
        (0, {}, "ENABLED"),
        (0, {"status": TableStatus.CREATING, "settles_ms": NOW_MS + 1_000}, "ENABLING"),
        (0, {"status": TableStatus.UPDATING, "settles_ms": NOW_MS + 90_000}, "ENABLED"),
        (NOW_MS - 999, {}, "DISABLING"),
        (NOW_MS - 1_000, {}, "DISABLED"),
        (NOW_MS - 1_000, {"status": TableStatus.UPDATING, "settles_ms": NOW_MS + 1_000}, "DISABLING"),
    ],
)
async def test_the_status_of_a_stream(disabled_ms: int, settings: dict[str, Any], status: str) -> None:
    stream = StreamSpec(StreamViewType.KEYS_ONLY, LABEL, 3, NOW_MS, disabled_ms)
    api = _api(table_spec(stream=stream, **settings))
    assert (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]["StreamStatus"] == status


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


# Half a filter is a mistake that must not look like an answer.
@pytest.mark.parametrize(("given", "missing"), [({"Type": "CHILD_SHARDS"}, "shardId"), ({"ShardId": SHARD}, "type")])
async def test_a_filter_is_whole(given: dict[str, str], missing: str) -> None:
    refusal = await _api().refused("DescribeStream", StreamArn=ARN, ShardFilter=given)
    assert f"Value null at 'shardFilter.{missing}'" in refusal.message


# Past streams stay listed for as long as they can be read.
async def test_streams_are_listed_with_past_ones() -> None:
    past = StreamSpec(StreamViewType.KEYS_ONLY, "2026-01-01T00:00:00.000", 2, 1, NOW_MS - 5_000)
    spec = table_spec(stream=_streaming().stream, past_streams=(past,))
    api = Api(FakeStore(spec, table_spec("plain")))
    streams = (await api("ListStreams"))["Streams"]
    assert [stream["StreamLabel"] for stream in streams] == [past.label, LABEL]
    assert (await api("ListStreams", TableName="plain"))["Streams"] == []
    page = await api("ListStreams", Limit=1)
    assert page["LastEvaluatedStreamArn"] == streams[0]["StreamArn"]
    rest = await api("ListStreams", ExclusiveStartStreamArn=page["LastEvaluatedStreamArn"])
    assert rest["Streams"] == streams[1:]


# A day after its end a stream is gone, whatever the catalog still says of it; so is that of a dropped table.
async def test_streams_are_gone_a_day_after_their_end() -> None:
    past = StreamSpec(StreamViewType.KEYS_ONLY, LABEL, 2, 1, NOW_MS)
    api = Api(FakeStore(table_spec("things", stream=past)))
    api.store.view.dropped[8] = table_spec("gone", number=TableNumber(8), stream=past)
    both = [ARN.replace("things", "gone"), ARN]
    for seconds, arns in ((DAY_SECONDS - 1, both), (1, [])):
        api.clock.advance(seconds)
        assert [stream["StreamArn"] for stream in (await api("ListStreams"))["Streams"]] == arns
    assert (await api.refused("DescribeStream", StreamArn=ARN)).code is ErrorCode.RESOURCE_NOT_FOUND


# The stream of a dropped table is read by that table's number, also when another has its name now.
async def test_the_stream_of_a_dropped_table_is_read() -> None:
    past = StreamSpec(StreamViewType.KEYS_ONLY, LABEL, 3, 1_700_000_000_000, NOW_MS)
    api = Api(FakeStore(table_spec(), partitions=2))
    api.store.view.dropped[6] = table_spec(number=TableNumber(6), schema=RANGE_SCHEMA, stream=past)
    answer = await _read(api, _record())
    assert answer["Records"][0]["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert _asked(api).table == 6
    assert (await api("ListStreams", TableName="things"))["Streams"][0]["StreamArn"] == ARN


# Where each type of iterator begins to read.
@pytest.mark.parametrize(
    ("kind", "more", "after"),
    [
        ("TRIM_HORIZON", {}, 0),
        ("LATEST", {}, 42),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" + "0" * 18 + "17"}, 16),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "0" * 19 + "17"}, 0),
        ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": "1" + "0" * 18 + "17"}, 17),
    ],
)
async def test_iterators_begin_where_they_say(kind: str, more: dict[str, str], after: int) -> None:
    api = _api()
    api.store.script(ReadChanges, *[Changes((), 42, 1, 42)] * (kind != "TRIM_HORIZON"))
    iterator = await _iterator(api, kind, **more)
    await api("GetRecords", ShardIterator=iterator, Limit=10)
    assert (_asked(api).after, _asked(api).generation, _asked(api).limit) == (after, 3, 10)


# A place that is missing, is none, was never reached, or does not go with the type is refused.
@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("AT_SEQUENCE_NUMBER", {}, "SequenceNumber must be specified"),
        ("AFTER_SEQUENCE_NUMBER", {"Timestamp": 1}, "SequenceNumber must be specified"),
        ("AT_TIMESTAMP", {}, "Timestamp must be specified"),
        ("LATEST", {"SequenceNumber": "1" + "0" * 20}, "SequenceNumber must not be specified"),
        ("TRIM_HORIZON", {"Timestamp": 1}, "Timestamp must not be specified"),
        ("AT_TIMESTAMP", {"Timestamp": 1, "SequenceNumber": "1" + "0" * 20}, "SequenceNumber must not be specified"),
        ("AT_TIMESTAMP", {"Timestamp": 1_700_000_000.001}, "Timestamp must not be in the future"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}, "Invalid SequenceNumber"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" + "0" * 18 + "44"}, "Invalid SequenceNumber"),
    ],
)
async def test_places_are_checked(kind: str, more: dict[str, Any], text: str) -> None:
    api = _api()
    api.store.script(ReadChanges, Changes((), 42, 1, 42))
    refusal = await api.refused("GetShardIterator", StreamArn=ARN, ShardId=SHARD, ShardIteratorType=kind, **more)
    assert refusal.code is ErrorCode.VALIDATION
    assert text in refusal.message


# A time is turned into a place once; pages that end before there is a record of that time are gone through.
async def test_an_iterator_can_begin_at_a_time() -> None:
    api = _api()
    api.store.script(ReadChanges, Changes((), 4, 2, 9), Changes((_record(6),), 6, 2, 9))
    iterator = await _iterator(api, "AT_TIMESTAMP", Timestamp=1_699_999_999.25)
    assert [command[2:] for command in api.store.commands] == [
        (0, 1, 1 << 20, 1_699_999_999_250, False),
        (4, 1, 1 << 20, 1_699_999_999_250, False),
    ]
    await api("GetRecords", ShardIterator=iterator)
    assert (_asked(api).after, _asked(api).since_ms) == (5, 0)


# Before the oldest record there is nothing to miss; after the newest there is what comes.
@pytest.mark.parametrize(
    ("page", "after"), [(Changes((), 9, 2, 9), 9), (Changes((_REC2,), 2, 2, 9), 1), (Changes((), 9, 10, 9), 9)]
)
async def test_times_at_the_ends(page: Changes, after: int) -> None:
    api = _api()
    api.store.script(ReadChanges, page)
    iterator = await _iterator(api, "AT_TIMESTAMP", Timestamp=0)
    api.store.script(ReadChanges, Changes((), 99, 2 if after < 9 else 10, 99))
    await api("GetRecords", ShardIterator=iterator)
    assert _asked(api).after == after


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
            "SequenceNumber": _text(5),
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
    api = _api(_streaming(disabled_ms=NOW_MS))
    iterator = await _iterator(api)
    everything = Changes((), 9, 1, 9, is_closed=True)
    api.store.script(ReadChanges, everything, Changes((_record(),), 5, 1, 9, is_closed=True))
    api.store.script(ReadChanges, everything._replace(is_closed=False), everything)
    for seconds in (0, 1, 0):
        # The end is too near; there is more to read; the leader does not know of the end.
        api.clock.advance(seconds)
        iterator = (await api("GetRecords", ShardIterator=iterator))["NextShardIterator"]
    assert "NextShardIterator" not in await api("GetRecords", ShardIterator=iterator)


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
        SequenceNumber=_text(7),
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
    assert refusal.message == "The provided iterator exceeds the maximum age allowed."


# Iterators are ours: what was not signed with the cluster's key is nothing, whatever it says.
@pytest.mark.parametrize("iterator", ["x", "!!!!", "AAAA" * 20, f"{ARN}|1|AAAA", f"{ARN}|1|", "\ud800|1|AAAA"])
async def test_foreign_iterators_are_refused(iterator: str) -> None:
    assert (await _api().refused("GetRecords", ShardIterator=iterator)).message == "Invalid ShardIterator"


# Another cluster's iterator is foreign too; another router's of the same cluster is not.
def test_iterators_belong_to_a_cluster() -> None:
    clock = ManualClock()
    position = ShardPosition(ARN, SHARD, 12)
    iterator = ShardIterators("one", clock).issued(position)
    assert iterator.startswith(f"{ARN}|1|")
    assert ShardIterators("one", clock).position(iterator) == position
    with pytest.raises(StoreError):
        ShardIterators("two", clock).position(iterator)
    with pytest.raises(StoreError):
        ShardIterators("one", clock).position(iterator.replace("things", "others"))


# What is not there is named.
async def test_missing_streams_and_shards_are_named() -> None:
    api = _api()
    other = ARN.replace("2026", "2025")
    refusal = await api.refused("DescribeStream", StreamArn=other)
    assert refusal.message == f"Requested resource not found: Stream: {other} not found"
    shard = SHARD[:-1] + "9"
    refusal = await api.refused("GetShardIterator", StreamArn=ARN, ShardId=shard, ShardIteratorType="LATEST")
    assert refusal.message == "Requested resource not found: Shard does not exist"


# AWS's bounds on pages, which its model does not name.
@pytest.mark.parametrize(
    ("operation", "more", "most"),
    [
        ("GetRecords", {"ShardIterator": "x"}, 1000),
        ("ListStreams", {}, 100),
        ("DescribeStream", {"StreamArn": ARN}, 100),
    ],
)
async def test_pages_are_bounded(operation: str, more: dict[str, str], most: int) -> None:
    text = f"1 validation error detected: Value '{most + 1}' at 'limit' failed to satisfy constraint: Member must have "
    refusal = await _api().refused(operation, Limit=most + 1, **more)
    assert refusal.message == f"{text}value less than or equal to {most}"


# What pages of streams begin after is checked, although it need not be there.
async def test_a_page_of_streams_begins_after_a_stream() -> None:
    refusal = await _api().refused("ListStreams", ExclusiveStartStreamArn="x" * 40)
    assert refusal.code is ErrorCode.VALIDATION


# A table that never was has no streams to list.
async def test_streams_of_no_table_are_not_listed() -> None:
    assert (await _api().refused("ListStreams", TableName="nothing")).code is ErrorCode.RESOURCE_NOT_FOUND


# The sizes that AWS's own example of three records shows.
@pytest.mark.parametrize(
    ("old", "new", "size"),
    [
        (None, {"Message": {"S": "New item!"}}, 26),
        ({"Message": {"S": "New item!"}}, {"Message": {"S": "This item has changed"}}, 59),
        ({"Message": {"S": "This item has changed"}}, None, 38),
    ],
)
async def test_sizes_are_those_of_aws(old: dict[str, Any] | None, new: dict[str, Any] | None, size: int) -> None:
    schema = KeySchema(KeyAttribute("Id", "N"))
    api = _api(table_spec(schema=schema, stream=_streaming().stream))
    images = [item_bytes(Id={"N": "101"}, **image) if image else b"" for image in (old, new)]
    key = ItemKey(encode_key_value("N", "101"))
    record = _record()._replace(key=key, old_image=images[0], new_image=images[1])
    (answered,) = (await _read(api, record))["Records"]
    assert answered["dynamodb"]["SizeBytes"] == size
