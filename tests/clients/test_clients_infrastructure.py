"""The calls with which Terraform's aws_dynamodb_table and the CDK's tables create, refresh, change and drop a table.

Terraform reads all of these after every change, and takes whatever it does not expect for an error of the whole plan.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

EXPIRY = {"Enabled": True, "AttributeName": "expires"}
POLICY = (
    '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},'
    '"Action":"dynamodb:GetItem","Resource":"{arn}"}}]}}'
)


@pytest.fixture
def client(session: Any) -> Iterator[Any]:
    made = session.client("dynamodb")
    yield made
    made.close()


@pytest.fixture
def arn(client: Any, table_name: str) -> str:
    """Make a table as Terraform does: everything that CreateTable takes at once, then a wait."""
    described = client.create_table(
        TableName=table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        TableClass="STANDARD",
        DeletionProtectionEnabled=False,
        Tags=[{"Key": "environment", "Value": "test"}],
    )["TableDescription"]
    client.get_waiter("table_exists").wait(TableName=table_name, WaiterConfig={"Delay": 1})
    arn: str = described["TableArn"]
    return arn


def _refreshed(client: Any, name: str, arn: str) -> dict[str, Any]:
    """Read what Terraform keeps as the state of a table."""
    table = client.describe_table(TableName=name)["Table"]
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return {
        "table": table,
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "expiry": client.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        "tags": {tag["Key"]: tag["Value"] for tag in client.list_tags_of_resource(ResourceArn=arn)["Tags"]},
    }


# Creation and the refresh after it: nothing differs from what was asked for, so the next plan is empty.
def test_terraform_reads_back_what_it_made(client: Any, table_name: str, arn: str) -> None:
    client.update_time_to_live(TableName=table_name, TimeToLiveSpecification=EXPIRY)
    off = {"PointInTimeRecoveryEnabled": False}
    client.update_continuous_backups(TableName=table_name, PointInTimeRecoverySpecification=off)
    state = _refreshed(client, table_name, arn)
    table = state["table"]
    assert (table["TableArn"], table["TableStatus"], table["DeletionProtectionEnabled"]) == (arn, "ACTIVE", False)
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["LatestStreamArn"].startswith(f"{arn}/stream/")
    (index,) = table["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["IndexStatus"]) == ("by-owner", "ACTIVE")
    assert index["Projection"] == {"ProjectionType": "ALL"}
    assert "Replicas" not in table
    assert state["recovery"] == "DISABLED"
    assert state["expiry"]["AttributeName"] == "expires"
    assert state["expiry"]["TimeToLiveStatus"] == "ENABLED"
    assert state["tags"] == {"environment": "test"}


# What the resources beside the table read: a policy, insights, a Kinesis destination, an item, an export.
def test_the_resources_beside_a_table(client: Any, table_name: str, arn: str) -> None:
    with pytest.raises(client.exceptions.PolicyNotFoundException):
        client.get_resource_policy(ResourceArn=arn)
    document = POLICY.format(account=arn.split(":")[4], arn=arn)
    revision = client.put_resource_policy(ResourceArn=arn, Policy=document)["RevisionId"]
    assert client.get_resource_policy(ResourceArn=arn)["RevisionId"] == revision
    client.delete_resource_policy(ResourceArn=arn)
    for index in ({}, {"IndexName": "by-owner"}):
        insights = client.describe_contributor_insights(TableName=table_name, **index)
        assert insights["ContributorInsightsStatus"] == "DISABLED"
    destinations = client.describe_kinesis_streaming_destination(TableName=table_name)
    assert destinations["KinesisDataStreamDestinations"] == []
    assert client.list_exports(TableArn=arn)["ExportSummaries"] == []
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_table_replica_auto_scaling(TableName=table_name)


# Changes one at a time, each waited for, as both tools make them.
def test_changes_as_tools_make_them(client: Any, table_name: str, arn: str) -> None:
    active = client.get_waiter("table_exists")
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "team"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["environment"])
    client.update_table(TableName=table_name, DeletionProtectionEnabled=True)
    active.wait(TableName=table_name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="protected against deletion"):
        client.delete_table(TableName=table_name)
    client.update_table(TableName=table_name, DeletionProtectionEnabled=False)
    client.update_table(TableName=table_name, StreamSpecification={"StreamEnabled": False})
    active.wait(TableName=table_name, WaiterConfig={"Delay": 1})
    client.update_table(TableName=table_name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-owner"}}])
    active.wait(TableName=table_name, WaiterConfig={"Delay": 1})
    state = _refreshed(client, table_name, arn)
    assert state["tags"] == {"owner": "team"}
    assert "StreamSpecification" not in state["table"]
    client.delete_table(TableName=table_name)
    client.get_waiter("table_not_exists").wait(TableName=table_name, WaiterConfig={"Delay": 1})


# A refresh after somebody else dropped the table: by these errors tools know that it is gone.
def test_reads_of_a_table_that_is_gone(client: Any, table_name: str) -> None:
    gone, arn = (
        client.exceptions.ResourceNotFoundException,
        f"arn:aws:dynamodb:us-east-1:123456789012:table/{table_name}",
    )
    with pytest.raises(gone):
        client.describe_table(TableName=table_name)
    with pytest.raises(gone):
        client.describe_time_to_live(TableName=table_name)
    with pytest.raises(client.exceptions.TableNotFoundException):
        client.describe_continuous_backups(TableName=table_name)
    with pytest.raises(gone):
        client.describe_contributor_insights(TableName=table_name)
    with pytest.raises(gone):
        client.list_tags_of_resource(ResourceArn=arn.replace("us-east-1", client.meta.region_name))
