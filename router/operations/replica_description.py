"""How a replica looks to clients: an entry of a table's Replicas.

Knows which members AWS shows when: what a replica has otherwise only for as long as it differs from the table that is described.
"""

from typing import Any, Final

from router.operations.capacity_settings import warm_description
from wire.capacity import warm_throughput
from wire.tables import IndexSpec, ReplicaOverrides, ReplicaSpec, TableSpec

SETTINGS_MODE: Final = "ENABLED_WITH_OVERRIDES"


def replica_description(replica: ReplicaSpec, spec: TableSpec) -> dict[str, Any]:
    """Return the ReplicaDescription of a replica in another region of the table `spec`."""
    overrides = spec.override(replica.region)
    warm = warm_throughput(spec.billing_mode, spec.shown_throughput, spec.warm)
    description: dict[str, Any] = {
        "RegionName": replica.region,
        "ReplicaStatus": replica.status.value,
        **({"KMSMasterKeyId": overrides.key_arn} if overrides.key_arn else {}),
        **_reads(overrides.max_reads, spec.on_demand.read_units),
        "WarmThroughput": warm_description(warm, "ACTIVE"),
        **_indexes(spec, overrides),
        **_table_class(overrides),
        "GlobalTableSettingsReplicationMode": SETTINGS_MODE,
    }
    if replica.status_text:
        description["ReplicaStatusDescription"] = replica.status_text
    return description


def _reads(maximum: int, base: int) -> dict[str, Any]:
    """Return the maximum of on-demand reads, which only shows where it is another one than the table's that is described."""
    return {"OnDemandThroughputOverride": {"MaxReadRequestUnits": maximum}} if maximum not in (0, -1, base) else {}


def _indexes(spec: TableSpec, overrides: ReplicaOverrides) -> dict[str, Any]:
    maxima = dict(overrides.indexes)
    indexes = [_index(spec, index, maxima.get(index.name, 0)) for index in spec.global_indexes]
    return {"GlobalSecondaryIndexes": indexes} if indexes else {}


def _index(spec: TableSpec, index: IndexSpec, maximum: int) -> dict[str, Any]:
    warm = warm_throughput(spec.billing_mode, index.throughput, index.warm)
    return {
        "IndexName": index.name,
        **_reads(maximum, index.on_demand.read_units),
        "WarmThroughput": warm_description(warm, "ACTIVE"),
    }


def _table_class(overrides: ReplicaOverrides) -> dict[str, Any]:
    if not overrides.table_class:
        return {}
    changed = {"LastUpdateDateTime": overrides.class_changed_ms / 1000} if overrides.class_changed_ms else {}
    return {"ReplicaTableClassSummary": {"TableClass": overrides.table_class, **changed}}
