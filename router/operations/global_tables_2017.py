"""Global tables of version 2017.11.29, which AWS retired: none can be made, so none can be found.

Tables with replicas of version 2019.11.21 are not among them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from router.operations.one_function import Answer
from router.operations.store import Store
from router.operations.table_settings import INVALID
from router.operations.tables import require_name
from wire.errors import ErrorCode, StoreError, validation_error

# Where version 2017.11.29 ever was, in AWS's order.
_REGIONS: Final = (
    "eu-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-2",
    "eu-central-1",
    "ap-northeast-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
_NAME: Final = "TableName"  # which is what AWS calls it then
_RETIRED: Final = (
    f"{INVALID}DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables "
    "version 2019.11.21, instead of version 2017.11.29 (Legacy)."
)


def _create(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    require_name(body["GlobalTableName"], _NAME)
    replicas = body["ReplicationGroup"]
    if not replicas:
        raise validation_error(f"{INVALID}Global table must have atleast one replica")
    if any(replica.get("RegionName") is None for replica in replicas):
        raise validation_error(f"{INVALID}ReplicationGroup members must specify RegionName")
    if store.region not in _REGIONS:
        raise validation_error(
            f"{INVALID}DynamoDB global tables version 2017.11.29 is not supported in this region '{store.region}', "
            f"supported regions are : [{', '.join(_REGIONS)}]"
        )
    _require_regions(replica["RegionName"] for replica in replicas)
    raise validation_error(_RETIRED)


def _update(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    require_name(body["GlobalTableName"], _NAME)
    updates = body["ReplicaUpdates"]
    for update in updates:
        if update.get("Create") is not None and update.get("Delete") is not None:
            raise validation_error(
                f"{INVALID}A ReplicaUpdate structure cannot contain both a create replica action and a delete replica "
                "action"
            )
    if not updates or any(update.get("Create") is None and update.get("Delete") is None for update in updates):
        # All that AWS says.
        raise validation_error("One or more parameter values were invalid")
    if any(update.get("Create") is not None for update in updates):
        raise validation_error(_RETIRED)
    _require_regions(update["Delete"]["RegionName"] for update in updates)
    raise _not_found(body["GlobalTableName"], before="Global table not found: ")


def _require_regions(regions: Iterable[str]) -> None:
    for region in regions:
        if region not in _REGIONS:
            raise validation_error(
                f"{INVALID}DynamoDB global tables version 2017.11.29 is not supported in this Region: {region}"
            )


def _describe(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    require_name(body["GlobalTableName"], _NAME)
    raise _not_found(body["GlobalTableName"], before="Global table not found: ")


def _settings(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    require_name(body["GlobalTableName"], _NAME)
    raise _not_found(body["GlobalTableName"])


def _list(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    # For a region that it has never heard of AWS fails with a 500; an empty list is as true.
    return {"GlobalTables": []}


def _not_found(name: str, before: str = "") -> StoreError:
    return StoreError(ErrorCode.GLOBAL_TABLE_NOT_FOUND, f"{before}Global table with name: '{name}' does not exist.")


ANSWERS: Final[Mapping[str, Answer]] = {
    "CreateGlobalTable": _create,
    "DescribeGlobalTable": _describe,
    "DescribeGlobalTableSettings": _settings,
    "ListGlobalTables": _list,
    "UpdateGlobalTable": _update,
    "UpdateGlobalTableSettings": _settings,
}
