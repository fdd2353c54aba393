"""Tables named by their ARNs, wherever a name will do, and ARNs that name no table of this region and account."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.conformance_table import HASH, STRING_KEY, Table, invalid, refused, wait_until_active

ITEM = {"pk": {"S": "a"}}
FORMAT = (
    "Valid ARN format is 'arn:<awsPartition>:<vendor>:<region>:<subscriber>:resourceType/resourceName', where Resource name "
    "must have length less than or equal to 255, Resource name must have length greater than or equal to 3, Resource name "
    "must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
)


def arn(table: Table) -> str:
    found: str = table.describe()["TableArn"]
    return found


# Items are written and read under the ARN as under the name.
def test_items_of_a_table_by_its_arn(things: Table) -> None:
    client, name = things.client, arn(things)
    client.put_item(TableName=name, Item={**ITEM, "v": {"N": "1"}})
    client.update_item(
        TableName=name, Key=ITEM, UpdateExpression="SET v = v + :one", ExpressionAttributeValues={":one": {"N": "1"}}
    )
    assert client.get_item(TableName=name, Key=ITEM)["Item"]["v"] == {"N": "2"}
    found = client.query(
        TableName=name, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "a"}}
    )
    assert (found["Count"], client.scan(TableName=name)["Count"]) == (1, 1)
    client.delete_item(TableName=name, Key=ITEM)
    assert things.get(ITEM) is None


# Batches answer under the name that was asked for.
def test_batches_by_arn(things: Table) -> None:
    client, name = things.client, arn(things)
    client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": ITEM}}]})
    answer = client.batch_get_item(RequestItems={name: {"Keys": [ITEM]}})
    assert answer["Responses"] == {name: [ITEM]}


# ConsumedCapacity repeats the ARN, as AWS documents.
def test_consumed_capacity_names_the_arn(things: Table) -> None:
    name = arn(things)
    answer = things.client.put_item(TableName=name, Item=ITEM, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["TableName"] == name


# Tables are made, described, changed and dropped under their ARNs.
def test_tables_by_arn(things: Table, dynamodb: Any, table_name: str) -> None:
    name = arn(things).replace(things.name, table_name)
    dynamodb.create_table(
        TableName=name, AttributeDefinitions=[STRING_KEY], KeySchema=[HASH], BillingMode="PAY_PER_REQUEST"
    )
    wait_until_active(dynamodb, table_name)
    assert dynamodb.describe_table(TableName=name)["Table"]["TableName"] == table_name
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    assert dynamodb.delete_table(TableName=name)["TableDescription"]["TableName"] == table_name


# So are the things beside a table, which answer under its plain name.
def test_what_belongs_to_a_table_by_arn(things: Table, dynamodb: Any) -> None:
    name = arn(things)
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    described = dynamodb.describe_time_to_live(TableName=things.name)["TimeToLiveDescription"]
    assert described["AttributeName"] == "until"
    off = {"PointInTimeRecoveryEnabled": False}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=off)
    assert dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert dynamodb.update_contributor_insights(TableName=name, ContributorInsightsAction="DISABLE")["TableName"] == (
        things.name
    )
    assert dynamodb.describe_contributor_insights(TableName=name)["TableName"] == things.name
    assert dynamodb.list_contributor_insights(TableName=name)["ContributorInsightsSummaries"] == []
    assert dynamodb.list_backups(TableName=name)["BackupSummaries"] == []
    assert dynamodb.describe_kinesis_streaming_destination(TableName=name)["TableName"] == things.name


def with_part(position: int, value: str) -> Callable[[str], str]:
    def changed(name: str) -> str:
        parts = name.split(":")
        parts[position] = value
        return ":".join(parts)

    return changed


# An ARN of somewhere else says where it went wrong.
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (with_part(3, "mars-north-1"), "Invalid AWS region in"),
        (with_part(1, "aws-cn"), "Invalid AWS partition in"),
        (with_part(5, "backup/things"), "Invalid resource type in"),
    ],
)
def test_arns_of_elsewhere(things: Table, change: Callable[[str], str], why: str) -> None:
    other = change(arn(things))
    for call in (
        lambda: invalid(things.client.get_item, TableName=other, Key=ITEM),
        lambda: invalid(things.client.describe_table, TableName=other),
    ):
        assert call() == f"1 validation error detected: {why} '{other}'"


# An ARN that is none, or of something within a table.
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        (lambda name: f"{name}/index/byX", FORMAT),
        (with_part(2, "s3"), FORMAT),
        (with_part(5, "table/"), "Table name of ARN must have length greater than or equal to 3"),
        (lambda name: "arn:aws:dynamodb", FORMAT),
    ],
)
def test_arns_that_are_none(things: Table, change: Callable[[str], str], constraint: str) -> None:
    other = change(arn(things))
    assert invalid(things.client.get_item, TableName=other, Key=ITEM) == (
        f"1 validation error detected: Value '{other}' at 'tableName' failed to satisfy constraint: {constraint}"
    )


TTL = {"Enabled": True, "AttributeName": "x"}


# Another account's tables are its own, 000000000000's, too, which suites and people use as somebody else's.
# Source of the words: AWS's guide, "Troubleshooting access denied error messages".
@pytest.mark.parametrize("account", ["000000000000", "999999999999"])
@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("get_item", {"Key": ITEM}),
        ("put_item", {"Item": ITEM}),
        ("update_item", {"Key": ITEM}),
        ("delete_item", {"Key": ITEM}),
        ("scan", {}),
        ("describe_table", {}),
        ("update_table", {"DeletionProtectionEnabled": False}),
        ("delete_table", {}),
        ("describe_time_to_live", {}),
        ("update_time_to_live", {"TimeToLiveSpecification": TTL}),
        ("describe_continuous_backups", {}),
        ("describe_contributor_insights", {}),
        ("describe_kinesis_streaming_destination", {}),
    ],
)
def test_tables_of_other_accounts(things: Table, operation: str, members: dict[str, Any], account: str) -> None:
    own = arn(things)
    other = with_part(4, account)(own)
    user = f"arn:aws:iam::{own.split(':')[4]}:root"
    assert refused(getattr(things.client, operation), TableName=other, **members) == (
        "AccessDeniedException",
        f"User: {user} is not authorized to perform this action on resource: {other} because no resource-based policy "
        "allows it",
    )


# Batches and transactions, which name tables inside.
def test_batches_of_other_accounts(things: Table, dynamodb: Any) -> None:
    other = with_part(4, "999999999999")(arn(things))
    for call, members in (
        (dynamodb.batch_get_item, {"RequestItems": {other: {"Keys": [ITEM]}}}),
        (dynamodb.batch_write_item, {"RequestItems": {other: [{"PutRequest": {"Item": ITEM}}]}}),
        (dynamodb.transact_get_items, {"TransactItems": [{"Get": {"TableName": other, "Key": ITEM}}]}),
    ):
        assert refused(call, **members)[0] == "AccessDeniedException"


# Another account's streams likewise. AWS's answer could not be established: it is that of tables.
def test_streams_of_other_accounts(things: Table, streams: Any) -> None:
    other = with_part(4, "999999999999")(f"{arn(things)}/stream/2026-01-02T03:04:05.006")
    shard = {"ShardId": "shardId-00000000000000000000-00000001", "ShardIteratorType": "LATEST"}
    for call, members in ((streams.describe_stream, {}), (streams.get_shard_iterator, shard)):
        code, text = refused(call, StreamArn=other, **members)
        assert code == "AccessDeniedException"
        assert other in text


# A key of KMS may be another account's: it stays as it was named.
def test_keys_of_other_accounts(things: Table) -> None:
    region = arn(things).split(":")[3]
    key = f"arn:aws:kms:{region}:999999999999:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    given = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    things.client.update_table(TableName=things.name, SSESpecification=given)
    assert things.describe()["SSEDescription"]["KMSMasterKeyArn"] == key
