"""DynamoDB Streams: a stream is disabled, enabled again, and outlives its table; its shards end and say where."""

from typing import Any

import pytest

from tests.support.conformance_streams import (
    all_records,
    described,
    iterator_of,
    pages_from,
    records_until,
    shards_of,
    stream_arn,
    stream_settings,
    switch_stream,
    wait_until_closed,
)
from tests.support.conformance_table import HASH, STRING_KEY, Table, drop, eventually, refused, wait_until_active

OFF = {"StreamEnabled": False}
ON = stream_settings()["StreamSpecification"]


@pytest.fixture
def recorded(make_table: Any) -> Table:
    """Return an empty table whose stream shows everything."""
    table: Table = make_table(**stream_settings())
    return table


def put_numbers(table: Table, numbers: range) -> None:
    for number in numbers:
        table.put({"pk": {"S": f"p{number}"}, "n": {"N": str(number)}})


def numbers_in(streams: Any, arn: str) -> list[int]:
    return sorted(int(record["dynamodb"]["NewImage"]["n"]["N"]) for _, record in all_records(streams, arn))


def ranges(shards: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {shard["ShardId"]: tuple(shard["SequenceNumberRange"].values()) for shard in shards}


# What a consumer learns of an open stream before it reads.
def test_an_open_stream(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    description = described(streams, arn)
    eventually(lambda: described(streams, arn)["StreamStatus"] == "ENABLED", "ENABLED")
    assert description["CreationRequestDateTime"] <= recorded.describe()["CreationDateTime"]
    assert description["StreamLabel"] == arn.rpartition("/")[2]
    assert all("ParentShardId" not in shard for shard in description["Shards"])
    assert all(set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"} for shard in description["Shards"])


# A closed shard ends with its last record, and stays as it is whatever is written afterwards.
def test_a_closed_shard_has_its_last_number(recorded: Table, make_table: Any, streams: Any) -> None:
    put_numbers(recorded, range(12))
    arn = stream_arn(recorded)
    records = records_until(streams, arn, 12)
    switch_stream(recorded, **OFF)
    closed = ranges(wait_until_closed(streams, arn))
    for shard, (starting, ending) in closed.items():
        own = [record["dynamodb"]["SequenceNumber"] for name, record in records if name == shard]
        assert ending == max(own, default=starting)
        assert starting <= min(own, default=starting)
    put_numbers(recorded, range(12, 20))
    put_numbers(make_table(**stream_settings("KEYS_ONLY")), range(20))
    assert ranges(shards_of(streams, arn)) == closed
    assert described(streams, arn)["StreamStatus"] == "DISABLED"


# Iterators that were open when the stream was disabled drain what is left, and then there is no next one.
def test_open_iterators_drain(recorded: Table, streams: Any) -> None:
    put_numbers(recorded, range(8))
    arn = stream_arn(recorded)
    records_until(streams, arn, 8)
    iterators = [iterator_of(streams, arn, shard["ShardId"]) for shard in shards_of(streams, arn)]
    answers = [streams.get_records(ShardIterator=iterator, Limit=1) for iterator in iterators]
    switch_stream(recorded, **OFF)
    wait_until_closed(streams, arn)
    seen = [record for answer in answers for record in answer["Records"]]
    for answer in answers:
        while "NextShardIterator" in answer:
            answer = streams.get_records(ShardIterator=answer["NextShardIterator"], Limit=1)  # noqa: PLW2901
            seen += answer["Records"]
    assert sorted(record["dynamodb"]["Keys"]["pk"]["S"] for record in seen) == [f"p{number}" for number in range(8)]


# Every type of iterator can be had for a closed shard, and comes to its end.
def test_iterators_of_a_closed_shard(recorded: Table, streams: Any) -> None:
    put_numbers(recorded, range(1))
    arn = stream_arn(recorded)
    ((shard, record),) = records_until(streams, arn, 1)
    switch_stream(recorded, **OFF)
    wait_until_closed(streams, arn)
    number = record["dynamodb"]["SequenceNumber"]
    places: list[tuple[str, dict[str, Any], int]] = [
        ("TRIM_HORIZON", {}, 1),
        ("LATEST", {}, 0),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": number}, 1),
        ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": number}, 0),
        ("AT_TIMESTAMP", {"Timestamp": record["dynamodb"]["ApproximateCreationDateTime"]}, 1),
    ]
    for kind, place, count in places:
        answer = streams.get_records(ShardIterator=iterator_of(streams, arn, shard, kind, **place))
        assert (len(answer["Records"]), "NextShardIterator" in answer) == (count, False), kind


# A stream that is enabled again is another one: what was written between is in neither, and each has its own.
def test_a_stream_enabled_again_is_another(recorded: Table, streams: Any) -> None:
    put_numbers(recorded, range(5))
    old = stream_arn(recorded)
    records_until(streams, old, 5)
    switch_stream(recorded, **OFF)
    assert "StreamSpecification" not in recorded.describe()
    assert stream_arn(recorded) == old
    put_numbers(recorded, range(5, 9))
    switch_stream(recorded, **ON)
    new = stream_arn(recorded)
    assert new > old
    put_numbers(recorded, range(9, 15))
    records_until(streams, new, 6)
    assert numbers_in(streams, new) == list(range(9, 15))
    assert numbers_in(streams, old) == list(range(5))
    listed = [stream["StreamArn"] for stream in streams.list_streams(TableName=recorded.name)["Streams"]]
    assert listed == [old, new]
    wait_until_closed(streams, old)
    assert all(len(numbers) == 1 for numbers in ranges(shards_of(streams, new)).values())


# The shards of the new stream begin after those of the old one have ended, and a time before is its very beginning.
def test_a_new_stream_begins_after_the_old_one(recorded: Table, streams: Any) -> None:
    put_numbers(recorded, range(12))
    old = stream_arn(recorded)
    first = records_until(streams, old, 12)[0][1]["dynamodb"]["ApproximateCreationDateTime"]
    switch_stream(recorded, **OFF)
    switch_stream(recorded, **ON)
    new = stream_arn(recorded)
    put_numbers(recorded, range(12, 24))
    records_until(streams, new, 12)
    ended = sorted(ranges(wait_until_closed(streams, old)).items())
    begun = sorted(ranges(shards_of(streams, new)).items())
    assert [name[-8:] for name, _ in ended] == [name[-8:] for name, _ in begun]
    assert all(numbers[0] > end[1] or end[0] == end[1] for (_, end), (_, numbers) in zip(ended, begun, strict=True))
    seen = [
        int(record["dynamodb"]["NewImage"]["n"]["N"])
        for name, _ in begun
        for page in pages_from(streams, iterator_of(streams, new, name, "AT_TIMESTAMP", Timestamp=first))
        for record in page
    ]
    assert sorted(seen) == list(range(12, 24))


# A table with an index leaves change records without a stream, too; the stream that was has none of them.
def test_an_ended_stream_gets_nothing_for_indexes(make_table: Any, streams: Any) -> None:
    index = {"IndexName": "again", "KeySchema": [HASH], "Projection": {"ProjectionType": "ALL"}}
    table = make_table(GlobalSecondaryIndexes=[index], **stream_settings())
    put_numbers(table, range(3))
    arn = stream_arn(table)
    records_until(streams, arn, 3)
    switch_stream(table, **OFF)
    put_numbers(table, range(3, 6))
    wait_until_closed(streams, arn)
    assert numbers_in(streams, arn) == [0, 1, 2]


# A dropped table's stream can be read on, is disabled, and keeps its name apart from that of a table of the same name.
def test_a_stream_outlives_its_table(recorded: Table, streams: Any, dynamodb: Any) -> None:
    put_numbers(recorded, range(7))
    arn = stream_arn(recorded)
    before = records_until(streams, arn, 7)
    open_iterator = iterator_of(streams, arn, before[0][0])
    drop(dynamodb, recorded.name)
    eventually(lambda: described(streams, arn)["StreamStatus"] == "DISABLED", "DISABLED")
    closed = wait_until_closed(streams, arn)
    assert described(streams, arn)["KeySchema"] == [HASH]
    assert all_records(streams, arn) == before
    assert streams.get_records(ShardIterator=open_iterator)["Records"]
    dynamodb.create_table(
        TableName=recorded.name,
        AttributeDefinitions=[STRING_KEY],
        KeySchema=[HASH],
        BillingMode="PAY_PER_REQUEST",
        **stream_settings(),
    )
    wait_until_active(dynamodb, recorded.name)
    new = stream_arn(recorded)
    listed = [stream["StreamArn"] for stream in streams.list_streams(TableName=recorded.name)["Streams"]]
    assert listed == sorted([arn, new])
    assert all_records(streams, new) == []
    assert all_records(streams, arn) == before
    assert shards_of(streams, arn) == closed


# A table that never had a stream leaves none.
def test_a_table_without_a_stream_leaves_none(things: Table, streams: Any, dynamodb: Any) -> None:
    drop(dynamodb, things.name)
    eventually(
        lambda: refused(dynamodb.describe_table, TableName=things.name)[0] == "ResourceNotFoundException", "it is gone"
    )
    assert refused(streams.list_streams, TableName=things.name)[0] == "ResourceNotFoundException"


# A page ends at a megabyte, but always has a record.
def test_pages_end_at_a_megabyte(recorded: Table, streams: Any) -> None:
    for number in range(4):
        recorded.put({"pk": {"S": "a"}, "n": {"N": str(number)}, "big": {"S": "x" * 350_000}})
    arn = stream_arn(recorded)
    shard = records_until(streams, arn, 4)[0][0]
    pages = list(pages_from(streams, iterator_of(streams, arn, shard)))
    sizes = [[record["dynamodb"]["SizeBytes"] for record in page] for page in pages]
    assert sum(map(len, sizes)) == 4
    assert len(sizes) > 1
    assert all(len(page) == 1 or sum(page) <= 1 << 20 for page in sizes)
