"""Decide what creating, changing and dropping a table does to the rows.

Pure: rows and a change in, rows or a refusal out. Replication between regions is decided in `node.catalog.membership`.
"""

from datetime import UTC, datetime

from msgspec.structs import replace

from node.catalog import capacity, indexes, refusals, streams, table_settings, timing
from node.catalog.index_capacity import require_allowed
from node.catalog.members import farewell, moves_replicas, settled
from node.catalog.rules import CatalogRules, Decision, next_version
from wire.catalog import CatalogView, encode_row
from wire.catalog_changes import CreateTable, DeleteTable, FinishTable, UpdateTable
from wire.tables import (
    BillingMode,
    ReplicaStatus,
    StreamSpec,
    StreamViewType,
    TableNumber,
    TableSpec,
    TableStatus,
)

NEXT_TABLE = "next_table"
FIRST_TABLE_NUMBER = 1


def create_table(view: CatalogView, change: CreateTable, rules: CatalogRules) -> Decision:
    """Make a table: it is nothing but a row. ACTIVE at once, unless things take their time."""
    require_new_name(view, change.name, rules)
    version = next_version(view)
    table = TableSpec(
        number=next_number(view),
        name=change.name,
        table_id=change.table_id,
        status=TableStatus.ACTIVE,
        key_schema=change.key_schema,
        created_ms=change.now_ms,
        billing_mode=change.billing_mode,
        throughput=change.throughput,
        billing_changed_ms=change.now_ms if change.billing_mode is BillingMode.PAY_PER_REQUEST else 0,
        stream=first_stream(view, change.name, change.stream_view, version, change.now_ms),
        deletion_protection=change.deletion_protection,
        table_class=change.table_class,
        names_class=change.names_class,
        on_demand=change.on_demand,
        warm=change.warm,
        encryption=change.encryption,
        tags=change.tags,
        policy=change.policy,
        policy_changed_ms=0 if change.policy is None else change.now_ms,
    )
    table = indexes.with_new_indexes(table, change.indexes, version)
    capacity.require_new_capacity(view, table, rules)
    require_allowed(view, None, table, rules.region)
    return created(view, timing.creating(table, change.now_ms, rules))


def update_table(view: CatalogView, change: UpdateTable, rules: CatalogRules) -> Decision:
    """Change the settings that are named."""
    before = _changeable_table(view, change)
    table = streams.without_expired(capacity.with_capacity(view, before, change, rules), change.now_ms, rules)
    table = _with_stream(table, change, next_version(view))
    table = table_settings.with_settings(table, change, rules)
    indexed = indexes.with_index_changes(table, change, next_version(view))
    require_allowed(view, before, indexed, rules.region)
    after = timing.updating(before, indexed, change, rules)
    decision = changed(view, after if timing.is_moving(after) else indexes.finished(view, after))
    shown = indexes.shown(table, indexed, change)
    return _answered(decision, before, shown, moves=timing.moves(before, indexed, change))


def _answered(decision: Decision, before: TableSpec, shown: TableSpec, *, moves: bool) -> Decision:
    """Return a decision that answers with its table on the way, however soon that is over.

    The table is UPDATING if that is what AWS says, its indexes come, change or go, and what changes is on show as it was.
    """
    assert decision.table is not None, "a change of a table answers with it"
    shown = timing.showing_former(before, replace(shown, warm=before.warm, encryption=before.encryption))
    status = TableStatus.UPDATING if moves else decision.table.status
    return Decision(rows=decision.rows, table=replace(shown, status=status, version=decision.table.version))


def delete_table(view: CatalogView, change: DeleteTable, rules: CatalogRules) -> Decision:
    """Drop a table, or begin to if that takes its time. Other regions hear of a replica that is gone afterwards."""
    table = view.tables.get(change.name)
    if table is None:
        raise refusals.table_missing(change.name)
    if table.status is TableStatus.DELETING:
        raise refusals.table_in_use(table)
    if table.status is not TableStatus.ACTIVE:
        raise refusals.table_not_droppable(table)
    if table.deletion_protection:
        raise refusals.protected_against_deletion(table, rules.region)
    timing.require_rested(table, change.now_ms, rules)
    indexes.require_steady_indexes(table)
    # A copy that failed has no use for its source.
    has_members = any(replica.status is not ReplicaStatus.CREATION_FAILED for replica in table.replicas)
    if has_members and is_held(table.acted_as_source_ms, change.now_ms, rules):
        raise refusals.replica_was_source()
    if not rules.takes_time:
        return dropped(view, table, change.now_ms, rules)
    leaving = streams.with_streams_ended(replace(table, status=TableStatus.DELETING), change.now_ms)
    return changed(view, timing.deleting(leaving, change.now_ms))


def finish_table(view: CatalogView, change: FinishTable, rules: CatalogRules) -> Decision:
    """Move a table on to the state it was on its way to; nothing if it is not that table any more, or not due."""
    table = view.tables.get(change.name)
    if table is None or table.number != change.number:
        return Decision()
    if table.settles_ms > change.now_ms:
        return Decision(table=table)
    if table.status is TableStatus.DELETING:
        return dropped(view, table, change.now_ms, rules)
    return changed(view, settled(indexes.finished(view, timing.settled(table))))


# Shared with the decisions on global tables.


def require_new_name(view: CatalogView, name: str, rules: CatalogRules) -> None:
    """Refuse a name that is taken, and a table too many."""
    present = view.tables.get(name)
    if present is not None:
        is_moving = present.status in (TableStatus.CREATING, TableStatus.DELETING)
        raise refusals.table_in_use(present) if is_moving else refusals.table_exists(name)
    if len(view.tables) >= rules.tables_max:
        raise refusals.too_many_tables(rules.tables_max)


def next_number(view: CatalogView) -> TableNumber:
    """Return the number of the next table: counted up for all time, because keys on disk carry it."""
    return TableNumber(view.counters.get(NEXT_TABLE, FIRST_TABLE_NUMBER))


def idle_table(view: CatalogView, name: str) -> TableSpec:
    """Return a table that may be changed now, or refuse."""
    table = view.tables.get(name)
    if table is None:
        raise refusals.table_missing(name)
    if table.status is not TableStatus.ACTIVE:
        raise refusals.table_in_use(table)
    return table


def _changeable_table(view: CatalogView, change: UpdateTable) -> TableSpec:
    """Return the table to change: one that is idle, or one whose settings are being updated if that is nothing to the change."""
    table = view.tables.get(change.name)
    is_updating = table is not None and table.status is TableStatus.UPDATING and not moves_replicas(table)
    if table is not None and is_updating and _is_apart(change):
        return table
    return idle_table(view, change.name)


def _is_apart(change: UpdateTable) -> bool:
    """Tell whether a change is of the protection or the encryption of a table and of nothing else."""
    nothing = UpdateTable(name=change.name, now_ms=change.now_ms)
    return nothing in (
        replace(change, deletion_protection=None),
        replace(change, encryption=None, disables_encryption=False),
    )


def is_held(acted_as_source_ms: int, now_ms: int, rules: CatalogRules) -> bool:
    """Tell whether a replica was a source so recently that it has to stay."""
    return acted_as_source_ms > 0 and now_ms - acted_as_source_ms < rules.source_hold_ms and rules.source_hold_ms > 0


def first_stream(
    view: CatalogView, name: str, view_type: StreamViewType | None, version: int, now_ms: int
) -> StreamSpec | None:
    """Return the stream of a table that is being made, if it is to have one."""
    return None if view_type is None else new_stream(view_type, version, now_ms, streams.used_streams(view, name))


def new_stream(view_type: StreamViewType, version: int, now_ms: int, past: tuple[StreamSpec, ...]) -> StreamSpec:
    """Return a stream that begins now, under a label that no past stream of the table has."""
    created_ms = max([now_ms, *(stream.created_ms + 1 for stream in past)])
    label = datetime.fromtimestamp(created_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return StreamSpec(view_type, f"{label}.{created_ms % 1000:03d}", version, created_ms)


def created(view: CatalogView, table: TableSpec) -> Decision:
    """Return the rows of a new table: itself, and the number that the next one gets."""
    decision = changed(view, table)
    decision.rows[f"counter/{NEXT_TABLE}"] = encode_row(table.number + 1)
    return decision


def changed(view: CatalogView, table: TableSpec) -> Decision:
    """Return the row of a table after a change."""
    version, before = next_version(view), view.tables.get(table.name)
    is_news = before is not None and (before.members, before.stamps) != (table.members, table.stamps)
    table = replace(table, version=version, news_version=version if is_news else table.news_version)
    return Decision(rows={f"table/{table.name}": encode_row(table)}, table=table)


def dropped(view: CatalogView, table: TableSpec, now_ms: int, rules: CatalogRules) -> Decision:
    """Return what removes a table, keeps its streams readable and has other members told; the answer shows it on its way out."""
    rows = {f"table/{table.name}": None, **streams.rows_after_drop(view, table, now_ms, rules)}
    rows |= farewell(view, table, rules.region, now_ms)
    return Decision(rows=rows, table=replace(table, status=TableStatus.DELETING))


# Settings


def _with_stream(table: TableSpec, change: UpdateTable, version: int) -> TableSpec:
    match change.stream_enabled:
        case None:
            return table
        case True:
            return _with_stream_enabled(table, change, version)
        case False:
            return _with_stream_disabled(table, change)


def _with_stream_enabled(table: TableSpec, change: UpdateTable, version: int) -> TableSpec:
    if table.stream is not None and table.stream.is_enabled:
        raise refusals.stream_already_enabled(table.name)
    return with_stream(table, change.stream_view or StreamViewType.NEW_AND_OLD_IMAGES, version, change.now_ms)


def with_stream(table: TableSpec, view_type: StreamViewType, version: int, now_ms: int) -> TableSpec:
    """Return the table with a new stream; the one before, which may still be read for a day, is kept."""
    stream = new_stream(view_type, version, now_ms, table.streams)
    return replace(table, stream=stream, past_streams=table.streams, stream_policy=None, stream_policy_changed_ms=0)


def _with_stream_disabled(table: TableSpec, change: UpdateTable) -> TableSpec:
    if table.stream is None or not table.stream.is_enabled:
        raise refusals.no_stream_to_disable(table.name)
    if table.replicas:
        raise refusals.stream_of_replica()
    return replace(table, stream=replace(table.stream, disabled_ms=change.now_ms))
