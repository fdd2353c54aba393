"""What the members of a global table, as this region knows them, make of its own table: entries of replicas, sources, and the end.

Pure. `wire.members` says how regions agree on members; a replica's entry adds what only this region knows: how far it is from here.
"""

from collections.abc import Collection, Iterable
from typing import Final

from msgspec.structs import replace

from node.catalog.rules import next_version
from wire.catalog import CatalogView, encode_row
from wire.catalog_changes import SyncGlobalTable
from wire.members import LeftTable, Member, Told, member_of, merged_members
from wire.synced import members_of
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus, TableSpec, TableStatus

# Global tables that were left while some region could not be told; beyond, the news of those left longest ago is dropped.
LEFT_TABLES_MAX: Final = 2_500

_UNSETTLED: Final = (ReplicaStatus.CREATING, ReplicaStatus.DELETING)


def with_member(table: TableSpec, region: str, member: Member) -> TableSpec:
    """Return the table with what is known of one region brought forward; `region` is this one."""
    return replace(table, members=merged_members(members_of(table, region), [member]))


def with_replica(table: TableSpec, replica: ReplicaSpec) -> TableSpec:
    """Return the table with an entry in place of the one for that region, if any; entries are in order of region."""
    others = (each for each in table.replicas if each.region != replica.region)
    return replace(table, replicas=tuple(sorted((*others, replica), key=lambda each: each.region)))


def with_told(table: TableSpec, region: str, version: int) -> TableSpec:
    """Return the table with what a region has acknowledged."""
    others = (each for each in table.told if each.region != region)
    return replace(table, told=tuple(sorted((*others, Told(region, version)), key=lambda each: each.region)))


def settled(table: TableSpec) -> TableSpec:
    """Return the table ACTIVE or UPDATING: it is updating while a replica comes or goes, but not for ever."""
    if table.status in (TableStatus.CREATING, TableStatus.DELETING) or table.settles_ms:
        return table
    return replace(table, status=TableStatus.UPDATING if moves_replicas(table) else TableStatus.ACTIVE)


def moves_replicas(table: TableSpec) -> bool:
    """Tell whether the table waits for a replica that comes or goes."""
    return any(replica.status in _UNSETTLED and not replica.is_overdue for replica in table.replicas)


def arriving(member: Member, generation: int) -> ReplicaSpec:
    """Return the entry of a member that is new here."""
    return ReplicaSpec(
        RegionName(member.region),
        ReplicaStatus.ACTIVE if member.is_open else ReplicaStatus.CREATING,
        source="" if member.is_open else member.joined_by,
        generation=generation,
        joined_ms=member.joined_ms,
    )


def opened(replica: ReplicaSpec) -> ReplicaSpec:
    """Return an entry whose copy is complete."""
    return replace(replica, status=ReplicaStatus.ACTIVE, status_text="", source="", backfilled=(), is_overdue=False)


def reconciled(table: TableSpec, region: str, version: int) -> TableSpec:
    """Return the table of this region with the entries of replicas that its members ask for."""
    known: dict[str, ReplicaSpec] = {replica.region: replica for replica in table.replicas}
    for member in table.members:
        if member.region != region:
            entry = _entry(known.pop(member.region, None), member, version)
            if entry is not None:
                known[member.region] = entry
    replicas = tuple(known[name] for name in sorted(known))
    return _with_sources_marked(_with_sources(replace(table, replicas=replicas), region, version))


def leaving(members: Iterable[Member], region: str, now_ms: int) -> Member:
    """Return a region removed, later than whatever it is known to have done as a member: only what it does from now on is void."""
    members = tuple(members)
    added_ms = [each.joined_ms for each in members if each.joined_by == region]
    return member_of(members, region).leaving(max([now_ms, *added_ms]))


def is_alone(table: TableSpec, region: str) -> bool:
    """Tell whether no other region is a member any more."""
    return not any(member.is_member for member in table.members if member.region != region)


def regional(table: TableSpec) -> TableSpec:
    """Return the table as one of its region only, which keeps its stream."""
    return settled(replace(table, replicas=(), global_table_id="", members=(), told=()))


def farewell(
    view: CatalogView, table: TableSpec, region: str, now_ms: int, *, told: Collection[str] = ()
) -> dict[str, bytes | None]:
    """Return the rows that keep what others have to know when this region leaves a global table; `told` know it already."""
    if not table.global_table_id:
        return {}
    members = members_of(table, region)
    left = merged_members(members, [leaving(members, region, now_ms)])
    waiting = {member.region for member in members if member.region != region} - set(told)
    return _left(view, table.name, table.global_table_id, _withdrawn(left, region), waiting)


def reminder(view: CatalogView, change: SyncGlobalTable, own: Member) -> dict[str, bytes | None]:
    """Return the rows that have a region told which takes this one for the member `own`, with a whole table, that it was once."""
    members = (own.leaving(own.joined_ms),)
    present = view.left.get(change.global_table_id)
    if present is not None and change.source in present.waiting:
        return {}
    return _left(view, change.name, change.global_table_id, members, {change.source})


def without_waiting(left: LeftTable, region: str) -> dict[str, bytes | None]:
    """Return the row of a table that was left after a region has heard of it."""
    waiting = tuple(each for each in left.waiting if each != region)
    row = encode_row(replace(left, waiting=waiting)) if waiting else None
    return {f"left/{left.global_table_id}": row}


def _withdrawn(members: Iterable[Member], region: str) -> tuple[Member, ...]:
    """Return members without those whose copy nobody goes on with: it was this region's to make, or nobody has the whole table."""
    members = tuple(members)
    has_heir = any(member.is_open for member in members)
    return tuple(
        each.leaving(each.joined_ms) if not each.is_open and (each.joined_by == region or not has_heir) else each
        for each in members
    )


def _left(
    view: CatalogView, name: str, global_table_id: str, members: Iterable[Member], waiting: Collection[str]
) -> dict[str, bytes | None]:
    earlier = view.left.get(global_table_id)
    if earlier is not None:
        members, waiting = merged_members(earlier.members, members), {*earlier.waiting, *waiting}
    if not waiting:
        return {}
    left = LeftTable(
        name=name,
        global_table_id=global_table_id,
        members=tuple(members),
        waiting=tuple(sorted(waiting)),
        version=next_version(view),
    )
    return {**_forgotten(view), f"left/{global_table_id}": encode_row(left)}


def _forgotten(view: CatalogView) -> dict[str, bytes | None]:
    if len(view.left) < LEFT_TABLES_MAX:
        return {}
    oldest = min(view.left.values(), key=lambda left: max(member.left_ms for member in left.members))
    return {f"left/{oldest.global_table_id}": None}


def _entry(present: ReplicaSpec | None, member: Member, version: int) -> ReplicaSpec | None:
    if not member.is_member:
        # One that failed stays to be seen, in the region that asked for it.
        return present if present is not None and present.status is ReplicaStatus.CREATION_FAILED else None
    if present is None or (member.left_ms and member.has_ended(present.joined_ms)):
        return arriving(member, version)
    if present.status is ReplicaStatus.CREATING and member.is_open:
        return opened(present)
    return present


def _with_sources(table: TableSpec, region: str, version: int) -> TableSpec:
    """Return the table with a new source, the same one in all regions, for every copy whose source has left."""
    heirs = [member.region for member in table.members if member.is_open]
    for replica in table.replicas:
        if replica.status is ReplicaStatus.CREATING and heirs and not _is_member(table.members, replica.source):
            begun = replace(replica, source=heirs[0], backfilled=(), generation=version)
            table = with_replica(table, begun if heirs[0] == region else replace(replica, source=heirs[0]))
    return table


def _with_sources_marked(table: TableSpec) -> TableSpec:
    """Return the table with a note, on every entry that is the source of a copy, when that was last begun."""
    for replica in table.replicas:
        source = table.replica(replica.source) if replica.status is ReplicaStatus.CREATING else None
        if source is not None and source.acted_as_source_ms < replica.joined_ms:
            table = with_replica(table, replace(source, acted_as_source_ms=replica.joined_ms))
    return table


def _is_member(members: Iterable[Member], region: str) -> bool:
    return member_of(members, region).is_member
