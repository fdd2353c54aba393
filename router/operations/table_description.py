"""How a table looks to clients: AWS's TableDescription.

Knows which members AWS shows when; refuses to know how tables come to be.
"""

from typing import Any, Final

from router.operations.arns import stream_arn, table_arn
from router.operations.capacity_settings import maxima_description, warm_description
from router.operations.encryption import encryption_description
from router.operations.index_descriptions import Sizes, attribute_definitions, index_members
from router.operations.throughput_description import throughput_description
from wire.capacity import warm_throughput
from wire.tables import BillingMode, KeySchema, ReplicaSpec, TableSpec

GLOBAL_TABLE_VERSION: Final = "2019.11.21"

_UNCOUNTED: Final = (0, 0)
_DEFAULT_TABLE_CLASS: Final = "STANDARD"


def table_description(spec: TableSpec, region: str, sizes: Sizes | None = None, *, now_ms: int = 0) -> dict[str, Any]:
    """Return the TableDescription of a table; None as sizes = nothing was counted; `now_ms` tells which day today is."""
    count, size = (sizes or {}).get(0, _UNCOUNTED)
    return {
        "AttributeDefinitions": attribute_definitions(spec),
        "TableName": spec.name,
        "KeySchema": key_schema_elements(spec.key_schema),
        "TableStatus": spec.status.value,
        "CreationDateTime": spec.created_ms / 1000,
        "ProvisionedThroughput": throughput_description(spec.throughput, spec.history, now_ms),
        "TableSizeBytes": size,
        "ItemCount": count,
        "TableArn": table_arn(region, spec.name),
        "TableId": spec.table_id,
        **index_members(spec, region, sizes or {}, now_ms),
        **_billing(spec),
        **_stream(spec, region),
        **_replicas(spec),
        **encryption_description(spec.encryption, region),
        **_table_class(spec),
        "DeletionProtectionEnabled": spec.deletion_protection,
        **maxima_description(spec.on_demand),
        "WarmThroughput": _warm_throughput(spec),
    }


def key_schema_elements(schema: KeySchema) -> list[dict[str, str]]:
    """Return a KeySchema member: the HASH attribute first."""
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(schema.names(), ("HASH", "RANGE"), strict=False)
    ]


def _billing(spec: TableSpec) -> dict[str, Any]:
    """Return the summary, which AWS leaves out for a table that was always provisioned."""
    if spec.billing_mode is BillingMode.PROVISIONED and not spec.billing_changed_ms:
        return {}
    changed_ms = spec.billing_changed_ms or spec.created_ms
    return {
        "BillingModeSummary": {
            "BillingMode": spec.billing_mode.value,
            # The time stays on show when the table has become provisioned since.
            "LastUpdateToPayPerRequestDateTime": changed_ms / 1000,
        }
    }


def _stream(spec: TableSpec, region: str) -> dict[str, Any]:
    """Return the stream's members; label and ARN outlive a stream that was switched off."""
    stream = spec.stream
    if stream is None:
        return {}
    members: dict[str, Any] = {
        "LatestStreamLabel": stream.label,
        "LatestStreamArn": stream_arn(region, spec.name, stream.label),
    }
    if stream.is_enabled:
        members["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream.view_type.value}
    return members


def _replicas(spec: TableSpec) -> dict[str, Any]:
    if not spec.replicas:
        return {}
    return {
        "GlobalTableVersion": GLOBAL_TABLE_VERSION,
        "Replicas": [_replica(replica, spec) for replica in spec.replicas],
        "GlobalTableSettingsReplicationMode": "ENABLED_WITH_OVERRIDES",
    }


def _replica(replica: ReplicaSpec, spec: TableSpec) -> dict[str, Any]:
    description: dict[str, Any] = {
        "RegionName": replica.region,
        "ReplicaStatus": replica.status.value,
        "ReplicaArn": table_arn(replica.region, spec.name),
        "WarmThroughput": _warm_throughput(spec),
        "GlobalTableSettingsReplicationMode": "ENABLED_WITH_OVERRIDES",
    }
    if replica.status_text:
        description["ReplicaStatusDescription"] = replica.status_text
    return description


def _table_class(spec: TableSpec) -> dict[str, Any]:
    """Return the summary, which AWS leaves out for a table that always was of the default class."""
    if spec.class_changes:
        return {
            "TableClassSummary": {"TableClass": spec.table_class, "LastUpdateDateTime": spec.class_changes[-1] / 1000}
        }
    return {} if spec.table_class == _DEFAULT_TABLE_CLASS else {"TableClassSummary": {"TableClass": spec.table_class}}


def _warm_throughput(spec: TableSpec) -> dict[str, Any]:
    return warm_description(warm_throughput(spec.billing_mode, spec.throughput, spec.warm), "ACTIVE")
