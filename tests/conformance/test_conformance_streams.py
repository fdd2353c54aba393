"""DynamoDB Streams: what is recorded, in which order, and how it is read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.conformance_table import Item, Table, eventually, invalid, refused, wait_until_active

KEY: Item = {"pk": {"S": "a"}}


def _stream(view_type: str) -> dict[str, Any]:
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view_type}}


@pytest.fixture
def recorded(make_table: Any) -> Table:
    """Return an empty table whose stream shows everything."""
    table: Table = make_table(**_stream("NEW_AND_OLD_IMAGES"))
    return table


def _arn(table: Table) -> str:
    arn: str = table.describe()["LatestStreamArn"]
    return arn


def _shards(streams: Any, arn: str) -> list[str]:
    shards: list[str] = []
    start: dict[str, str] = {}
    while True:
        page = streams.describe_stream(StreamArn=arn, **start)["StreamDescription"]
        shards += [shard["ShardId"] for shard in page["Shards"]]
        if "LastEvaluatedShardId" not in page:
            return shards
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


class Reader:
    """Read all shards of a stream side by side."""

    def __init__(self, streams: Any, arn: str, kind: str = "TRIM_HORIZON") -> None:
        self._streams = streams
        self.iterators = {shard: self._iterator(arn, shard, kind) for shard in _shards(streams, arn)}
        self.records: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """Return all records read so far, after one more round."""
        for shard, iterator in list(self.iterators.items()):
            answer = self._streams.get_records(ShardIterator=iterator)
            self.records += [{**record, "shard": shard} for record in answer["Records"]]
            if "NextShardIterator" in answer:
                self.iterators[shard] = answer["NextShardIterator"]
            else:
                del self.iterators[shard]
        return self.records

    def until(self, count: int) -> list[dict[str, Any]]:
        """Return the records once there are so many."""
        eventually(lambda: len(self.read()) >= count, f"{count} records")
        return self.records

    def _iterator(self, arn: str, shard: str, kind: str) -> str:
        answer = self._streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType=kind)
        iterator: str = answer["ShardIterator"]
        return iterator


# Every kind of write leaves its kind of record, with the images of before and after.
def test_writes_leave_records(recorded: Table, streams: Any) -> None:
    recorded.put({**KEY, "v": {"N": "1"}})
    recorded.update(KEY, "SET v = :v", ExpressionAttributeValues={":v": {"N": "2"}})
    recorded.delete(KEY)
    records = Reader(streams, _arn(recorded)).until(3)
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    images = [(record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage")) for record in records]
    one, two = {**KEY, "v": {"N": "1"}}, {**KEY, "v": {"N": "2"}}
    assert images == [(None, one), (one, two), (two, None)]


# The members that every consumer counts on.
def test_how_a_record_looks(recorded: Table, streams: Any, endpoint: Any) -> None:
    recorded.put({**KEY, "v": {"S": "x"}})
    (record,) = Reader(streams, _arn(recorded)).until(1)
    assert (record["eventVersion"], record["eventSource"]) == ("1.1", "aws:dynamodb")
    assert record["awsRegion"] == endpoint.region
    assert record["eventID"]
    change = record["dynamodb"]
    assert change["Keys"] == KEY
    assert change["SequenceNumber"].isdigit()
    assert 21 <= len(change["SequenceNumber"]) <= 40
    assert change["SizeBytes"] == len("pka") + len("pkavx")
    assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert "ApproximateCreationDateTime" in change


# The view type is cut for the reader.
@pytest.mark.parametrize(
    ("view_type", "shown"),
    [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"})],
)
def test_view_types(make_table: Any, streams: Any, view_type: str, shown: set[str]) -> None:
    table = make_table(**_stream(view_type))
    table.put({**KEY, "v": {"N": "1"}})
    table.put({**KEY, "v": {"N": "2"}})
    record = Reader(streams, _arn(table)).until(2)[1]
    assert {"NewImage", "OldImage"} & set(record["dynamodb"]) == shown
    assert record["dynamodb"]["Keys"] == KEY


# Writes that change nothing leave no record, and neither do writes that fail.
def test_what_changes_nothing_leaves_nothing(recorded: Table, streams: Any) -> None:
    recorded.delete({"pk": {"S": "nobody"}})
    recorded.put({**KEY, "v": {"N": "1"}})
    recorded.put({**KEY, "v": {"N": "1"}})
    recorded.update(KEY, "SET v = :v", ExpressionAttributeValues={":v": {"N": "1"}})
    refused(recorded.put, item=KEY, ConditionExpression="attribute_not_exists(pk)")
    recorded.put({**KEY, "v": {"N": "2"}})
    records = Reader(streams, _arn(recorded)).until(2)
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY"]


# The changes of one item are in order, in one shard, with growing sequence numbers.
def test_changes_of_an_item_are_in_order(recorded: Table, streams: Any) -> None:
    for number in range(20):
        recorded.put({**KEY, "v": {"N": str(number)}})
    records = Reader(streams, _arn(recorded)).until(20)
    assert [int(record["dynamodb"]["NewImage"]["v"]["N"]) for record in records] == list(range(20))
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))
    assert len({record["shard"] for record in records}) == 1
    assert len({record["eventID"] for record in records}) == 20


# Changes of all items are there, each once, over all shards; writes of a batch as well.
def test_all_changes_are_there_once(recorded: Table, streams: Any) -> None:
    requests = [{"PutRequest": {"Item": {"pk": {"S": f"p{number}"}}}} for number in range(25)]
    recorded.client.batch_write_item(RequestItems={recorded.name: requests})
    records = Reader(streams, _arn(recorded)).until(25)
    assert sorted(record["dynamodb"]["Keys"]["pk"]["S"] for record in records) == sorted(
        f"p{number}" for number in range(25)
    )


# LATEST begins after what is there.
def test_latest_begins_after_what_is_there(recorded: Table, streams: Any) -> None:
    recorded.put({**KEY, "v": {"N": "1"}})
    Reader(streams, _arn(recorded)).until(1)
    reader = Reader(streams, _arn(recorded), "LATEST")
    recorded.put({**KEY, "v": {"N": "2"}})
    (record,) = reader.until(1)
    assert record["dynamodb"]["NewImage"]["v"] == {"N": "2"}


# AT and AFTER begin at a record and after it.
def test_sequence_numbers_are_places(recorded: Table, streams: Any) -> None:
    for number in range(3):
        recorded.put({**KEY, "v": {"N": str(number)}})
    arn = _arn(recorded)
    second = Reader(streams, arn).until(3)[1]

    def seen(kind: str) -> list[str]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn,
            ShardId=second["shard"],
            ShardIteratorType=kind,
            SequenceNumber=second["dynamodb"]["SequenceNumber"],
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        return [record["dynamodb"]["NewImage"]["v"]["N"] for record in records]

    assert seen("AT_SEQUENCE_NUMBER") == ["1", "2"]
    assert seen("AFTER_SEQUENCE_NUMBER") == ["2"]


# A time is a place as well; one to come is not.
def test_times_are_places(recorded: Table, streams: Any) -> None:
    recorded.put(KEY)
    arn = _arn(recorded)
    shard = Reader(streams, arn).until(1)[0]["shard"]
    at = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_TIMESTAMP"}
    iterator = streams.get_shard_iterator(**at, Timestamp=datetime(2020, 1, 1, tzinfo=UTC))["ShardIterator"]
    assert len(streams.get_records(ShardIterator=iterator)["Records"]) == 1
    assert invalid(streams.get_shard_iterator, **at, Timestamp=datetime(2100, 1, 1, tzinfo=UTC))


# Records come in pages, and the iterator goes on.
def test_records_come_in_pages(recorded: Table, streams: Any) -> None:
    for number in range(5):
        recorded.put({**KEY, "v": {"N": str(number)}})
    arn = _arn(recorded)
    shard = Reader(streams, arn).until(5)[0]["shard"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    seen = [len(page) for page in _pages(streams, iterator["ShardIterator"])]
    assert seen == [2, 2, 1]


def _pages(streams: Any, iterator: str) -> Iterator[list[Any]]:
    while True:
        answer = streams.get_records(ShardIterator=iterator, Limit=2)
        if not answer["Records"]:
            return
        yield answer["Records"]
        iterator = answer["NextShardIterator"]


# An open shard always gives an iterator to go on with, also when there is nothing to read.
def test_an_open_shard_goes_on(recorded: Table, streams: Any) -> None:
    reader = Reader(streams, _arn(recorded))
    count = len(reader.iterators)
    assert reader.read() == []
    assert len(reader.iterators) == count


# A stream is listed and described.
def test_a_stream_is_listed_and_described(recorded: Table, streams: Any) -> None:
    arn = _arn(recorded)
    (listed,) = streams.list_streams(TableName=recorded.name)["Streams"]
    assert listed == {"StreamArn": arn, "TableName": recorded.name, "StreamLabel": arn.rpartition("/")[2]}
    description = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert description["StreamStatus"] == "ENABLED"
    assert description["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert description["TableName"] == recorded.name
    assert description["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert all(28 <= len(shard["ShardId"]) <= 65 for shard in description["Shards"])
    assert "EndingSequenceNumber" not in description["Shards"][0]["SequenceNumberRange"]


# A table without a stream has none.
def test_a_table_without_a_stream_has_none(things: Table, streams: Any) -> None:
    assert streams.list_streams(TableName=things.name)["Streams"] == []


# A page of shards can be as short as one.
def test_shards_come_in_pages(recorded: Table, streams: Any) -> None:
    arn = _arn(recorded)
    whole = _shards(streams, arn)
    page = streams.describe_stream(StreamArn=arn, Limit=1)["StreamDescription"]
    assert [shard["ShardId"] for shard in page["Shards"]] == whole[:1]
    assert ("LastEvaluatedShardId" in page) == (len(whole) > 1)


# A stream that was switched off can be read to its end, and then says that it is one.
def test_a_disabled_stream_is_read_to_its_end(recorded: Table, streams: Any, dynamodb: Any) -> None:
    recorded.put(KEY)
    arn = _arn(recorded)
    Reader(streams, arn).until(1)
    dynamodb.update_table(TableName=recorded.name, StreamSpecification={"StreamEnabled": False})
    wait_until_active(dynamodb, recorded.name)
    eventually(
        lambda: streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED", "DISABLED"
    )
    recorded.put({**KEY, "v": {"S": "unseen"}})
    reader = Reader(streams, arn)
    eventually(lambda: reader.read() is not None and not reader.iterators, "every shard at its end")
    assert [record["dynamodb"]["Keys"] for record in reader.records] == [KEY]
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shards)


# A stream that is switched on again is another one, and begins empty.
def test_a_stream_switched_on_again_is_another(recorded: Table, streams: Any, dynamodb: Any) -> None:
    recorded.put(KEY)
    old = _arn(recorded)
    off = {"StreamEnabled": False}
    for specification in (off, _stream("KEYS_ONLY")["StreamSpecification"]):
        dynamodb.update_table(TableName=recorded.name, StreamSpecification=specification)
        wait_until_active(dynamodb, recorded.name)
    new = _arn(recorded)
    assert new != old
    recorded.put({**KEY, "v": {"S": "x"}})
    (record,) = Reader(streams, new).until(1)
    assert record["eventName"] == "MODIFY"
    arns = [stream["StreamArn"] for stream in streams.list_streams(TableName=recorded.name)["Streams"]]
    assert set(arns) == {old, new}


# What is not there is not found, and what is no iterator is refused.
def test_what_is_missing_is_not_found(recorded: Table, streams: Any) -> None:
    arn = _arn(recorded)
    gone = arn[:-3] + "999"
    assert refused(streams.describe_stream, StreamArn=gone)[0] == "ResourceNotFoundException"
    shard = {"StreamArn": arn, "ShardId": "shardId-" + "0" * 20 + "-ffffffff", "ShardIteratorType": "LATEST"}
    assert refused(streams.get_shard_iterator, **shard)[0] == "ResourceNotFoundException"
    assert refused(streams.get_records, ShardIterator="not one")[0] == "ValidationException"


# A page has at most a thousand records.
def test_pages_of_records_are_bounded(recorded: Table, streams: Any) -> None:
    (iterator, *_) = Reader(streams, _arn(recorded)).iterators.values()
    text = invalid(streams.get_records, ShardIterator=iterator, Limit=1001)
    assert "Member must have value less than or equal to 1000" in text
