"""Decide what other regions tell this one about a global table: that it holds it now, holds it no more, or what they know.

Pure. A region that was away may hear of its own removal late: then its table becomes an ordinary one of this region, with everything that
it holds, and whatever else was in that news is of no interest. What a region says that has itself been removed since counts for nothing.
"""

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.members import is_alone, reconciled, reminder, settled
from node.catalog.membership import departed, member_table, standing
from node.catalog.replica_overrides import begun, in_force
from node.catalog.rules import CatalogRules, Decision, next_version
from node.catalog.settings import joined, merged
from node.catalog.tables import changed, created, dropped, first_stream, next_number, require_new_name
from wire.catalog import CatalogView
from wire.catalog_changes import CheckReplica, JoinGlobalTable, LeaveGlobalTable, SyncGlobalTable
from wire.members import member_of, merged_members
from wire.synced import members_of
from wire.tables import BillingMode, TableSpec, TableStatus


def check_replica(view: CatalogView, change: CheckReplica, rules: CatalogRules) -> Decision:
    """Refuse what this region would refuse when it is told to hold a table, or to drop its replica."""
    table = view.tables.get(change.name)
    if change.is_added and table is not None:
        raise refusals.replica_exists(change.name)
    if change.is_added:
        require_new_name(view, change.name, rules)
    elif table is not None and table.global_table_id == change.global_table_id and table.deletion_protection:
        raise refusals.protected_against_deletion(table, rules.region)
    return Decision()


def join_global_table(view: CatalogView, change: JoinGlobalTable, rules: CatalogRules) -> Decision:
    """Make this region hold the table."""
    if change.new_region != rules.region:
        return Decision()
    present = view.tables.get(change.name)
    if present is not None:
        return _join_again(view, present, change, rules)
    require_new_name(view, change.name, rules)
    version = next_version(view)
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
        members=change.members,
        global_table_id=change.global_table_id,
    )
    table = reconciled(table, rules.region, version)
    if change.settings is not None:
        table = begun(joined(view, table, change.settings, change.now_ms), rules.region)
    return created(view, _with_source(table, change))


def leave_global_table(view: CatalogView, change: LeaveGlobalTable, rules: CatalogRules) -> Decision:
    """Drop this region's replica, unless it has been added again since, or who asks was removed itself."""
    table = member_table(view, change.name, change.global_table_id)
    if table is None or change.region != rules.region:
        return Decision()
    own = member_of(members_of(table, rules.region), rules.region)
    if own.joined_ms > change.left_ms or _has_left(table, change.source, change.joined_ms, rules.region):
        return Decision(table=table)
    if table.deletion_protection:
        raise refusals.protected_against_deletion(table, rules.region)
    return dropped(view, table, change.now_ms, rules)


def sync_global_table(view: CatalogView, change: SyncGlobalTable, rules: CatalogRules) -> Decision:
    """Take over what another region knows of members and settings; nothing if that is not news."""
    table = member_table(view, change.name, change.global_table_id)
    if table is None:
        return _stranger(view, change, rules)
    if table.status is TableStatus.DELETING:
        return Decision(table=table)
    if _has_left(table, change.source, member_of(change.members, change.source).joined_ms, rules.region):
        return _corrected(view, table, change, rules)
    after = replace(table, members=merged_members(members_of(table, rules.region), change.members))
    if not member_of(after.members, rules.region).is_member:
        return _without(view, after, change.now_ms, rules)
    if after.status is TableStatus.CREATING and is_alone(after, rules.region):
        return _without(view, after, change.now_ms, rules)
    after = settled(reconciled(after, rules.region, next_version(view)))
    if not after.replicas and is_alone(after, rules.region):
        return standing(view, after, change.now_ms, rules)
    if change.settings is not None:
        after = in_force(merged(view, after, change.settings, change.now_ms), rules.region)
    return Decision(table=table) if after == table else changed(view, after)


def _join_again(view: CatalogView, present: TableSpec, change: JoinGlobalTable, rules: CatalogRules) -> Decision:
    """Take the same wish again; a replica that was removed and has not heard of it is in the way, like any other table."""
    own = member_of(members_of(present, rules.region), rules.region)
    asked = member_of(change.members, rules.region)
    is_same = present.global_table_id == change.global_table_id and present.status is not TableStatus.DELETING
    if not is_same or (asked.left_ms and asked.has_ended(own.joined_ms)):
        raise refusals.replica_exists(change.name)
    after = replace(present, members=merged_members(members_of(present, rules.region), change.members))
    after = settled(reconciled(after, rules.region, next_version(view)))
    return Decision(table=present) if after == present else changed(view, after)


def _with_source(table: TableSpec, change: JoinGlobalTable) -> TableSpec:
    source = table.replica(change.source)
    if source is None:
        return table
    marked = replace(source, acted_as_source_ms=change.now_ms)
    others = (each for each in table.replicas if each.region != change.source)
    return replace(table, replicas=tuple(sorted((*others, marked), key=lambda each: each.region)))


def _stranger(view: CatalogView, change: SyncGlobalTable, rules: CatalogRules) -> Decision:
    """Answer news of a table that is not here: it was, or it is not made yet and a region that holds it has to send them again."""
    told = member_of(change.members, rules.region)
    if told.is_open:
        return Decision(rows=reminder(view, change, told))
    left = view.left.get(change.global_table_id)
    known = told if left is None else told.merged(member_of(left.members, rules.region))
    is_awaited = known.is_member or not change.members
    if change.name not in view.tables and change.settings is not None and is_awaited:
        raise refusals.table_missing(change.name)
    return Decision()


def _has_left(table: TableSpec, source: str, joined_ms: int, region: str) -> bool:
    """Tell whether a region was removed after it became the member that it says it is; `region` is this one."""
    known = member_of(members_of(table, region), source)
    return known.left_ms > 0 and known.has_ended(joined_ms)


def _corrected(view: CatalogView, table: TableSpec, change: SyncGlobalTable, rules: CatalogRules) -> Decision:
    """Have a region that was removed told so again, unless it says the same of this one: then neither has to hear more."""
    told = tuple(each for each in table.told if each.region != change.source)
    if told == table.told or not member_of(change.members, rules.region).is_member:
        return Decision(table=table)
    return changed(view, replace(table, told=told))


def _without(view: CatalogView, table: TableSpec, now_ms: int, rules: CatalogRules) -> Decision:
    """Make the table an ordinary one of this region; a copy that was never opened holds nothing of its own, and goes."""
    leave = dropped if table.status is TableStatus.CREATING else departed
    return leave(view, table, now_ms, rules)
