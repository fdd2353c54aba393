"""UpdateTable."""

import random
from typing import Any

from router.operations.answers import encoded
from router.operations.arns import table_name
from router.operations.capacity_settings import changed_maxima, changed_warm
from router.operations.context import RequestContext
from router.operations.encryption import parsed_encryption
from router.operations.index_updates import parsed_index_updates, refuse_empty_warm
from router.operations.regions import Regions, require_agreed
from router.operations.replica_updates import parsed_replica_update
from router.operations.store import Store
from router.operations.table_answers import changed
from router.operations.table_description import table_description
from router.operations.table_settings import (
    CAPACITY_WITH_ON_DEMAND,
    INVALID,
    table_class_of,
    throughput_of,
    view_type_of,
)
from router.operations.table_sizes import TableSizes
from router.operations.update_combinations import require_one_change
from wire import catalog_changes
from wire.clock import Clock
from wire.cluster import Home
from wire.errors import validation_error
from wire.tables import BillingMode, StreamViewType, TableSpec, Throughput


class UpdateTable:
    """Change a table's settings, or the regions that hold it."""

    def __init__(
        self, store: Store, regions: Regions, clock: Clock, randomness: random.Random, sizes: TableSizes
    ) -> None:
        self._store = store
        self._regions = regions
        self._clock = clock
        self._randomness = randomness
        self._sizes = sizes

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        name = table_name(body["TableName"], self._store.home)
        change = parse(
            name,
            body,
            home=self._store.home,
            now_ms=self._clock.wall_ms(),
            random_bits=self._randomness.getrandbits(128),
            table=self._store.view.tables.get(name),
        )
        if isinstance(change, catalog_changes.AddReplica | catalog_changes.RemoveReplica):
            await require_agreed(self._store, self._regions, change)
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog changed table {name!r} and does not show it"
        sizes = self._sizes.known(decided.table.number)
        description = table_description(decided.table, self._store.home, sizes, now_ms=self._clock.wall_ms())
        return encoded({"TableDescription": changed(description, body)})


def parse(
    name: str, body: dict[str, Any], *, home: Home, now_ms: int, random_bits: int, table: TableSpec | None
) -> catalog_changes.CatalogChange:
    """Return the change that a request asks for; what depends on the table as it is, the catalog decides."""
    refuse_empty_warm(body)
    require_one_change(body)
    replica_updates = body.get("ReplicaUpdates")
    if replica_updates is not None:
        return parsed_replica_update(
            name, replica_updates, home=home, now_ms=now_ms, global_table_id=f"{random_bits:032x}"
        )
    indexes = parsed_index_updates(body, table)
    stream, encryption = body.get("StreamSpecification"), body.get("SSESpecification")
    encrypts = parsed_encryption(encryption, home)
    return catalog_changes.UpdateTable(
        name=name,
        billing_mode=BillingMode(body["BillingMode"]) if body.get("BillingMode") else None,
        throughput=_throughput(body),
        stream_enabled=None if stream is None else stream["StreamEnabled"],
        stream_view=None if stream is None else _stream_view(stream),
        deletion_protection=body.get("DeletionProtectionEnabled"),
        table_class=table_class_of(body),
        creates_index=indexes.creates,
        deletes_index=indexes.deletes,
        index_settings=indexes.settings,
        on_demand=changed_maxima(body),
        warm=changed_warm(body),
        encryption=encrypts,
        disables_encryption=encryption is not None and encrypts is None,
        now_ms=now_ms,
    )


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
