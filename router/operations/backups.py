"""Backups, of which there are none yet: reads say so, and what would make one is refused. Point-in-time recovery is kept and described.

Source of the texts and of their order: public recordings of AWS's answers of autumn 2026.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from router.operations.answers import encoded
from router.operations.arns import table_name
from router.operations.context import RequestContext
from router.operations.derived_arns import derived_arn, require_own_account
from router.operations.one_function import Answer, Check
from router.operations.store import Store
from router.operations.table_settings import INVALID
from router.operations.tables import require_name
from wire.catalog_changes import SetRecovery
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import BillingMode, TableSpec, TableStatus

_BACKUP_ID: Final = re.compile(r"[0-9]{14}-[0-9a-fA-F]{8}")
_INVALID_REQUEST: Final = "Invalid Request: "

_RECOVERY_DAYS: Final = 35
_DAY_MS: Final = 24 * 3600 * 1000
# "Typically five minutes before the current time" (AWS's API reference, PointInTimeRecoveryDescription).
_RESTORABLE_BEHIND_MS: Final = 5 * 60 * 1000


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
    """Refuse what needs point-in-time recovery of a table that does not have it."""
    if spec.recovery is not None:
        return
    raise StoreError(
        ErrorCode.POINT_IN_TIME_RECOVERY_UNAVAILABLE,
        f"Point in time recovery is not enabled for table '{spec.name}'",
    )


class DescribeContinuousBackups:
    """Say whether point-in-time recovery is on, and between which times."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        spec = backed_up_table(self._store, body["TableName"])
        return encoded(_continuous_backups(spec, self._clock.wall_ms()))


class UpdateContinuousBackups:
    """Have it noted that point-in-time recovery is on or off: nothing can be restored yet."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        days = _wanted_days(body["PointInTimeRecoverySpecification"])
        spec = backed_up_table(self._store, body["TableName"])
        change = SetRecovery(name=spec.name, days=days, now_ms=self._clock.wall_ms())
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog changed table {spec.name!r} and does not show it"
        return encoded(_continuous_backups(decided.table, change.now_ms))


def _wanted_days(wanted: dict[str, Any]) -> int:
    """Return for how many days recovery is asked for; 0 = it is to be off."""
    days: int | None = wanted.get("RecoveryPeriodInDays")
    if wanted["PointInTimeRecoveryEnabled"]:
        return _RECOVERY_DAYS if days is None else days
    if days is not None:
        raise validation_error(
            f"{_INVALID_REQUEST}Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."
        )
    return 0


def _continuous_backups(spec: TableSpec, now_ms: int) -> dict[str, Any]:
    """Return the description. Every table has continuous backups in AWS's sense; recovery is what is switched on."""
    recovery = spec.recovery
    shown: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    if recovery is not None:
        earliest_ms = max(recovery.since_ms, now_ms - recovery.days * _DAY_MS)
        shown = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": recovery.days,
            "EarliestRestorableDateTime": earliest_ms / 1000,
            "LatestRestorableDateTime": max(earliest_ms, now_ms - _RESTORABLE_BEHIND_MS) / 1000,
        }
    return {
        "ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": shown}
    }


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
    "ListBackups": _list_backups,
}
CHECKS: Final[Mapping[str, Check]] = {
    "CreateBackup": _create_backup,
    "RestoreTableFromBackup": _restore_from_backup,
    "RestoreTableToPointInTime": _restore_to_point_in_time,
}
