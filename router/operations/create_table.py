"""CreateTable."""

import random
import uuid
from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.key_schemas import parsed_key_schema
from router.operations.store import Store
from router.operations.table_description import table_description
from router.operations.table_settings import (
    CAPACITY_WITH_ON_DEMAND,
    INVALID,
    refuse_encryption,
    refuse_unsupported,
    throughput_of,
    view_type_of,
)
from wire import catalog
from wire.clock import Clock
from wire.errors import validation_error
from wire.tables import BillingMode, StreamViewType, Throughput

_UNSUPPORTED: Final = (
    "LocalSecondaryIndexes",
    "GlobalSecondaryIndexes",
    "VectorIndexes",
    "Tags",
    "ResourcePolicy",
    "OnDemandThroughput",
    "WarmThroughput",
    "GlobalTableSourceArn",
    "GlobalTableSettingsReplicationMode",
)


class CreateTable:
    """Make a table: an entry in the catalog."""

    def __init__(self, store: Store, clock: Clock, randomness: random.Random) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        table_id = str(uuid.UUID(int=self._randomness.getrandbits(128), version=4))
        change = parse(body, now_ms=self._clock.wall_ms(), table_id=table_id)
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog made table {change.name!r} and does not show it"
        return encoded({"TableDescription": table_description(decided.table, self._store.region)})


def parse(body: dict[str, Any], *, now_ms: int, table_id: str) -> catalog.CreateTable:
    """Return the change that a request asks for; the order of the checks is AWS's."""
    billing_mode = BillingMode(body.get("BillingMode", BillingMode.PROVISIONED))
    throughput = _throughput(body, billing_mode)
    key_schema = parsed_key_schema(body)
    _require_indexes(body)
    refuse_unsupported(body, _UNSUPPORTED)
    refuse_encryption(body)
    return catalog.CreateTable(
        name=body["TableName"],
        key_schema=key_schema,
        billing_mode=billing_mode,
        throughput=throughput,
        stream_view=_stream_view(body),
        deletion_protection=body.get("DeletionProtectionEnabled", False),
        table_class=body.get("TableClass", "STANDARD"),
        now_ms=now_ms,
        table_id=table_id,
    )


def _throughput(body: dict[str, Any], billing_mode: BillingMode) -> Throughput:
    throughput = throughput_of(body)
    if billing_mode is BillingMode.PAY_PER_REQUEST:
        if throughput is not None:
            raise validation_error(CAPACITY_WITH_ON_DEMAND)
        return Throughput()
    if throughput is None:
        raise validation_error(
            f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    return throughput


def _require_indexes(body: dict[str, Any]) -> None:
    for name in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if body.get(name) == []:
            raise validation_error(f"{INVALID}List of {name} is empty")


def _stream_view(body: dict[str, Any]) -> StreamViewType | None:
    stream = body.get("StreamSpecification")
    if stream is None:
        return None
    view_type = view_type_of(stream)
    if stream["StreamEnabled"] and view_type is None:
        raise validation_error(f"{INVALID}Table is being created with a stream enabled, UpdateViewType is required")
    if not stream["StreamEnabled"] and view_type is not None:
        raise validation_error(
            f"{INVALID}Table is being created with a stream disabled, UpdateViewType should not be specified"
        )
    return view_type
