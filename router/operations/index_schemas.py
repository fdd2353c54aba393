"""Secondary indexes that a request asks to be made, and AWS's words for what is wrong with them.

Knows what needs no table to be known: names, keys, projections, capacity under a billing mode. What depends on the table as it is
when an index joins it, the catalog decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from router.operations.capacity_settings import created_warm
from router.operations.index_keys import defined_key
from router.operations.java_texts import hash_map_order
from router.operations.table_settings import INVALID, throughput_of
from wire.errors import validation_error
from wire.keys import AttributeType
from wire.tables import (
    BillingMode,
    IndexSpec,
    KeySchema,
    OnDemandMaxima,
    ProjectionType,
    Throughput,
)

LOCAL: Final = "LocalSecondaryIndexes"
GLOBAL: Final = "GlobalSecondaryIndexes"
LOCAL_INDEXES_MAX: Final = 5
GLOBAL_INDEXES_MAX: Final = 20
PROJECTED_ATTRIBUTES_MAX: Final = 100  # NonKeyAttributes over all indexes of a table

# The catalog numbers indexes from 1.
_UNNUMBERED: Final = 0


def parsed_indexes(body: dict[str, Any], schema: KeySchema, billing_mode: BillingMode) -> tuple[IndexSpec, ...]:
    """Return the indexes that a CreateTable asks for, local ones first; the order of the checks is AWS's."""
    local, global_ = body.get(LOCAL), body.get(GLOBAL)
    if local is None and global_ is None:
        return ()
    types = attribute_types(body["AttributeDefinitions"])
    if local is not None:
        _require_some(local, LOCAL)
        if schema.sort is None:
            raise validation_error(
                f"{INVALID}Table KeySchema does not have a range key, which is required when specifying a "
                "LocalSecondaryIndex"
            )
    if global_ is not None:
        _require_some(global_, GLOBAL)
    keys = [defined_key(asked["KeySchema"], types) for asked in (*(local or ()), *(global_ or ()))]
    _require_used(types, schema, keys)
    names: set[str] = set()
    indexes = []
    for asked in local or ():
        indexes.append(_local_index(asked, schema, types))
        _require_new_name(names, asked["IndexName"])
    _require_count(indexes, LOCAL_INDEXES_MAX, f"Number of {LOCAL} exceeds per-table limit of")
    for asked in global_ or ():
        indexes.append(parsed_global_index(asked, types, billing_mode))
        _require_fitting_capacity(indexes[-1], billing_mode)
        _require_new_name(names, asked["IndexName"])
    _require_count(global_ or (), GLOBAL_INDEXES_MAX, "GlobalSecondaryIndex count exceeds the per-table limit of")
    require_projectable(indexes)
    return tuple(indexes)


def parsed_global_index(
    asked: dict[str, Any], types: Mapping[str, AttributeType], billing_mode: BillingMode
) -> IndexSpec:
    """Return a global index as it is asked for, of a table with that billing mode."""
    partition, sort = defined_key(asked["KeySchema"], types)
    name = asked["IndexName"]
    projection, attributes = _projection(asked["Projection"])
    throughput = throughput_of(asked, f" for index {name}") or Throughput()
    return IndexSpec(
        number=_UNNUMBERED,
        name=name,
        is_local=False,
        partition=partition,
        sort=sort,
        projection=projection,
        non_key_attributes=attributes,
        throughput=throughput,
        on_demand=maxima_of(asked, name, least=1),
        warm=created_warm(asked, billing_mode, throughput, f"index {name}"),
    )


def attribute_types(definitions: Iterable[dict[str, Any]]) -> dict[str, AttributeType]:
    """Return the types that AttributeDefinitions give, by name."""
    return {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}


def require_projectable(indexes: Iterable[IndexSpec]) -> None:
    """Refuse more attributes in the projections of all indexes together than a table may have."""
    total = sum(len(index.non_key_attributes) for index in indexes)
    if total > PROJECTED_ATTRIBUTES_MAX:
        raise validation_error(
            f"{INVALID}Number of NonKeyAttributes over all indexes, {total}, exceeds the per-table limit of "
            f"{PROJECTED_ATTRIBUTES_MAX}"
        )


def maxima_of(asked: dict[str, Any], name: str, *, least: int) -> OnDemandMaxima:
    """Return the on-demand maxima that a request asks for an index, 0 where it names none; below `least` is refused."""
    given = asked.get("OnDemandThroughput") or {}
    for member in ("MaxReadRequestUnits", "MaxWriteRequestUnits"):
        value = given.get(member)
        if value is not None and (value < least or value == 0):
            raise validation_error(
                f"{INVALID}Requested {member} for OnDemandThroughput for index : {name} is outside of valid range"
            )
    return OnDemandMaxima(given.get("MaxReadRequestUnits", 0), given.get("MaxWriteRequestUnits", 0))


def _local_index(asked: dict[str, Any], schema: KeySchema, types: Mapping[str, AttributeType]) -> IndexSpec:
    partition, sort = defined_key(asked["KeySchema"], types)
    name = asked["IndexName"]
    if not sort:
        raise validation_error(f"{INVALID}Index KeySchema does not have a range key for index: {name}")
    if partition[0].name != schema.partition.name:
        raise validation_error(
            f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {partition[0].name}, table hash key: {schema.partition.name}"
        )
    projection, attributes = _projection(asked["Projection"])
    return IndexSpec(
        number=_UNNUMBERED,
        name=name,
        is_local=True,
        partition=partition,
        sort=sort,
        projection=projection,
        non_key_attributes=attributes,
    )


def _projection(asked: dict[str, Any]) -> tuple[ProjectionType, tuple[str, ...]]:
    kind: str | None = asked.get("ProjectionType")
    attributes: list[str] | None = asked.get("NonKeyAttributes")
    if kind is None:
        raise validation_error(f"{INVALID}Unknown ProjectionType: null")
    if attributes is not None and kind != ProjectionType.INCLUDE:
        raise validation_error(f"{INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")
    if attributes is None and kind == ProjectionType.INCLUDE:
        raise validation_error(f"{INVALID}ProjectionType is {kind}, but NonKeyAttributes is not specified")
    names = attributes or []
    for position, name in enumerate(names):
        if name in names[:position]:
            raise validation_error(f"{INVALID}Duplicate element in NonKeyAttributes: {name}")
    return ProjectionType(kind), tuple(sorted(names))


def _require_fitting_capacity(index: IndexSpec, billing_mode: BillingMode) -> None:
    """Refuse capacity of an index that does not go with the billing mode with which its table is made."""
    name, is_provisioned = index.name, billing_mode is BillingMode.PROVISIONED
    if index.throughput != Throughput() and not is_provisioned:
        raise validation_error(
            f"{INVALID}ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
        )
    if index.throughput == Throughput() and is_provisioned:
        raise validation_error(f"{INVALID}ProvisionedThroughput is not specified for index: {name}")
    if index.on_demand != OnDemandMaxima() and is_provisioned:
        member = "MaxReadRequestUnits" if index.on_demand.read_units else "MaxWriteRequestUnits"
        raise validation_error(
            f"{INVALID}{member} for OnDemandThroughput for index: {name} cannot be specified when table BillingMode is "
            "PROVISIONED."
        )


def _require_some(asked: Sequence[Any], member: str) -> None:
    if not asked:
        raise validation_error(f"{INVALID}List of {member} is empty")


def _require_used(types: Mapping[str, AttributeType], schema: KeySchema, keys: Iterable[Any]) -> None:
    used = dict.fromkeys(schema.names())
    for halves in keys:
        used.update((attribute.name, None) for half in halves for attribute in half)
    if len(used) < len(types):
        raise validation_error(
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(types)}], "
            f"keys used: [{', '.join(hash_map_order(used))}]"
        )


def _require_new_name(names: set[str], name: str) -> None:
    if name in names:
        raise validation_error(f"{INVALID}Duplicate index name: {name}")
    names.add(name)


def _require_count(indexes: Sequence[Any], most: int, text: str) -> None:
    if len(indexes) > most:
        raise validation_error(f"{INVALID}{text} {most}")
