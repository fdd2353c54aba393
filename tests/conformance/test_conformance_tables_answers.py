"""The members of a table in every answer: what CreateTable, UpdateTable and DeleteTable show of it, and DescribeTable afterwards.

Sources of the members, where a test names no other: snapshots recorded against AWS by localstack (tests/aws/services/dynamodb), tests
that moto marks `aws_verified`, and the examples of the AWS CLI's reference.
"""

from typing import Any

import pytest

from tests.support.conformance_indexes import definitions, global_index, wait_until_index
from tests.support.conformance_table import HASH, STRING_KEY, Table, wait_until_active

KEYS = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH]}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
MORE = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
WARM = {"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
ALWAYS = {
    "TableName",
    "TableArn",
    "TableId",
    "TableStatus",
    "TableSizeBytes",
    "ItemCount",
    "ProvisionedThroughput",
    "DeletionProtectionEnabled",
}
MADE = ALWAYS | {"CreationDateTime", "AttributeDefinitions", "KeySchema"}


def create(dynamodb: Any, name: str, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = dynamodb.create_table(TableName=name, **{**KEYS, **members})["TableDescription"]
    return answer


def change(table: Table, **members: Any) -> dict[str, Any]:
    answer: dict[str, Any] = table.client.update_table(TableName=table.name, **members)["TableDescription"]
    return answer


# A table that is being made shows what it was asked to be, and no date of its billing mode.
def test_members_of_a_table_that_is_being_made(dynamodb: Any, table_name: str) -> None:
    made = create(dynamodb, table_name, ProvisionedThroughput=UNITS)
    assert made.keys() == MADE
    assert (made["TableStatus"], made["DeletionProtectionEnabled"]) == ("CREATING", False)
    assert made["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **UNITS}


# On demand it shows its mode as well. Without indexes and without being asked it shows no warm throughput.
def test_members_of_an_on_demand_table_that_is_being_made(dynamodb: Any, table_name: str) -> None:
    made = create(dynamodb, table_name, **ON_DEMAND)
    assert made.keys() == MADE | {"BillingModeSummary"}
    assert made["BillingModeSummary"] == ON_DEMAND
    wait_until_active(dynamodb, table_name)
    described = dynamodb.describe_table(TableName=table_name)["Table"]
    assert described.keys() == MADE | {"BillingModeSummary", "WarmThroughput"}
    assert described["BillingModeSummary"].keys() == {"BillingMode", "LastUpdateToPayPerRequestDateTime"}


# Warm throughput that is asked for is UPDATING, and only the table's is shown: never an index's.
def test_warm_throughput_of_a_table_that_is_being_made(dynamodb: Any, table_name: str) -> None:
    index = {**global_index("gsi", "a"), "WarmThroughput": WARM}
    asked = {"WarmThroughput": WARM, "AttributeDefinitions": definitions("pk", "a"), "GlobalSecondaryIndexes": [index]}
    made = create(dynamodb, table_name, **ON_DEMAND, **asked)
    assert made["WarmThroughput"] == {**WARM, "Status": "UPDATING"}
    (shown,) = made["GlobalSecondaryIndexes"]
    assert shown.keys() == {
        "IndexArn",
        "IndexName",
        "IndexSizeBytes",
        "IndexStatus",
        "ItemCount",
        "KeySchema",
        "Projection",
        "ProvisionedThroughput",
    }
    assert shown["IndexStatus"] == "CREATING"
    wait_until_index(Table(dynamodb, table_name), "gsi")
    (shown,) = dynamodb.describe_table(TableName=table_name)["Table"]["GlobalSecondaryIndexes"]
    assert shown["WarmThroughput"] == {**WARM, "Status": "ACTIVE"}


# A class that was named is shown, be it the default one, without a date. Source: AWS CLI reference, create-table, example 9.
def test_a_class_that_is_named_is_shown(dynamodb: Any, table_name: str) -> None:
    made = create(dynamodb, table_name, **ON_DEMAND, TableClass="STANDARD")
    assert made["TableClassSummary"] == {"TableClass": "STANDARD"}
    wait_until_active(dynamodb, table_name)
    assert dynamodb.describe_table(TableName=table_name)["Table"]["TableClassSummary"] == {"TableClass": "STANDARD"}


# Of a table on its way out the answer shows little: no keys, no indexes, no stream, not even when it was made.
def test_members_of_a_table_that_is_dropped(dynamodb: Any, make_table: Any) -> None:
    index = global_index("gsi", "pk")
    asked = {"StreamSpecification": STREAM, "GlobalSecondaryIndexes": [index], "SSESpecification": {"Enabled": True}}
    on_demand, provisioned = make_table(**asked), make_table(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    dropped = dynamodb.delete_table(TableName=on_demand.name)["TableDescription"]
    assert dropped.keys() == ALWAYS | {"BillingModeSummary"}
    assert dropped["TableStatus"] == "DELETING"
    assert "LastUpdateToPayPerRequestDateTime" in dropped["BillingModeSummary"]
    assert dynamodb.delete_table(TableName=provisioned.name)["TableDescription"].keys() == ALWAYS


# New throughput: UPDATING with the old figures, already with the time of the change; the new figures come with ACTIVE.
def test_new_throughput_shows_the_old_figures(make_table: Any) -> None:
    table = make_table(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    answer = change(table, ProvisionedThroughput=MORE)
    assert answer["TableStatus"] == "UPDATING"
    shown = answer["ProvisionedThroughput"]
    assert shown.items() >= UNITS.items()
    assert shown.keys() == {*UNITS, "NumberOfDecreasesToday", "LastIncreaseDateTime"}
    assert answer["WarmThroughput"] == {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 6, "Status": "ACTIVE"}
    wait_until_active(table.client, table.name)
    described = table.describe()
    assert described["ProvisionedThroughput"].items() >= MORE.items()
    assert described["WarmThroughput"]["WriteUnitsPerSecond"] == 8


# The same of an index, whose table stays ACTIVE.
def test_new_throughput_of_an_index_shows_the_old_figures(make_table: Any) -> None:
    index = {**global_index("gsi", "pk"), "ProvisionedThroughput": UNITS}
    table = make_table(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS, GlobalSecondaryIndexes=[index])
    update = {"Update": {"IndexName": "gsi", "ProvisionedThroughput": MORE}}
    answer = change(table, GlobalSecondaryIndexUpdates=[update])
    (shown,) = answer["GlobalSecondaryIndexes"]
    assert (answer["TableStatus"], shown["IndexStatus"]) == ("ACTIVE", "UPDATING")
    assert shown["ProvisionedThroughput"].items() >= UNITS.items()
    wait_until_index(table, "gsi")
    assert table.describe()["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"].items() >= MORE.items()


# A billing mode is shown at once, without its date, whether or not it is another one.
@pytest.mark.parametrize("before", [ON_DEMAND, {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS}])
def test_the_billing_mode_is_shown_undated(make_table: Any, before: dict[str, Any]) -> None:
    table = make_table(**before)
    answer = change(table, **ON_DEMAND)
    assert (answer["TableStatus"], answer["BillingModeSummary"]) == ("UPDATING", ON_DEMAND)
    wait_until_active(table.client, table.name)
    assert "LastUpdateToPayPerRequestDateTime" in table.describe()["BillingModeSummary"]


# Warm throughput: the old figures, UPDATING, of a table that is ACTIVE; maxima are there at once.
def test_warm_throughput_and_maxima(things: Table) -> None:
    answer = change(things, WarmThroughput=WARM)
    assert answer["TableStatus"] == "ACTIVE"
    assert answer["WarmThroughput"] == {
        "ReadUnitsPerSecond": 12_000,
        "WriteUnitsPerSecond": 4_000,
        "Status": "UPDATING",
    }
    assert things.describe()["WarmThroughput"] == {**WARM, "Status": "ACTIVE"}
    answer = change(things, OnDemandThroughput={"MaxReadRequestUnits": 9})
    assert (answer["TableStatus"], answer["OnDemandThroughput"]) == ("ACTIVE", {"MaxReadRequestUnits": 9})


# A class: the old one, UPDATING, be the new one the same; protection is there at once.
def test_class_and_protection(make_table: Any) -> None:
    table = make_table(TableClass="STANDARD")
    answer = change(table, TableClass="STANDARD")
    assert (answer["TableStatus"], answer["TableClassSummary"]) == ("UPDATING", {"TableClass": "STANDARD"})
    wait_until_active(table.client, table.name)
    answer = change(table, TableClass="STANDARD_INFREQUENT_ACCESS")
    assert (answer["TableStatus"], answer["TableClassSummary"]) == ("UPDATING", {"TableClass": "STANDARD"})
    wait_until_active(table.client, table.name)
    summary = table.describe()["TableClassSummary"]
    assert summary.keys() == {"TableClass", "LastUpdateDateTime"}
    assert summary["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    answer = change(table, DeletionProtectionEnabled=False)
    assert (answer["TableStatus"], answer["DeletionProtectionEnabled"]) == ("ACTIVE", False)


# A stream: its specification and ARN at once; switched off, the ARN stays.
def test_a_stream_in_the_answer(things: Table) -> None:
    answer = change(things, StreamSpecification=STREAM)
    assert (answer["TableStatus"], answer["StreamSpecification"]) == ("UPDATING", STREAM)
    arn = answer["LatestStreamArn"]
    wait_until_active(things.client, things.name)
    answer = change(things, StreamSpecification={"StreamEnabled": False})
    assert (answer["TableStatus"], answer["LatestStreamArn"]) == ("UPDATING", arn)
    assert "StreamSpecification" not in answer


# A key that is given or taken: the description as it was, UPDATING, of a table that is ACTIVE. Where none was, there is nothing else yet.
# Source of the second: localstack's snapshot of test_dynamodb_create_table_with_partial_sse_specification.
def test_encryption_in_the_answer(things: Table) -> None:
    answer = change(things, SSESpecification={"Enabled": True})
    assert (answer["TableStatus"], answer["SSEDescription"]) == ("ACTIVE", {"Status": "UPDATING"})
    enabled = things.describe()["SSEDescription"]
    assert enabled.keys() == {"Status", "SSEType", "KMSMasterKeyArn"}
    assert change(things, SSESpecification={"Enabled": False})["SSEDescription"] == {**enabled, "Status": "UPDATING"}
    assert "SSEDescription" not in things.describe()


# An index that comes and goes moves its table.
def test_indexes_in_the_answer(things: Table) -> None:
    made = {"Create": global_index("gsi", "a")}
    answer = change(things, AttributeDefinitions=definitions("a"), GlobalSecondaryIndexUpdates=[made])
    (shown,) = answer["GlobalSecondaryIndexes"]
    assert (answer["TableStatus"], shown["IndexStatus"], shown["Backfilling"]) == ("UPDATING", "CREATING", False)
    wait_until_index(things, "gsi")
    answer = change(things, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gsi"}}])
    (shown,) = answer["GlobalSecondaryIndexes"]
    assert (answer["TableStatus"], shown["IndexStatus"]) == ("UPDATING", "DELETING")
