"""DescribeStream and ListStreams: which streams and shards there are, where these begin and end, and for how long."""

from typing import Any

import pytest

from tests.support.operations_streams import (
    ARN,
    DAY_SECONDS,
    LABEL,
    NOW_MS,
    SHARD,
    asked_changes,
    change_record,
    read_records,
    sequence,
    streaming,
    streaming_api,
)
from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, table_spec
from wire.commands import Changes, ReadChanges
from wire.errors import ErrorCode, StoreError
from wire.tables import StreamSpec, StreamViewType, TableNumber, TableStatus


# A stream has a shard for every partition; where an open one begins is said, and no end.
async def test_a_stream_is_described() -> None:
    api = streaming_api()
    api.store.script(ReadChanges, Changes((), 9, 4, 9, 4, 8), Changes((), 9, 1, 9, 1, 0))
    description = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]
    assert (description["StreamStatus"], description["StreamLabel"]) == ("ENABLED", LABEL)
    assert [shard["ShardId"] for shard in description["Shards"]] == [SHARD, SHARD[:-1] + "2"]
    ranges = [shard["SequenceNumberRange"] for shard in description["Shards"]]
    assert ranges == [{"StartingSequenceNumber": sequence(4)}, {"StartingSequenceNumber": sequence(1)}]


# Readers stop at the end of a closed shard, so a stream that was switched off must show it.
async def test_a_disabled_stream_has_closed_shards() -> None:
    api = streaming_api(streaming(disabled_ms=NOW_MS - 5_000))
    api.store.script(ReadChanges, Changes((), 9, 1, 99, 3, 42, True), Changes((), 9, 1, 99, 7, 6, True))
    description = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]
    ranges = [tuple(shard["SequenceNumberRange"].values()) for shard in description["Shards"]]
    assert description["StreamStatus"] == "DISABLED"
    assert ranges == [(sequence(3), sequence(42)), (sequence(7), sequence(7))]


# A node that has not heard of the end yet may still write to the stream: the shard has no end before.
async def test_a_shard_has_no_end_while_records_may_come() -> None:
    api = streaming_api(streaming(disabled_ms=NOW_MS - 5_000))
    api.store.script(ReadChanges, *[Changes((), 9, 1, 9, 1, 8)] * 2)
    for shard in (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]["Shards"]:
        assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]


# A partition without a leader must not keep readers from the shards of the others.
async def test_a_partition_that_cannot_be_asked_is_described() -> None:
    api = streaming_api()
    silent = StoreError(ErrorCode.DEADLINE_EXCEEDED, "no leader")
    api.store.script(ReadChanges, Changes((), 9, 4, 9, 4, 8), silent)
    shards = (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]["Shards"]
    assert [shard["SequenceNumberRange"]["StartingSequenceNumber"] for shard in shards] == [sequence(4), sequence(1)]


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
    api = streaming_api(table_spec(stream=stream, **settings))
    assert (await api("DescribeStream", StreamArn=ARN))["StreamDescription"]["StreamStatus"] == status


# Shards come in pages like everything else.
async def test_shards_are_paged() -> None:
    api = streaming_api()
    first = (await api("DescribeStream", StreamArn=ARN, Limit=1))["StreamDescription"]
    assert first["LastEvaluatedShardId"] == SHARD
    second = (await api("DescribeStream", StreamArn=ARN, ExclusiveStartShardId=SHARD))["StreamDescription"]
    assert len(second["Shards"]) == 1
    assert "LastEvaluatedShardId" not in second


# Partitions are never split yet, so no shard has children; consumers ask for them when a shard ends.
async def test_shards_have_no_children() -> None:
    answer = await streaming_api()(
        "DescribeStream", StreamArn=ARN, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": SHARD}
    )
    assert answer["StreamDescription"]["Shards"] == []


# Half a filter is a mistake that must not look like an answer.
@pytest.mark.parametrize(("given", "missing"), [({"Type": "CHILD_SHARDS"}, "shardId"), ({"ShardId": SHARD}, "type")])
async def test_a_filter_is_whole(given: dict[str, str], missing: str) -> None:
    refusal = await streaming_api().refused("DescribeStream", StreamArn=ARN, ShardFilter=given)
    assert f"Value null at 'shardFilter.{missing}'" in refusal.message


# Past streams stay listed for as long as they can be read.
async def test_streams_are_listed_with_past_ones() -> None:
    past = StreamSpec(StreamViewType.KEYS_ONLY, "2026-01-01T00:00:00.000", 2, 1, NOW_MS - 5_000)
    spec = table_spec(stream=streaming().stream, past_streams=(past,))
    api = Api(FakeStore(spec, table_spec("plain")))
    streams = (await api("ListStreams"))["Streams"]
    assert [stream["StreamLabel"] for stream in streams] == [past.label, LABEL]
    assert (await api("ListStreams", TableName="plain"))["Streams"] == []
    page = await api("ListStreams", Limit=1)
    assert page["LastEvaluatedStreamArn"] == streams[0]["StreamArn"]
    rest = await api("ListStreams", ExclusiveStartStreamArn=page["LastEvaluatedStreamArn"])
    assert rest["Streams"] == streams[1:]


# A last page that is exactly full is the last one all the same: nobody is sent for one with nothing in it.
async def test_a_full_last_page_of_streams_is_the_last() -> None:
    past = StreamSpec(StreamViewType.KEYS_ONLY, "2026-01-01T00:00:00.000", 2, 1, NOW_MS - 5_000)
    api = Api(FakeStore(table_spec(stream=streaming().stream, past_streams=(past,))))
    whole = await api("ListStreams", Limit=2)
    assert (len(whole["Streams"]), "LastEvaluatedStreamArn" in whole) == (2, False)
    first = await api("ListStreams", Limit=1)
    rest = await api("ListStreams", Limit=1, ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"])
    assert (len(rest["Streams"]), "LastEvaluatedStreamArn" in rest) == (1, False)


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
    answer = await read_records(api, change_record())
    assert answer["Records"][0]["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert asked_changes(api).table == 6
    assert (await api("ListStreams", TableName="things"))["Streams"][0]["StreamArn"] == ARN


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
    refusal = await streaming_api().refused(operation, Limit=most + 1, **more)
    assert refusal.message == f"{text}value less than or equal to {most}"


# What pages of streams begin after is checked, although it need not be there.
async def test_a_page_of_streams_begins_after_a_stream() -> None:
    refusal = await streaming_api().refused("ListStreams", ExclusiveStartStreamArn="x" * 40)
    assert refusal.code is ErrorCode.VALIDATION


# A table that never was has no streams to list.
async def test_streams_of_no_table_are_not_listed() -> None:
    assert (await streaming_api().refused("ListStreams", TableName="nothing")).code is ErrorCode.RESOURCE_NOT_FOUND
