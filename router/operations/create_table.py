"""CreateTable."""

import random
import uuid
from typing import Any, Final

from msgspec.structs import replace

from router.operations.answers import encoded
from router.operations.arns import table_name
from router.operations.capacity_settings import created_maxima, created_warm
from router.operations.context import RequestContext
from router.operations.encryption import parsed_encryption
from router.operations.index_schemas import parsed_indexes
from router.operations.key_schemas import parsed_key_schema
from router.operations.policy_documents import canonical_policy
from router.operations.store import Store
from router.operations.table_description import table_description
from router.operations.table_settings import (
    CAPACITY_WITH_ON_DEMAND,
    INVALID,
    refuse_unsupported,
    table_class_of,
    throughput_of,
    view_type_of,
)
from router.operations.tags import parsed_tags
from wire import catalog_changes
from wire.clock import Clock
from wire.cluster import Home
from wire.errors import validation_error
from wire.tables import DEFAULT_TABLE_CLASS, BillingMode, ResourcePolicy, StreamViewType, TableStatus, Throughput

_UNSUPPORTED: Final = (
    "VectorIndexes",
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
        change = parse(body, home=self._store.home, now_ms=self._clock.wall_ms(), table_id=table_id)
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog made table {change.name!r} and does not show it"
        # However soon the table is there, the answer is of one that is being made.
        made = replace(decided.table, status=TableStatus.CREATING)
        return encoded({"TableDescription": table_description(made, self._store.home, now_ms=change.now_ms)})


def parse(body: dict[str, Any], *, home: Home, now_ms: int, table_id: str) -> catalog_changes.CreateTable:
    """Return the change that a request asks for; the order of the checks is AWS's."""
    # A copy of another account's table takes its schema from there.
    refuse_unsupported(body, ("GlobalTableSourceArn",))
    billing_mode = BillingMode(body.get("BillingMode", BillingMode.PROVISIONED))
    throughput = _throughput(body, billing_mode)
    key_schema = parsed_key_schema(body)
    indexes = parsed_indexes(body, key_schema, billing_mode)
    _require_some_vectors(body)
    refuse_unsupported(body, _UNSUPPORTED)
    return catalog_changes.CreateTable(
        name=table_name(body["TableName"], home),
        key_schema=key_schema,
        billing_mode=billing_mode,
        throughput=throughput,
        stream_view=_stream_view(body),
        deletion_protection=body.get("DeletionProtectionEnabled", False),
        table_class=table_class_of(body) or DEFAULT_TABLE_CLASS,
        names_class=body.get("TableClass") is not None,
        indexes=indexes,
        on_demand=created_maxima(body, billing_mode),
        warm=created_warm(body, billing_mode, throughput),
        encryption=parsed_encryption(body.get("SSESpecification"), home),
        tags=parsed_tags(body.get("Tags")),
        policy=_policy(body, now_ms),
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


def _require_some_vectors(body: dict[str, Any]) -> None:
    if body.get("VectorIndexes") == []:
        raise validation_error(f"{INVALID}List of VectorIndexes is empty")


def _policy(body: dict[str, Any], now_ms: int) -> ResourcePolicy | None:
    given = body.get("ResourcePolicy")
    return None if given is None else ResourcePolicy(canonical_policy(given), str(now_ms))


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
