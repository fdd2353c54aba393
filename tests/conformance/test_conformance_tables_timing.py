"""Tables that take their time, as on AWS: what may be done with them meanwhile, and what waiters see.

Always against an embedded region of its own, whose control plane is set to AWS's timing: an endpoint given may be set otherwise.
"""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.conformance_embedded import embedded_region
from tests.support.conformance_table import HASH, STRING_KEY, refused

PLAIN = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH], "BillingMode": "PAY_PER_REQUEST"}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
IN_USE = "Attempt to change a resource which is still in use: "
# No retries: whoever waits between two answers is the test.
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 1})


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with embedded_region(tmp_path_factory.mktemp("slow"), "us-east-1", "aws") as url:
        client = boto3.client(
            "dynamodb",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=CONFIG,
        )
        yield client
        client.close()


def wait(slow: Any, name: str, waiter: str) -> None:
    slow.get_waiter(waiter).wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def status(slow: Any, name: str) -> str:
    answer: str = slow.describe_table(TableName=name)["Table"]["TableStatus"]
    return answer


@pytest.fixture
def name(slow: Any) -> Iterator[str]:
    made = f"t-{uuid.uuid4().hex}"
    yield made
    with suppress(slow.exceptions.ClientError):
        slow.delete_table(TableName=made)


def provisioned(slow: Any, name: str) -> str:
    slow.create_table(TableName=name, **{**PLAIN, "BillingMode": "PROVISIONED"}, ProvisionedThroughput=UNITS)
    wait(slow, name, "table_exists")
    return name


@pytest.fixture
def table(slow: Any, name: str) -> str:
    """Return a table that a test may do with as it likes."""
    return provisioned(slow, name)


@pytest.fixture(scope="module")
def standing(slow: Any) -> str:
    """Return a table that tests share, because making it takes its time; it goes with its region."""
    return provisioned(slow, "standing")


# A table that is being made can be described and nothing else, until waiters find it ACTIVE.
def test_a_table_is_made(slow: Any, name: str) -> None:
    made = slow.create_table(TableName=name, **PLAIN)["TableDescription"]
    assert (made["TableStatus"], status(slow, name)) == ("CREATING", "CREATING")
    assert refused(slow.put_item, TableName=name, Item={"pk": {"S": "a"}}) == (
        "ResourceNotFoundException",
        "Requested resource not found",
    )
    being_created = ("ResourceInUseException", f"{IN_USE}Table is being created: {name}")
    assert refused(slow.create_table, TableName=name, **PLAIN) == being_created
    assert refused(slow.delete_table, TableName=name) == being_created
    assert refused(slow.update_table, TableName=name, DeletionProtectionEnabled=True) == being_created
    assert refused(slow.tag_resource, ResourceArn=made["TableArn"], Tags=[{"Key": "a", "Value": "b"}]) == (
        "ResourceNotFoundException",
        f"Requested resource not found: ResourceArn: {made['TableArn']} not found",
    )
    assert refused(slow.describe_time_to_live, TableName=name) == (
        "ValidationException",
        "Cannot describe time to live while table is in CREATING state: Current table state is CREATING",
    )
    lasting = {"Enabled": True, "AttributeName": "until"}
    assert refused(slow.update_time_to_live, TableName=name, TimeToLiveSpecification=lasting) == (
        "ResourceInUseException",
        f"{IN_USE}Table {name} is being created",
    )
    wait(slow, name, "table_exists")
    slow.put_item(TableName=name, Item={"pk": {"S": "a"}})


# While a table is UPDATING it serves items, and only its protection and encryption can be changed. Another billing mode takes longest,
# so that all of this fits into it on a busy machine, too.
def test_a_table_is_changed(slow: Any, table: str) -> None:
    changed = slow.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")["TableDescription"]
    assert changed["TableStatus"] == "UPDATING"
    slow.put_item(TableName=table, Item={"pk": {"S": "a"}})
    assert refused(slow.update_table, TableName=table, TableClass="STANDARD_INFREQUENT_ACCESS")[0] == (
        "ResourceInUseException"
    )
    assert refused(slow.delete_table, TableName=table) == (
        "ResourceInUseException",
        f"{IN_USE}Table: {table} is in the process of being updated.",
    )
    slow.update_table(TableName=table, DeletionProtectionEnabled=False)
    slow.update_table(TableName=table, SSESpecification={"Enabled": True})
    assert status(slow, table) == "UPDATING"
    wait(slow, table, "table_exists")
    billing = slow.describe_table(TableName=table)["Table"]["BillingModeSummary"]
    assert billing["BillingMode"] == "PAY_PER_REQUEST"


# Provisioned throughput and the class are on show as they were until the table is ACTIVE again, then as they are.
# Source: localstack's snapshots of UpdateTable, and tests that moto marks `aws_verified`.
def test_what_changes_is_on_show_as_it_was(slow: Any, table: str) -> None:
    more = {"ReadCapacityUnits": 6, "WriteCapacityUnits": 5}
    for change, member, before, after in (
        ({"ProvisionedThroughput": more}, "ProvisionedThroughput", UNITS, more),
        (
            {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
            "TableClassSummary",
            {},
            {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
        ),
    ):
        slow.update_table(TableName=table, **change)
        shown = slow.describe_table(TableName=table)["Table"]
        assert shown["TableStatus"] == "UPDATING"
        assert shown.get(member, {}).items() >= before.items()
        assert not shown.get(member, {}).items() >= after.items()
        wait(slow, table, "table_exists")
        assert slow.describe_table(TableName=table)["Table"][member].items() >= after.items()


# While a table is CREATING, DescribeTable shows what CreateTable's answer showed; while it is DELETING, what it showed before: only
# the answer to DeleteTable has less. What AWS describes of a table that is DELETING could not be established.
def test_descriptions_of_tables_that_come_and_go(slow: Any, name: str) -> None:
    index = {"IndexName": "one", "KeySchema": [HASH], "Projection": {"ProjectionType": "KEYS_ONLY"}}
    made = slow.create_table(TableName=name, **PLAIN, GlobalSecondaryIndexes=[index])["TableDescription"]
    assert slow.describe_table(TableName=name)["Table"] == made
    wait(slow, name, "table_exists")
    standing = slow.describe_table(TableName=name)["Table"]
    slow.delete_table(TableName=name)
    assert slow.describe_table(TableName=name)["Table"] == {**standing, "TableStatus": "DELETING"}


# What AWS does at once leaves a table ACTIVE here, too.
def test_some_changes_take_no_time(slow: Any, standing: str) -> None:
    changed = slow.update_table(TableName=standing, WarmThroughput={"ReadUnitsPerSecond": 50})["TableDescription"]
    assert changed["TableStatus"] == "ACTIVE"
    changed = slow.update_table(TableName=standing, SSESpecification={"Enabled": True})["TableDescription"]
    assert changed["TableStatus"] == "ACTIVE"


# A table on its way out is still described; then the waiter finds it gone.
def test_a_table_is_dropped(slow: Any, table: str) -> None:
    dropped = slow.delete_table(TableName=table)["TableDescription"]
    assert (dropped["TableStatus"], status(slow, table)) == ("DELETING", "DELETING")
    assert refused(slow.get_item, TableName=table, Key={"pk": {"S": "a"}})[0] == "ResourceNotFoundException"
    being_deleted = ("ResourceInUseException", f"{IN_USE}Table is being deleted: {table}")
    assert refused(slow.update_table, TableName=table, DeletionProtectionEnabled=True) == being_deleted
    assert refused(slow.create_table, TableName=table, **PLAIN) == being_deleted
    assert refused(slow.delete_table, TableName=table) == being_deleted
    text = "Cannot describe time to live while table is in DELETING state: Current table state is DELETING"
    assert refused(slow.describe_time_to_live, TableName=table) == ("ValidationException", text)
    wait(slow, table, "table_not_exists")


# Settings rest for a while after a change, tags and policies stand in the way of dropping the table.
def test_settings_rest(slow: Any, standing: str) -> None:
    arn = slow.describe_table(TableName=standing)["Table"]["TableArn"]
    slow.update_table(TableName=standing, DeletionProtectionEnabled=True)
    code, text = refused(slow.update_table, TableName=standing, DeletionProtectionEnabled=False)
    assert code == "ThrottlingException"
    assert text.startswith(
        f"Deletion protection setting for table {standing} modified within the previous 15000 millis"
    )
    slow.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    code, text = refused(slow.untag_resource, ResourceArn=arn, TagKeys=["a"])
    assert (code, text) == (
        "LimitExceededException",
        f"Subscriber limit exceeded: Table tags are being updated: {standing}",
    )


# An index comes with its table, and a later one is there no sooner than its table is ACTIVE again; a table that goes shows none.
def test_indexes_keep_step_with_their_table(slow: Any, name: str) -> None:
    index = {"IndexName": "one", "KeySchema": [HASH], "Projection": {"ProjectionType": "KEYS_ONLY"}}
    made = slow.create_table(TableName=name, **PLAIN, GlobalSecondaryIndexes=[index])["TableDescription"]
    assert index_statuses(made) == ["CREATING"]
    wait(slow, name, "table_exists")
    assert index_statuses(slow.describe_table(TableName=name)["Table"]) == ["ACTIVE"]
    change = {"Create": {**index, "IndexName": "two"}}
    slow.update_table(TableName=name, AttributeDefinitions=[STRING_KEY], GlobalSecondaryIndexUpdates=[change])
    while "CREATING" in index_statuses(shown := slow.describe_table(TableName=name)["Table"]):
        assert shown["TableStatus"] in ("UPDATING", "ACTIVE")
    assert shown["TableStatus"] == "ACTIVE"
    maxima = {"IndexName": "one", "OnDemandThroughput": {"MaxReadRequestUnits": 5}}
    changed = slow.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Update": maxima}])["TableDescription"]
    assert (changed["TableStatus"], index_statuses(changed)) == ("ACTIVE", ["UPDATING", "ACTIVE"])
    assert "GlobalSecondaryIndexes" not in slow.delete_table(TableName=name)["TableDescription"]


def index_statuses(table: Any) -> list[str]:
    return [index["IndexStatus"] for index in table["GlobalSecondaryIndexes"]]
