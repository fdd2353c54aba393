"""UpdateTable's ReplicaUpdates: which regions hold a table, and what each has otherwise (global tables 2019.11.21).

Knows how a request asks for it; whether the table and the regions allow it, the catalog decides.
"""

from typing import Any, Final

from router.operations.encryption import key_arn
from router.operations.table_settings import CAPACITY_WITH_ON_DEMAND, table_class_of, unsupported
from wire import catalog_changes
from wire.cluster import Home
from wire.errors import validation_error
from wire.tables import ReplicaOverrides

ReplicaChange = catalog_changes.AddReplica | catalog_changes.RemoveReplica | catalog_changes.UpdateReplicas

_ACTIONS: Final = ("Create", "Update", "Delete", "Disassociate")


def parsed_replica_update(
    table: str, updates: list[dict[str, Any]], *, home: Home, now_ms: int, global_table_id: str
) -> ReplicaChange:
    """Return the one change of a table's replicas that a request asks for."""
    action, members = _only_action(updates)
    if action == "Update":
        overrides = tuple(_overrides(member, home) for member in members)
        return catalog_changes.UpdateReplicas(name=table, overrides=overrides, now_ms=now_ms)
    (member,) = members
    region = member["RegionName"]
    if action == "Delete":
        return catalog_changes.RemoveReplica(name=table, region=region, now_ms=now_ms)
    asked = _overrides(member, home)
    return catalog_changes.AddReplica(
        name=table,
        region=region,
        overrides=None if asked == ReplicaOverrides(region) else asked,
        now_ms=now_ms,
        global_table_id=global_table_id,
    )


def _only_action(updates: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Return what is to be done, and with which regions: several can only be updated at once."""
    actions = [(name, update[name]) for update in updates for name in _ACTIONS if update.get(name) is not None]
    # An update that names nothing but its region asks for nothing; what is said twice counts once.
    actions = [(name, member) for name, member in actions if name != "Update" or len(member) > 1]
    actions = [action for position, action in enumerate(actions) if action not in actions[:position]]
    if not actions:
        raise validation_error("There are no actions specified in the Replica Update Action of the request.")
    if len({name for name, _ in actions}) > 1:
        raise validation_error("Update table operation with more than one type of replica actions not allowed.")
    name, _ = actions[0]
    if name == "Disassociate":
        raise unsupported(f"ReplicaUpdates {name}")
    if name != "Update" and len(actions) > 1:
        raise validation_error("Update table operation with more than one create or delete replica actions not allowed")
    return name, [member for _, member in actions]


def _overrides(member: dict[str, Any], home: Home) -> ReplicaOverrides:
    """Return what a replica is to have otherwise. Reads are provisioned only where writes are, which no global table's are here."""
    asked_indexes = member.get("GlobalSecondaryIndexes") or ()
    if any(each.get("ProvisionedThroughputOverride") for each in (member, *asked_indexes)):
        raise validation_error(CAPACITY_WITH_ON_DEMAND)
    key = member.get("KMSMasterKeyId")
    region = member["RegionName"]
    return ReplicaOverrides(
        region,
        table_class=table_class_of({"TableClass": member.get("TableClassOverride")}) or "",
        max_reads=_max_reads(member, "table"),
        key_arn=None if key is None else key_arn(key, Home(region, home.account)),
        indexes=tuple(
            (each["IndexName"], _max_reads(each, f"index : {each['IndexName']}"))
            for each in asked_indexes
            if each.get("OnDemandThroughputOverride")
        ),
    )


def _max_reads(asked: dict[str, Any], what: str) -> int:
    """Return the maximum of on-demand reads that is asked for; 0 = none is named, -1 = there shall be none."""
    given: int | None = (asked.get("OnDemandThroughputOverride") or {}).get("MaxReadRequestUnits")
    if given is not None and given < 1 and given != -1:
        raise validation_error(
            "One or more parameter values were invalid: Requested MaxReadRequestUnits for OnDemandThroughputOverride for "
            f"{what} is outside of valid range"
        )
    return given or 0
