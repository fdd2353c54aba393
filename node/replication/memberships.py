"""Which tables go where, read from the catalog's rows. Pure.

Knows what replica entries mean to a shipper. Refuses to know how tables come to be in several regions.
"""

from collections.abc import Mapping

from node.replication.events import Membership
from wire.catalog import CatalogView, PartitionId
from wire.members import member_of
from wire.tables import ReplicaSpec, ReplicaStatus, TableSpec

_SHIPPED_TO = (ReplicaStatus.CREATING, ReplicaStatus.ACTIVE, ReplicaStatus.UPDATING)


def destinations(view: CatalogView) -> tuple[str, ...]:
    """Return every region that some table is shipped to, in order."""
    found = {replica.region for table in view.tables.values() for replica in table.replicas if is_shipped_to(replica)}
    return tuple(sorted(found))


def memberships_of(
    view: CatalogView, *, destination: str, partition: PartitionId, region: str, numbers: Mapping[str, int]
) -> tuple[Membership, ...]:
    """Return the tables that a partition of `region` ships to `destination`; `numbers` are those of all regions."""
    found = []
    for table in view.tables.values():
        replica = table.replica(destination) if table.replicas else None
        if replica is not None and is_shipped_to(replica):
            found.append(_membership(table, replica, partition, region, numbers))
    return tuple(found)


def is_shipped_to(replica: ReplicaSpec) -> bool:
    """Tell whether a replica gets changes: it is there or on its way, and not leaving."""
    return replica.status in _SHIPPED_TO


def _membership(
    table: TableSpec, replica: ReplicaSpec, partition: PartitionId, region: str, numbers: Mapping[str, int]
) -> Membership:
    is_source = replica.status is ReplicaStatus.CREATING and replica.source == region
    # A replica that failed to come into being has written nothing; one that is leaving has, until it is gone.
    others = [numbers[each.region] for each in table.replicas if each.status is not ReplicaStatus.CREATION_FAILED]
    return Membership(
        table=table.number,
        name=table.name,
        global_table_id=table.global_table_id,
        generation=replica.generation,
        members=tuple(sorted((numbers[region], *others))),
        joined_ms=member_of(table.members, region).joined_ms,
        sends_everything=is_source,
        awaits_backfill=is_source and partition not in replica.backfilled,
    )
