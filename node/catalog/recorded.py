"""Decide settings that are kept and described, and do nothing yet: point-in-time recovery and Contributor Insights.

Pure. Tools send them with every table and read them back; what they would do comes later.
"""

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.rules import CatalogRules, Decision
from node.catalog.tables import changed
from wire.catalog import CatalogView
from wire.catalog_changes import SetInsights, SetRecovery
from wire.tables import Insights, Recovery, TableSpec


def set_recovery(view: CatalogView, change: SetRecovery, rules: CatalogRules) -> Decision:
    """Note that point-in-time recovery is on, since when and for how many days, or that it is off."""
    table = _table(view, change.name)
    since_ms = change.now_ms if table.recovery is None else table.recovery.since_ms
    recovery = Recovery(since_ms, change.days) if change.days else None
    return changed(view, replace(table, recovery=recovery))


def set_insights(view: CatalogView, change: SetInsights, rules: CatalogRules) -> Decision:
    """Note that insights of a table or of an index are on, in which mode, or off."""
    table = _table(view, change.name)
    present = table.insight(change.index)
    mode = change.mode or ("" if present is None else present.mode)
    others = [each for each in table.insights if each.index != change.index]
    entry = Insights(change.index, change.is_enabled, mode, change.now_ms)
    insights = sorted([*others, entry], key=lambda each: each.index)
    return changed(view, replace(table, insights=tuple(insights)))


def _table(view: CatalogView, name: str) -> TableSpec:
    table = view.tables.get(name)
    if table is None:
        raise refusals.table_missing(name)
    return table
