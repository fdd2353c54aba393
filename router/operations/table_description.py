"""How a table looks to clients: AWS's TableDescription.

Knows which members AWS shows when; refuses to know how tables come to be.
"""

from typing import Any, Final

from router.operations.arns import stream_arn, table_arn
from wire.tables import BillingMode, KeySchema, ReplicaSpec, TableSpec

GLOBAL_TABLE_VERSION: Final = "2019.11.21"

# What a new on-demand table serves at once, by AWS's documentation.
_ON_DEMAND_READ_UNITS: Final = 12_000
_ON_DEMAND_WRITE_UNITS: Final = 4_000
_DEFAULT_TABLE_CLASS: Final = "STANDARD"


def table_description(spec: TableSpec, region: str) -> dict[str, Any]:
    """Return the TableDescription of a table."""
    return {
        "AttributeDefinitions": attribute_definitions(spec.key_schema),
        "TableName": spec.name,
        "KeySchema": key_schema_elements(spec.key_schema),
        "TableStatus": spec.status.value,
        "CreationDateTime": spec.created_ms / 1000,
        "ProvisionedThroughput": _throughput(spec),
        # AWS brings these two up to date every six hours or so; here they are not counted yet.
        "TableSizeBytes": 0,
        "ItemCount": 0,
        "TableArn": table_arn(region, spec.name),
        "TableId": spec.table_id,
        **_billing(spec),
        **_stream(spec, region),
        **_replicas(spec),
        **_table_class(spec),
        "DeletionProtectionEnabled": spec.deletion_protection,
        "WarmThroughput": _warm_throughput(spec),
    }


def key_schema_elements(schema: KeySchema) -> list[dict[str, str]]:
    """Return a KeySchema member: the HASH attribute first."""
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(schema.names(), ("HASH", "RANGE"), strict=False)
    ]


def attribute_definitions(schema: KeySchema) -> list[dict[str, str]]:
    """Return an AttributeDefinitions member."""
    attributes = (schema.partition,) if schema.sort is None else (schema.partition, schema.sort)
    return [{"AttributeName": attribute.name, "AttributeType": attribute.type} for attribute in attributes]


def _throughput(spec: TableSpec) -> dict[str, int]:
    return {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": spec.throughput.read_units,
        "WriteCapacityUnits": spec.throughput.write_units,
    }


def _billing(spec: TableSpec) -> dict[str, Any]:
    """Return the summary, which AWS leaves out for a table that was always provisioned."""
    if spec.billing_mode is BillingMode.PROVISIONED and not spec.billing_changed_ms:
        return {}
    summary: dict[str, Any] = {"BillingMode": spec.billing_mode.value}
    if spec.billing_mode is BillingMode.PAY_PER_REQUEST:
        summary["LastUpdateToPayPerRequestDateTime"] = (spec.billing_changed_ms or spec.created_ms) / 1000
    return {"BillingModeSummary": summary}


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
    if spec.table_class == _DEFAULT_TABLE_CLASS:
        return {}
    return {"TableClassSummary": {"TableClass": spec.table_class}}


def _warm_throughput(spec: TableSpec) -> dict[str, Any]:
    on_demand = spec.billing_mode is BillingMode.PAY_PER_REQUEST
    return {
        "ReadUnitsPerSecond": _ON_DEMAND_READ_UNITS if on_demand else spec.throughput.read_units,
        "WriteUnitsPerSecond": _ON_DEMAND_WRITE_UNITS if on_demand else spec.throughput.write_units,
        "Status": "ACTIVE",
    }
