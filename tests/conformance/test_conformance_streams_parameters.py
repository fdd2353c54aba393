"""DynamoDB Streams: every parameter's bounds, and every way to be refused, in AWS's words where they are known."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.conformance_streams import (
    described,
    iterator_of,
    pages_from,
    records_until,
    shards_of,
    stream_arn,
    stream_settings,
)
from tests.support.conformance_table import Table, invalid, refused

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/nobody/stream/2026-01-02T03:04:05.006"
SHARD = "shardId-00000001700000000000-00000001"
NUMBER = "112345678901200000001"


@pytest.fixture
def recorded(make_table: Any) -> Table:
    """Return an empty table whose stream shows everything."""
    table: Table = make_table(**stream_settings())
    return table


def _below(member: str, value: str, most: int) -> str:
    return (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have length "
        f"greater than or equal to {most}"
    )


# What the model says of requests is said in the words of all of DynamoDB.
@pytest.mark.parametrize(
    ("operation", "request_", "text"),
    [
        ("describe_stream", {"StreamArn": "short"}, _below("streamArn", "short", 37)),
        ("describe_stream", {"StreamArn": ARN, "ExclusiveStartShardId": "s"}, _below("exclusiveStartShardId", "s", 28)),
        ("describe_stream", {"StreamArn": ARN, "Limit": 0}, "Member must have value greater than or equal to 1"),
        ("list_streams", {"Limit": 0}, "Member must have value greater than or equal to 1"),
        ("list_streams", {"ExclusiveStartStreamArn": "short"}, _below("exclusiveStartStreamArn", "short", 37)),
        ("get_records", {"ShardIterator": ""}, _below("shardIterator", "", 1)),
        ("get_records", {"ShardIterator": "x" * 2049}, "Member must have length less than or equal to 2048"),
        ("get_records", {"ShardIterator": "x", "Limit": 0}, "Member must have value greater than or equal to 1"),
        (
            "get_shard_iterator",
            {"StreamArn": ARN, "ShardId": SHARD, "ShardIteratorType": "LATEST", "SequenceNumber": "1"},
            _below("sequenceNumber", "1", 21),
        ),
        (
            "get_shard_iterator",
            {"StreamArn": ARN, "ShardId": "s", "ShardIteratorType": "LATEST"},
            _below("shardId", "s", 28),
        ),
    ],
)
def test_what_the_model_bounds(streams: Any, operation: str, request_: dict[str, Any], text: str) -> None:
    assert text in invalid(getattr(streams, operation), **request_)


# The types of iterators and filters are closed sets.
def test_enumerations(streams: Any) -> None:
    text = invalid(streams.get_shard_iterator, StreamArn=ARN, ShardId=SHARD, ShardIteratorType="FIRST")
    assert (
        "Value 'FIRST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: ["
        in text
    )
    text = invalid(streams.describe_stream, StreamArn=ARN, ShardFilter={"Type": "PARENTS", "ShardId": SHARD})
    assert (
        "Value 'PARENTS' at 'shardFilter.type' failed to satisfy constraint: Member must satisfy enum value set: ["
        in text
    )


# Members that are required are said to be null.
@pytest.mark.parametrize("operation", ["describe_stream", "get_records", "get_shard_iterator"])
def test_required_members(streams: Any, operation: str) -> None:
    assert "failed to satisfy constraint: Member must not be null" in invalid(getattr(streams, operation))


# The upper bounds are documented, and enforced by the service although its model does not name them.
def test_pages_are_bounded(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    iterator = iterator_of(streams, arn, shards_of(streams, arn)[0]["ShardId"])
    text = "Member must have value less than or equal to "
    assert f"{text}1000" in invalid(streams.get_records, ShardIterator=iterator, Limit=1001)
    assert f"{text}100" in invalid(streams.describe_stream, StreamArn=arn, Limit=101)
    assert f"{text}100" in invalid(streams.list_streams, Limit=101)
    assert streams.get_records(ShardIterator=iterator, Limit=1000)["Records"] == []
    assert described(streams, arn, Limit=100)["Shards"]
    assert "Streams" in streams.list_streams(Limit=100)


# What is no ARN of a stream is invalid; what is one, of a stream that is not there, is not found.
def test_streams_that_are_not_there(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    place = {"ShardId": SHARD, "ShardIteratorType": "LATEST"}
    for missing in (arn[:-3] + "999", arn.replace(recorded.name, "nobody-has-it")):
        error = ("ResourceNotFoundException", f"Requested resource not found: Stream: {missing} not found")
        assert refused(streams.describe_stream, StreamArn=missing) == error
        assert refused(streams.get_shard_iterator, StreamArn=missing, **place) == error
    for wrong in ("x" * 40, arn.partition("/stream/")[0] + "/index/an-index-of-some-length"):
        assert invalid(streams.describe_stream, StreamArn=wrong) == "Invalid StreamArn"
        assert invalid(streams.get_shard_iterator, StreamArn=wrong, **place) == "Invalid StreamArn"
        assert invalid(streams.list_streams, ExclusiveStartStreamArn=wrong) == "Invalid StreamArn"


# A shard that is not one of the stream's does not exist; a page that begins after it, where it would be, does.
def test_shards_that_are_not_there(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    error = refused(streams.get_shard_iterator, StreamArn=arn, ShardId="x" * 30, ShardIteratorType="LATEST")
    assert error == ("ResourceNotFoundException", "Requested resource not found: Shard does not exist")
    assert described(streams, arn, ExclusiveStartShardId="z" * 30)["Shards"] == []
    assert described(streams, arn, ExclusiveStartShardId="a" * 30)["Shards"] == shards_of(streams, arn)


# An iterator is the service's own; anything else is invalid, also what was changed by a character.
def test_iterators_that_are_none(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    iterator = iterator_of(streams, arn, shards_of(streams, arn)[0]["ShardId"])
    assert iterator.startswith(f"{arn}|")
    other = "B" if iterator[-5] == "A" else "A"
    for wrong in ("x", f"{arn}|1|AAAA", iterator[:-5] + other + iterator[-4:], iterator.replace("table", "tabel")):
        assert invalid(streams.get_records, ShardIterator=wrong) == "Invalid ShardIterator"


# A type of iterator comes with its place, and with no other.
@pytest.mark.parametrize(
    ("kind", "place", "text"),
    [
        ("AT_SEQUENCE_NUMBER", {}, "SequenceNumber must be specified"),
        ("AFTER_SEQUENCE_NUMBER", {}, "SequenceNumber must be specified"),
        ("AT_TIMESTAMP", {}, "Timestamp must be specified"),
        ("TRIM_HORIZON", {"SequenceNumber": NUMBER}, "SequenceNumber must not be specified"),
        ("LATEST", {"SequenceNumber": NUMBER}, "SequenceNumber must not be specified"),
        ("AT_TIMESTAMP", {"Timestamp": 1, "SequenceNumber": NUMBER}, "SequenceNumber must not be specified"),
        ("LATEST", {"Timestamp": 1}, "Timestamp must not be specified"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "a" * 21}, "Invalid SequenceNumber"),
        ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": "9" * 40}, "Invalid SequenceNumber"),
    ],
)
def test_places_of_iterators(recorded: Table, streams: Any, kind: str, place: dict[str, Any], text: str) -> None:
    arn = stream_arn(recorded)
    shard = shards_of(streams, arn)[0]["ShardId"]
    request = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind, **place}
    assert text in invalid(streams.get_shard_iterator, **request)


# A stream can be read from any of its numbers, also from the first that a shard may have before it has any. Zeros are below all numbers and
# lead there, too: no capture from AWS could be found, and endpoints disagree.
def test_an_empty_shard_is_read_from_its_start(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    for shard in shards_of(streams, arn):
        starting = shard["SequenceNumberRange"]["StartingSequenceNumber"]
        assert (len(starting), starting.isdecimal(), starting[0]) == (21, True, "1")
        for kind, number in product(("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"), (starting, "0" * 21)):
            iterator = iterator_of(streams, arn, shard["ShardId"], kind, SequenceNumber=number)
            assert streams.get_records(ShardIterator=iterator)["Records"] == []


# A time leads to the first record of that time or later: none is missed and none is older.
def test_times_are_places(recorded: Table, streams: Any) -> None:
    key = {"pk": {"S": "a"}}
    recorded.put({**key, "n": {"N": "1"}})
    arn = stream_arn(recorded)
    ((shard, first),) = records_until(streams, arn, 1)
    created = first["dynamodb"]["ApproximateCreationDateTime"]
    recorded.put({**key, "n": {"N": "2"}})
    records_until(streams, arn, 2)

    def numbers(time: datetime) -> list[str]:
        iterator = iterator_of(streams, arn, shard, "AT_TIMESTAMP", Timestamp=time)
        pages = pages_from(streams, iterator, Limit=1)
        return [record["dynamodb"]["NewImage"]["n"]["N"] for page in pages for record in page]

    assert numbers(created) == ["1", "2"]
    assert numbers(datetime(2001, 1, 1, tzinfo=UTC)) == ["1", "2"]
    assert numbers(datetime.fromtimestamp(0, UTC)) == ["1", "2"]
    future = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_TIMESTAMP"}
    text = invalid(streams.get_shard_iterator, **future, Timestamp=datetime.now(UTC) + timedelta(days=1))
    assert "Timestamp must not be in the future" in text


# A filter asks for the children of one shard, which has none before its partition is split; half a filter is none.
def test_filters_of_shards(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    whole = {"Type": "CHILD_SHARDS", "ShardId": shards_of(streams, arn)[0]["ShardId"]}
    description = described(streams, arn, ShardFilter=whole)
    assert description["Shards"] == []
    assert "LastEvaluatedShardId" not in description
    assert described(streams, arn, ShardFilter=whole, Limit=1)["StreamArn"] == arn
    for name, value in whole.items():
        half = {name: value}
        assert "Member must not be null" in invalid(streams.describe_stream, StreamArn=arn, ShardFilter=half)


# Streams come in pages, in the order of their names, each once, while others come and go.
def test_streams_come_in_pages(make_table: Any, streams: Any) -> None:
    tables = [make_table(**stream_settings("KEYS_ONLY")) for _ in range(3)]
    arns = sorted(stream_arn(table) for table in tables)
    page = streams.list_streams(Limit=1)
    seen = [page["Streams"][0]["StreamArn"]]
    make_table(**stream_settings("KEYS_ONLY"))
    while "LastEvaluatedStreamArn" in page:
        assert page["LastEvaluatedStreamArn"] == seen[-1]
        page = streams.list_streams(Limit=50, ExclusiveStartStreamArn=seen[-1])
        seen += [stream["StreamArn"] for stream in page["Streams"]]
    assert seen == sorted(set(seen))
    assert [arn for arn in seen if arn in arns] == arns


# A number of another shard is like any number: there is nothing to be read at it, or it is not one that this shard can have. What AWS
# answers could not be established, so that this asks only for what no reading of its documentation allows: a record of the other shard.
def test_a_number_of_a_sibling_shard(recorded: Table, streams: Any) -> None:
    recorded.put({"pk": {"S": "a"}})
    arn = stream_arn(recorded)
    ((home, record),) = records_until(streams, arn, 1)
    place = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": record["dynamodb"]["SequenceNumber"]}
    for shard in shards_of(streams, arn):
        if shard["ShardId"] != home:
            assert records_at(streams, StreamArn=arn, ShardId=shard["ShardId"], **place) in ([], None)


def records_at(streams: Any, **place: Any) -> list[Any] | None:
    """Return what is read at a place; None = there is no such place in the shard."""
    try:
        iterator = streams.get_shard_iterator(**place)["ShardIterator"]
    except streams.exceptions.TrimmedDataAccessException:
        return None
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return None
    records: list[Any] = streams.get_records(ShardIterator=iterator)["Records"]
    return records


# Streams of one table are asked for by its name; one that never was is not found. Sources disagree about that: AWS's model lists
# ResourceNotFoundException and localstack answers it, which is followed; ExtendDB's tests expect an empty list. AWS's own answer could
# not be established.
def test_streams_of_one_table(recorded: Table, streams: Any) -> None:
    arn = stream_arn(recorded)
    listed = streams.list_streams(TableName=recorded.name)
    assert [stream["StreamArn"] for stream in listed["Streams"]] == [arn]
    assert "LastEvaluatedStreamArn" not in listed
    assert streams.list_streams(TableName=recorded.name, ExclusiveStartStreamArn=arn)["Streams"] == []
    assert refused(streams.list_streams, TableName="nobody-has-it")[0] == "ResourceNotFoundException"
