"""Decide the steps by which a table comes to be in several regions, and leaves them.

Pure, like `node.catalog.tables`. Every step that another region or this region's own driver sends may come twice or late, so each
of them does nothing when it finds that its work is done or void; only what a client asks for is ever refused outright.
"""

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.rules import CatalogRules, Decision, next_version
from node.catalog.settings import joined
from node.catalog.tables import (
    changed,
    created,
    dropped,
    first_stream,
    idle_table,
    is_held,
    next_number,
    require_new_name,
    settled,
    with_stream,
)
from wire.catalog import CatalogView, LinkSpec, encode_row
from wire.catalog_changes import (
    AddReplica,
    ForgetReplica,
    JoinGlobalTable,
    LeaveGlobalTable,
    RecordBackfill,
    RemoveReplica,
    SetLink,
    SetReplicaStatus,
)
from wire.tables import (
    BillingMode,
    RegionName,
    ReplicaSpec,
    ReplicaStatus,
    StreamViewType,
    TableSpec,
    TableStatus,
)

# What a client asks for


def add_replica(view: CatalogView, change: AddReplica, rules: CatalogRules) -> Decision:
    """Begin to replicate a table to another region, with this region as the source of the copy."""
    table = idle_table(view, change.name)
    _require_other_region(change.region, rules)
    present = table.replica(change.region)
    if present is not None and present.status is not ReplicaStatus.CREATION_FAILED:
        raise refusals.replica_exists(change.name)
    if table.billing_mode is BillingMode.PROVISIONED:
        raise refusals.replicas_need_capacity()
    if table.encryption is not None and table.encryption.key_arn:
        raise refusals.replicas_need_keys()
    version = next_version(view)
    if table.stream is None or not table.stream.is_enabled:
        table = with_stream(table, StreamViewType.NEW_AND_OLD_IMAGES, version, change.now_ms)
    table = replace(
        table,
        global_table_id=table.global_table_id or change.global_table_id,
        acted_as_source_ms=change.now_ms,
    )
    return changed(view, settled(_with_replica(table, _arriving(change.region, rules.region, version))))


def remove_replica(view: CatalogView, change: RemoveReplica, rules: CatalogRules) -> Decision:
    """Begin to remove another region's replica."""
    table = idle_table(view, change.name)
    if change.region == rules.region:
        raise refusals.local_region()
    replica = table.replica(change.region)
    if replica is None:
        raise refusals.replica_missing(change.region)
    if is_held(replica.acted_as_source_ms, change.now_ms, rules):
        raise refusals.replica_was_source()
    leaving = replace(replica, status=ReplicaStatus.DELETING, status_text="", source="", backfilled=())
    return changed(view, settled(_with_replica(table, leaving)))


def set_link(view: CatalogView, change: SetLink, rules: CatalogRules) -> Decision:
    """Break, slow or mend the link to another region."""
    destination = change.link.destination
    if destination == rules.region or destination not in rules.regions:
        raise refusals.link_to_itself(destination)
    is_plain = change.link == LinkSpec(destination)
    return Decision(rows={f"link/{destination}": None if is_plain else encode_row(change.link)})


# What other regions and this region's driver send


def join_global_table(view: CatalogView, change: JoinGlobalTable, rules: CatalogRules) -> Decision:
    """Make this region hold the table, or make its table know of a further member."""
    if change.creates and change.new_region == rules.region:
        return _join_here(view, change, rules)
    table = view.tables.get(change.name)
    if table is None:
        raise refusals.table_missing(change.name)
    if table.global_table_id != change.global_table_id:
        raise refusals.other_global_table(change.name)
    if change.new_region == rules.region:
        # No region is a replica of its own table: this is news for others only.
        return Decision(table=table)
    return _join_elsewhere(view, table, change)


def leave_global_table(view: CatalogView, change: LeaveGlobalTable, rules: CatalogRules) -> Decision:
    """Let a region go: its entry here, or, in that very region, the table."""
    table = _member_table(view, change.name, change.global_table_id)
    if table is None:
        return Decision()
    if change.region != rules.region:
        return _without_replica(view, table, change.region)
    if not change.drops:
        return changed(view, settled(replace(table, replicas=(), global_table_id="")))
    if table.deletion_protection:
        raise refusals.protected_against_deletion(table, rules.region)
    return dropped(view, table, change.now_ms, rules)


def set_replica_status(view: CatalogView, change: SetReplicaStatus, rules: CatalogRules) -> Decision:
    """Record what became of a replica; ACTIVE for this very region opens the table that was being created here."""
    table = _member_table(view, change.name, change.global_table_id)
    if table is None:
        return Decision()
    if change.region == rules.region:
        is_opened = change.status is ReplicaStatus.ACTIVE and table.status is TableStatus.CREATING
        return changed(view, settled(replace(table, status=TableStatus.ACTIVE))) if is_opened else Decision(table=table)
    replica = table.replica(change.region)
    if replica is None:
        return Decision(table=table)
    after = replace(replica, status=change.status, status_text=change.status_text)
    if change.status is ReplicaStatus.ACTIVE:
        after = replace(after, source="", backfilled=())
    return Decision(table=table) if after == replica else changed(view, settled(_with_replica(table, after)))


def forget_replica(view: CatalogView, change: ForgetReplica, rules: CatalogRules) -> Decision:
    """Drop a replica's entry."""
    table = _member_table(view, change.name, change.global_table_id)
    return Decision() if table is None else _without_replica(view, table, change.region)


def record_backfill(view: CatalogView, change: RecordBackfill, rules: CatalogRules) -> Decision:
    """Note that one partition's share of the table has been copied."""
    table = view.tables.get(change.name)
    replica = None if table is None else table.replica(change.region)
    if table is None or replica is None or replica.generation != change.generation:
        return Decision(table=table)
    if replica.status is not ReplicaStatus.CREATING or change.partition in replica.backfilled:
        return Decision(table=table)
    after = replace(replica, backfilled=tuple(sorted({*replica.backfilled, change.partition})))
    return changed(view, _with_replica(table, after))


def _join_here(view: CatalogView, change: JoinGlobalTable, rules: CatalogRules) -> Decision:
    present = view.tables.get(change.name)
    if present is not None and present.global_table_id == change.global_table_id:
        return Decision(table=present)
    if present is not None:
        raise refusals.replica_exists(change.name)
    require_new_name(view, change.name, rules)
    version = next_version(view)
    others = sorted({region for region in change.members if region != rules.region})
    table = TableSpec(
        number=next_number(view),
        name=change.name,
        table_id=change.table_id,
        status=TableStatus.CREATING,
        key_schema=change.key_schema,
        created_ms=change.now_ms,
        billing_mode=change.billing_mode,
        throughput=change.throughput,
        billing_changed_ms=change.now_ms if change.billing_mode is BillingMode.PAY_PER_REQUEST else 0,
        stream=first_stream(view, change.name, change.stream_view, version, change.now_ms),
        replicas=tuple(ReplicaSpec(RegionName(region), ReplicaStatus.ACTIVE, generation=version) for region in others),
        global_table_id=change.global_table_id,
    )
    if change.settings is not None:
        table = joined(view, table, change.settings, change.now_ms)
    return created(view, _with_source(table, change))


def _join_elsewhere(view: CatalogView, table: TableSpec, change: JoinGlobalTable) -> Decision:
    present = table.replica(change.new_region)
    if present is not None and present.status in (ReplicaStatus.CREATING, ReplicaStatus.ACTIVE):
        return Decision(table=table)
    arriving = _arriving(change.new_region, change.source, next_version(view))
    return changed(view, settled(_with_source(_with_replica(table, arriving), change)))


def _require_other_region(region: str, rules: CatalogRules) -> None:
    if region == rules.region:
        raise refusals.local_region()
    if region not in rules.regions:
        raise refusals.region_unknown(region, rules.regions)


def _member_table(view: CatalogView, name: str, global_table_id: str) -> TableSpec | None:
    table = view.tables.get(name)
    return table if table is not None and table.global_table_id == global_table_id else None


def _arriving(region: str, source: str, version: int) -> ReplicaSpec:
    return ReplicaSpec(RegionName(region), ReplicaStatus.CREATING, source=source, generation=version)


def _with_replica(table: TableSpec, replica: ReplicaSpec) -> TableSpec:
    """Return the table with an entry in place of the one for that region, if any; entries are in order of region."""
    others = (each for each in table.replicas if each.region != replica.region)
    return replace(table, replicas=tuple(sorted((*others, replica), key=lambda each: each.region)))


def _with_source(table: TableSpec, change: JoinGlobalTable) -> TableSpec:
    source = table.replica(change.source)
    return table if source is None else _with_replica(table, replace(source, acted_as_source_ms=change.now_ms))


def _without_replica(view: CatalogView, table: TableSpec, region: str) -> Decision:
    """Drop an entry; the last one gone makes the table a regional one again, which keeps its stream."""
    left = tuple(each for each in table.replicas if each.region != region)
    if len(left) == len(table.replicas):
        return Decision(table=table)
    global_table_id = table.global_table_id if left else ""
    return changed(view, settled(replace(table, replicas=left, global_table_id=global_table_id)))
