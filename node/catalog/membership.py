"""Decide the steps by which a table comes to be in several regions, and leaves them, in the region where that is asked.

Pure, like `node.catalog.tables`; what other regions send is decided in `node.catalog.gossip`. Every step of this region's driver may come
twice or late, so each of them does nothing when it finds that its work is done or void; only what a client asks for is ever refused.
"""

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.members import (
    arriving,
    farewell,
    is_alone,
    leaving,
    opened,
    reconciled,
    regional,
    settled,
    with_member,
    with_replica,
    with_told,
    without_waiting,
)
from node.catalog.replica_overrides import require_keys, with_overrides
from node.catalog.rules import CatalogRules, Decision, next_version
from node.catalog.tables import changed, idle_table, is_held, with_stream
from wire.catalog import CatalogView, LinkSpec, encode_row
from wire.catalog_changes import (
    AddReplica,
    ForgetReplica,
    MarkOverdue,
    RecordBackfill,
    RecordTold,
    RemoveReplica,
    SetLink,
    SetReplicaStatus,
)
from wire.members import Member, member_of
from wire.synced import members_of
from wire.tables import BillingMode, ReplicaStatus, StreamViewType, TableSpec, TableStatus

# What a client asks for


def add_replica(view: CatalogView, change: AddReplica, rules: CatalogRules) -> Decision:
    """Begin to replicate a table to another region, with this region as the source of the copy."""
    table = idle_table(view, change.name)
    _require_other_region(change.region, rules)
    _require_replicable(table, change.region)
    require_keys(table, change)
    version = next_version(view)
    if table.stream is None or not table.stream.is_enabled:
        table = with_stream(table, StreamViewType.NEW_AND_OLD_IMAGES, version, change.now_ms)
    table = replace(
        table,
        global_table_id=table.global_table_id or change.global_table_id,
        acted_as_source_ms=change.now_ms,
    )
    table = _founded(table, change.now_ms, rules.region)
    joining = member_of(table.members, change.region).joining(change.now_ms, rules.region)
    table = with_member(table, rules.region, joining)
    if change.overrides is not None:
        table = with_overrides(table, change.overrides, 0)
    return changed(view, settled(with_replica(table, arriving(joining, version))))


def remove_replica(view: CatalogView, change: RemoveReplica, rules: CatalogRules) -> Decision:
    """Begin to remove another region's replica."""
    table = idle_table(view, change.name)
    if change.region == rules.region:
        raise refusals.local_region()
    replica = table.replica(change.region)
    if replica is None:
        raise refusals.replica_missing(change.region, is_alone=not table.replicas)
    if is_held(replica.acted_as_source_ms, change.now_ms, rules):
        raise refusals.replica_was_source()
    going = replace(replica, status=ReplicaStatus.DELETING, status_text="", source="", backfilled=(), is_overdue=False)
    return changed(view, settled(with_replica(table, going)))


def set_link(view: CatalogView, change: SetLink, rules: CatalogRules) -> Decision:
    """Break, slow or mend the link to another region."""
    destination = change.link.destination
    if destination == rules.region or destination not in rules.regions:
        raise refusals.link_to_itself(destination)
    is_plain = change.link == LinkSpec(destination)
    return Decision(rows={f"link/{destination}": None if is_plain else encode_row(change.link)})


# What this region's driver asks for


def set_replica_status(view: CatalogView, change: SetReplicaStatus, rules: CatalogRules) -> Decision:
    """Record what became of a replica; ACTIVE for this very region, sent by the source, opens the table that was being created here."""
    table = member_table(view, change.name, change.global_table_id)
    if table is None:
        return Decision()
    if change.region == rules.region:
        is_opened = change.status is ReplicaStatus.ACTIVE and table.status is TableStatus.CREATING
        return changed(view, _open_here(table, rules.region)) if is_opened else Decision(table=table)
    replica = table.replica(change.region)
    if replica is None:
        return Decision(table=table)
    member = member_of(members_of(table, rules.region), change.region)
    if change.status is ReplicaStatus.ACTIVE:
        member, replica = member.opened(), opened(replica)
    elif change.status is ReplicaStatus.CREATION_FAILED:
        member = member.leaving(member.joined_ms)
    after = replace(replica, status=change.status, status_text=change.status_text)
    after_table = settled(with_replica(with_member(table, rules.region, member), after))
    return Decision(table=table) if after == table.replica(change.region) else changed(view, after_table)


def forget_replica(view: CatalogView, change: ForgetReplica, rules: CatalogRules) -> Decision:
    """Drop a replica's entry, whether its region knows already or hears of it when it can be reached again."""
    table = member_table(view, change.name, change.global_table_id)
    if table is None or table.replica(change.region) is None:
        return Decision(table=table)
    gone = leaving(members_of(table, rules.region), change.region, change.now_ms)
    left = tuple(each for each in table.replicas if each.region != change.region)
    after = replace(with_member(table, rules.region, gone), replicas=left)
    if left or not is_alone(after, rules.region):
        return standing(view, after, change.now_ms, rules)
    if change.is_gone:
        return departed(view, after, change.now_ms, rules, told=(change.region,))
    # It was the last one known here. Should it have found others meanwhile, they go on without this region.
    return departed(view, table, change.now_ms, rules)


def mark_overdue(view: CatalogView, change: MarkOverdue, rules: CatalogRules) -> Decision:
    """Wait no longer for a replica that comes or goes."""
    table = view.tables.get(change.name)
    replica = None if table is None else table.replica(change.region)
    if table is None or replica is None or replica.generation != change.generation or replica.is_overdue:
        return Decision(table=table)
    return changed(view, settled(with_replica(table, replace(replica, is_overdue=True))))


def record_told(view: CatalogView, change: RecordTold, rules: CatalogRules) -> Decision:
    """Note what another region knows, so that it is told once."""
    if not change.is_farewell:
        table = member_table(view, change.name, change.global_table_id)
        return Decision() if table is None else changed(view, with_told(table, change.region, change.version))
    left = view.left.get(change.global_table_id)
    if left is None or left.version != change.version or change.region not in left.waiting:
        return Decision()
    return Decision(rows=without_waiting(left, change.region))


def record_backfill(view: CatalogView, change: RecordBackfill, rules: CatalogRules) -> Decision:
    """Note that one partition's share of the table has been copied."""
    table = view.tables.get(change.name)
    replica = None if table is None else table.replica(change.region)
    if table is None or replica is None or replica.generation != change.generation:
        return Decision(table=table)
    if replica.status is not ReplicaStatus.CREATING or change.partition in replica.backfilled:
        return Decision(table=table)
    after = replace(replica, backfilled=tuple(sorted({*replica.backfilled, change.partition})))
    return changed(view, with_replica(table, after))


# Shared with what other regions send


def member_table(view: CatalogView, name: str, global_table_id: str) -> TableSpec | None:
    """Return the table here if it is part of that global table."""
    table = view.tables.get(name)
    return table if table is not None and table.global_table_id == global_table_id else None


def standing(view: CatalogView, table: TableSpec, now_ms: int, rules: CatalogRules) -> Decision:
    """Return the row of a table after its members changed: the last other one gone makes it a regional one."""
    after = reconciled(table, rules.region, next_version(view))
    if after.replicas or not is_alone(after, rules.region):
        return changed(view, settled(after))
    return departed(view, after, now_ms, rules)


def departed(
    view: CatalogView, table: TableSpec, now_ms: int, rules: CatalogRules, *, told: tuple[str, ...] = ()
) -> Decision:
    """Make the table an ordinary one of this region, and have the others told but for those that know."""
    decision = changed(view, regional(table))
    rows = farewell(view, table, rules.region, now_ms, told=told)
    return Decision(rows={**decision.rows, **rows}, table=decision.table)


def _require_other_region(region: str, rules: CatalogRules) -> None:
    if region == rules.region:
        raise refusals.local_region()
    if region not in rules.regions:
        raise refusals.region_unknown(region, rules.regions)


def _require_replicable(table: TableSpec, region: str) -> None:
    present = table.replica(region)
    if present is not None and present.status is not ReplicaStatus.CREATION_FAILED:
        raise refusals.replica_exists(table.name)
    if table.billing_mode is BillingMode.PROVISIONED:
        raise refusals.replicas_need_capacity()
    stream = table.stream
    if stream is not None and stream.is_enabled and stream.view_type is not StreamViewType.NEW_AND_OLD_IMAGES:
        raise refusals.replicas_need_images(table.name)


def _founded(table: TableSpec, now_ms: int, region: str) -> TableSpec:
    """Return the table with this region as a member, which it is from its first replica on."""
    members = members_of(table, region) or (Member(region).joining(now_ms, region).opened(),)
    return replace(table, members=members)


def _open_here(table: TableSpec, region: str) -> TableSpec:
    own = member_of(members_of(table, region), region).opened()
    return settled(replace(with_member(table, region, own), status=TableStatus.ACTIVE))
