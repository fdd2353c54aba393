"""boto3's resource layer with its condition builders: items as Python values, pages, batches, waiters, streams."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
BOOKS = 30


def _schema(*keys: tuple[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]


def _eventually(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s")


@pytest.fixture
def books(session: Any, table_name: str) -> Iterator[Any]:
    """Return a table of books by author and title, with an index of each kind, a stream and tags."""
    resource = session.resource("dynamodb")
    table = resource.create_table(
        TableName=table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("author", "S"), ("title", "S"), ("year", "N"), ("genre", "S"))
        ],
        KeySchema=_schema(("author", "HASH"), ("title", "RANGE")),
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-year",
                "KeySchema": _schema(("author", "HASH"), ("year", "RANGE")),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["genre"]},
            }
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-genre",
                "KeySchema": _schema(("genre", "HASH"), ("year", "RANGE")),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        Tags=[{"Key": "shelf", "Value": "fiction"}],
    )
    table.wait_until_exists()
    with table.batch_writer(overwrite_by_pkeys=["author", "title"]) as batch:
        for number in range(BOOKS):
            batch.put_item(Item=_book(number))
        batch.put_item(Item=_book(0))
    yield table
    resource.meta.client.close()


def _book(number: int) -> dict[str, Any]:
    return {
        "author": "Le Guin",
        "title": f"book {number:02}",
        "year": 1970 + number,
        "genre": ("novel", "essay", "poem")[number % 3],
        "price": Decimal("9.99") + number,
        "tags": {"a", f"t{number}"},
        "notes": {"first": [1, None, True, {"deep": b"\x00"}]},
    }


# Values come back as the Python values that went in.
def test_values_of_the_resource_layer(books: Any) -> None:
    item = books.get_item(Key={"author": "Le Guin", "title": "book 04"}, ConsistentRead=True)["Item"]
    assert item == _book(4)


# Key conditions and filters as the builders write them, over pages, on the table and on both kinds of indexes.
def test_conditions_of_the_resource_layer(books: Any) -> None:
    author = Key("author").eq("Le Guin")
    pages = books.meta.client.get_paginator("query").paginate(
        TableName=books.name,
        KeyConditionExpression=author & Key("title").between("book 05", "book 24"),
        FilterExpression=Attr("price").gt(Decimal("20")) & ~Attr("genre").eq("poem"),
        ProjectionExpression="title, #year",
        ExpressionAttributeNames={"#year": "year"},
        ConsistentRead=True,
        PaginationConfig={"PageSize": 6},
    )
    titles = [item["title"] for page in pages for item in page["Items"]]
    assert titles == [f"book {number}" for number in range(11, 25) if number % 3 != 2]
    latest = books.query(
        IndexName="by-year",
        KeyConditionExpression=author & Key("year").gte(1995),
        ScanIndexForward=False,
        ConsistentRead=True,
    )["Items"]
    assert [item["year"] for item in latest] == [1999, 1998, 1997, 1996, 1995]
    assert set(latest[0]) == {"author", "title", "year", "genre"}
    _eventually(lambda: len(_of_genre(books, "poem")) == BOOKS // 3)
    assert all(item["tags"] for item in _of_genre(books, "poem"))
    found = books.scan(
        FilterExpression=Attr("tags").contains("t7") | Attr("notes.first[2]").eq(False), ConsistentRead=True
    )
    assert [item["title"] for item in found["Items"]] == ["book 07"]


def _of_genre(books: Any, genre: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        page = books.query(IndexName="by-genre", KeyConditionExpression=Key("genre").eq(genre), Limit=4, **start)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


# Writes under conditions, what they return, and the errors that programs catch by their class.
def test_writes_of_the_resource_layer(books: Any) -> None:
    key = {"author": "Le Guin", "title": "book 01"}
    updated = books.update_item(
        Key=key,
        UpdateExpression="SET notes.#first[0] = notes.#first[0] + :one REMOVE price ADD tags :tags",
        ConditionExpression=Attr("year").eq(1971) & Attr("price").exists(),
        ExpressionAttributeNames={"#first": "first"},
        ExpressionAttributeValues={":one": 1, ":tags": {"new"}},
        ReturnValues="UPDATED_NEW",
    )["Attributes"]
    assert updated == {"notes": {"first": [2]}, "tags": {"a", "t1", "new"}}
    failed = books.meta.client.exceptions.ConditionalCheckFailedException
    with pytest.raises(failed) as caught:
        books.put_item(
            Item={**key, "year": 1},
            ConditionExpression=Attr("author").not_exists(),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Item"]["year"] == {"N": "1971"}
    gone = books.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"]
    assert "price" not in gone
    got = books.meta.client.batch_get_item(
        RequestItems={books.name: {"Keys": [key, {**key, "title": "book 02"}], "ConsistentRead": True}}
    )
    assert [item["title"] for item in got["Responses"][books.name]] == ["book 02"]
    with pytest.raises(ClientError, match="Transaction"):
        books.meta.client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": books.name, "Item": key}},
                {"Put": {"TableName": books.name, "Item": key}},
            ]
        )


# The stream of a table is found from its resource, and tells of all writes.
def test_streams_beside_the_resource_layer(books: Any, session: Any) -> None:
    books.delete_item(Key={"author": "Le Guin", "title": "book 03"})
    streams = session.client("dynamodbstreams")
    names = []
    for shard in streams.describe_stream(StreamArn=books.latest_stream_arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=books.latest_stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        names += [record["eventName"] for record in streams.get_records(ShardIterator=iterator)["Records"]]
    streams.close()
    assert sorted(names) == ["INSERT"] * BOOKS + ["REMOVE"]


# The table itself as a resource: its attributes, its settings and its end.
def test_tables_of_the_resource_layer(books: Any) -> None:
    # The answer that made it said CREATING, as it does on AWS.
    assert books.table_status == "CREATING"
    books.wait_until_exists()
    books.reload()
    assert books.table_status == "ACTIVE"
    assert [index["IndexName"] for index in books.local_secondary_indexes] == ["by-year"]
    client = books.meta.client
    client.update_time_to_live(
        TableName=books.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    described = client.describe_time_to_live(TableName=books.name)["TimeToLiveDescription"]
    assert described["AttributeName"] == "expires"
    assert client.list_tags_of_resource(ResourceArn=books.table_arn)["Tags"] == [{"Key": "shelf", "Value": "fiction"}]
    books.delete()
    books.wait_until_not_exists()
