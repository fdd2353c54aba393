"""Backups and point-in-time recovery: none yet, said as AWS says it, and refused last."""

from typing import Any

import pytest

from tests.support.conformance_surface import MISSING, arn_of, assert_not_available, elsewhere
from tests.support.conformance_table import Table, invalid, refused

NO_TABLE = ("TableNotFoundException", f"Table not found: {MISSING}")
ENABLED, DISABLED = {"PointInTimeRecoveryEnabled": True}, {"PointInTimeRecoveryEnabled": False}
BACKUP_ID = "01789732865749-d3df7150"


@pytest.fixture
def backup_arn(things: Table) -> str:
    return f"{arn_of(things)}/backup/{BACKUP_ID}"


# Terraform and the CDK read this for every table, and AWS says ENABLED of the backups although recovery is off.
def test_continuous_backups_without_recovery(things: Table, dynamodb: Any) -> None:
    described = dynamodb.describe_continuous_backups(TableName=things.name)["ContinuousBackupsDescription"]
    assert described == {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
    }
    assert dynamodb.describe_continuous_backups(TableName=arn_of(things))["ContinuousBackupsDescription"] == described


# This family has a word of its own for a table that is not there.
@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("describe_continuous_backups", {"TableName": MISSING}),
        ("update_continuous_backups", {"TableName": MISSING, "PointInTimeRecoverySpecification": ENABLED}),
        ("create_backup", {"TableName": MISSING, "BackupName": "nightly"}),
        (
            "restore_table_to_point_in_time",
            {"SourceTableName": MISSING, "TargetTableName": "restored", "UseLatestRestorableTime": True},
        ),
    ],
)
def test_a_missing_table_is_a_table_not_found(dynamodb: Any, operation: str, parameters: dict[str, Any]) -> None:
    assert refused(getattr(dynamodb, operation), **parameters) == NO_TABLE


# Recovery is kept and described; to restore is what does not exist yet. Source of the members: localstack's snapshot of
# test_continuous_backup_update, and AWS's API reference for the latest time, "typically five minutes before the current time".
def test_recovery_is_switched_on_and_off(things: Table, dynamodb: Any) -> None:
    def updated(**specification: Any) -> dict[str, Any]:
        answer = dynamodb.update_continuous_backups(
            TableName=things.name, PointInTimeRecoverySpecification=specification
        )["ContinuousBackupsDescription"]
        assert answer["ContinuousBackupsStatus"] == "ENABLED"
        shown: dict[str, Any] = answer["PointInTimeRecoveryDescription"]
        described = dynamodb.describe_continuous_backups(TableName=things.name)["ContinuousBackupsDescription"]
        assert described["PointInTimeRecoveryDescription"].keys() == shown.keys()
        return shown

    assert updated(**DISABLED) == {"PointInTimeRecoveryStatus": "DISABLED"}
    enabled = updated(**ENABLED)
    assert (enabled["PointInTimeRecoveryStatus"], enabled["RecoveryPeriodInDays"]) == ("ENABLED", 35)
    assert enabled["EarliestRestorableDateTime"] <= enabled["LatestRestorableDateTime"]
    shorter = updated(**ENABLED, RecoveryPeriodInDays=7)
    assert shorter["RecoveryPeriodInDays"] == 7
    assert shorter["EarliestRestorableDateTime"] == enabled["EarliestRestorableDateTime"]
    assert_not_available(
        dynamodb.restore_table_to_point_in_time,
        "RestoreTableToPointInTime",
        SourceTableName=things.name,
        TargetTableName="restored",
        UseLatestRestorableTime=True,
    )
    assert updated(**DISABLED) == {"PointInTimeRecoveryStatus": "DISABLED"}


# A period makes sense for recovery that is on, and has bounds.
def test_recovery_periods_are_checked(things: Table, dynamodb: Any) -> None:
    update, name = dynamodb.update_continuous_backups, things.name
    text = invalid(update, TableName=name, PointInTimeRecoverySpecification={**DISABLED, "RecoveryPeriodInDays": 7})
    assert text == "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."
    text = invalid(update, TableName=name, PointInTimeRecoverySpecification={**ENABLED, "RecoveryPeriodInDays": 36})
    assert "recoveryPeriodInDays" in text
    assert text.endswith("Member must have value less than or equal to 35")


# Nothing has been backed up, of whatever table, there or not.
def test_list_backups_is_empty(things: Table, dynamodb: Any) -> None:
    for parameters in ({}, {"TableName": things.name}, {"TableName": MISSING}, {"BackupType": "ALL", "Limit": 1}):
        answer = dynamodb.list_backups(**parameters)
        assert answer["BackupSummaries"] == []
        assert "LastEvaluatedBackupArn" not in answer


# Even of an empty list the bounds are held against one another, and its cursor against this region.
def test_list_backups_checks_its_input(backup_arn: str, dynamodb: Any) -> None:
    text = invalid(dynamodb.list_backups, TimeRangeLowerBound=2_000_000_000, TimeRangeUpperBound=1_000_000_000)
    assert text.endswith("Time range lower bound must be less than or equal to upper bound")
    region = backup_arn.split(":")[3]
    other = backup_arn.replace(region, "eu-west-2" if region != "eu-west-2" else "eu-west-1")
    text = invalid(dynamodb.list_backups, ExclusiveStartBackupArn=other)
    assert text == "Invalid Request: The supplied ExclusiveStartBackupArn does not match the region"
    assert dynamodb.list_backups(ExclusiveStartBackupArn=backup_arn)["BackupSummaries"] == []
    assert "limit" in invalid(dynamodb.list_backups, Limit=101)


# A backup is asked for by its ARN, and AWS says in five ways what is wrong with that.
@pytest.mark.parametrize("operation", ["describe_backup", "delete_backup", "restore_table_from_backup"])
def test_backups_are_not_found(dynamodb: Any, backup_arn: str, operation: str) -> None:
    def refusal(arn: str) -> tuple[str, str]:
        target = {"TargetTableName": "restored"} if operation.startswith("restore") else {}
        return refused(getattr(dynamodb, operation), BackupArn=arn, **target)

    table_arn = backup_arn.partition("/backup/")[0]
    assert refusal(backup_arn) == ("BackupNotFoundException", f"Backup not found: {backup_arn}")
    assert refusal(table_arn) == ("ValidationException", "Invalid Backup ARN")
    assert refusal("x" * 48) == ("ValidationException", "Invalid Backup ARN")
    malformed = ("ValidationException", "Invalid Request: BackupArn is not valid")
    assert refusal(f"{table_arn}/backup/yesterday") == malformed
    assert refusal(backup_arn.replace(backup_arn.split(":")[3], "us-west-99")) == malformed
    assert refusal(elsewhere(backup_arn)) == ("AccessDeniedException", "Access is denied")
    assert refusal("short") == refusal("") == ("ValidationException", "Invalid Backup ARN")


# Overrides that contradict one another are refused before the backup is looked for.
def test_restoring_checks_billing_overrides(backup_arn: str, dynamodb: Any) -> None:
    restore = {"BackupArn": backup_arn, "TargetTableName": "restored"}
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    text = invalid(
        dynamodb.restore_table_from_backup,
        BillingModeOverride="PAY_PER_REQUEST",
        ProvisionedThroughputOverride=units,
        **restore,
    )
    assert "Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST" in text
    text = invalid(dynamodb.restore_table_from_backup, BillingModeOverride="PROVISIONED", **restore)
    assert "Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED" in text


# The name of a restored table is looked at by hand, in other words than the model's.
def test_restored_tables_need_a_name(backup_arn: str, things: Table, dynamodb: Any) -> None:
    text = "TableName must be at least 3 characters long and at most 255 characters long"
    assert invalid(dynamodb.restore_table_from_backup, BackupArn=backup_arn, TargetTableName="ab") == text
    to_a_time = {"SourceTableName": things.name, "UseLatestRestorableTime": True}
    assert invalid(dynamodb.restore_table_to_point_in_time, TargetTableName="", **to_a_time) == text


# A backup that could be made is what does not exist yet; a bad name is found first.
def test_create_backup(things: Table, dynamodb: Any) -> None:
    assert "backupName" in invalid(dynamodb.create_backup, TableName=things.name, BackupName="a!")
    assert_not_available(dynamodb.create_backup, "CreateBackup", TableName=things.name, BackupName="nightly")


# The shape of the request comes first, then the table, then that it has no recovery, whatever the target.
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"UseLatestRestorableTime": True}, "The parameter 'TableName' is required but was not present in the request"),
        (
            {"SourceTableName": MISSING, "SourceTableArn": "arn:x", "UseLatestRestorableTime": True},
            "Invalid Request: Must provide exactly one of: sourceTableArn, sourceTableName",
        ),
        (
            {"SourceTableName": MISSING},
            "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both",
        ),
        (
            {"SourceTableName": MISSING, "UseLatestRestorableTime": True, "RestoreDateTime": 1_700_000_000},
            "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore "
            "request. Please specify either one of them",
        ),
    ],
)
def test_restoring_to_a_time_checks_its_shape(dynamodb: Any, parameters: dict[str, Any], text: str) -> None:
    assert invalid(dynamodb.restore_table_to_point_in_time, TargetTableName="restored", **parameters) == text


# Every table is without recovery, so AWS's own answer to that is the true one.
def test_restoring_to_a_time_needs_recovery(things: Table, dynamodb: Any) -> None:
    for source in ({"SourceTableName": things.name}, {"SourceTableArn": arn_of(things)}):
        code, text = refused(
            dynamodb.restore_table_to_point_in_time,
            TargetTableName=things.name,
            UseLatestRestorableTime=True,
            **source,
        )
        assert code == "PointInTimeRecoveryUnavailableException"
        assert text == f"Point in time recovery is not enabled for table '{things.name}'"
