"""Changes that other regions hold back, as operators ask for them."""

from collections.abc import Sequence

import orjson

from node.catalog.feed import CatalogFeed
from node.replication.reports import HeldReport
from wire.keys import ItemKey, decode_key_value
from wire.tables import KeyAttribute, TableSpec
from wire.v1 import admin_pb2


def held_answer(reports: Sequence[HeldReport], limit: int, feed: CatalogFeed) -> admin_pb2.ListHeldAnswer:
    """Return the first of them, and how many there are."""
    tables = feed.view.tables_by_number
    items = [_held_item(report, tables.get(report.table)) for report in reports[:limit]]
    return admin_pb2.ListHeldAnswer(items=items, total=len(reports))


def _held_item(report: HeldReport, table: TableSpec | None) -> admin_pb2.HeldItem:
    return admin_pb2.HeldItem(
        destination=report.destination,
        partition=report.partition,
        table_name=table.name if table is not None else "",
        key=_key_text(report.key, table) if table is not None else "",
        time=report.version.time,
        region=report.version.region,
        ahead_seconds=report.ahead_seconds,
        waiting_seconds=report.waiting_seconds,
    )


def _key_text(key: ItemKey, table: TableSpec) -> str:
    """Return an item's key as DynamoDB JSON."""
    schema = table.key_schema
    shown = {schema.partition.name: _value(schema.partition, key.partition)}
    if schema.sort is not None:
        shown[schema.sort.name] = _value(schema.sort, key.sort)
    return orjson.dumps(shown).decode()


def _value(attribute: KeyAttribute, encoded: bytes) -> dict[str, str]:
    return {attribute.type: decode_key_value(attribute.type, encoded)}
