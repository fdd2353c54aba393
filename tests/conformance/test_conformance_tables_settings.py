"""Settings of tables: capacity and its history, maxima, warm throughput, class, encryption; what may be changed together."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.conformance_table import HASH, STRING_KEY, Table, eventually, invalid, refused, wait_until_active

INVALID = "One or more parameter values were invalid: "
KEYS = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH]}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
INITIAL = (
    "initial throughput for OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
    "on-demand-capacity-mode.html#on-demand-capacity-mode-initial"
)


def units(read: int, write: int) -> dict[str, int]:
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def warm(read: int, write: int) -> dict[str, Any]:
    return {"ReadUnitsPerSecond": read, "WriteUnitsPerSecond": write, "Status": "ACTIVE"}


def update(table: Table, **members: Any) -> dict[str, Any]:
    """Change a table and return its description once it is ACTIVE again."""
    table.client.update_table(TableName=table.name, **members)
    wait_until_active(table.client, table.name)
    return table.describe()


@pytest.fixture(scope="module")
def impatient(endpoint: Any) -> Iterator[Any]:
    """Return a client that takes the first answer: others try for long what is refused because of a limit."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture
def provisioned(make_table: Any) -> Table:
    made: Table = make_table(BillingMode="PROVISIONED", ProvisionedThroughput=units(9, 9))
    return made


# What AWS knows only a moment after it has made a table is not in its answer.
def test_what_create_table_leaves_out(dynamodb: Any, table_name: str) -> None:
    made = dynamodb.create_table(TableName=table_name, **KEYS, **ON_DEMAND)["TableDescription"]
    assert made["BillingModeSummary"] == ON_DEMAND
    assert "WarmThroughput" not in made
    wait_until_active(dynamodb, table_name)
    table = Table(dynamodb, table_name).describe()
    assert table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] >= table["CreationDateTime"]


# Every change of capacity leaves its time, every decrease counts.
def test_capacity_has_a_history(provisioned: Table) -> None:
    before = provisioned.describe()["ProvisionedThroughput"]
    assert before == {"NumberOfDecreasesToday": 0, **units(9, 9)}
    raised = update(provisioned, ProvisionedThroughput=units(10, 9))["ProvisionedThroughput"]
    assert "LastIncreaseDateTime" in raised
    assert "LastDecreaseDateTime" not in raised
    lowered = update(provisioned, ProvisionedThroughput=units(8, 9))["ProvisionedThroughput"]
    assert lowered["LastDecreaseDateTime"] >= raised["LastIncreaseDateTime"]
    assert lowered["NumberOfDecreasesToday"] == 1


# Four decreases a day are free; the fifth has to wait.
def test_a_fifth_decrease_has_to_wait(provisioned: Table, impatient: Any) -> None:
    for write in (8, 7, 6, 5):
        update(provisioned, ProvisionedThroughput=units(9, write))
    code, text = refused(impatient.update_table, TableName=provisioned.name, ProvisionedThroughput=units(9, 4))
    assert code == "LimitExceededException"
    assert text.startswith(
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first 4"
    )
    assert "Number of decreases today: 4. Last decrease at " in text
    assert provisioned.describe()["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 4


# The quota of a table, when it is made and later.
def test_capacity_has_a_quota(provisioned: Table, impatient: Any, table_name: str) -> None:
    too_much = units(40_001, 5)
    made = refused(impatient.create_table, TableName=table_name, **KEYS, ProvisionedThroughput=too_much)
    changed = refused(impatient.update_table, TableName=provisioned.name, ProvisionedThroughput=too_much)
    assert made == changed
    code, text = made
    assert code == "LimitExceededException"
    assert text.startswith("The requested ReadCapacityUnits, 40001, is above the per table maximum for the account in ")


# Between the modes: capacity is given with the switch to provisioned, and with no other.
def test_switching_modes(provisioned: Table) -> None:
    client, name = provisioned.client, provisioned.name
    assert "BillingModeSummary" not in provisioned.describe()
    switched = update(provisioned, **ON_DEMAND)
    assert switched["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "LastUpdateToPayPerRequestDateTime" in switched["BillingModeSummary"]
    assert switched["ProvisionedThroughput"].items() >= units(0, 0).items()
    assert switched["WarmThroughput"] == warm(12_000, 4_000)
    text = invalid(client.update_table, TableName=name, BillingMode="PROVISIONED")
    assert text == f"{INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
    back = update(provisioned, BillingMode="PROVISIONED", ProvisionedThroughput=units(1, 1))
    assert back["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert back["WarmThroughput"] == warm(12_000, 4_000)


# Naming the mode that a table has is no mistake on demand, and one when provisioned.
def test_naming_the_present_mode(things: Table, provisioned: Table) -> None:
    assert update(things, **ON_DEMAND)["TableStatus"] == "ACTIVE"
    text = invalid(provisioned.client.update_table, TableName=provisioned.name, BillingMode="PROVISIONED")
    assert text == f"{INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED"


# Maxima of an on-demand table: only those there are show, -1 takes one away.
def test_maxima_of_requests(make_table: Any) -> None:
    table = make_table(OnDemandThroughput={"MaxReadRequestUnits": 100})
    assert table.describe()["OnDemandThroughput"] == {"MaxReadRequestUnits": 100}
    both = update(table, OnDemandThroughput={"MaxWriteRequestUnits": 50})["OnDemandThroughput"]
    assert both == {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 50}
    update(table, OnDemandThroughput={"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": -1})
    eventually(lambda: "OnDemandThroughput" not in table.describe(), "maxima gone")


# Out of range, above the quota, or of a table that is not on demand.
def test_maxima_are_checked(things: Table, provisioned: Table, impatient: Any, table_name: str) -> None:
    out_of_range = f"{INVALID}Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"
    for value in (0, -1, -2):
        made = {**KEYS, **ON_DEMAND, "OnDemandThroughput": {"MaxReadRequestUnits": value}}
        assert invalid(impatient.create_table, TableName=table_name, **made) == out_of_range
    for value in (0, -2):
        maxima = {"MaxReadRequestUnits": value}
        assert invalid(impatient.update_table, TableName=things.name, OnDemandThroughput=maxima) == out_of_range
    code, text = refused(
        impatient.update_table, TableName=things.name, OnDemandThroughput={"MaxWriteRequestUnits": 40_001}
    )
    assert code == "LimitExceededException"
    assert text.startswith(
        "Subscriber limit exceeded: Requested MaxWriteRequestUnits for OnDemandThroughput for table exceeds "
        "TableMaxWriteCapacityUnits of the account in region "
    )
    maxima = {"MaxReadRequestUnits": 1}
    text = invalid(
        impatient.create_table,
        TableName=table_name,
        **KEYS,
        ProvisionedThroughput=units(1, 1),
        OnDemandThroughput=maxima,
    )
    assert text == (
        f"{INVALID}MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED."
    )
    text = invalid(impatient.update_table, TableName=provisioned.name, OnDemandThroughput=maxima)
    assert text == (
        f"{INVALID}MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
    )


# Warm throughput is always there, and grows with capacity.
def test_warm_throughput_follows_capacity(things: Table, provisioned: Table) -> None:
    assert things.describe()["WarmThroughput"] == warm(12_000, 4_000)
    assert provisioned.describe()["WarmThroughput"] == warm(9, 9)
    update(provisioned, ProvisionedThroughput=units(12, 4))
    assert provisioned.describe()["WarmThroughput"] == warm(12, 9)


# It can be asked for, one of the two or both, at creation and later.
def test_warm_throughput_is_asked_for(make_table: Any) -> None:
    table = make_table(WarmThroughput={"ReadUnitsPerSecond": 12_001})
    assert table.describe()["WarmThroughput"] == warm(12_001, 4_000)
    update(table, WarmThroughput={"WriteUnitsPerSecond": 4_002})
    eventually(lambda: table.describe()["WarmThroughput"] == warm(12_001, 4_002), "warm")


# Never below what there is.
def test_warm_throughput_is_checked(things: Table, dynamodb: Any, table_name: str) -> None:
    colder = {"ReadUnitsPerSecond": 1, "WriteUnitsPerSecond": 1}
    text = invalid(dynamodb.create_table, TableName=table_name, **KEYS, **ON_DEMAND, WarmThroughput=colder)
    assert text == f"{INVALID}Requested ReadUnitsPerSecond for WarmThroughput for table is lower than {INITIAL}"
    made = {**KEYS, "ProvisionedThroughput": units(10, 10), "WarmThroughput": {"WriteUnitsPerSecond": 5}}
    text = invalid(dynamodb.create_table, TableName=table_name, **made)
    assert text == (
        f"{INVALID}Requested WriteUnitsPerSecond for WarmThroughput for table is lower than WriteCapacityUnits of "
        "ProvisionedThroughput"
    )
    for value in (-1, 0, 3_999):
        given = {"WriteUnitsPerSecond": value}
        text = invalid(dynamodb.update_table, TableName=things.name, WarmThroughput=given)
        assert text == (
            f"{INVALID}Requested WriteUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, "
            "decreasing WarmThroughput is not supported"
        )


# The class shows once it was ever changed, with the time of that; the third change in a month is one too many.
def test_the_table_class(things: Table, impatient: Any) -> None:
    assert "TableClassSummary" not in update(things, TableClass="STANDARD")
    changed = update(things, TableClass="STANDARD_INFREQUENT_ACCESS")["TableClassSummary"]
    assert changed["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert "LastUpdateDateTime" in changed
    assert update(things, TableClass="STANDARD")["TableClassSummary"]["TableClass"] == "STANDARD"
    assert refused(impatient.update_table, TableName=things.name, TableClass="STANDARD_INFREQUENT_ACCESS") == (
        "LimitExceededException",
        "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s).",
    )


# AWS has words of its own for a class that there is not.
def test_an_unknown_table_class(things: Table, dynamodb: Any, table_name: str) -> None:
    text = (
        "Invalid table-class parameter provided. Please try again with a valid table-class value: "
        "[STANDARD, STANDARD_INFREQUENT_ACCESS]."
    )
    assert invalid(dynamodb.create_table, TableName=table_name, **KEYS, **ON_DEMAND, TableClass="GLACIER") == text
    assert invalid(dynamodb.update_table, TableName=things.name, TableClass="GLACIER") == text


# Encryption with a key of KMS is described; the default is not.
def test_encryption_is_described(things: Table, make_table: Any) -> None:
    assert "SSEDescription" not in things.describe()
    table = make_table(SSESpecification={"Enabled": True})
    managed = table.describe()["SSEDescription"]
    assert (managed["Status"], managed["SSEType"]) == ("ENABLED", "KMS")
    assert managed["KMSMasterKeyArn"].startswith("arn:aws:kms:")
    update(table, SSESpecification={"Enabled": False})
    eventually(lambda: "SSEDescription" not in table.describe(), "encryption off")


# A key of one's own is named by id or ARN; asking for the one there is is a mistake.
def test_a_key_of_ones_own(things: Table) -> None:
    region, account = things.describe()["TableArn"].split(":")[3:5]
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    key_arn = f"arn:aws:kms:{region}:{account}:key/{key}"
    given = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert update(things, SSESpecification=given)["SSEDescription"]["KMSMasterKeyArn"] == key_arn
    text = invalid(
        things.client.update_table, TableName=things.name, SSESpecification={**given, "KMSMasterKeyId": key_arn}
    )
    assert text == (
        f"{INVALID}Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change "
        "Master Key"
    )


# What contradicts itself in a specification.
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"Enabled": False, "SSEType": "KMS"}, "SSEType can not be specified if Enabled is false"),
        ({"Enabled": False, "KMSMasterKeyId": "k"}, "KMSMasterKeyId can not be specified if Enabled is false"),
        ({"Enabled": True, "KMSMasterKeyId": "k"}, "SSEType KMS is required if KMSMasterKeyId is specified"),
        ({"Enabled": True, "SSEType": "AES256"}, "SSEType AES256 is not supported"),
    ],
)
def test_encryption_is_checked(things: Table, dynamodb: Any, table_name: str, given: dict[str, Any], text: str) -> None:
    made = {**KEYS, **ON_DEMAND, "SSESpecification": given}
    assert invalid(dynamodb.create_table, TableName=table_name, **made) == INVALID + text
    assert invalid(dynamodb.update_table, TableName=things.name, SSESpecification=given) == INVALID + text


# There is nothing to switch off where there is nothing on.
@pytest.mark.parametrize("given", [{}, {"Enabled": False}])
def test_encryption_is_there_already(things: Table, given: dict[str, Any]) -> None:
    text = invalid(things.client.update_table, TableName=things.name, SSESpecification=given)
    assert text == f"{INVALID}Table is already encrypted by default"


# One thing at a time, and which one AWS complains about first.
@pytest.mark.parametrize(
    ("members", "text"),
    [
        (
            {"SSESpecification": {"Enabled": True}, "TableClass": "STANDARD"},
            "Server-Side Encryption modification must be the only operation in the request",
        ),
        (
            {"TableClass": "STANDARD", "DeletionProtectionEnabled": True},
            "TableClass modification must be the only operation in the request",
        ),
        (
            {"DeletionProtectionEnabled": False, **ON_DEMAND},
            "DeletionProtection modification must be the only operation in the request",
        ),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": 20_000}, **ON_DEMAND},
            "WarmThroughput must be the only operation in the request",
        ),
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 9}, "StreamSpecification": {"StreamEnabled": False}},
            "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": False}, "ProvisionedThroughput": units(1, 1)},
            "You cannot modify stream status while updating table IOPS",
        ),
    ],
)
def test_changes_that_do_not_go_together(things: Table, members: dict[str, Any], text: str) -> None:
    assert invalid(things.client.update_table, TableName=things.name, **members) == INVALID + text


# The two pairs that do.
def test_changes_that_go_together(provisioned: Table, make_table: Any) -> None:
    changed = update(provisioned, **ON_DEMAND, OnDemandThroughput={"MaxReadRequestUnits": 9})
    assert changed["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
    other = make_table(BillingMode="PROVISIONED", ProvisionedThroughput=units(1, 1))
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert update(other, **ON_DEMAND, StreamSpecification=stream)["StreamSpecification"] == stream


# What asks for nothing that counts, in words that leave out what was there in vain.
def test_nothing_that_counts(things: Table) -> None:
    text = invalid(things.client.update_table, TableName=things.name, AttributeDefinitions=[STRING_KEY])
    assert text == (
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, "
        "SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, "
        "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
    )
    text = invalid(things.client.update_table, TableName=things.name, MultiRegionConsistency="EVENTUAL")
    assert "MultiRegionConsistency" not in text


# Items are counted, and their bytes: names and values.
def test_items_are_counted(things: Table) -> None:
    def counted() -> tuple[int, int]:
        description = things.describe()
        return description["ItemCount"], description["TableSizeBytes"]

    assert counted() == (0, 0)
    for name in ("a", "b", "c"):
        things.put({"pk": {"S": name}, "v": {"S": "x" * 97}})
    eventually(lambda: counted() == (3, 3 * (2 + 1 + 1 + 97)), "three items")
    things.put({"pk": {"S": "a"}})
    things.delete({"pk": {"S": "b"}})
    eventually(lambda: counted() == (2, 3 + 101), "two items")


# Copies of other accounts' tables are not available.
def test_a_source_elsewhere_is_not_available(dynamodb: Any, table_name: str, things: Table) -> None:
    source = things.describe()["TableArn"]
    code, text = refused(
        dynamodb.create_table,
        TableName=table_name,
        GlobalTableSourceArn=source,
        GlobalTableSettingsReplicationMode="ENABLED",
    )
    assert code == "UnsupportedOperationException"
    assert "GlobalTableSourceArn" in text


# AWS's own words for a mode that no table of one region can have.
def test_replication_of_settings_of_a_regional_table(things: Table) -> None:
    mode = "ENABLED_WITH_OVERRIDES"
    text = invalid(things.client.update_table, TableName=things.name, GlobalTableSettingsReplicationMode=mode)
    assert text.endswith("Only ENABLED and DISABLED settings replication are supported for a Regional Table.")
