"""Tables: making, describing, listing, changing and dropping them."""

from typing import Any

import pytest

from tests.support.conformance_table import (
    HASH,
    STRING_KEY,
    Table,
    drop,
    eventually,
    invalid,
    refused,
    wait_until_active,
)

INVALID = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
PLAIN = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH], "BillingMode": "PAY_PER_REQUEST"}


def _status(table: Table) -> str:
    status: str = table.describe()["TableStatus"]
    return status


# CreateTable's answer describes the table that was asked for.
def test_create_table_answers_with_its_description(dynamodb: Any, table_name: str) -> None:
    description = dynamodb.create_table(TableName=table_name, **PLAIN)["TableDescription"]
    assert description["TableName"] == table_name
    assert description["TableStatus"] in ("CREATING", "ACTIVE")
    assert description["KeySchema"] == [HASH]
    assert description["AttributeDefinitions"] == [STRING_KEY]
    assert description["TableArn"].endswith(f":table/{table_name}")
    assert len(description["TableId"]) == 36


# Composite keys keep their order and types.
def test_create_table_with_a_sort_key(series: Table) -> None:
    description = series.describe()
    assert [element["KeyType"] for element in description["KeySchema"]] == ["HASH", "RANGE"]
    types = {each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "N"}


# Waiters of every SDK poll DescribeTable for this.
def test_a_table_becomes_active(things: Table, dynamodb: Any) -> None:
    dynamodb.get_waiter("table_exists").wait(TableName=things.name, WaiterConfig={"Delay": 1})
    assert _status(things) == "ACTIVE"


# Provisioned capacity is told back, and provisioned is what a table is when nothing is said.
def test_provisioned_capacity_is_described(dynamodb: Any, table_name: str) -> None:
    schema = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH]}
    dynamodb.create_table(TableName=table_name, ProvisionedThroughput=UNITS, **schema)
    description = dynamodb.describe_table(TableName=table_name)["Table"]
    assert description["ProvisionedThroughput"].items() >= UNITS.items()
    assert description["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 0
    assert description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") == "PROVISIONED"


# On-demand tables say so, and show no units.
def test_on_demand_is_described(things: Table) -> None:
    description = things.describe()
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert description["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


# A name can be taken only once.
def test_a_table_that_exists_is_refused(things: Table, dynamodb: Any) -> None:
    code, text = refused(dynamodb.create_table, TableName=things.name, **PLAIN)
    assert code == "ResourceInUseException"
    assert things.name in text


# CreateTable tells apart the many ways in which keys and definitions do not fit.
@pytest.mark.parametrize(
    ("keys", "definitions", "text"),
    [
        (
            [("pk", "HASH")],
            ["x"],
            INVALID + "Some index key attributes are not defined in AttributeDefinitions. "
            "Keys: [pk], AttributeDefinitions: [x]",
        ),
        (
            [("pk", "HASH")],
            ["pk", "x"],
            INVALID + "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions",
        ),
        ([("pk", "HASH"), ("sk", "RANGE")], ["pk"], "Invalid KeySchema: Some index key attribute have no definition"),
        ([("pk", "RANGE")], ["pk"], "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        (
            [("pk", "HASH"), ("sk", "HASH")],
            ["pk", "sk"],
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            [("pk", "HASH"), ("pk", "RANGE")],
            ["pk"],
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            [("pk", "HASH"), ("pk", "RANGE")],
            ["pk", "sk"],
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
    ],
)
def test_key_schemas_are_checked(
    dynamodb: Any, table_name: str, keys: list[tuple[str, str]], definitions: list[str], text: str
) -> None:
    refusal = invalid(
        dynamodb.create_table,
        TableName=table_name,
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in definitions],
        BillingMode="PAY_PER_REQUEST",
    )
    assert refusal == text


# Key attributes are scalars of three types.
def test_key_attributes_are_strings_numbers_or_bytes(dynamodb: Any, table_name: str) -> None:
    definitions = [{"AttributeName": "pk", "AttributeType": "BOOL"}]
    text = invalid(dynamodb.create_table, TableName=table_name, **{**PLAIN, "AttributeDefinitions": definitions})
    assert text.startswith("1 validation error detected: Value 'BOOL' at 'attributeDefinitions.1.member.attributeType'")
    assert "Member must satisfy enum value set: [" in text


# Capacity and billing mode must agree.
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": UNITS},
            INVALID
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"BillingMode": "PROVISIONED"},
            INVALID + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
    ],
)
def test_capacity_must_fit_the_billing_mode(
    dynamodb: Any, table_name: str, settings: dict[str, Any], text: str
) -> None:
    assert invalid(dynamodb.create_table, TableName=table_name, **{**PLAIN, **settings}) == text


# Names have three to 255 characters.
@pytest.mark.parametrize(
    ("name", "bound"), [("ab", "greater than or equal to 3"), ("x" * 256, "less than or equal to 255")]
)
def test_table_names_have_a_length(dynamodb: Any, name: str, bound: str) -> None:
    text = invalid(dynamodb.create_table, TableName=name, **PLAIN)
    assert text == (
        f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must have "
        f"length {bound}"
    )


# The set of characters is AWS's pattern.
def test_table_names_have_a_pattern(dynamodb: Any) -> None:
    text = invalid(dynamodb.create_table, TableName="no spaces", **PLAIN)
    assert "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+" in text


# The operations on tables look at a name as if they were to make it.
@pytest.mark.parametrize("operation", ["describe_table", "update_table", "delete_table"])
def test_names_of_tables_are_checked_first(dynamodb: Any, operation: str) -> None:
    assert invalid(getattr(dynamodb, operation), TableName="ab") == (
        "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length "
        "greater than or equal to 3"
    )


# A request of the control plane names the table that is missing.
@pytest.mark.parametrize("operation", ["describe_table", "delete_table"])
def test_a_missing_table_is_named(dynamodb: Any, table_name: str, operation: str) -> None:
    code, text = refused(getattr(dynamodb, operation), TableName=table_name)
    assert code == "ResourceNotFoundException"
    assert text == f"Requested resource not found: Table: {table_name} not found"


# The same for changes.
def test_a_missing_table_cannot_be_changed(dynamodb: Any, table_name: str) -> None:
    code, text = refused(dynamodb.update_table, TableName=table_name, BillingMode="PAY_PER_REQUEST")
    assert (code, text) == (
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {table_name} not found",
    )


# Tables can be named by their ARN.
def test_a_table_is_described_by_its_arn(things: Table, dynamodb: Any) -> None:
    arn = things.describe()["TableArn"]
    assert dynamodb.describe_table(TableName=arn)["Table"]["TableName"] == things.name


# ListTables gives every table once, in pages.
def test_tables_are_listed_in_pages(dynamodb: Any, make_table: Any) -> None:
    made = {make_table().name for _ in range(3)}
    listed: list[str] = []
    start: dict[str, str] = {}
    while True:
        page = dynamodb.list_tables(Limit=2, **start)
        assert len(page["TableNames"]) <= 2
        listed += page["TableNames"]
        if "LastEvaluatedTableName" not in page:
            break
        start = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}
    assert made <= set(listed)
    assert len(listed) == len(set(listed))


# A page of names has at most a hundred.
@pytest.mark.parametrize("limit", [0, 101])
def test_pages_of_tables_are_bounded(dynamodb: Any, limit: int) -> None:
    assert invalid(dynamodb.list_tables, Limit=limit).startswith(
        f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value"
    )


# A dropped table is gone, and its name is free for an empty one.
def test_a_dropped_table_is_gone_with_its_items(things: Table, dynamodb: Any) -> None:
    things.put({"pk": {"S": "a"}})
    description = dynamodb.delete_table(TableName=things.name)["TableDescription"]
    assert description["TableStatus"] == "DELETING"
    eventually(lambda: things.name not in _names(dynamodb), "the table gone")
    dynamodb.create_table(TableName=things.name, **PLAIN)
    wait_until_active(dynamodb, things.name)
    assert things.get({"pk": {"S": "a"}}) is None
    assert things.scan()["Count"] == 0


def _names(dynamodb: Any) -> set[str]:
    return {name for page in dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]}


# Deletion protection means what it says, and can be taken off.
def test_deletion_protection(make_table: Any, dynamodb: Any) -> None:
    table = make_table(DeletionProtectionEnabled=True)
    assert table.describe()["DeletionProtectionEnabled"] is True
    text = invalid(dynamodb.delete_table, TableName=table.name)
    assert text == (
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
    )
    dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=False)
    wait_until_active(dynamodb, table.name)
    assert table.describe()["DeletionProtectionEnabled"] is False
    dynamodb.delete_table(TableName=table.name)


# Billing mode can be changed both ways.
def test_the_billing_mode_is_changed(things: Table, dynamodb: Any) -> None:
    dynamodb.update_table(TableName=things.name, BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    wait_until_active(dynamodb, things.name)
    description = things.describe()
    assert description["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
    # Once paid per request, a table always tells since when.
    assert description["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert "LastUpdateToPayPerRequestDateTime" in description["BillingModeSummary"]
    dynamodb.update_table(TableName=things.name, BillingMode="PAY_PER_REQUEST")
    wait_until_active(dynamodb, things.name)
    description = things.describe()
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert description["ProvisionedThroughput"]["WriteCapacityUnits"] == 0


# Capacity can be changed, but not to what it is.
def test_capacity_is_changed(dynamodb: Any, make_table: Any) -> None:
    table = make_table(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    text = invalid(dynamodb.update_table, TableName=table.name, ProvisionedThroughput=UNITS)
    assert text.startswith("The provisioned throughput for the table will not change. The requested value equals")
    more = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    dynamodb.update_table(TableName=table.name, ProvisionedThroughput=more)
    wait_until_active(dynamodb, table.name)
    assert table.describe()["ProvisionedThroughput"].items() >= more.items()


# A table that is paid per request has no capacity to set.
def test_capacity_of_an_on_demand_table_is_refused(things: Table, dynamodb: Any) -> None:
    text = invalid(dynamodb.update_table, TableName=things.name, ProvisionedThroughput=UNITS)
    assert text == (
        INVALID
        + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
    )


# The table class shows after a change.
def test_the_table_class_is_changed(things: Table, dynamodb: Any) -> None:
    dynamodb.update_table(TableName=things.name, TableClass="STANDARD_INFREQUENT_ACCESS")
    wait_until_active(dynamodb, things.name)
    assert things.describe()["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"


# An update that asks for nothing is a mistake.
def test_an_empty_update_is_refused(things: Table, dynamodb: Any) -> None:
    text = invalid(dynamodb.update_table, TableName=things.name)
    assert text.startswith("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled,")


# A stream can be switched on later, and off, and its ARN stays on show.
def test_a_stream_is_switched_on_and_off(things: Table, dynamodb: Any) -> None:
    assert "LatestStreamArn" not in things.describe()
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    dynamodb.update_table(TableName=things.name, StreamSpecification=on)
    wait_until_active(dynamodb, things.name)
    described = things.describe()
    assert described["StreamSpecification"] == on
    assert described["LatestStreamArn"] == f"{described['TableArn']}/stream/{described['LatestStreamLabel']}"
    dynamodb.update_table(TableName=things.name, StreamSpecification={"StreamEnabled": False})
    wait_until_active(dynamodb, things.name)
    assert "StreamSpecification" not in things.describe()
    assert things.describe()["LatestStreamArn"] == described["LatestStreamArn"]


# A stream's view type is fixed for its life, and there is nothing to switch off where there is no stream.
def test_streams_are_switched_only_when_they_can_be(make_table: Any, things: Table, dynamodb: Any) -> None:
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    table = make_table(StreamSpecification=on)
    text = invalid(dynamodb.update_table, TableName=table.name, StreamSpecification=on)
    assert text == f"Table already has an enabled stream: TableName: {table.name}"
    text = invalid(dynamodb.update_table, TableName=things.name, StreamSpecification={"StreamEnabled": False})
    assert text == f"Table has no stream to disable: TableName: {things.name}"


# The view type belongs to a stream that is on, on creation and later.
def test_the_view_type_belongs_to_an_enabled_stream(things: Table, dynamodb: Any, table_name: str) -> None:
    text = invalid(dynamodb.create_table, TableName=table_name, **PLAIN, StreamSpecification={"StreamEnabled": True})
    assert text == INVALID + "Table is being created with a stream enabled, UpdateViewType is required"
    text = invalid(dynamodb.update_table, TableName=things.name, StreamSpecification={"StreamEnabled": True})
    assert text == INVALID + "If stream is being enabled then UpdateViewType is required"


# Replicas are changed one at a time, and never the region that is asked.
def test_replica_updates_are_checked(things: Table, dynamodb: Any, endpoint: Any) -> None:
    def text(*updates: dict[str, Any]) -> str:
        return invalid(dynamodb.update_table, TableName=things.name, ReplicaUpdates=list(updates))

    here, there = {"RegionName": endpoint.region}, {"RegionName": "sa-east-1"}
    assert text({"Create": here}).startswith("Cannot add, delete, or update the local region through ReplicaUpdates.")
    assert text({"Create": there}, {"Create": here}).startswith("Update table operation with more than one")
    # Terraform's AWS provider tolerates this very text, of a replica that is gone already.
    gone = "Replica specified in the Replica Update or Replica Delete action of the request was not found."
    assert text({"Delete": there}) == gone
    assert text({"Update": {**there, "TableClassOverride": "STANDARD"}}) == gone
    nothing = "There are no actions specified in the Replica Update Action of the request."
    assert (text({}), text({"Update": there})) == (nothing, nothing)
    assert text({"Create": {"RegionName": "us-fake-1"}}).startswith(
        "Region us-fake-1 is not supported. The latest version of global tables are only supported in the following regions: ["
    )


# Replicas and other settings are changed apart.
def test_replica_updates_stand_alone(things: Table, dynamodb: Any) -> None:
    text = invalid(
        dynamodb.update_table,
        TableName=things.name,
        ReplicaUpdates=[{"Create": {"RegionName": "sa-east-1"}}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert text == INVALID + "Replica modification must be the only operation in the request"


# Items of a table that is not there are not found; AWS does not repeat its name.
@pytest.mark.parametrize("operation", ["get_item", "delete_item", "update_item"])
def test_items_of_a_missing_table_are_not_found(dynamodb: Any, table_name: str, operation: str) -> None:
    code, text = refused(getattr(dynamodb, operation), TableName=table_name, Key={"pk": {"S": "a"}})
    assert (code, text) == ("ResourceNotFoundException", "Requested resource not found")


# SDKs ask for the account's bounds.
def test_limits_are_told(dynamodb: Any) -> None:
    limits = dynamodb.describe_limits()
    assert {name for name in limits if name.endswith("Units")} == {
        "AccountMaxReadCapacityUnits",
        "AccountMaxWriteCapacityUnits",
        "TableMaxReadCapacityUnits",
        "TableMaxWriteCapacityUnits",
    }


# Endpoint discovery names an address that can be reached: here, the one that was asked.
def test_endpoints_are_told(dynamodb: Any, endpoint: Any) -> None:
    (found,) = dynamodb.describe_endpoints()["Endpoints"]
    assert found["CachePeriodInMinutes"] == 1440
    assert found["Address"] in endpoint.url


# Dropping twice is an error the second time, once the table is gone.
def test_a_table_is_dropped_once(things: Table, dynamodb: Any) -> None:
    drop(dynamodb, things.name)
    eventually(lambda: things.name not in _names(dynamodb), "the table gone")
    assert refused(dynamodb.delete_table, TableName=things.name)[0] == "ResourceNotFoundException"
