"""Exports of tables to S3, of which there are none yet.

They start from point-in-time recovery, so AWS's own refusal of a table that does not have it comes first.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from router.expressions.request import RequestExpressions
from router.operations.backups import require_recovery
from router.operations.derived_arns import derived_arn, require_own_account
from router.operations.one_function import Answer, Check
from router.operations.store import Store
from router.operations.table_settings import INVALID
from wire.cluster import Home
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import TableSpec, TableStatus

_INVALID_REQUEST: Final = "Invalid Request: "
_ARN_PARTS: Final = 6


def _list_exports(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    arn = body.get("TableArn")
    if arn is not None:
        exported_name(arn, store.home)
    require_no_token(body)
    return {"ExportSummaries": []}


def require_no_token(body: dict[str, Any]) -> None:
    """Refuse the token of a next page: no page has ever had a next one."""
    token = body.get("NextToken")
    if token is not None:
        raise validation_error(f"{_INVALID_REQUEST}Provided nextToken is invalid: {token}")


def _describe_export(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    arn = body["ExportArn"]
    parts = derived_arn(arn, "export")
    if parts is None:
        raise validation_error("Invalid Export ARN")
    require_own_account(parts.account, store.home)
    why = f"Export not found: {arn}" if parts.region == store.region else "Invalid export arn"
    raise StoreError(ErrorCode.EXPORT_NOT_FOUND, f"Export not found: {why}")


def _export(store: Store, body: dict[str, Any]) -> None:
    if not body["TableArn"]:
        raise validation_error("Invalid TableArn: Invalid Table ARN")
    name = exported_name(body["TableArn"], store.home)
    _require_kind(body)
    if body.get("S3SseKmsKeyId") is not None and body.get("S3SseAlgorithm") != "KMS":
        raise validation_error(f"{_INVALID_REQUEST}KMS Key Id is not supported for this encryption type")
    _require_filter(body)
    spec = _exported_table(store, body["TableArn"], name)
    _require_period(body, spec)
    require_recovery(spec)


def exported_name(arn: str, home: Home) -> str:
    """Return the name of the table with this ARN, whatever the region in it."""
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[0] != "arn" or parts[2] != "dynamodb":
        raise validation_error(f"{INVALID}tableArn is not a valid ARN")
    kind, _, name = parts[5].partition("/")
    if kind != "table" or not name or "/" in name:
        raise validation_error(f"{_INVALID_REQUEST}Table ARN is invalid.")
    require_own_account(parts[4], home)
    return name


def _exported_table(store: Store, arn: str, name: str) -> TableSpec:
    spec = store.view.tables.get(name)
    if spec is None or spec.status is TableStatus.CREATING or not arn.startswith(_own_prefix(store)):
        raise StoreError(ErrorCode.TABLE_NOT_FOUND, f"Table not found: {arn}")
    return spec


def _own_prefix(store: Store) -> str:
    return store.home.arn("dynamodb", "")


def _require_kind(body: dict[str, Any]) -> None:
    kind, period = body.get("ExportType"), body.get("IncrementalExportSpecification")
    if period is not None and kind is None:
        raise validation_error(
            f"{_INVALID_REQUEST}Export Type expected to be Incremental Export when incremental export specification is "
            "provided"
        )
    if period is not None and kind == "FULL_EXPORT":
        raise validation_error(
            f"{_INVALID_REQUEST}When Export Type is Full Export , Incremental Export Specification should not be "
            "provided"
        )
    if kind != "INCREMENTAL_EXPORT":
        return
    if period is None:
        raise validation_error(
            f"{_INVALID_REQUEST}Incremental Export Specification expected when export type is set as Incremental Export"
        )
    if period.get("ExportFromTime") is None:
        raise validation_error(f"{_INVALID_REQUEST}ExportFromTime must be provided in IncrementalExportSpecification")


def _require_filter(body: dict[str, Any]) -> None:
    wanted = body.get("FilterSpecification")
    if wanted is None:
        return
    if not wanted:
        raise validation_error(f"{_INVALID_REQUEST}Invalid FilterSpecification: The specification can not be empty")
    expressions = RequestExpressions(wanted.get("ExpressionAttributeNames"), wanted.get("ExpressionAttributeValues"))
    if "KeyConditionExpression" in wanted:
        expressions.key_expression(wanted["KeyConditionExpression"])
    if "FilterExpression" in wanted:
        expressions.condition(wanted["FilterExpression"], "FilterExpression")
    if "ProjectionExpression" in wanted:
        expressions.projection(wanted["ProjectionExpression"])
    expressions.finish()


def _require_period(body: dict[str, Any], spec: TableSpec) -> None:
    if body.get("ExportType") != "INCREMENTAL_EXPORT":
        return
    start = body["IncrementalExportSpecification"]["ExportFromTime"]
    if start * 1000 < spec.created_ms:
        raise StoreError(
            ErrorCode.INVALID_EXPORT_TIME,
            f"Incremental export period from time cannot be less than the table creation time : {_instant(start)}",
        )


def _instant(seconds: float) -> str:
    # Beyond what a calendar holds, the number itself has to do.
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


ANSWERS: Final[Mapping[str, Answer]] = {"DescribeExport": _describe_export, "ListExports": _list_exports}
CHECKS: Final[Mapping[str, Check]] = {"ExportTableToPointInTime": _export}
