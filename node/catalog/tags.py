"""Decide what becomes of a table's tags and of the policies of a table and its stream.

Pure. Knows bounds, revisions and AWS's words; that a policy is one, the router has seen to. Nothing here is enforced on requests.
"""

from typing import Final

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.rules import CatalogRules, Decision
from node.catalog.table_settings import require_rested
from node.catalog.tables import changed
from node.catalog.timing import TAGGING_MS
from wire.catalog import CatalogView
from wire.catalog_changes import SetResourcePolicy, SetTags
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import ResourcePolicy, TableSpec, TableStatus

TAGS_MAX: Final = 50
NO_POLICY: Final = "NO_POLICY"


def set_tags(view: CatalogView, change: SetTags, rules: CatalogRules) -> Decision:
    """Add, replace and remove tags; nothing if they are as asked for already."""
    table = _standing_table(view, change.name)
    if table.status is TableStatus.CREATING:
        raise refusals.table_missing(change.name)
    tags = dict(table.tags) | dict(change.tags)
    tags = {key: value for key, value in tags.items() if key not in change.removes}
    if len(tags) > TAGS_MAX:
        raise validation_error("Number of Tags exceed the current limit for the provided ResourceArn")
    if rules.takes_time and change.now_ms < table.tags_changed_ms + TAGGING_MS:
        text = f"Subscriber limit exceeded: Table tags are being updated: {table.name}"
        raise StoreError(ErrorCode.LIMIT_EXCEEDED, text)
    after = tuple(sorted(tags.items()))
    if after == table.tags:
        return Decision(table=table)
    return changed(view, replace(table, tags=after, tags_changed_ms=change.now_ms))


def set_resource_policy(view: CatalogView, change: SetResourcePolicy, rules: CatalogRules) -> Decision:
    """Attach, replace or remove a policy. The answer to a removal shows the policy that was removed."""
    table = _standing_table(view, change.name)
    slot = _StreamSlot() if change.is_for_stream else _TableSlot()
    present = slot.policy(table)
    _require_expected(table, slot, present, change.expected)
    if _is_same(present, change.policy):
        return Decision(table=table)
    require_rested(slot.changed_ms(table), change.now_ms, f"Resource-based policy for {slot.name(table)}", ".", rules)
    revision_ms = max(change.now_ms, slot.changed_ms(table) + 1)
    if change.policy is None:
        decision = changed(view, slot.with_policy(table, None, revision_ms))
        assert decision.table is not None, "a change of a table answers with it"
        return Decision(rows=decision.rows, table=slot.with_policy(decision.table, present, revision_ms))
    policy = ResourcePolicy(change.policy.document, str(revision_ms))
    return changed(view, slot.with_policy(table, policy, revision_ms))


class _TableSlot:
    """Where a table's own policy is kept."""

    def policy(self, table: TableSpec) -> ResourcePolicy | None:
        return table.policy

    def changed_ms(self, table: TableSpec) -> int:
        return table.policy_changed_ms

    def name(self, table: TableSpec) -> str:
        return f"table {table.name}"

    def with_policy(self, table: TableSpec, policy: ResourcePolicy | None, changed_ms: int) -> TableSpec:
        return replace(table, policy=policy, policy_changed_ms=changed_ms)


class _StreamSlot:
    """Where the policy of a table's latest stream is kept."""

    def policy(self, table: TableSpec) -> ResourcePolicy | None:
        return table.stream_policy

    def changed_ms(self, table: TableSpec) -> int:
        return table.stream_policy_changed_ms

    def name(self, table: TableSpec) -> str:
        return f"stream {table.stream.label}" if table.stream is not None else f"the stream of {table.name}"

    def with_policy(self, table: TableSpec, policy: ResourcePolicy | None, changed_ms: int) -> TableSpec:
        return replace(table, stream_policy=policy, stream_policy_changed_ms=changed_ms)


def _standing_table(view: CatalogView, name: str) -> TableSpec:
    table = view.tables.get(name)
    if table is None:
        raise refusals.table_missing(name)
    if table.status is TableStatus.DELETING:
        raise refusals.table_in_use(table)
    return table


def _is_same(present: ResourcePolicy | None, asked: ResourcePolicy | None) -> bool:
    if present is None or asked is None:
        return present is asked
    return present.document == asked.document


def _require_expected(
    table: TableSpec, slot: _TableSlot | _StreamSlot, present: ResourcePolicy | None, expected: str
) -> None:
    if not expected:
        return
    name = slot.name(table)
    if expected == NO_POLICY:
        if present is not None:
            raise _other_policy(
                f"Requested policy update expecting none to be present for {name}, but a policy exists with revision id "
                f"{present.revision_id}."
            )
        return
    asked = f"Requested update for policy with revision id {expected}, but"
    if present is None:
        raise _other_policy(f"{asked} {name} has no associated policy.")
    if present.revision_id != expected:
        raise _other_policy(f"{asked} the policy associated to target {name} has revision id {present.revision_id}.")


def _other_policy(why: str) -> StoreError:
    text = f"Resource-based policy not found for the provided ResourceArn: {why}"
    return StoreError(ErrorCode.POLICY_NOT_FOUND, text)
