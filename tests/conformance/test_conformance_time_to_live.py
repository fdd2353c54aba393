"""Time to live: switched on and off in AWS's words, and what becomes of items whose time has come.

AWS takes up to two days to delete what has expired; here it is a matter of seconds, and tests wait longer than that.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.conformance_table import Item, Table, eventually, invalid, refused, wait_until_active

DAY_SECONDS = 24 * 3600
YEAR_SECONDS = 365 * DAY_SECONDS
EVERYTHING = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def now() -> int:
    return int(time.time())


def at(name: str, second: int | str, kind: str = "N") -> Item:
    return {"pk": {"S": name}, "expires": {kind: str(second)}}


def set_ttl(table: Table, attribute: str = "expires", *, enabled: bool = True) -> dict[str, Any]:
    specification = {"Enabled": enabled, "AttributeName": attribute}
    answer: dict[str, Any] = table.client.update_time_to_live(
        TableName=table.name, TimeToLiveSpecification=specification
    )
    return answer["TimeToLiveSpecification"]  # type: ignore[no-any-return]


def described(table: Table) -> dict[str, str]:
    answer: dict[str, dict[str, str]] = table.client.describe_time_to_live(TableName=table.name)
    return answer["TimeToLiveDescription"]


def enabled(table: Table) -> Table:
    set_ttl(table)
    return table


def names(table: Table) -> set[str]:
    return {item["pk"]["S"] for item in table.scan()["Items"]}


@pytest.fixture
def expiring(things: Table) -> Table:
    """Return an empty table whose items expire."""
    return enabled(things)


# Both operations as tools use them: the answer repeats the request, the description is ENABLED at once and forgets what is over.
# Source: tests that moto marks `aws_verified`.
def test_switched_on_and_off(things: Table) -> None:
    assert described(things) == {"TimeToLiveStatus": "DISABLED"}
    assert set_ttl(things) == {"Enabled": True, "AttributeName": "expires"}
    assert described(things) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    assert things.describe()["TableStatus"] == "ACTIVE"
    assert set_ttl(things, enabled=False) == {"Enabled": False, "AttributeName": "expires"}
    assert described(things) == {"TimeToLiveStatus": "DISABLED"}
    assert set_ttl(things, "other") == {"Enabled": True, "AttributeName": "other"}


# What is so already, or on another attribute, is refused; Terraform and others look at these texts.
def test_what_is_so_already_is_refused(things: Table) -> None:
    update = things.client.update_time_to_live

    def text(attribute: str, *, enabled: bool) -> str:
        specification = {"Enabled": enabled, "AttributeName": attribute}
        return invalid(update, TableName=things.name, TimeToLiveSpecification=specification)

    assert text("expires", enabled=False) == "TimeToLive is already disabled"
    set_ttl(things)
    assert text("expires", enabled=True) == "TimeToLive is already enabled"
    other = "TimeToLive is active on a different AttributeName: current AttributeName is expires"
    assert text("other", enabled=True) == other
    assert text("other", enabled=False) == other


# Requests that do not fit the model, and tables that are not there.
def test_refusals(dynamodb: Any, table_name: str) -> None:
    update, specification = dynamodb.update_time_to_live, {"Enabled": True, "AttributeName": "x"}
    missing = f"Requested resource not found: Table: {table_name} not found"
    assert refused(update, TableName=table_name, TimeToLiveSpecification=specification) == (
        "ResourceNotFoundException",
        missing,
    )
    assert refused(dynamodb.describe_time_to_live, TableName=table_name) == ("ResourceNotFoundException", missing)
    null = "1 validation error detected: Value null at 'timeToLiveSpecification.attributeName' failed to satisfy constraint"
    assert invalid(update, TableName=table_name, TimeToLiveSpecification={"Enabled": True}).startswith(null)
    long = {"Enabled": True, "AttributeName": "x" * 256}
    assert invalid(update, TableName=table_name, TimeToLiveSpecification=long).endswith(
        "Member must have length less than or equal to 255"
    )
    absent = invalid(update, TableName=table_name)
    assert absent.startswith("1 validation error detected: Value null at 'timeToLiveSpecification' failed")


# AWS takes a key attribute, too: what counts is the value, wherever it stands.
def test_a_key_attribute_expires_items(series: Table) -> None:
    set_ttl(series, "sk")
    series.put({"pk": {"S": "a"}, "sk": {"N": str(now() - 5)}})
    series.put({"pk": {"S": "a"}, "sk": {"N": str(now() + DAY_SECONDS)}})
    eventually(lambda: len(series.scan()["Items"]) == 1, "the expired item gone")


# Only Numbers, in seconds, no more than five years past, are times; an item without one stays forever.
def test_what_expires_and_what_does_not(expiring: Table) -> None:
    stays = {
        "later": at("later", now() + DAY_SECONDS),
        "text": at("text", now() - 60, "S"),
        "milliseconds": at("milliseconds", (now() - 60) * 1_000),
        "ages ago": at("ages ago", now() - 5 * YEAR_SECONDS - 3 * DAY_SECONDS),
        "zero": at("zero", 0),
        "none": {"pk": {"S": "none"}},
        "nested": {"pk": {"S": "nested"}, "in": {"M": {"expires": {"N": str(now() - 60)}}}},
    }
    for item in (*stays.values(), at("past", now() - 60), at("long past", now() - YEAR_SECONDS), at("soon", now() + 1)):
        expiring.put(item)
    eventually(lambda: names(expiring) == set(stays), "the expired items, and only those, gone")


# Until it is deleted an expired item is there like any other, and a write that gives it more time keeps it.
def test_an_item_that_is_refreshed_stays(expiring: Table) -> None:
    expiring.put(at("kept", now() + 2))
    expiring.put(at("dropped", now() + 2))
    assert names(expiring) == {"kept", "dropped"}
    expiring.update(
        {"pk": {"S": "kept"}},
        "SET expires = :later",
        ExpressionAttributeValues={":later": {"N": str(now() + DAY_SECONDS)}},
    )
    eventually(lambda: "dropped" not in names(expiring), "the other item gone")
    assert names(expiring) == {"kept"}


# Items that were there first expire like others; with time to live off none does, whatever its time.
def test_items_of_before_expire_and_switching_off_ends_it(things: Table) -> None:
    for number in range(20):
        things.put(at(f"old-{number}", now() - 60))
    things.put(at("later", now() + DAY_SECONDS))
    enabled(things)
    eventually(lambda: names(things) == {"later"}, "items of before gone")
    set_ttl(things, enabled=False)
    things.put(at("off", now() - 60))
    set_ttl(things, "other")
    things.put({"pk": {"S": "by the other"}, "other": {"N": str(now() - 60)}})
    eventually(lambda: "by the other" not in names(things), "the item with the other attribute gone")
    assert names(things) == {"later", "off"}


def records(streams: Any, arn: str) -> Iterator[dict[str, Any]]:
    """Yield every record there is in a stream."""
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        yield from streams.get_records(ShardIterator=iterator)["Records"]


# The stream tells apart what the service deleted from what a client deleted.
def test_the_stream_says_who_deleted(make_table: Any, streams: Any) -> None:
    table = enabled(make_table(StreamSpecification=EVERYTHING))
    arn = table.describe()["LatestStreamArn"]
    item = at("expired", now() - 5)
    table.put(item)
    table.put(at("deleted", now() + DAY_SECONDS))
    table.delete({"pk": {"S": "deleted"}})

    def removals() -> dict[str, dict[str, Any]]:
        found = (record for record in records(streams, arn) if record["eventName"] == "REMOVE")
        return {record["dynamodb"]["Keys"]["pk"]["S"]: record for record in found}

    found = eventually(lambda: len(removals()) == 2 and removals(), "both removals in the stream")
    assert found["expired"]["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert found["expired"]["dynamodb"]["OldImage"] == item
    assert "NewImage" not in found["expired"]["dynamodb"]
    assert "userIdentity" not in found["deleted"]


# Many items of one second go in bounded batches, all of them.
def test_many_at_once(expiring: Table) -> None:
    second = now() + 1
    for start in range(0, 150, 25):
        puts = [{"PutRequest": {"Item": at(f"many-{number}", second)}} for number in range(start, start + 25)]
        expiring.client.batch_write_item(RequestItems={expiring.name: puts})
    expiring.put(at("later", now() + DAY_SECONDS))
    eventually(lambda: names(expiring) == {"later"}, "all items of the second gone")


# Index rows of an expired item go like those of a deleted one; an index on the attribute itself is no exception.
def test_indexes_follow(dynamodb: Any, table_name: str) -> None:
    def key(partition: str, sort: str) -> list[dict[str, str]]:
        return [
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": sort, "KeyType": "RANGE"},
        ]

    everything = {"ProjectionType": "ALL"}
    dynamodb.create_table(
        TableName=table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("pk", "S"), ("sk", "S"), ("group", "S"), ("expires", "N"))
        ],
        KeySchema=key("pk", "sk"),
        LocalSecondaryIndexes=[{"IndexName": "by-time", "KeySchema": key("pk", "expires"), "Projection": everything}],
        GlobalSecondaryIndexes=[
            {"IndexName": "by-group", "KeySchema": key("group", "expires"), "Projection": everything}
        ],
    )
    wait_until_active(dynamodb, table_name)
    table = enabled(Table(dynamodb, table_name))
    for name, second in (("gone", now() + 2), ("later", now() + DAY_SECONDS)):
        table.put({**at("a", second), "sk": {"S": name}, "group": {"S": "g"}})

    def found(index: str, attribute: str, value: str) -> set[str]:
        page = dynamodb.query(
            TableName=table_name,
            IndexName=index,
            KeyConditionExpression="#a = :v",
            ExpressionAttributeNames={"#a": attribute},
            ExpressionAttributeValues={":v": {"S": value}},
        )
        return {item["sk"]["S"] for item in page["Items"]}

    for asked in (("by-group", "group", "g"), ("by-time", "pk", "a")):
        eventually(lambda asked=asked: "later" in found(*asked), f"{asked[0]} has the items")
        eventually(lambda asked=asked: found(*asked) == {"later"}, f"{asked[0]} has only what is left")
