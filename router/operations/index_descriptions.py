"""How secondary indexes look to clients: the index members of AWS's TableDescription.

Knows which members AWS shows when; refuses to know how indexes come to be and how they are counted.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.operations.arns import index_arn
from router.operations.capacity_settings import maxima_description, warm_description
from router.operations.throughput_description import throughput_description
from wire.capacity import warm_throughput
from wire.cluster import Home
from wire.tables import IndexSpec, IndexStatus, KeyAttribute, TableSpec, TableStatus

Sizes = Mapping[int, tuple[int, int]]  # by index number: rows, and their bytes
_UNCOUNTED: Final = (0, 0)


def attribute_definitions(spec: TableSpec) -> list[dict[str, str]]:
    """Return an AttributeDefinitions member: the key attributes of the table and of all its indexes, by name."""
    schema = spec.key_schema
    attributes: set[KeyAttribute] = {schema.partition, *((schema.sort,) if schema.sort else ())}
    for index in spec.indexes:
        attributes |= {*index.partition, *index.sort}
    by_name = sorted(attributes, key=lambda attribute: attribute.name)
    return [{"AttributeName": attribute.name, "AttributeType": attribute.type} for attribute in by_name]


def index_members(spec: TableSpec, home: Home, sizes: Sizes, now_ms: int) -> dict[str, Any]:
    """Return LocalSecondaryIndexes and GlobalSecondaryIndexes, each where there are any; `now_ms` tells which day today is."""
    members = {
        "LocalSecondaryIndexes": [_index(spec, index, home, sizes) for index in spec.local_indexes],
        "GlobalSecondaryIndexes": [_global_index(spec, index, home, sizes, now_ms) for index in spec.global_indexes],
    }
    return {name: indexes for name, indexes in members.items() if indexes}


def _index(spec: TableSpec, index: IndexSpec, home: Home, sizes: Sizes) -> dict[str, Any]:
    count, size = sizes.get(index.number, _UNCOUNTED)
    return {
        "IndexName": index.name,
        "KeySchema": [
            {"AttributeName": attribute.name, "KeyType": kind}
            for kind, attributes in (("HASH", index.partition), ("RANGE", index.sort))
            for attribute in attributes
        ],
        "Projection": _projection(index),
        "IndexSizeBytes": size,
        "ItemCount": count,
        "IndexArn": index_arn(home, spec.name, index.name),
    }


def _global_index(spec: TableSpec, index: IndexSpec, home: Home, sizes: Sizes, now_ms: int) -> dict[str, Any]:
    # An index that is made with its table comes with it.
    status = IndexStatus.CREATING if spec.status is TableStatus.CREATING else index.status
    return {
        **_index(spec, index, home, sizes),
        "IndexStatus": status.value,
        **_backfilling(spec, index),
        "ProvisionedThroughput": throughput_description(index.throughput, index.history, now_ms),
        **maxima_description(index.on_demand),
        **_warm_throughput(spec, index),
    }


def _warm_throughput(spec: TableSpec, index: IndexSpec) -> dict[str, Any]:
    """Return the member, which no index has before its table is there, whether or not it was asked for."""
    if spec.status is TableStatus.CREATING:
        return {}
    warm = warm_throughput(spec.billing_mode, index.throughput, index.warm)
    return {"WarmThroughput": warm_description(warm, IndexStatus.ACTIVE.value)}


def _projection(index: IndexSpec) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection.value}
    if index.non_key_attributes:
        projection["NonKeyAttributes"] = list(index.non_key_attributes)
    return projection


def _backfilling(spec: TableSpec, index: IndexSpec) -> dict[str, bool]:
    """Return the member that only an index has which joins a table: false while it gets its resources, then true."""
    if index.status is not IndexStatus.CREATING or spec.status is TableStatus.CREATING:
        return {}
    return {"Backfilling": spec.status is not TableStatus.UPDATING}
