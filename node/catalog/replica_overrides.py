"""What a replica has otherwise than the rest of its global table: class, maximum of on-demand reads, key.

Pure. Such settings are asked for in any region, kept and described in all, and in force in the region that they are of. Each region's are
one register, whose last change wins (`node.catalog.settings`), whether another region asked for it or the region itself.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from node.catalog import refusals
from node.catalog.rules import CatalogRules, Decision
from node.catalog.tables import changed, idle_table
from wire.catalog import CatalogView
from wire.catalog_changes import AddReplica, UpdateReplicas
from wire.tables import Encryption, IndexSpec, ReplicaOverrides, TableSpec, TableStatus

_NO_MAXIMUM: Final = -1


def update_replicas(view: CatalogView, change: UpdateReplicas, rules: CatalogRules) -> Decision:
    """Change what replicas have otherwise; the answer shows the table as it was, and on its way."""
    table = idle_table(view, change.name)
    after = table
    for asked in change.overrides:
        _require_changeable(table, asked, rules)
        after = with_overrides(after, asked, change.now_ms)
    shown = replace(table, status=TableStatus.UPDATING)
    return Decision(rows=changed(view, after).rows, table=shown)


def require_keys(table: TableSpec, change: AddReplica) -> None:
    """Refuse a replica whose key is of another kind than the table's: every replica has one of the customer's, or none has."""
    key_arn = None if change.overrides is None else change.overrides.key_arn
    has_own = table.encryption is not None and bool(table.encryption.key_arn)
    if has_own and key_arn is None:
        raise refusals.replicas_need_keys()
    if key_arn is not None and bool(key_arn) is not has_own:
        raise refusals.replicas_need_like_keys()


def with_overrides(table: TableSpec, asked: ReplicaOverrides, now_ms: int) -> TableSpec:
    """Return the table with what is asked for a replica; what the wish does not name stays."""
    present = table.override(asked.region)
    known = dict((*present.indexes, *asked.indexes))
    after = replace(
        present,
        table_class=asked.table_class or present.table_class,
        class_changed_ms=now_ms if asked.table_class else present.class_changed_ms,
        max_reads=asked.max_reads or present.max_reads,
        key_arn=present.key_arn if asked.key_arn is None else asked.key_arn,
        indexes=tuple(sorted(known.items())),
    )
    return _with(table, after)


def with_entry(table: TableSpec, region: str, theirs: Iterable[ReplicaOverrides]) -> TableSpec:
    """Return the table with what another region knows of one region's settings."""
    entry = next((each for each in theirs if each.region == region), None)
    return table if entry is None else _with(table, entry)


def with_own(before: TableSpec, after: TableSpec, region: str, now_ms: int) -> TableSpec:
    """Return a table that was changed here with this region's entry brought up to it, so that no older wish of another undoes that."""
    named = {index.name: index.on_demand.read_units for index in before.global_indexes}
    asked = ReplicaOverrides(
        region,
        table_class="" if before.table_class == after.table_class else after.table_class,
        max_reads=_maximum(before.on_demand.read_units, after.on_demand.read_units),
        indexes=tuple(
            (index.name, index.on_demand.read_units or _NO_MAXIMUM)
            for index in after.global_indexes
            if named.get(index.name, index.on_demand.read_units) != index.on_demand.read_units
        ),
    )
    return after if asked == ReplicaOverrides(region) else with_overrides(after, asked, now_ms)


def in_force(table: TableSpec, region: str) -> TableSpec:
    """Return the table of a region with the settings that its entry gives it."""
    own = table.override(region)
    maxima = dict(own.indexes)
    table_class = own.table_class or table.table_class
    changes = table.class_changes
    if table_class != table.table_class and own.class_changed_ms:
        changes = (*changes, own.class_changed_ms)
    return replace(
        table,
        table_class=table_class,
        class_changes=changes,
        names_class=table.names_class or bool(own.table_class),
        on_demand=replace(table.on_demand, read_units=_reads(table.on_demand.read_units, own.max_reads)),
        indexes=tuple(_limited(index, maxima.get(index.name, 0)) for index in table.indexes),
    )


def begun(table: TableSpec, region: str) -> TableSpec:
    """Return the table that is made for a new replica with its entry in force, the key included."""
    own = table.override(region)
    table = in_force(table, region)
    return replace(table, encryption=Encryption(own.key_arn)) if own.key_arn else table


def _require_changeable(table: TableSpec, asked: ReplicaOverrides, rules: CatalogRules) -> None:
    if asked.region == rules.region:
        raise refusals.local_region()
    if table.replica(asked.region) is None:
        raise refusals.replica_missing(asked.region, is_alone=not table.replicas)
    if asked.key_arn is not None:
        raise refusals.replicas_need_keys()


def _with(table: TableSpec, entry: ReplicaOverrides) -> TableSpec:
    others = [each for each in table.overrides if each.region != entry.region]
    return replace(table, overrides=tuple(sorted([*others, entry], key=lambda each: each.region)))


def _maximum(before: int, after: int) -> int:
    return 0 if before == after else after or _NO_MAXIMUM


def _reads(present: int, asked: int) -> int:
    return 0 if asked == _NO_MAXIMUM else asked or present


def _limited(index: IndexSpec, asked: int) -> IndexSpec:
    if index.is_local or not asked:
        return index
    return replace(index, on_demand=replace(index.on_demand, read_units=_reads(index.on_demand.read_units, asked)))
