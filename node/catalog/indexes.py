"""Decide what becomes of secondary indexes: numbers, statuses and settings inside the row of their table.

Pure, like `node.catalog.tables`, which calls this for what CreateTable and UpdateTable say of indexes. A number is never used again
within its table: rows and positions of an index that is gone can be told from those of any other, and are collected.

A new index of a table that may hold data is CREATING until every data partition has copied its share (`record_index_backfill`). As
on AWS the table itself is UPDATING only while resources are allocated, which takes no time here, and then goes on as ACTIVE.
"""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from node.catalog import capacity, quotas, refusals
from node.catalog.index_capacity import require_fitting_capacity, under_mode
from node.catalog.rules import CatalogRules, Decision, next_version
from node.catalog.timing import is_moving
from wire.capacity import larger, warm_throughput
from wire.catalog import CATALOG_PARTITION, CatalogView, encode_row
from wire.catalog_changes import IndexSettings, RebuildIndex, RecordIndexBackfill, UpdateTable
from wire.tables import IndexSpec, IndexStatus, TableSpec, Throughput

# AWS's quota of global secondary indexes per table.
GLOBAL_INDEXES_MAX: Final = 20

_ONLINE = (IndexStatus.CREATING, IndexStatus.DELETING)


def with_new_indexes(table: TableSpec, indexes: Iterable[IndexSpec], version: int) -> TableSpec:
    """Return a table that is being made, with the indexes it is made with: nothing has to be copied, so they are ACTIVE."""
    for index in indexes:
        table = _added(table, index, IndexStatus.ACTIVE, version)
    return table


def with_further_index(table: TableSpec, index: IndexSpec, version: int) -> TableSpec:
    """Return a table that may hold data, with one more index: CREATING until it is filled."""
    return _added(table, index, IndexStatus.CREATING, version)


def with_index_changes(table: TableSpec, change: UpdateTable, version: int) -> TableSpec:
    """Return the table with what an UpdateTable says of its indexes: made ones CREATING, dropped ones DELETING."""
    table = _mapped(table, lambda index: under_mode(index, table.billing_mode))
    if change.creates_index is not None:
        table = _with_created(table, change.creates_index, version)
    if change.deletes_index is not None:
        table = _with_deleted(table, change.deletes_index)
    for settings in change.index_settings:
        table = _with_settings(table, settings, change.now_ms)
    require_fitting_capacity(table, change)
    return table


def shown(before: TableSpec, after: TableSpec, change: UpdateTable) -> TableSpec:
    """Return the table as the answer to an UpdateTable shows it: a changed index is UPDATING, with the settings that it had."""
    touched = {settings.name for settings in change.index_settings}

    def as_shown(index: IndexSpec) -> IndexSpec:
        present = before.index(index.name)
        return replace(present, status=IndexStatus.UPDATING) if present and index.name in touched else index

    return _mapped(after, as_shown)


def finished(view: CatalogView, table: TableSpec) -> TableSpec:
    """Return the table with what needs nothing but time done: DELETING indexes are gone, filled ones ACTIVE."""
    left = tuple(index for index in table.indexes if index.status is not IndexStatus.DELETING)
    table = table if len(left) == len(table.indexes) else replace(table, indexes=left)
    return _mapped(table, lambda index: _once_filled(view, index))


def require_steady_indexes(table: TableSpec) -> None:
    """Refuse to drop a table while one of its indexes comes or goes."""
    if any(index.status is not IndexStatus.ACTIVE for index in table.global_indexes):
        raise refusals.indexes_in_motion()


def record_index_backfill(view: CatalogView, change: RecordIndexBackfill, rules: CatalogRules) -> Decision:
    """Note that one partition's share is in an index; the last one makes it ACTIVE, unless its table is not that far yet."""
    table = view.tables.get(change.name)
    index = _of_number(table, change.index)
    if table is None or index is None or index.generation != change.generation:
        return Decision(table=table)
    if index.status is not IndexStatus.CREATING or change.partition in index.backfilled:
        return Decision(table=table)
    after = replace(index, backfilled=tuple(sorted({*index.backfilled, change.partition})))
    if not is_moving(table):
        after = _once_filled(view, after)
    return _changed(view, _mapped(table, lambda each: after if each.number == index.number else each))


def rebuild_index(view: CatalogView, change: RebuildIndex, rules: CatalogRules) -> Decision:
    """Begin an index again from nothing, under a new number, because changes that it needed are gone.

    The new number is what makes this safe: rows and positions of the old one are nobody's any more, and whatever is still on its
    way to them is refused.
    """
    table = view.tables.get(change.name)
    index = _of_number(table, change.index)
    if table is None or index is None or index.generation != change.generation:
        return Decision(table=table)
    if index.status is IndexStatus.DELETING:
        return Decision(table=table)
    after = replace(
        index,
        number=table.next_index,
        status=IndexStatus.CREATING,
        generation=next_version(view),
        backfilled=(),
    )
    table = replace(table, next_index=table.next_index + 1)
    return _changed(view, _mapped(table, lambda each: after if each.number == index.number else each))


def _once_filled(view: CatalogView, index: IndexSpec) -> IndexSpec:
    if index.status is not IndexStatus.CREATING or not _data_partitions(view) <= set(index.backfilled):
        return index
    return replace(index, status=IndexStatus.ACTIVE, backfilled=())


def _added(table: TableSpec, index: IndexSpec, status: IndexStatus, version: int) -> TableSpec:
    made = replace(index, number=table.next_index, status=status, generation=version, backfilled=())
    return replace(table, indexes=(*table.indexes, made), next_index=table.next_index + 1)


def _with_created(table: TableSpec, index: IndexSpec, version: int) -> TableSpec:
    if table.index(index.name) is not None:
        raise refusals.index_exists()
    _require_no_other_online(table, index.name)
    if len(table.global_indexes) >= GLOBAL_INDEXES_MAX:
        raise refusals.too_many_global_indexes(GLOBAL_INDEXES_MAX)
    return _added(table, index, IndexStatus.CREATING, version)


def _with_deleted(table: TableSpec, name: str) -> TableSpec:
    index = _global_index(table, name, "delete")
    if index.status is IndexStatus.DELETING:
        raise refusals.index_in_use(table, index)
    _require_no_other_online(table, name)
    dropped = replace(index, status=IndexStatus.DELETING, backfilled=())
    return _mapped(table, lambda each: dropped if each.name == name else each)


def _with_settings(table: TableSpec, settings: IndexSettings, now_ms: int) -> TableSpec:
    index = _global_index(table, settings.name, "update")
    if index.status is IndexStatus.DELETING:
        raise refusals.index_in_use(table, index)
    if settings.throughput is not None and settings.throughput == index.throughput:
        raise refusals.index_throughput_unchanged(index)
    reached = warm_throughput(table.billing_mode, index.throughput, index.warm)
    after = index
    if settings.throughput is not None:
        # What a switch to provisioned capacity gives an index first is no decrease.
        is_first = index.throughput == Throughput()
        before = settings.throughput if is_first else index.throughput
        history = quotas.with_throughput_change(index.history, before, settings.throughput, now_ms)
        after = replace(after, throughput=settings.throughput, history=history, warm=reached)
    if settings.on_demand is not None:
        after = replace(after, on_demand=capacity.with_maxima(index.on_demand, settings.on_demand))
    if settings.warm is not None:
        capacity.require_warmer(reached, settings.warm, f"index {index.name}")
        after = replace(after, warm=larger(after.warm, settings.warm))
    return _mapped(table, lambda each: after if each.name == settings.name else each)


def _global_index(table: TableSpec, name: str, verb: str) -> IndexSpec:
    index = table.index(name)
    if index is None:
        raise refusals.index_missing(table, name)
    if index.is_local:
        raise refusals.index_not_global(verb, name)
    return index


def _require_no_other_online(table: TableSpec, name: str) -> None:
    if any(index.status in _ONLINE and index.name != name for index in table.global_indexes):
        raise refusals.one_online_index()


def _of_number(table: TableSpec | None, number: int) -> IndexSpec | None:
    if table is None:
        return None
    return next((index for index in table.global_indexes if index.number == number), None)


def _data_partitions(view: CatalogView) -> set[int]:
    return {partition for partition in view.placements if partition != CATALOG_PARTITION}


def _mapped(table: TableSpec, change: Callable[[IndexSpec], IndexSpec]) -> TableSpec:
    return replace(table, indexes=tuple(map(change, table.indexes))) if table.indexes else table


def _changed(view: CatalogView, table: TableSpec) -> Decision:
    table = replace(table, version=next_version(view))
    return Decision(rows={f"table/{table.name}": encode_row(table)}, table=table)
