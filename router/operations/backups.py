"""Backups and point-in-time recovery, of which there are none yet: reads say so, and what would make one is refused.

Source of the texts and of their order: public recordings of AWS's answers of autumn 2026.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from router.operations.arns import table_name
from router.operations.derived_arns import derived_arn, require_own_account
from router.operations.one_function import Answer, Check, not_available
from router.operations.store import Store
from router.operations.table_settings import INVALID
from router.operations.tables import require_name
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import BillingMode, TableSpec, TableStatus

_BACKUP_ID: Final = re.compile(r"[0-9]{14}-[0-9a-fA-F]{8}")
_INVALID_REQUEST: Final = "Invalid Request: "

# Every table has continuous backups in AWS's sense; point-in-time recovery is what is switched on.
_NO_RECOVERY: Final = {
    "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
    }
}


def backed_up_table(store: Store, given: str) -> TableSpec:
    """Return the table of a request about backups; one that is being made does not exist for them.

    Raises StoreError TABLE_NOT_FOUND.
    """
    name = table_name(given, store.home)
    spec = store.view.tables.get(name)
    if spec is None or spec.status is TableStatus.CREATING:
        raise StoreError(ErrorCode.TABLE_NOT_FOUND, f"Table not found: {name}")
    return spec


def require_recovery(spec: TableSpec) -> None:
    """Refuse what needs point-in-time recovery, which no table has."""
    raise StoreError(
        ErrorCode.POINT_IN_TIME_RECOVERY_UNAVAILABLE,
        f"Point in time recovery is not enabled for table '{spec.name}'",
    )


def _describe_continuous_backups(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    backed_up_table(store, body["TableName"])
    return _NO_RECOVERY


def _update_continuous_backups(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    wanted = body["PointInTimeRecoverySpecification"]
    is_enabled = wanted["PointInTimeRecoveryEnabled"]
    if not is_enabled and wanted.get("RecoveryPeriodInDays") is not None:
        raise validation_error(
            f"{_INVALID_REQUEST}Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."
        )
    backed_up_table(store, body["TableName"])
    if is_enabled:
        raise not_available("UpdateContinuousBackups with PointInTimeRecoveryEnabled")
    return _NO_RECOVERY


def _list_backups(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    # A table that is not there may have left backups behind, so its name is not looked up.
    lower, upper = body.get("TimeRangeLowerBound"), body.get("TimeRangeUpperBound")
    if lower is not None and upper is not None and lower > upper:
        raise validation_error(f"{INVALID}Time range lower bound must be less than or equal to upper bound")
    after = body.get("ExclusiveStartBackupArn")
    if after is not None and _checked_backup(store, after) != store.region:
        raise validation_error(f"{_INVALID_REQUEST}The supplied ExclusiveStartBackupArn does not match the region")
    return {"BackupSummaries": []}


def _absent_backup(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    arn = body["BackupArn"]
    _checked_backup(store, arn)
    raise StoreError(ErrorCode.BACKUP_NOT_FOUND, f"Backup not found: {arn}")


def _checked_backup(store: Store, arn: str) -> str:
    """Return the region of a backup's ARN."""
    parts = derived_arn(arn, "backup")
    if parts is None:
        raise validation_error("Invalid Backup ARN")
    if not parts.region:
        raise StoreError(ErrorCode.ACCESS_DENIED, "Access is denied")
    if not parts.is_of_aws(store.region) or not _BACKUP_ID.fullmatch(parts.id):
        raise validation_error(f"{_INVALID_REQUEST}BackupArn is not valid")
    require_own_account(parts.account, store.home)
    return parts.region


def _create_backup(store: Store, body: dict[str, Any]) -> None:
    backed_up_table(store, body["TableName"])


def _restore_from_backup(store: Store, body: dict[str, Any]) -> None:
    require_name(body["TargetTableName"], "TableName")
    _require_billing_overrides(body)
    _absent_backup(store, body)


def _require_billing_overrides(body: dict[str, Any]) -> None:
    billing_mode = body.get("BillingModeOverride")
    has_throughput = body.get("ProvisionedThroughputOverride") is not None
    if billing_mode == BillingMode.PAY_PER_REQUEST and has_throughput:
        raise validation_error(
            f"{_INVALID_REQUEST}Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST"
        )
    if billing_mode == BillingMode.PROVISIONED and not has_throughput:
        raise validation_error(
            f"{_INVALID_REQUEST}Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED"
        )


def _restore_to_point_in_time(store: Store, body: dict[str, Any]) -> None:
    require_name(body["TargetTableName"], "TableName")
    given = _restored_table(body)
    _require_one_time(body)
    require_recovery(backed_up_table(store, given))


def _restored_table(body: dict[str, Any]) -> str:
    arn, name = body.get("SourceTableArn"), body.get("SourceTableName")
    if arn is not None and name is not None:
        raise validation_error(f"{_INVALID_REQUEST}Must provide exactly one of: sourceTableArn, sourceTableName")
    given: str | None = name if arn is None else arn
    if given is None:
        raise validation_error("The parameter 'TableName' is required but was not present in the request")
    if arn is not None and not arn.startswith("arn:"):
        raise validation_error(f"{INVALID}sourceTableArn is not a valid ARN")
    return given


def _require_one_time(body: dict[str, Any]) -> None:
    latest, at = body.get("UseLatestRestorableTime"), body.get("RestoreDateTime")
    if latest and at is not None:
        raise validation_error(
            f"{_INVALID_REQUEST}Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time "
            "restore request. Please specify either one of them"
        )
    if not latest and at is None:
        raise validation_error(
            f"{_INVALID_REQUEST}Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both"
        )


ANSWERS: Final[Mapping[str, Answer]] = {
    "DeleteBackup": _absent_backup,
    "DescribeBackup": _absent_backup,
    "DescribeContinuousBackups": _describe_continuous_backups,
    "ListBackups": _list_backups,
    "UpdateContinuousBackups": _update_continuous_backups,
}
CHECKS: Final[Mapping[str, Check]] = {
    "CreateBackup": _create_backup,
    "RestoreTableFromBackup": _restore_from_backup,
    "RestoreTableToPointInTime": _restore_to_point_in_time,
}
