"""Bulk puts from S3, of which there are none yet."""

from collections.abc import Mapping
from typing import Any, Final

from router.operations.exports import require_no_token
from router.operations.one_function import Answer, Check
from router.operations.store import Store
from router.operations.tables import described_table
from wire.errors import ErrorCode, StoreError


def _list_bulk_operations(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    require_no_token(body)
    return {"BulkOperationsSummaryList": []}


def _absent_bulk_operation(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    raise StoreError(
        ErrorCode.RESOURCE_NOT_FOUND,
        f"Requested resource not found: BulkOperation: {body['BulkOperationArn']} not found",
    )


def _start_bulk_put_items(store: Store, body: dict[str, Any]) -> None:
    described_table(store.view, body, store.home)


ANSWERS: Final[Mapping[str, Answer]] = {
    "CancelBulkOperation": _absent_bulk_operation,
    "DescribeBulkOperation": _absent_bulk_operation,
    "ListBulkOperations": _list_bulk_operations,
}
CHECKS: Final[Mapping[str, Check]] = {"StartBulkPutItems": _start_bulk_put_items}
