"""Decide any change of the catalog: a pure function of the rows, the change and the rules."""

from collections.abc import Callable
from typing import Any

from node.catalog import indexes, membership, settings, tables, tags, time_to_live
from node.catalog.rules import CatalogRules, Decision
from wire import catalog as wire_catalog
from wire.catalog import CatalogChange, CatalogView


def decide(view: CatalogView, change: CatalogChange, rules: CatalogRules) -> Decision:
    """Return the rows that carry the change out.

    Raises StoreError when it is refused.
    """
    decision = _decisions[type(change)](view, change, rules)
    if isinstance(change, (wire_catalog.UpdateTable, wire_catalog.SetTimeToLive)):
        # What all regions share has to reach them, and to win there over what is older.
        return settings.stamped(view.tables.get(change.name), decision, view, change.now_ms, rules.region)
    return decision


_decisions: dict[type, Callable[[CatalogView, Any, CatalogRules], Decision]] = {
    wire_catalog.CreateTable: tables.create_table,
    wire_catalog.UpdateTable: tables.update_table,
    wire_catalog.DeleteTable: tables.delete_table,
    wire_catalog.FinishTable: tables.finish_table,
    wire_catalog.AddReplica: membership.add_replica,
    wire_catalog.RemoveReplica: membership.remove_replica,
    wire_catalog.JoinGlobalTable: membership.join_global_table,
    wire_catalog.SyncSettings: settings.sync_settings,
    wire_catalog.LeaveGlobalTable: membership.leave_global_table,
    wire_catalog.SetReplicaStatus: membership.set_replica_status,
    wire_catalog.ForgetReplica: membership.forget_replica,
    wire_catalog.RecordBackfill: membership.record_backfill,
    wire_catalog.RecordIndexBackfill: indexes.record_index_backfill,
    wire_catalog.RebuildIndex: indexes.rebuild_index,
    wire_catalog.SetTimeToLive: time_to_live.set_time_to_live,
    wire_catalog.RecordTimeToLive: time_to_live.record_time_to_live,
    wire_catalog.SetTags: tags.set_tags,
    wire_catalog.SetResourcePolicy: tags.set_resource_policy,
    wire_catalog.SetLink: membership.set_link,
}
