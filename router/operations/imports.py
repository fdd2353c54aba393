"""Imports of tables from S3, of which there are none yet."""

from collections.abc import Mapping
from typing import Any, Final

from router.operations import create_table
from router.operations.derived_arns import derived_arn, require_own_account
from router.operations.exports import exported_name, require_no_token
from router.operations.one_function import Answer, Check
from router.operations.store import Store
from wire.errors import ErrorCode, StoreError, validation_error


def _list_imports(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    arn = body.get("TableArn")
    if arn is not None:
        exported_name(arn, store.home)
    require_no_token(body)
    return {"ImportSummaryList": []}


def _describe_import(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    arn = body["ImportArn"]
    parts = derived_arn(arn, "import")
    if parts is None:
        raise validation_error("Invalid Import ARN")
    require_own_account(parts.account, store.home)
    why = f"Import not found: {arn}" if parts.region == store.region else "Invalid import arn"
    raise StoreError(ErrorCode.IMPORT_NOT_FOUND, f"Import not found: {why}")


def _import(store: Store, body: dict[str, Any]) -> None:
    input_format = body["InputFormat"]
    if body.get("InputFormatOptions", {}).get("Csv") is not None and input_format != "CSV":
        raise validation_error(
            f"Invalid Request: Unsupported InputFormatOptions for the given input format: {input_format}."
        )
    wanted = body["TableCreationParameters"]
    # What a table may be is CreateTable's to say; the change that would make it is not used.
    create_table.parse(wanted, home=store.home, now_ms=0, table_id="")
    if wanted["TableName"] in store.view.tables:
        raise StoreError(ErrorCode.RESOURCE_IN_USE, f"Table already exists: {wanted['TableName']}")


ANSWERS: Final[Mapping[str, Answer]] = {"DescribeImport": _describe_import, "ListImports": _list_imports}
CHECKS: Final[Mapping[str, Check]] = {"ImportTable": _import}
