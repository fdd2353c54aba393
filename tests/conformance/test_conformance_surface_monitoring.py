"""Kinesis destinations, Contributor Insights, auto scaling and the global tables of 2017."""

from typing import Any

import pytest

from tests.support.conformance_indexes import global_index
from tests.support.conformance_surface import MISSING, arn_of, assert_not_available
from tests.support.conformance_table import Table, invalid, refused

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/changes"
NO_TABLE = ("ResourceNotFoundException", f"Requested resource not found: Table: {MISSING} not found")
STATE = "Table is not in a valid state to enable Kinesis Streaming Destination: "
TOO_SHORT = "TableName must be at least 3 characters long and at most 255 characters long"
RETIRED = (
    "One or more parameter values were invalid: DynamoDB global tables version 2017.11.29 is not supported. We recommend "
    "using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."
)


# No table sends its changes to Kinesis.
def test_kinesis_destinations_are_none(things: Table, dynamodb: Any) -> None:
    answer = dynamodb.describe_kinesis_streaming_destination(TableName=arn_of(things))
    assert answer["TableName"] == things.name
    assert answer["KinesisDataStreamDestinations"] == []


# Nor can one that was never sent to be stopped or changed; AWS looks at the state, not at the stream, and before that for a wish.
def test_kinesis_destinations_that_are_not_there(things: Table, dynamodb: Any) -> None:
    stream = {"TableName": things.name, "StreamArn": STREAM}
    text = invalid(dynamodb.disable_kinesis_streaming_destination, **stream)
    assert text == f"{STATE}KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
    text = invalid(dynamodb.update_kinesis_streaming_destination, **stream)
    assert text == (
        "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be null "
        "or contain only null values"
    )
    precise = {"UpdateKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": "MICROSECOND"}}
    text = invalid(dynamodb.update_kinesis_streaming_destination, **stream, **precise)
    assert text == (
        f"{STATE}No streaming destination with streamArn: {STREAM} found for table with tableName: {things.name}"
    )
    assert_not_available(dynamodb.enable_kinesis_streaming_destination, "EnableKinesisStreamingDestination", **stream)


# All of them look for the table first, and for the model before that.
@pytest.mark.parametrize("verb", ["enable", "disable", "update"])
def test_kinesis_destinations_check_their_input(dynamodb: Any, verb: str) -> None:
    call = getattr(dynamodb, f"{verb}_kinesis_streaming_destination")
    assert refused(call, TableName=MISSING, StreamArn=STREAM) == NO_TABLE
    assert "streamArn" in invalid(call, TableName=MISSING, StreamArn="stream/changes")


# Insights are off, which Terraform reads; what is off may be switched off.
def test_insights_are_disabled(things: Table, dynamodb: Any) -> None:
    answer = dynamodb.describe_contributor_insights(TableName=things.name)
    assert answer["TableName"] == things.name
    assert answer["ContributorInsightsStatus"] == "DISABLED"
    answer = dynamodb.update_contributor_insights(TableName=things.name, ContributorInsightsAction="DISABLE")
    assert answer["ContributorInsightsStatus"] == "DISABLED"
    assert dynamodb.list_contributor_insights()["ContributorInsightsSummaries"] == []
    assert dynamodb.list_contributor_insights(TableName=things.name)["ContributorInsightsSummaries"] == []


# Insights are kept and described, of a table and of each index: how far they are, in which mode, since when, and by which rules.
# Source of the rules' names: AWS's guide, "CloudWatch contributor insights for DynamoDB: How it works".
def test_insights_are_switched_on_and_off(make_table: Any, dynamodb: Any) -> None:
    table = make_table("S", GlobalSecondaryIndexes=[global_index("gsi", "pk")])
    name = table.name
    of_table = dynamodb.update_contributor_insights(TableName=name, ContributorInsightsAction="ENABLE")
    assert (
        of_table.items()
        >= {
            "TableName": name,
            "ContributorInsightsStatus": "ENABLING",
            "ContributorInsightsMode": "ACCESSED_AND_THROTTLED_KEYS",
        }.items()
    )
    dynamodb.update_contributor_insights(
        TableName=name, IndexName="gsi", ContributorInsightsAction="ENABLE", ContributorInsightsMode="THROTTLED_KEYS"
    )
    described = dynamodb.describe_contributor_insights(TableName=name)
    assert described["ContributorInsightsStatus"] == "ENABLED"
    assert [rule.rpartition("-")[0] for rule in described["ContributorInsightsRuleList"]] == [
        f"DynamoDBContributorInsights-{kind}-{name}" for kind in ("PKC", "PKT", "SKC", "SKT")
    ]
    of_index = dynamodb.describe_contributor_insights(TableName=name, IndexName="gsi")
    assert of_index["ContributorInsightsMode"] == "THROTTLED_KEYS"
    assert [rule.rpartition("-")[0] for rule in of_index["ContributorInsightsRuleList"]] == [
        f"DynamoDBContributorInsights-PKT-{name}-gsi"
    ]
    # What AWS says of less than one could not be established: it is as if nothing was said.
    assert len(dynamodb.list_contributor_insights(TableName=name, MaxResults=-1)["ContributorInsightsSummaries"]) == 2
    page = dynamodb.list_contributor_insights(TableName=name, MaxResults=1)
    rest = dynamodb.list_contributor_insights(TableName=name, NextToken=page["NextToken"])
    listed = page["ContributorInsightsSummaries"] + rest["ContributorInsightsSummaries"]
    assert [each.get("IndexName") for each in listed] == [None, "gsi"]
    assert "NextToken" not in rest
    answer = dynamodb.update_contributor_insights(TableName=name, ContributorInsightsAction="DISABLE")
    assert answer["ContributorInsightsStatus"] == "DISABLING"
    described = dynamodb.describe_contributor_insights(TableName=name)
    assert described["ContributorInsightsStatus"] == "DISABLED"
    assert "LastUpdateDateTime" in described
    assert "ContributorInsightsRuleList" not in described


# Tables and indexes have to be there.
def test_insights_check_their_input(things: Table, dynamodb: Any) -> None:
    enable = {"ContributorInsightsAction": "ENABLE"}
    assert refused(dynamodb.list_contributor_insights, TableName=MISSING) == NO_TABLE
    assert refused(dynamodb.describe_contributor_insights, TableName=MISSING) == NO_TABLE
    assert refused(dynamodb.update_contributor_insights, TableName=MISSING, **enable) == NO_TABLE
    no_index = (
        "ResourceNotFoundException",
        f"Requested resource not found: Index: nope not found for table: {things.name}",
    )
    index = {"TableName": things.name, "IndexName": "nope"}
    assert refused(dynamodb.describe_contributor_insights, **index) == no_index
    text = "IndexName must be at least 3 characters long and at most 255 characters long"
    assert invalid(dynamodb.describe_contributor_insights, TableName=MISSING, IndexName="") == text
    assert invalid(dynamodb.update_contributor_insights, TableName=MISSING, IndexName="ab", **enable) == text
    assert refused(dynamodb.update_contributor_insights, **index, **enable) == no_index
    text = invalid(dynamodb.update_contributor_insights, TableName=things.name, ContributorInsightsAction="MAYBE")
    assert "contributorInsightsAction" in text


# Auto scaling over replicas is for tables that have some; for AWS the others do not exist.
def test_auto_scaling_needs_replicas(things: Table, dynamodb: Any) -> None:
    for name in (things.name, MISSING):
        no_global_table = ("ResourceNotFoundException", f"Global table with name: '{name}' does not exist.")
        assert refused(dynamodb.describe_table_replica_auto_scaling, TableName=name) == no_global_table
        off = {"ProvisionedWriteCapacityAutoScalingUpdate": {"AutoScalingDisabled": True}}
        assert refused(dynamodb.update_table_replica_auto_scaling, TableName=name, **off) == no_global_table


# The shape of an update is looked at before the table.
def test_auto_scaling_checks_its_shape(dynamodb: Any) -> None:
    update = dynamodb.update_table_replica_auto_scaling
    text = invalid(update, TableName=MISSING)
    assert text == (
        f"Failed to update settings for global table with name: ‘{MISSING}’ because at least one update parameter must "
        "be specified."
    )
    partial = {"ProvisionedWriteCapacityAutoScalingUpdate": {"MinimumUnits": 2, "MaximumUnits": 6}}
    text = invalid(update, TableName=MISSING, **partial)
    assert text == (
        f"Failed to update settings for global table with name: ‘{MISSING}’: Parameters 'ScalingPolicyUpdate' are required "
        "unless auto scaling is being disabled."
    )


# Version 2017.11.29 of global tables is retired: nothing can be made, and nothing found.
def test_global_tables_of_2017_cannot_be_made(things: Table, dynamodb: Any) -> None:
    create, here = dynamodb.create_global_table, {"RegionName": "us-east-1"}
    assert invalid(create, GlobalTableName=things.name, ReplicationGroup=[here]) == RETIRED
    assert invalid(create, GlobalTableName=MISSING, ReplicationGroup=[here, here]) == RETIRED
    text = invalid(create, GlobalTableName=MISSING, ReplicationGroup=[])
    assert text == "One or more parameter values were invalid: Global table must have atleast one replica"
    text = invalid(create, GlobalTableName=MISSING, ReplicationGroup=[{}])
    assert text == "One or more parameter values were invalid: ReplicationGroup members must specify RegionName"
    text = invalid(create, GlobalTableName=MISSING, ReplicationGroup=[{"RegionName": "sa-east-1"}])
    assert text.endswith("DynamoDB global tables version 2017.11.29 is not supported in this Region: sa-east-1")
    assert invalid(create, GlobalTableName="a", ReplicationGroup=[here]) == TOO_SHORT


# A regional table is none of them, nor is one with replicas.
def test_global_tables_of_2017_are_not_found(things: Table, dynamodb: Any) -> None:
    name, why = things.name, f"Global table with name: '{things.name}' does not exist."
    described = ("GlobalTableNotFoundException", f"Global table not found: {why}")
    assert refused(dynamodb.describe_global_table, GlobalTableName=name) == described
    delete = [{"Delete": {"RegionName": "us-east-1"}}]
    assert refused(dynamodb.update_global_table, GlobalTableName=name, ReplicaUpdates=delete) == described
    settings = ("GlobalTableNotFoundException", why)
    assert refused(dynamodb.describe_global_table_settings, GlobalTableName=name) == settings
    update = {"GlobalTableName": name, "GlobalTableBillingMode": "PROVISIONED"}
    assert refused(dynamodb.update_global_table_settings, **update) == settings
    assert invalid(dynamodb.describe_global_table, GlobalTableName="") == TOO_SHORT
    assert invalid(dynamodb.describe_global_table_settings, GlobalTableName="a") == TOO_SHORT
    assert invalid(dynamodb.update_global_table, GlobalTableName="a", ReplicaUpdates=delete) == TOO_SHORT
    assert dynamodb.list_global_tables()["GlobalTables"] == []
    assert dynamodb.list_global_tables(RegionName="us-east-1", Limit=1)["GlobalTables"] == []


# Adding to one is refused as making one is, before it is looked for; an empty update has AWS's shortest text.
def test_global_tables_of_2017_cannot_grow(dynamodb: Any) -> None:
    update, create = dynamodb.update_global_table, {"Create": {"RegionName": "us-east-2"}}
    assert invalid(update, GlobalTableName=MISSING, ReplicaUpdates=[create]) == RETIRED
    for updates in ([], [{}]):
        text = invalid(update, GlobalTableName=MISSING, ReplicaUpdates=updates)
        assert text == "One or more parameter values were invalid"
    text = invalid(update, GlobalTableName=MISSING, ReplicaUpdates=[{**create, "Delete": {"RegionName": "us-east-1"}}])
    assert "cannot contain both a create replica action and a delete replica action" in text
