"""UpdateTable's ReplicaUpdates: which regions hold a table (global tables 2019.11.21).

Knows how a request asks for it; whether the table and the regions allow it, the catalog decides.
"""

from typing import Any, Final

from router.operations.table_settings import refuse_unsupported, unsupported
from wire import catalog_changes
from wire.errors import validation_error

_ACTIONS: Final = ("Create", "Update", "Delete", "Disassociate")
_OVERRIDES: Final = (
    "KMSMasterKeyId",
    "ProvisionedThroughputOverride",
    "OnDemandThroughputOverride",
    "GlobalSecondaryIndexes",
    "TableClassOverride",
)


def parsed_replica_update(
    table: str, updates: list[dict[str, Any]], *, now_ms: int, global_table_id: str
) -> catalog_changes.AddReplica | catalog_changes.RemoveReplica:
    """Return the one change of a table's replicas that a request asks for."""
    action, member = _only_action(updates)
    region = member["RegionName"]
    if action == "Create":
        return catalog_changes.AddReplica(name=table, region=region, now_ms=now_ms, global_table_id=global_table_id)
    return catalog_changes.RemoveReplica(name=table, region=region, now_ms=now_ms)


def _only_action(updates: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    actions = [(name, update[name]) for update in updates for name in _ACTIONS if update.get(name) is not None]
    # An update that names nothing but its region asks for nothing; what is said twice counts once.
    actions = [(name, member) for name, member in actions if name != "Update" or len(member) > 1]
    actions = [action for position, action in enumerate(actions) if action not in actions[:position]]
    if not actions:
        raise validation_error("There are no actions specified in the Replica Update Action of the request.")
    if len({name for name, _ in actions}) > 1:
        raise validation_error("Update table operation with more than one type of replica actions not allowed.")
    if len(actions) > 1:
        raise validation_error("Update table operation with more than one create or delete replica actions not allowed")
    name, member = actions[0]
    if name in ("Update", "Disassociate"):
        raise unsupported(f"ReplicaUpdates {name}")
    refuse_unsupported(member, _OVERRIDES)
    return name, member
