"""An aioboto3 program, run in an environment of its own: it hears of its endpoint and of TABLE_NAME through that.

Ends with status 0 when everything it relied on held.
"""

import asyncio
import os
import time
from decimal import Decimal

import aioboto3
from boto3.dynamodb.conditions import Attr, Key

NAME = os.environ["TABLE_NAME"]
PATIENCE_SECONDS = 60.0
READINGS = 40


async def main() -> None:
    session = aioboto3.Session()
    async with session.resource("dynamodb") as dynamodb, session.client("dynamodb") as client:
        table = await dynamodb.create_table(TableName=NAME, **DEFINITION)
        await table.wait_until_exists()
        await write(table)
        await read(table)
        await concurrent(table)
        async with session.client("dynamodbstreams") as streams:
            await follow(client, streams)
        await client.update_time_to_live(
            TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
        await table.delete()
        await table.wait_until_not_exists()


DEFINITION = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("sensor", "S"), ("at", "N"), ("value", "N"), ("place", "S"))
    ],
    "KeySchema": [{"AttributeName": "sensor", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by-value",
            "KeySchema": [
                {"AttributeName": "sensor", "KeyType": "HASH"},
                {"AttributeName": "value", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-place",
            "KeySchema": [{"AttributeName": "place", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["value"]},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    "Tags": [{"Key": "kind", "Value": "readings"}],
}


async def write(table) -> None:
    async with table.batch_writer() as batch:
        for number in range(READINGS):
            place = "roof" if number % 2 else "cellar"
            await batch.put_item(
                Item={"sensor": "s1", "at": number, "value": Decimal(number) / 10, "place": place, "raw": b"\x00\x01"}
            )


async def read(table) -> None:
    items, start = [], {}
    while True:
        page = await table.query(KeyConditionExpression=Key("sensor").eq("s1"), Limit=11, ConsistentRead=True, **start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert [item["at"] for item in items] == list(range(READINGS))
    high = await table.query(
        IndexName="by-value",
        KeyConditionExpression=Key("sensor").eq("s1") & Key("value").gte(Decimal("3.5")),
        ConsistentRead=True,
    )
    assert high["Count"] == 5, high
    found = await table.scan(
        FilterExpression=Attr("place").eq("roof") & Attr("at").between(10, 20), ConsistentRead=True
    )
    assert found["Count"] == 5, found
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        page = await table.query(IndexName="by-place", KeyConditionExpression=Key("place").eq("cellar"))
        if page["Count"] == READINGS // 2:
            break
        assert time.monotonic() < deadline, "the global index does not follow"


async def concurrent(table) -> None:
    """Many updates at once, of which none is lost."""
    key = {"sensor": "counter", "at": 0}
    await asyncio.gather(
        *(
            table.update_item(Key=key, UpdateExpression="ADD hits :one", ExpressionAttributeValues={":one": 1})
            for _ in range(50)
        )
    )
    answer = await table.get_item(Key=key, ConsistentRead=True)
    assert answer["Item"]["hits"] == 50, answer


async def follow(client, streams) -> None:
    """The stream tells of every put and of every update."""
    arn = (await client.describe_table(TableName=NAME))["Table"]["LatestStreamArn"]
    description = (await streams.describe_stream(StreamArn=arn))["StreamDescription"]
    names = []
    for shard in description["Shards"]:
        answer = await streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = (await streams.get_records(ShardIterator=answer["ShardIterator"]))["Records"]
        names += [record["eventName"] for record in records]
    assert names.count("INSERT") == READINGS + 1, names
    assert names.count("MODIFY") == 49, names


asyncio.run(main())
