"""How the answers to CreateTable, UpdateTable and DeleteTable show a table.

They show what DescribeTable shows, but for what AWS knows only a moment later or shows no more. What the catalog's decision says already
(statuses, and the settings that a table has until it is ACTIVE again) is not known here.
"""

from typing import Any, Final

Description = dict[str, Any]

# All that is left of a table on its way out, with BillingModeSummary for one that is paid per request.
_DROPPED: Final = (
    "TableName",
    "TableStatus",
    "ProvisionedThroughput",
    "TableSizeBytes",
    "ItemCount",
    "TableArn",
    "TableId",
    "BillingModeSummary",
    "DeletionProtectionEnabled",
)
_PAY_PER_REQUEST_SINCE: Final = "LastUpdateToPayPerRequestDateTime"


def changed(description: Description, body: dict[str, Any]) -> Description:
    """Return a table's description as the answer to an UpdateTable."""
    if body.get("BillingMode") is not None:
        description.get("BillingModeSummary", {}).pop(_PAY_PER_REQUEST_SINCE, None)
    if body.get("WarmThroughput"):
        description["WarmThroughput"]["Status"] = "UPDATING"
    if body.get("SSESpecification") is not None:
        # Alone where there was no key before: AWS has not looked it up yet.
        description["SSEDescription"] = {**description.get("SSEDescription", {}), "Status": "UPDATING"}
    for update in body.get("ReplicaUpdates") or ():
        _show_replicas_before(description, update)
    return description


def dropped(description: Description) -> Description:
    """Return a table's description as the answer to a DeleteTable."""
    return {name: description[name] for name in _DROPPED if name in description}


def _show_replicas_before(description: Description, update: dict[str, Any]) -> None:
    """Show replicas without one that is being added, and one that is being removed as it was."""
    created, deleted = update.get("Create") or {}, update.get("Delete") or {}
    replicas = [
        {**replica, "ReplicaStatus": "ACTIVE"} if replica["RegionName"] == deleted.get("RegionName") else replica
        for replica in description.get("Replicas", ())
        if replica["RegionName"] != created.get("RegionName")
    ]
    description["Replicas"] = replicas
    if not replicas:
        description.pop("GlobalTableSettingsReplicationMode", None)
