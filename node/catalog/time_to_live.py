"""Decide what time to live does to a table's row.

Pure. Knows when AWS refuses a change, and in which words: what is wrong with the request comes before the hold. Refuses to know how items
come to expire. Any attribute will do, a key one included, as on AWS.
"""

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.rules import CatalogRules, Decision, next_version
from node.catalog.tables import changed
from wire.catalog import CATALOG_PARTITION, CatalogView
from wire.catalog_changes import RecordTimeToLive, SetTimeToLive
from wire.errors import StoreError, validation_error
from wire.tables import TableSpec, TableStatus, TimeToLive


def set_time_to_live(view: CatalogView, change: SetTimeToLive, rules: CatalogRules) -> Decision:
    """Enable or disable time to live, as a client asks for it. What is so already is refused."""
    table = view.tables.get(change.name)
    if table is None:
        raise refusals.table_missing(change.name)
    if table.status is TableStatus.CREATING:
        raise refusals.table_not_there_yet(table)
    if table.status is TableStatus.DELETING:
        raise refusals.table_in_use(table)
    present = table.time_to_live
    is_enabled = present is not None and present.is_enabled
    if present is not None and is_enabled and present.attribute != change.attribute:
        raise _other_attribute(present.attribute)
    if is_enabled == change.is_enabled:
        raise validation_error(f"TimeToLive is already {'enabled' if is_enabled else 'disabled'}")
    if present is not None and change.now_ms - present.changed_ms < rules.time_to_live_hold_ms:
        raise validation_error("Time to live has been modified multiple times within a fixed interval")
    return changed(view, with_time_to_live(view, table, change))


def with_time_to_live(view: CatalogView, table: TableSpec, change: SetTimeToLive) -> TableSpec:
    """Return the table with time to live as asked for, whatever it was: a new generation of its expiry index."""
    time_to_live = TimeToLive(
        attribute=change.attribute,
        is_enabled=change.is_enabled,
        changed_ms=change.now_ms,
        generation=next_version(view),
    )
    return replace(table, time_to_live=time_to_live)


def record_time_to_live(view: CatalogView, change: RecordTimeToLive, rules: CatalogRules) -> Decision:
    """Note that one partition has all its items in the expiry index."""
    table = view.tables.get(change.name)
    present = None if table is None else table.time_to_live
    if table is None or present is None or present.generation != change.generation or not present.is_enabled:
        return Decision(table=table)
    if present.is_complete or change.partition in present.backfilled:
        return Decision(table=table)
    backfilled = {*present.backfilled, change.partition}
    is_complete = backfilled >= {partition for partition in view.placements if partition != CATALOG_PARTITION}
    after = replace(present, backfilled=() if is_complete else tuple(sorted(backfilled)), is_complete=is_complete)
    return changed(view, replace(table, time_to_live=after))


def _other_attribute(present: str) -> StoreError:
    return validation_error(f"TimeToLive is active on a different AttributeName: current AttributeName is {present}")
