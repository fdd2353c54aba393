"""Keep the settings that AWS synchronizes between the regions of a global table the same, whoever changes them and however messages go.

Pure. Each such setting is a register whose last change wins: a change made in a region stamps it with its time and the region's name,
later than the stamp that it replaces; regions send each other all registers with their stamps (`wire.synced`), and the greater stamp
stays. So it makes no difference in what order, and how often, settings arrive. Two things need no stamp to agree: warm throughput,
which never falls, and a stream, which cannot be changed while there are replicas.

AWS also copies read capacity, table class and the maximum of on-demand reads, but lets every region override them: here a new replica
begins with them, and then they are each region's own. What a region has otherwise is a register, too (`node.catalog.replica_overrides`).
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from node.catalog import indexes
from node.catalog.replica_overrides import with_entry, with_own
from node.catalog.rules import Decision, next_version
from node.catalog.tables import changed
from node.catalog.time_to_live import with_time_to_live
from wire.capacity import larger
from wire.catalog import CatalogView
from wire.catalog_changes import SetTimeToLive
from wire.synced import ExpirySetting, SyncedSettings
from wire.tables import (
    BillingMode,
    CapacityHistory,
    Encryption,
    IndexSpec,
    IndexStatus,
    OnDemandMaxima,
    SettingStamp,
    TableSpec,
    Throughput,
)

# Deleted indexes whose stamps are kept, so that an older creation cannot bring them back; beyond, the oldest go.
DELETED_INDEXES_MAX: Final = 100

_CAPACITY: Final = "capacity"
_ON_DEMAND: Final = "on_demand"
_WARM: Final = "warm"
_ENCRYPTION: Final = "encryption"
_EXPIRY: Final = "time_to_live"
_INDEX: Final = "index/"
_INDEX_CAPACITY: Final = "index_capacity/"
_REPLICA: Final = "replica/"


def stamped(before: TableSpec | None, decision: Decision, view: CatalogView, now_ms: int, region: str) -> Decision:
    """Return a client's change of a table with the shared settings that it changed stamped, if the table has replicas."""
    after = decision.table
    row = f"table/{after.name}" if after is not None else ""
    if before is None or after is None or not before.replicas or decision.rows.get(row) is None:
        return decision
    # The row, not the answer: that may show indexes as they were.
    table = with_own(before, _decoded(decision, row), region, now_ms)
    old, new = _registers(before), _registers(table)
    names = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if not names:
        return decision
    stamps = {stamp.name: stamp for stamp in table.stamps}
    for name in names:
        earlier = stamps.get(name)
        time_ms = max(now_ms, earlier.time_ms + 1 if earlier is not None else 0)
        stamps[name] = SettingStamp(time_ms, region, name)
    kept = changed(view, replace(table, stamps=_kept(stamps, table)))
    return Decision(rows={**decision.rows, **kept.rows}, table=after)


def merged(view: CatalogView, table: TableSpec, settings: SyncedSettings, now_ms: int) -> TableSpec:
    """Return a table with the registers of `settings` that have a greater stamp than its own."""
    stamps = {stamp.name: stamp for stamp in table.stamps}
    for stamp in sorted(settings.stamps, key=lambda each: each.name):
        present = stamps.get(stamp.name)
        if present is None or stamp > present:
            stamps[stamp.name] = stamp
            table = _taken_over(view, table, settings, stamp.name, now_ms)
    return replace(_warmed(table, settings), stamps=_kept(stamps, table))


def joined(view: CatalogView, table: TableSpec, settings: SyncedSettings, now_ms: int) -> TableSpec:
    """Return the table that is made for a new replica, with everything that it begins with: indexes have nothing to be filled with."""
    version = next_version(view)
    table = replace(
        table,
        on_demand=settings.on_demand,
        warm=settings.warm,
        encryption=Encryption("") if settings.is_encrypted else None,
        table_class=settings.table_class,
        stamps=settings.stamps,
        overrides=settings.overrides,
    )
    if settings.time_to_live is not None:
        table = _with_expiry(view, table, settings.time_to_live, now_ms)
    fresh = (replace(index, history=CapacityHistory()) for index in settings.indexes)
    return indexes.with_new_indexes(table, fresh, version)


def _warmed(table: TableSpec, settings: SyncedSettings) -> TableSpec:
    """Return the table and its indexes as warm as here or there, whichever is more."""
    there = {index.name: index.warm for index in settings.indexes}
    warmed = tuple(replace(each, warm=larger(each.warm, there.get(each.name, each.warm))) for each in table.indexes)
    return replace(table, warm=larger(table.warm, settings.warm), indexes=warmed)


def _registers(table: TableSpec) -> dict[str, object]:
    """Return the value of every shared setting by its name, for comparison."""
    expiry = table.time_to_live
    registers: dict[str, object] = {
        _CAPACITY: (table.billing_mode, table.throughput.write_units),
        _ON_DEMAND: table.on_demand.write_units,
        _WARM: table.warm,
        _ENCRYPTION: table.encryption is not None,
        _EXPIRY: None if expiry is None else (expiry.attribute, expiry.is_enabled),
    }
    for index in table.global_indexes:
        if index.status is not IndexStatus.DELETING:
            registers[_INDEX + index.name] = _definition(index)
            registers[_INDEX_CAPACITY + index.name] = _index_capacity(index)
    registers |= {_REPLICA + each.region: each for each in table.overrides}
    return registers


def _definition(index: IndexSpec) -> object:
    return index.partition, index.sort, index.projection, index.non_key_attributes


def _index_capacity(index: IndexSpec) -> object:
    return index.throughput.write_units, index.on_demand.write_units, index.warm


def _decoded(decision: Decision, row: str) -> TableSpec:
    encoded = decision.rows[row]
    assert encoded is not None, f"the row {row!r} is there"
    return msgspec.json.decode(encoded, type=TableSpec)


def _taken_over(view: CatalogView, table: TableSpec, settings: SyncedSettings, name: str, now_ms: int) -> TableSpec:
    kind, slash, index = name.partition("/")
    take = _TAKE.get(kind + slash)
    # Of warm throughput the larger one stays, whatever the stamp; what only newer versions know leaves its stamp alone.
    return table if take is None else take(view, table, settings, index, now_ms)


def _with_capacity(view: CatalogView, table: TableSpec, settings: SyncedSettings, index: str, now_ms: int) -> TableSpec:
    if settings.billing_mode is BillingMode.PAY_PER_REQUEST:
        switched_ms = table.billing_changed_ms if table.billing_mode is BillingMode.PAY_PER_REQUEST else now_ms
        return replace(
            table, billing_mode=settings.billing_mode, throughput=Throughput(), billing_changed_ms=switched_ms
        )
    return replace(
        table,
        billing_mode=settings.billing_mode,
        throughput=_with_writes_of(table.throughput, settings.throughput),
        on_demand=OnDemandMaxima(),
    )


def _with_maximum(view: CatalogView, table: TableSpec, settings: SyncedSettings, index: str, now_ms: int) -> TableSpec:
    return replace(table, on_demand=replace(table.on_demand, write_units=settings.on_demand.write_units))


def _with_encryption(
    view: CatalogView, table: TableSpec, settings: SyncedSettings, index: str, now_ms: int
) -> TableSpec:
    return replace(table, encryption=Encryption("") if settings.is_encrypted else None)


def _with_time_to_live(
    view: CatalogView, table: TableSpec, settings: SyncedSettings, index: str, now_ms: int
) -> TableSpec:
    expiry = settings.time_to_live
    return table if expiry is None else _with_expiry(view, table, expiry, now_ms)


def _with_expiry(view: CatalogView, table: TableSpec, expiry: ExpirySetting, now_ms: int) -> TableSpec:
    present = table.time_to_live
    if present is not None and (present.attribute, present.is_enabled) == (expiry.attribute, expiry.is_enabled):
        return table
    change = SetTimeToLive(name=table.name, attribute=expiry.attribute, is_enabled=expiry.is_enabled, now_ms=now_ms)
    return with_time_to_live(view, table, change)


def _with_index(view: CatalogView, table: TableSpec, settings: SyncedSettings, index: str, now_ms: int) -> TableSpec:
    """Make, drop or make otherwise the index of that name."""
    wanted = next((each for each in settings.indexes if each.name == index and not each.is_local), None)
    present = table.index(index)
    if present is not None and present.is_local:
        return table  # local indexes are made with the table: there is none of that name elsewhere
    if wanted is not None and present is not None and _definition(present) == _definition(wanted):
        return table
    table = replace(table, indexes=tuple(each for each in table.indexes if each.name != index))
    if wanted is None:
        return table
    # Its capacity has a stamp of its own: what is here stays until that stamp says otherwise.
    capacity = wanted if present is None else present
    made = replace(
        wanted,
        throughput=capacity.throughput,
        on_demand=capacity.on_demand,
        history=CapacityHistory(),
    )
    return indexes.with_further_index(table, made, next_version(view))


def _with_index_capacity(
    view: CatalogView, table: TableSpec, settings: SyncedSettings, index: str, now_ms: int
) -> TableSpec:
    wanted = next((each for each in settings.indexes if each.name == index), None)
    present = table.index(index)
    if wanted is None or present is None:
        return table
    after = replace(
        present,
        throughput=_with_writes_of(present.throughput, wanted.throughput),
        on_demand=replace(present.on_demand, write_units=wanted.on_demand.write_units),
    )
    return replace(table, indexes=tuple(after if each.name == index else each for each in table.indexes))


def _with_overrides(
    view: CatalogView, table: TableSpec, settings: SyncedSettings, region: str, now_ms: int
) -> TableSpec:
    return with_entry(table, region, settings.overrides)


_Take = Callable[[CatalogView, TableSpec, SyncedSettings, str, int], TableSpec]
_TAKE: Final[dict[str, _Take]] = {
    _CAPACITY: _with_capacity,
    _ON_DEMAND: _with_maximum,
    _ENCRYPTION: _with_encryption,
    _EXPIRY: _with_time_to_live,
    _INDEX: _with_index,
    _INDEX_CAPACITY: _with_index_capacity,
    _REPLICA: _with_overrides,
}


def _with_writes_of(own: Throughput, other: Throughput) -> Throughput:
    """Return throughput with the writes of another region, and its reads only where there are none yet."""
    return Throughput(own.read_units or other.read_units, other.write_units)


def _kept(stamps: dict[str, SettingStamp], table: TableSpec) -> tuple[SettingStamp, ...]:
    """Return the stamps to keep, by name: all but those of indexes deleted longest ago."""
    present = {index.name for index in table.global_indexes if index.status is not IndexStatus.DELETING}
    gone = [
        stamp
        for stamp in stamps.values()
        if stamp.name.startswith((_INDEX, _INDEX_CAPACITY)) and stamp.name.partition("/")[2] not in present
    ]
    # Each index has two.
    forgotten = {stamp.name for stamp in sorted(gone)[: -2 * DELETED_INDEXES_MAX]}
    return tuple(sorted((each for each in stamps.values() if each.name not in forgotten), key=lambda each: each.name))
