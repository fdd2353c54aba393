"""BatchWriteItem."""

from typing import Any

import orjson

from router.operations.answers import joined
from router.operations.batches import (
    BatchPart,
    carried_out,
    consumed_by_table,
    require_distinct,
    unprocessed,
)
from router.operations.capacity import IndexUnits, index_write_units, write_units
from router.operations.context import RequestContext
from router.operations.item_collections import collection_metrics, wants_collection_metrics
from router.operations.item_keys import key_of_batched_item, key_of_members, token_of_key
from router.operations.store import Store
from router.operations.tables import table_of_items
from wire.catalog import CatalogView
from wire.commands import Outcome, Write, WriteKind, Written
from wire.errors import validation_error
from wire.index_keys import require_index_keys, require_room_for_rows
from wire.items import ITEM_TOO_LARGE, Item, normalized_item
from wire.limits import BATCH_WRITE_ITEMS_MAX
from wire.tables import TableSpec


class BatchWriteItem:
    """Put or delete up to 25 items, of any tables, each by itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        parts = await context.read(parse, self._store, body)
        outcomes = await carried_out(self._store, parts, context.deadline)
        return render(self._store.view, body, parts, outcomes)


def parse(store: Store, body: dict[str, Any]) -> list[BatchPart]:
    """Return the writes that a request asks for."""
    asked = body["RequestItems"]
    if sum(map(len, asked.values())) > BATCH_WRITE_ITEMS_MAX:
        raise validation_error("Too many items requested for the BatchWriteItem call")
    checked = {table: [_checked(request) for request in requests] for table, requests in asked.items()}
    parts = []
    for table, requests in asked.items():
        spec = table_of_items(store.view, table, store.home)
        for request, (members, size) in zip(requests, checked[table], strict=True):
            write = _write(spec, request, members, size)
            parts.append(BatchPart(table, token_of_key(write.key), write, request))
    require_distinct((part.command.table, part.command.key) for part in parts if isinstance(part.command, Write))
    return parts


def render(view: CatalogView, body: dict[str, Any], parts: list[BatchPart], outcomes: list[Outcome | None]) -> bytes:
    """Return the answer; what was not carried out is left to be asked for again."""
    units = dict.fromkeys(body["RequestItems"], 0.0)
    indexes: dict[str, list[IndexUnits]] = {table: [] for table in units}
    collections: dict[str, dict[bytes, bytes]] = {}
    left: dict[str, Any] = {}
    for part, outcome in zip(parts, outcomes, strict=True):
        if not isinstance(outcome, Written):
            left.setdefault(part.table, []).append(part.asked)
            continue
        assert isinstance(part.command, Write), f"expected a Write, found {part.command!r}"
        spec = view.tables_by_number.get(part.command.table)
        units[part.table] += write_units(outcome)
        indexes[part.table] += index_write_units(spec, outcome)
        if wants_collection_metrics(body) and (metrics := collection_metrics(spec, part.command, outcome)):
            collections.setdefault(part.table, {})[part.command.key.partition] = metrics
    return joined(
        UnprocessedItems=unprocessed(left),
        ItemCollectionMetrics=_by_table(collections),
        ConsumedCapacity=consumed_by_table(body, units, indexes),
    )


def _by_table(collections: dict[str, dict[bytes, bytes]]) -> bytes:
    """Return the metrics of each table's collections, each once and as it was last seen, or nothing."""
    if not collections:
        return b""
    return orjson.dumps(
        {table: [orjson.Fragment(metrics) for metrics in found.values()] for table, found in collections.items()}
    )


def _checked(request: dict[str, Any]) -> tuple[Item, int]:
    """Return the item or key of one request in canonical form, and its size."""
    put, delete = request.get("PutRequest"), request.get("DeleteRequest")
    if (put is None) == (delete is None):
        # AWS's own text, though it is not about an AttributeValue.
        raise validation_error(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes"
        )
    return normalized_item(put["Item"] if put is not None else request["DeleteRequest"]["Key"])


def _write(spec: TableSpec, request: dict[str, Any], members: Item, size: int) -> Write:
    if request.get("PutRequest") is not None:
        key = key_of_batched_item(spec.key_schema, members)
        require_index_keys(spec.indexes, members)
        require_room_for_rows(spec, key, members, size, ITEM_TOO_LARGE)
        return Write(WriteKind.PUT, spec.number, key, orjson.dumps(members), size)
    return Write(WriteKind.DELETE, spec.number, key_of_members(spec.key_schema, members))
