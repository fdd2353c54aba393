"""Decide what a change makes of the settings of a table that are neither capacity, stream nor index.

Pure: deletion protection, table class and encryption, with what AWS allows only so often.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from node.catalog import quotas, refusals
from node.catalog.rules import CatalogRules
from wire.catalog_changes import UpdateTable
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import Encryption, TableSpec

# With `aws` timing, how long a setting rests after a change.
REST_MS: Final = 15_000

_INVALID: Final = "One or more parameter values were invalid: "


def with_settings(table: TableSpec, change: UpdateTable, rules: CatalogRules) -> TableSpec:
    """Return the table with the settings that an UpdateTable asks for."""
    if change.deletion_protection is not None:
        table = _with_protection(table, change.deletion_protection, change.now_ms, rules)
    if change.table_class is not None and change.table_class != table.table_class:
        class_changes = quotas.with_class_change(table.class_changes, change.now_ms)
        table = replace(table, table_class=change.table_class, class_changes=class_changes)
    if change.disables_encryption:
        table = _without_encryption(table, change.now_ms)
    elif change.encryption is not None:
        table = _with_encryption(table, change.encryption, change.now_ms)
    return table


def require_rested(changed_ms: int, now_ms: int, what: str, end: str, rules: CatalogRules) -> None:
    """Refuse to change a setting again so soon, as AWS does; without AWS's timing nothing rests."""
    if rules.takes_time and now_ms < changed_ms + REST_MS:
        ready_ms = changed_ms + REST_MS
        ready = f"{datetime.fromtimestamp(ready_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ready_ms % 1000:03d}Z"
        raise StoreError(
            ErrorCode.THROTTLING,
            f"{what} modified within the previous {REST_MS} milliseconds. Please try again after {ready}{end}",
        )


def _with_protection(table: TableSpec, is_protected: bool, now_ms: int, rules: CatalogRules) -> TableSpec:
    require_rested(
        table.protection_changed_ms, now_ms, f"Deletion protection setting for table {table.name}", "", rules
    )
    return replace(table, deletion_protection=is_protected, protection_changed_ms=now_ms)


def _without_encryption(table: TableSpec, now_ms: int) -> TableSpec:
    if table.encryption is None:
        raise validation_error(f"{_INVALID}Table is already encrypted by default")
    changes = quotas.with_encryption_change(table.encryption_changes, now_ms)
    return replace(table, encryption=None, encryption_changes=changes)


def _with_encryption(table: TableSpec, encryption: Encryption, now_ms: int) -> TableSpec:
    if encryption.key_arn and table.replicas:
        raise refusals.replicas_need_keys()
    # The managed key, asked for again, is taken for a new wish on AWS, too.
    if encryption.key_arn and encryption == table.encryption:
        raise validation_error(
            f"{_INVALID}Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to "
            "change Master Key"
        )
    changes = quotas.with_encryption_change(table.encryption_changes, now_ms)
    return replace(table, encryption=encryption, encryption_changes=changes)
