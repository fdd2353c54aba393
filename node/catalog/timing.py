"""How long tables take to be made, changed and dropped, for those who want to see their program wait as it will on AWS.

Pure: a row and the time in, the row with the status and the time at which that is over out. Who then finishes it is `settling`. As on
AWS only some changes keep a table UPDATING; deletion protection, encryption, warm throughput, on-demand maxima and the settings of an
index do not.
"""

from typing import Final

from msgspec.structs import replace

from node.catalog.rules import CatalogRules
from wire.catalog_changes import UpdateTable
from wire.errors import ErrorCode, StoreError
from wire.tables import IndexStatus, TableSpec, TableStatus

CREATING_MS: Final = 5_000
DELETING_MS: Final = 4_000
THROUGHPUT_MS: Final = 2_000
UPDATING_MS: Final = 4_000
# On AWS one to three minutes: nobody learns more from waiting that long.
BILLING_MS: Final = 10_000
# How long tags, and resource policies, stand in the way of dropping a table after they changed.
TAGGING_MS: Final = 1_700
POLICY_MS: Final = 1_500

_IN_USE: Final = "Attempt to change a resource which is still in use: "


def creating(table: TableSpec, now_ms: int, rules: CatalogRules) -> TableSpec:
    """Return a new table, CREATING if that takes its time."""
    if not rules.takes_time:
        return table
    return replace(table, status=TableStatus.CREATING, settles_ms=now_ms + CREATING_MS)


def updating(before: TableSpec, after: TableSpec, change: UpdateTable, rules: CatalogRules) -> TableSpec:
    """Return a changed table, UPDATING if what was changed takes its time."""
    duration_ms = _duration_ms(before, after, change) if rules.takes_time else 0
    if not duration_ms:
        return after
    shown = showing_former(before, after)
    return replace(shown, status=TableStatus.UPDATING, settles_ms=change.now_ms + duration_ms)


def moves(before: TableSpec, after: TableSpec, change: UpdateTable) -> bool:
    """Tell whether the answer to a change calls its table UPDATING; that of a replica is when its protection is changed, too."""
    return _duration_ms(before, after, change) > 0 or (change.deletion_protection is not None and bool(before.replicas))


def showing_former(before: TableSpec, after: TableSpec) -> TableSpec:
    """Return a changed table that shows the provisioned capacity and the class it had, as AWS does until it is ACTIVE again."""
    if before.billing_mode is after.billing_mode and before.throughput != after.throughput:
        after = replace(after, throughput_before=before.throughput)
    return after if before.table_class == after.table_class else replace(after, class_before=before.table_class)


def settled(table: TableSpec) -> TableSpec:
    """Return a table ACTIVE whose time has come."""
    return replace(table, status=TableStatus.ACTIVE, settles_ms=0, throughput_before=None, class_before="")


def deleting(table: TableSpec, now_ms: int) -> TableSpec:
    """Return a table that is DELETING, with the time at which it is gone."""
    return replace(table, settles_ms=now_ms + DELETING_MS)


def is_moving(table: TableSpec) -> bool:
    """Tell whether a table is on its way to a state that it reaches by time."""
    return table.settles_ms > 0


def require_rested(table: TableSpec, now_ms: int, rules: CatalogRules) -> None:
    """Refuse to drop a table whose tags or policies have just been changed."""
    if not rules.takes_time:
        return
    if now_ms < table.tags_changed_ms + TAGGING_MS:
        raise StoreError(ErrorCode.RESOURCE_IN_USE, f"{_IN_USE}Table tags are being updated: {table.name}")
    if now_ms < max(table.policy_changed_ms, table.stream_policy_changed_ms) + POLICY_MS:
        text = f"{_IN_USE}Table: {table.name} has a pending resource-based policy update."
        raise StoreError(ErrorCode.RESOURCE_IN_USE, text)


def _duration_ms(before: TableSpec, after: TableSpec, change: UpdateTable) -> int:
    if before.billing_mode is not after.billing_mode:
        return BILLING_MS
    # AWS takes its time for a mode or a class that the table has already, too.
    is_named = change.billing_mode is not None or change.table_class is not None
    if is_named or before.stream != after.stream or _standing(before) != _standing(after):
        return UPDATING_MS
    return THROUGHPUT_MS if before.throughput != after.throughput else 0


def _standing(table: TableSpec) -> list[tuple[int, IndexStatus]]:
    """Return which indexes there are, and how far each has come."""
    return [(index.number, index.status) for index in table.indexes]
