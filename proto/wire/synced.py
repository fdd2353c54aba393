"""What the regions of a global table keep the same: who its members are, and the settings that AWS always synchronizes.

Values; `wire.members` merges members, `node.catalog.settings` merges settings. Source: AWS, "DynamoDB global tables settings
synchronization".
"""

import msgspec

from wire.members import Member, merged_members
from wire.tables import (
    BillingMode,
    IndexSpec,
    IndexStatus,
    OnDemandMaxima,
    ReplicaOverrides,
    ReplicaStatus,
    SettingStamp,
    TableSpec,
    Throughput,
)


class ExpirySetting(msgspec.Struct, frozen=True):
    """Time to live on an attribute, or no more."""

    attribute: str
    is_enabled: bool


class SyncedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Every shared setting of one region's table, and the stamps of those that were changed since the table has replicas.

    A setting without a stamp is as it was when the replicas were made, and so the same everywhere; one with a stamp loses to a greater
    stamp. An index that has a stamp and is not among `indexes` was deleted. Numbers, statuses and generations of indexes are each
    region's own, as are reads: those are what a new replica begins with.
    """

    billing_mode: BillingMode
    throughput: Throughput = Throughput()
    on_demand: OnDemandMaxima = OnDemandMaxima()
    warm: Throughput = Throughput()
    is_encrypted: bool = False  # with the key that AWS manages in each region
    table_class: str = "STANDARD"
    time_to_live: ExpirySetting | None = None
    indexes: tuple[IndexSpec, ...] = ()  # local ones, too, for a new replica
    stamps: tuple[SettingStamp, ...] = ()
    overrides: tuple[ReplicaOverrides, ...] = ()  # each region's a setting of its own


def synced_settings(table: TableSpec) -> SyncedSettings:
    """Return what other regions have to know of a table's settings."""
    expiry = table.time_to_live
    return SyncedSettings(
        billing_mode=table.billing_mode,
        throughput=table.throughput,
        on_demand=table.on_demand,
        warm=table.warm,
        is_encrypted=table.encryption is not None,
        table_class=table.table_class,
        time_to_live=None if expiry is None else ExpirySetting(expiry.attribute, expiry.is_enabled),
        indexes=tuple(index for index in table.indexes if index.status is not IndexStatus.DELETING),
        stamps=table.stamps,
        overrides=table.overrides,
    )


def members_of(table: TableSpec, region: str) -> tuple[Member, ...]:
    """Return the members of a table; for one that has replicas since before members were kept, all that have an entry."""
    if table.members or not table.replicas:
        return table.members
    present = [each for each in table.replicas if each.status is not ReplicaStatus.CREATION_FAILED]
    known = [_founder(each.region, each.source or region, each.status) for each in present]
    return merged_members([_founder(region, region, ReplicaStatus.ACTIVE), *known])


def _founder(region: str, by: str, status: ReplicaStatus) -> Member:
    member = Member(region, joined_ms=1, joined_by=by)
    return member if status is ReplicaStatus.CREATING else member.opened()
