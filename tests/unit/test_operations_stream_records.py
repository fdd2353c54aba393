"""GetShardIterator and GetRecords: places, iterators, ends, and records cut to their view type."""

from typing import Any

import pytest

from router.operations.iterators import ShardIterators, ShardPosition
from tests.support.clock import ManualClock
from tests.support.operations_streams import (
    ARN,
    NOW_MS,
    SHARD,
    asked_changes,
    change_record,
    iterator_of,
    read_records,
    sequence,
    streaming,
    streaming_api,
)
from tests.support.store_fake import item_bytes, table_spec
from wire.commands import Changes, ReadChanges
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey, encode_key_value
from wire.tables import KeyAttribute, KeySchema, StreamViewType


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
    api = streaming_api()
    api.store.script(ReadChanges, *[Changes((), 42, 1, 42)] * (kind != "TRIM_HORIZON"))
    iterator = await iterator_of(api, kind, **more)
    await api("GetRecords", ShardIterator=iterator, Limit=10)
    assert (asked_changes(api).after, asked_changes(api).generation, asked_changes(api).limit) == (after, 3, 10)


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
        ("AT_TIMESTAMP", {"Timestamp": 1e308}, "Timestamp must not be in the future"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}, "Invalid SequenceNumber"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" + "0" * 18 + "44"}, "Invalid SequenceNumber"),
    ],
)
async def test_places_are_checked(kind: str, more: dict[str, Any], text: str) -> None:
    api = streaming_api()
    api.store.script(ReadChanges, Changes((), 42, 1, 42))
    refusal = await api.refused("GetShardIterator", StreamArn=ARN, ShardId=SHARD, ShardIteratorType=kind, **more)
    assert refusal.code is ErrorCode.VALIDATION
    assert text in refusal.message


# A time is turned into a place once; pages that end before there is a record of that time are gone through.
async def test_an_iterator_can_begin_at_a_time() -> None:
    api = streaming_api()
    api.store.script(ReadChanges, Changes((), 4, 2, 9), Changes((change_record(6),), 6, 2, 9))
    iterator = await iterator_of(api, "AT_TIMESTAMP", Timestamp=1_699_999_999.25)
    assert [command[2:] for command in api.store.commands] == [
        (0, 1, 1 << 20, 1_699_999_999_250, False),
        (4, 1, 1 << 20, 1_699_999_999_250, False),
    ]
    await api("GetRecords", ShardIterator=iterator)
    assert (asked_changes(api).after, asked_changes(api).since_ms) == (5, 0)


# Any number is a time; those before 1970 are as good as 1970.
async def test_times_of_long_ago() -> None:
    api = streaming_api()
    api.store.script(ReadChanges, Changes((), 9, 2, 9))
    await iterator_of(api, "AT_TIMESTAMP", Timestamp=-1e308)
    assert asked_changes(api).since_ms == 0


# Before the oldest record there is nothing to miss; after the newest there is what comes.
@pytest.mark.parametrize(
    ("page", "after"),
    [(Changes((), 9, 2, 9), 9), (Changes((change_record(2),), 2, 2, 9), 1), (Changes((), 9, 10, 9), 9)],
)
async def test_times_at_the_ends(page: Changes, after: int) -> None:
    api = streaming_api()
    api.store.script(ReadChanges, page)
    iterator = await iterator_of(api, "AT_TIMESTAMP", Timestamp=0)
    api.store.script(ReadChanges, Changes((), 99, 2 if after < 9 else 10, 99))
    await api("GetRecords", ShardIterator=iterator)
    assert asked_changes(api).after == after


# A record in full, as AWS shows it.
async def test_how_a_record_looks() -> None:
    (record,) = (await read_records(streaming_api(), change_record()))["Records"]
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
            "SequenceNumber": sequence(5),
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
    (record,) = (await read_records(streaming_api(streaming(view_type)), change_record()))["Records"]
    assert {"NewImage", "OldImage"} & set(record["dynamodb"]) == images


# Consumers tell expiry from deletes by the service's identity; a write of another region looks like one of this region.
@pytest.mark.parametrize(("flags", "has_identity"), [(0, False), (1, False), (2, True)])
async def test_expiry_has_an_identity(flags: int, has_identity: bool) -> None:
    (record,) = (await read_records(streaming_api(), change_record(flags=flags)))["Records"]
    identity = {"userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}}
    assert {name: record[name] for name in record if name == "userIdentity"} == (identity if has_identity else {})


# What only gave an item a newer version, for other regions, is no change to a reader of the stream.
async def test_unchanged_items_are_not_shown() -> None:
    answer = await read_records(streaming_api(), change_record(4, flags=4), change_record(5))
    assert [record["dynamodb"]["SequenceNumber"] for record in answer["Records"]] == [sequence(5)]


# Reading goes on after what was read.
async def test_the_next_iterator_goes_on() -> None:
    api = streaming_api()
    answer = await read_records(api, change_record())
    await api("GetRecords", ShardIterator=answer["NextShardIterator"])
    assert asked_changes(api).after == 9


# A shard of a stream that was switched off ends, but not before everything in it was read.
async def test_a_closed_shard_ends() -> None:
    api = streaming_api(streaming(disabled_ms=NOW_MS))
    iterator = await iterator_of(api)
    everything = Changes((), 9, 1, 9, is_closed=True)
    api.store.script(ReadChanges, everything, Changes((change_record(),), 5, 1, 9, is_closed=True))
    api.store.script(ReadChanges, everything._replace(is_closed=False), everything)
    for seconds in (0, 1, 0):
        # The end is too near; there is more to read; the leader does not know of the end.
        api.clock.advance(seconds)
        iterator = (await api("GetRecords", ShardIterator=iterator))["NextShardIterator"]
    assert "NextShardIterator" not in await api("GetRecords", ShardIterator=iterator)


# A reader that was away too long must learn that it missed records.
async def test_trimmed_records_are_missed_loudly() -> None:
    api = streaming_api()
    answer = await read_records(api, change_record())
    api.store.script(ReadChanges, Changes((), 99, 50, 99))
    refusal = await api.refused("GetRecords", ShardIterator=answer["NextShardIterator"])
    assert refusal.code is ErrorCode.TRIMMED_DATA_ACCESS
    api.store.script(ReadChanges, Changes((), 99, 50, 99))
    refusal = await api.refused(
        "GetShardIterator",
        StreamArn=ARN,
        ShardId=SHARD,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=sequence(7),
    )
    assert refusal.code is ErrorCode.TRIMMED_DATA_ACCESS


# The last record before the first one kept was the reader's last: it missed nothing. One further, and it did.
@pytest.mark.parametrize(("oldest", "missed"), [(9, False), (10, False), (11, True)])
async def test_a_reader_at_the_edge_of_what_is_kept(oldest: int, missed: bool) -> None:
    api = streaming_api()
    iterator = (await read_records(api, change_record()))["NextShardIterator"]  # after 9
    api.store.script(ReadChanges, Changes((), 99, oldest, 99))
    if missed:
        assert (await api.refused("GetRecords", ShardIterator=iterator)).code is ErrorCode.TRIMMED_DATA_ACCESS
    else:
        assert (await api("GetRecords", ShardIterator=iterator))["Records"] == []


# And so for whoever asks for a record by its number: the first one kept is there, the one before it is not.
@pytest.mark.parametrize(("kind", "number", "missed"), [
    ("AT_SEQUENCE_NUMBER", 50, False), ("AT_SEQUENCE_NUMBER", 49, True),
    ("AFTER_SEQUENCE_NUMBER", 49, False), ("AFTER_SEQUENCE_NUMBER", 48, True),
])  # fmt: skip
async def test_a_number_at_the_edge_of_what_is_kept(kind: str, number: int, missed: bool) -> None:
    api = streaming_api()
    api.store.script(ReadChanges, Changes((), 99, 50, 99))
    asked = {"StreamArn": ARN, "ShardId": SHARD, "ShardIteratorType": kind, "SequenceNumber": sequence(number)}
    if missed:
        assert (await api.refused("GetShardIterator", **asked)).code is ErrorCode.TRIMMED_DATA_ACCESS
    else:
        assert (await api("GetShardIterator", **asked))["ShardIterator"]


# From the horizon there is nothing to miss: it moves.
async def test_the_horizon_may_move() -> None:
    api = streaming_api()
    iterator = await iterator_of(api)
    api.store.script(ReadChanges, Changes((change_record(60),), 60, 50, 99))
    assert (await api("GetRecords", ShardIterator=iterator))["Records"]


# Iterators live for fifteen minutes.
async def test_iterators_expire() -> None:
    api = streaming_api()
    iterator = await iterator_of(api)
    api.clock.advance(900)
    await api("GetRecords", ShardIterator=iterator)
    api.clock.advance(1)
    refusal = await api.refused("GetRecords", ShardIterator=iterator)
    assert refusal.code is ErrorCode.EXPIRED_ITERATOR
    assert refusal.message == "The provided iterator exceeds the maximum age allowed."


# Iterators are ours: what was not signed with the cluster's key is nothing, whatever it says.
@pytest.mark.parametrize("iterator", ["x", "!!!!", "AAAA" * 20, f"{ARN}|1|AAAA", f"{ARN}|1|", "\ud800|1|AAAA"])
async def test_foreign_iterators_are_refused(iterator: str) -> None:
    assert (await streaming_api().refused("GetRecords", ShardIterator=iterator)).message == "Invalid ShardIterator"


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
    api = streaming_api()
    other = ARN.replace("2026", "2025")
    refusal = await api.refused("DescribeStream", StreamArn=other)
    assert refusal.message == f"Requested resource not found: Stream: {other} not found"
    shard = SHARD[:-1] + "9"
    refusal = await api.refused("GetShardIterator", StreamArn=ARN, ShardId=shard, ShardIteratorType="LATEST")
    assert refusal.message == "Requested resource not found: Shard does not exist"


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
    api = streaming_api(table_spec(schema=schema, stream=streaming().stream))
    images = [item_bytes(Id={"N": "101"}, **image) if image else b"" for image in (old, new)]
    key = ItemKey(encode_key_value("N", "101"))
    record = change_record()._replace(key=key, old_image=images[0], new_image=images[1])
    (answered,) = (await read_records(api, record))["Records"]
    assert answered["dynamodb"]["SizeBytes"] == size
