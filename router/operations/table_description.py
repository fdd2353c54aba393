"""How a table looks to clients: AWS's TableDescription.

Knows which members AWS shows when; refuses to know how tables come to be.
"""

from typing import Any, Final

from router.operations.arns import stream_arn, table_arn
from router.operations.capacity_settings import maxima_description, warm_description
from router.operations.encryption import encryption_description
from router.operations.index_descriptions import Sizes, attribute_definitions, index_members
from router.operations.replica_description import SETTINGS_MODE, replica_description
from router.operations.throughput_description import throughput_description
from wire.capacity import warm_throughput
from wire.cluster import Home
from wire.tables import DEFAULT_TABLE_CLASS, BillingMode, KeySchema, TableSpec, TableStatus, Throughput

GLOBAL_TABLE_VERSION: Final = "2019.11.21"

_UNCOUNTED: Final = (0, 0)


def table_description(spec: TableSpec, home: Home, sizes: Sizes | None = None, *, now_ms: int = 0) -> dict[str, Any]:
    """Return the TableDescription of a table; None as sizes = nothing was counted; `now_ms` tells which day today is."""
    count, size = (sizes or {}).get(0, _UNCOUNTED)
    return {
        "AttributeDefinitions": attribute_definitions(spec),
        "TableName": spec.name,
        "KeySchema": key_schema_elements(spec.key_schema),
        "TableStatus": spec.status.value,
        "CreationDateTime": spec.created_ms / 1000,
        "ProvisionedThroughput": throughput_description(spec.shown_throughput, spec.history, now_ms),
        "TableSizeBytes": size,
        "ItemCount": count,
        "TableArn": table_arn(home, spec.name),
        "TableId": spec.table_id,
        **index_members(spec, home, sizes or {}, now_ms),
        **_billing(spec),
        **_stream(spec, home),
        **_replicas(spec),
        **encryption_description(spec.encryption, home),
        **_table_class(spec),
        "DeletionProtectionEnabled": spec.deletion_protection,
        **maxima_description(spec.on_demand),
        **_warm_throughput(spec),
    }


def key_schema_elements(schema: KeySchema) -> list[dict[str, str]]:
    """Return a KeySchema member: the HASH attribute first."""
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(schema.names(), ("HASH", "RANGE"), strict=False)
    ]


def _billing(spec: TableSpec) -> dict[str, Any]:
    """Return the summary, which AWS leaves out for a table that was always provisioned, and dates once the table is there."""
    if spec.billing_mode is BillingMode.PROVISIONED and not spec.billing_changed_ms:
        return {}
    summary: dict[str, Any] = {"BillingMode": spec.billing_mode.value}
    if spec.status is not TableStatus.CREATING:
        # The time stays on show when the table has become provisioned since.
        summary["LastUpdateToPayPerRequestDateTime"] = (spec.billing_changed_ms or spec.created_ms) / 1000
    return {"BillingModeSummary": summary}


def _stream(spec: TableSpec, home: Home) -> dict[str, Any]:
    """Return the stream's members; label and ARN outlive a stream that was switched off."""
    stream = spec.stream
    if stream is None:
        return {}
    members: dict[str, Any] = {
        "LatestStreamLabel": stream.label,
        "LatestStreamArn": stream_arn(home, spec.name, stream.label),
    }
    if stream.is_enabled:
        members["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream.view_type.value}
    return members


def _replicas(spec: TableSpec) -> dict[str, Any]:
    if not spec.replicas:
        return {}
    return {
        "GlobalTableVersion": GLOBAL_TABLE_VERSION,
        "Replicas": [replica_description(replica, spec) for replica in spec.replicas],
        "GlobalTableSettingsReplicationMode": SETTINGS_MODE,
    }


def _table_class(spec: TableSpec) -> dict[str, Any]:
    """Return the summary, which AWS leaves out for a table whose class nobody ever named, and dates once it was changed."""
    changes = spec.class_changes[:-1] if spec.class_before else spec.class_changes
    if not (changes or spec.names_class or spec.table_class != DEFAULT_TABLE_CLASS):
        return {}
    summary: dict[str, Any] = {"TableClass": spec.class_before or spec.table_class}
    if changes:
        summary["LastUpdateDateTime"] = changes[-1] / 1000
    return {"TableClassSummary": summary}


def _warm_throughput(spec: TableSpec) -> dict[str, Any]:
    """Return the member, which a table that is being made only has if it was asked for."""
    if spec.status is not TableStatus.CREATING:
        return {"WarmThroughput": warm_description(_warmth(spec), "ACTIVE")}
    return {"WarmThroughput": warm_description(_warmth(spec), "UPDATING")} if spec.warm != Throughput() else {}


def _warmth(spec: TableSpec) -> Throughput:
    return warm_throughput(spec.billing_mode, spec.shown_throughput, spec.warm)
