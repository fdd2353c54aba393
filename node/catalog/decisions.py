"""Decide any change of the catalog: a pure function of the rows, the change and the rules."""

from collections.abc import Callable
from typing import Any

from node.catalog import gossip, indexes, membership, recorded, replica_overrides, settings, tables, tags, time_to_live
from node.catalog.rules import CatalogRules, Decision
from wire import catalog_changes
from wire.catalog import CatalogView
from wire.catalog_changes import CatalogChange

_SHARED = (
    catalog_changes.UpdateTable,
    catalog_changes.SetTimeToLive,
    catalog_changes.AddReplica,
    catalog_changes.UpdateReplicas,
)


def decide(view: CatalogView, change: CatalogChange, rules: CatalogRules) -> Decision:
    """Return the rows that carry the change out.

    Raises StoreError when it is refused.
    """
    decision = _decisions[type(change)](view, change, rules)
    if isinstance(change, _SHARED):
        # What all regions share has to reach them, and to win there over what is older.
        return settings.stamped(view.tables.get(change.name), decision, view, change.now_ms, rules.region)
    return decision


_decisions: dict[type, Callable[[CatalogView, Any, CatalogRules], Decision]] = {
    catalog_changes.CreateTable: tables.create_table,
    catalog_changes.UpdateTable: tables.update_table,
    catalog_changes.DeleteTable: tables.delete_table,
    catalog_changes.FinishTable: tables.finish_table,
    catalog_changes.AddReplica: membership.add_replica,
    catalog_changes.UpdateReplicas: replica_overrides.update_replicas,
    catalog_changes.RemoveReplica: membership.remove_replica,
    catalog_changes.CheckReplica: gossip.check_replica,
    catalog_changes.JoinGlobalTable: gossip.join_global_table,
    catalog_changes.SyncGlobalTable: gossip.sync_global_table,
    catalog_changes.RecordTold: membership.record_told,
    catalog_changes.LeaveGlobalTable: gossip.leave_global_table,
    catalog_changes.SetReplicaStatus: membership.set_replica_status,
    catalog_changes.ForgetReplica: membership.forget_replica,
    catalog_changes.MarkOverdue: membership.mark_overdue,
    catalog_changes.RecordBackfill: membership.record_backfill,
    catalog_changes.RecordIndexBackfill: indexes.record_index_backfill,
    catalog_changes.RebuildIndex: indexes.rebuild_index,
    catalog_changes.SetTimeToLive: time_to_live.set_time_to_live,
    catalog_changes.RecordTimeToLive: time_to_live.record_time_to_live,
    catalog_changes.SetTags: tags.set_tags,
    catalog_changes.SetResourcePolicy: tags.set_resource_policy,
    catalog_changes.SetRecovery: recorded.set_recovery,
    catalog_changes.SetInsights: recorded.set_insights,
    catalog_changes.SetLink: membership.set_link,
}
