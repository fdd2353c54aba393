"""UpdateTable."""

import random
from typing import Any, Final

from router.operations.answers import encoded
from router.operations.arns import table_name
from router.operations.context import RequestContext
from router.operations.replica_updates import parsed_replica_update
from router.operations.store import Store
from router.operations.table_description import table_description
from router.operations.table_settings import (
    CAPACITY_WITH_ON_DEMAND,
    INVALID,
    refuse_encryption,
    refuse_unsupported,
    throughput_of,
    unsupported,
    view_type_of,
)
from wire import catalog
from wire.clock import Clock
from wire.errors import validation_error
from wire.tables import BillingMode, StreamViewType, Throughput

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
# AWS takes these only alone.
_ALONE: Final = {
    "SSESpecification": "Server-Side Encryption modification",
    "TableClass": "TableClass modification",
    "DeletionProtectionEnabled": "DeletionProtection modification",
    "WarmThroughput": "WarmThroughput",
}
_UNSUPPORTED: Final = (
    "GlobalSecondaryIndexUpdates",
    "OnDemandThroughput",
    "WarmThroughput",
    "VectorIndexUpdates",
    "GlobalTableWitnessUpdates",
    "GlobalTableSettingsReplicationMode",
    "DisassociationProtectionEnabled",
)
# AWS's list, members without a public name included.
_NOTHING_ASKED: Final = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, "
    "SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, "
    "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
)


class UpdateTable:
    """Change a table's settings, or the regions that hold it."""

    def __init__(self, store: Store, clock: Clock, randomness: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        name = table_name(body["TableName"], self._store.region)
        change = parse(name, body, now_ms=self._clock.wall_ms(), random_bits=self._randomness.getrandbits(128))
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog changed table {name!r} and does not show it"
        return encoded({"TableDescription": table_description(decided.table, self._store.region)})


def parse(name: str, body: dict[str, Any], *, now_ms: int, random_bits: int) -> catalog.CatalogChange:
    """Return the change that a request asks for; what depends on the table as it is, the catalog decides."""
    _require_something(body)
    replica_updates = body.get("ReplicaUpdates")
    if replica_updates is not None:
        return parsed_replica_update(name, replica_updates, now_ms=now_ms, global_table_id=f"{random_bits:032x}")
    stream = body.get("StreamSpecification")
    return catalog.UpdateTable(
        name=name,
        billing_mode=BillingMode(body["BillingMode"]) if body.get("BillingMode") else None,
        throughput=_throughput(body),
        stream_enabled=None if stream is None else stream["StreamEnabled"],
        stream_view=None if stream is None else _stream_view(stream),
        deletion_protection=body.get("DeletionProtectionEnabled"),
        table_class=body.get("TableClass"),
        now_ms=now_ms,
    )


def _require_something(body: dict[str, Any]) -> None:
    asked = [name for name in _SETTINGS if body.get(name) is not None]
    if not asked and body.get("ReplicaUpdates") is None and body.get("GlobalTableWitnessUpdates") is None:
        raise validation_error(_NOTHING_ASKED)
    if asked and (body.get("ReplicaUpdates") is not None or body.get("GlobalTableWitnessUpdates") is not None):
        raise validation_error(f"{INVALID}Requests that modify replicas or witnesses must not also modify other fields")
    for name, words in _ALONE.items():
        if name in asked and len(asked) > 1:
            raise validation_error(f"{INVALID}{words} must be the only operation in the request")
    if "StreamSpecification" in asked and "ProvisionedThroughput" in asked:
        raise validation_error(f"{INVALID}You cannot modify stream status while updating table IOPS")
    refuse_unsupported(body, _UNSUPPORTED)
    if body.get("MultiRegionConsistency") == "STRONG":
        raise unsupported("MultiRegionConsistency STRONG")
    refuse_encryption(body)
    if "SSESpecification" in asked:
        raise validation_error(f"{INVALID}Table is already encrypted by default")


def _stream_view(stream: dict[str, Any]) -> StreamViewType | None:
    view_type = view_type_of(stream)
    if stream["StreamEnabled"] and view_type is None:
        raise validation_error(f"{INVALID}If stream is being enabled then UpdateViewType is required")
    if not stream["StreamEnabled"] and view_type is not None:
        raise validation_error(f"{INVALID}If stream is being disabled, then UpdateViewType must not be specified")
    return view_type


def _throughput(body: dict[str, Any]) -> Throughput | None:
    throughput = throughput_of(body)
    if throughput is not None and body.get("BillingMode") == BillingMode.PAY_PER_REQUEST:
        raise validation_error(CAPACITY_WITH_ON_DEMAND)
    return throughput
