"""Auto scaling of global tables over all their replicas, which is switched off everywhere.

Source of the texts: public recordings of AWS's answers of autumn 2026. AWS puts these names into typographic quotes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from router.operations.arns import table_name
from router.operations.one_function import Answer, not_available
from router.operations.store import Store
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import BillingMode, IndexSpec, IndexStatus, TableSpec

_OFF: Final = {"AutoScalingDisabled": True, "ScalingPolicies": []}
# In AWS's order.
_PARAMETERS: Final = ("MaximumUnits", "ScalingPolicyUpdate", "MinimumUnits")


def _describe(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    return _description(_global_table(store, body), store.region)


def _update(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    name = table_name(body["TableName"], store.home)
    _require_something(name, body)
    settings = [update for _, update in _settings(body)]
    for update in settings:
        _require_complete(name, update)
    spec = _global_table(store, body)
    _require_replicas(spec, body, store.region)
    _require_indexes(spec, body)
    if not all(update.get("AutoScalingDisabled") for update in settings):
        _require_provisioned(spec, body, store.region)
        raise not_available("UpdateTableReplicaAutoScaling other than with AutoScalingDisabled")
    return _description(spec, store.region)


def _global_table(store: Store, body: dict[str, Any]) -> TableSpec:
    """Return the table if it has replicas; for AWS it does not exist otherwise."""
    name = table_name(body["TableName"], store.home)
    spec = store.view.tables.get(name)
    if spec is None or not spec.replicas:
        raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"Global table with name: '{name}' does not exist.")
    return spec


def _settings(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every AutoScalingSettingsUpdate of a request, under the name that AWS's texts give its member.

    That is what it was called in the global tables of 2017.
    """
    yield from _member(body, "ProvisionedWriteCapacityAutoScalingUpdate", before="GlobalTable")
    for index in body.get("GlobalSecondaryIndexUpdates", ()):
        yield from _member(index, "ProvisionedWriteCapacityAutoScalingUpdate")
    for replica in body.get("ReplicaUpdates", ()):
        yield from _member(replica, "ReplicaProvisionedReadCapacityAutoScalingUpdate")
        for index in replica.get("ReplicaGlobalSecondaryIndexUpdates", ()):
            yield from _member(index, "ProvisionedReadCapacityAutoScalingUpdate")


def _member(holder: dict[str, Any], name: str, before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if holder.get(name) is not None:
        yield before + name.replace("AutoScalingUpdate", "AutoScalingSettingsUpdate"), holder[name]


def _require_something(name: str, body: dict[str, Any]) -> None:
    if not any(True for _ in _settings(body)):
        raise validation_error(f"{_failed(name)} because at least one update parameter must be specified.")


def _require_complete(name: str, update: dict[str, Any]) -> None:
    if update.get("AutoScalingDisabled"):
        given = [f"'{parameter}'" for parameter in _PARAMETERS if update.get(parameter) is not None]
        if given:
            raise validation_error(
                f"Failed to update settings for global table with name ‘{name}’: Parameters {', '.join(given)} must be "
                "left blank when disabling auto scaling."
            )
        return
    missing = [f"'{parameter}'" for parameter in _PARAMETERS if update.get(parameter) is None]
    if missing:
        raise validation_error(
            f"{_failed(name)}: Parameters {', '.join(missing)} are required unless auto scaling is being disabled."
        )


def _require_replicas(spec: TableSpec, body: dict[str, Any], region: str) -> None:
    regions = [update["RegionName"] for update in body.get("ReplicaUpdates", ())]
    repeated = sorted({each for each in regions if regions.count(each) > 1})
    if repeated:
        raise validation_error(
            f"{_failed(spec.name)} because the regions: ‘[{', '.join(repeated)}]’ were specified more than once."
        )
    absent = [each for each in regions if each != region and spec.replica(each) is None]
    if absent:
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND,
            f"{_failed(spec.name)} because a replica does not exist in regions: ‘[{', '.join(absent)}]’.",
        )


def _require_indexes(spec: TableSpec, body: dict[str, Any]) -> None:
    known = {index.name for index in _indexes(spec)}
    updates = [
        *body.get("GlobalSecondaryIndexUpdates", ()),
        *(
            index
            for each in body.get("ReplicaUpdates", ())
            for index in each.get("ReplicaGlobalSecondaryIndexUpdates", ())
        ),
    ]
    absent = [update["IndexName"] for update in updates if update.get("IndexName") not in (None, *known)]
    if absent:
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND,
            f"{_failed(spec.name)} because the global secondary indexes with names: ‘[{', '.join(absent)}]’ do not exist.",
        )


def _require_provisioned(spec: TableSpec, body: dict[str, Any], region: str) -> None:
    if spec.billing_mode is BillingMode.PROVISIONED:
        return
    regions = ", ".join(f"'{each.upper()}'" for each, _ in _regions(spec, region))
    members = ", ".join(f"'{member}'" for member in dict.fromkeys(member for member, _ in _settings(body)))
    raise validation_error(
        f"Failed to update global table with name ‘{spec.name}‘. Replicas {regions} BillingMode is PayPerRequest. You "
        f"must convert table's BillingMode to PROVISIONED to set parameters: {members}."
    )


def _failed(name: str) -> str:
    return f"Failed to update settings for global table with name: ‘{name}’"


def _indexes(spec: TableSpec) -> list[IndexSpec]:
    # One that is being made is not there yet for auto scaling.
    return [index for index in spec.global_indexes if index.status is not IndexStatus.CREATING]


def _description(spec: TableSpec, region: str) -> dict[str, Any]:
    return {
        "TableAutoScalingDescription": {
            "TableName": spec.name,
            "TableStatus": spec.status.value,
            "Replicas": [_replica(spec, name, status) for name, status in _regions(spec, region)],
        }
    }


def _regions(spec: TableSpec, region: str) -> list[tuple[str, str]]:
    """Return every region that holds the table, this one among them, with the status of its replica."""
    return sorted([(region, "ACTIVE"), *((str(replica.region), replica.status.value) for replica in spec.replicas)])


def _replica(spec: TableSpec, region: str, status: str) -> dict[str, Any]:
    return {
        "RegionName": region,
        "ReplicaStatus": status,
        "ReplicaProvisionedReadCapacityAutoScalingSettings": _OFF,
        "ReplicaProvisionedWriteCapacityAutoScalingSettings": _OFF,
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index.name,
                "IndexStatus": index.status.value,
                "ProvisionedReadCapacityAutoScalingSettings": _OFF,
                "ProvisionedWriteCapacityAutoScalingSettings": _OFF,
            }
            for index in _indexes(spec)
        ],
    }


ANSWERS: Final[Mapping[str, Answer]] = {
    "DescribeTableReplicaAutoScaling": _describe,
    "UpdateTableReplicaAutoScaling": _update,
}
