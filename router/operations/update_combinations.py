"""Which changes an UpdateTable may ask for at once: hardly any.

Knows AWS's rules and words for that, and in which order it finds fault; refuses to know what the changes are.
"""

from typing import Any, Final

from router.operations.table_settings import INVALID, refuse_unsupported, unsupported
from wire.errors import validation_error
from wire.tables import BillingMode

# Members that are changes of a table, in AWS's order.
_SETTINGS: Final = (
    "ProvisionedThroughput",
    "BillingMode",
    "StreamSpecification",
    "GlobalSecondaryIndexUpdates",
    "SSESpecification",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
    "TableClass",
    "VectorIndexUpdates",
    "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
)
# An empty one of these asks for nothing.
_MAY_BE_EMPTY: Final = ("GlobalSecondaryIndexUpdates", "OnDemandThroughput", "WarmThroughput", "VectorIndexUpdates")
_WITNESSES: Final = "GlobalTableWitnessUpdates"
_CONSISTENCY: Final = "MultiRegionConsistency"
# AWS takes these only alone.
_ALONE: Final = {
    "SSESpecification": "Server-Side Encryption modification",
    "TableClass": "TableClass modification",
    "DeletionProtectionEnabled": "DeletionProtection modification",
    "WarmThroughput": "WarmThroughput",
}
_UNSUPPORTED: Final = (
    "VectorIndexUpdates",
    _WITNESSES,
    "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
)
# AWS's list, members without a public name included.
_CHOICES: Final = (
    "ProvisionedThroughput",
    "BillingMode",
    "UpdateStreamEnabled",
    "GlobalSecondaryIndexUpdates",
    "SSESpecification",
    "ReplicaUpdates",
    "MultiAccountReplicaReady",
    "ReplicaTransitRoleArn",
    "MultiRegionConsistency",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
)


def require_one_change(body: dict[str, Any]) -> None:
    """Refuse an UpdateTable that asks for nothing, for too much at once, or for what is not available yet."""
    asked = [name for name in _SETTINGS if _is_asked(name, body.get(name))]
    if body.get("ReplicaUpdates") is not None:
        _require_replicas_alone(body, asked)
    elif not asked:
        # Witnesses alone, or a consistency for no replicas, ask for nothing.
        raise validation_error(_nothing_asked(body))
    for name, words in _ALONE.items():
        if name in asked and len(asked) > 1:
            raise validation_error(f"{INVALID}{words} must be the only operation in the request")
    if "OnDemandThroughput" in asked and set(asked) - {"OnDemandThroughput", "BillingMode"}:
        raise validation_error(
            f"{INVALID}OnDemandThroughput can only be combined with BillingMode in an UpdateTable request"
        )
    provisions = "ProvisionedThroughput" in asked or body.get("BillingMode") == BillingMode.PROVISIONED
    if "StreamSpecification" in asked and provisions:
        raise validation_error(f"{INVALID}You cannot modify stream status while updating table IOPS")
    _refuse_unavailable(body)


def _require_replicas_alone(body: dict[str, Any], asked: list[str]) -> None:
    """Refuse other changes beside those of replicas; what comes with strong consistency AWS says in other words."""
    if asked and (body.get(_CONSISTENCY) is not None or body.get(_WITNESSES)):
        raise validation_error(f"{INVALID}Requests that modify replicas or witnesses must not also modify other fields")
    if asked:
        raise validation_error(f"{INVALID}Replica modification must be the only operation in the request")
    if body.get(_WITNESSES) and body.get(_CONSISTENCY) != "STRONG":
        raise validation_error(
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present."
        )


def _is_asked(name: str, value: Any) -> bool:
    return value is not None and (bool(value) or name not in _MAY_BE_EMPTY)


def _nothing_asked(body: dict[str, Any]) -> str:
    """Return AWS's words, which leave out what the request has, although it does not count."""
    choices = [name for name in _CHOICES if body.get(name) is None or name in _SETTINGS]
    return f"At least one of {', '.join(choices)} or TableClass is required"


def _refuse_unavailable(body: dict[str, Any]) -> None:
    if body.get("GlobalTableSettingsReplicationMode") == "ENABLED_WITH_OVERRIDES":
        raise validation_error(
            "Value 'ENABLED_WITH_OVERRIDES' at 'GlobalTableSettingsReplicationMode' failed to satisfy constraint: Only "
            "ENABLED and DISABLED settings replication are supported for a Regional Table."
        )
    refuse_unsupported(body, _UNSUPPORTED)
    if body.get(_CONSISTENCY) == "STRONG":
        raise unsupported("MultiRegionConsistency STRONG")
