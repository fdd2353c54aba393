"""Which tombstones may be forgotten, and in which order the regions forget them. Pure.

A tombstone is there to win over older writes that may still arrive. It may go once no region can send such a write any more: every
region has the tombstone, and retention has passed, so that nothing older is still on its way. Only the region that wrote it can know
the first: its own shippers have had it acknowledged everywhere. So that region alone lets a tombstone go: the others are told to
forget it, each exactly that version, and when all of them have, it is forgotten here. A crash in between only means to tell them again.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from node.partition.access import StoredItem
from wire.commands import Change
from wire.keys import ItemKey
from wire.limits import SHIPMENT_CHANGES_MAX
from wire.tables import TableSpec
from wire.versions import Version


class Tombstone(NamedTuple):
    """A deletion that is stored, by its key and version."""

    key: ItemKey
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstonePage:
    """Tombstones found in a partition of a table as the catalog saw it then.

    Everything up to sequence number `through` was written before they were read: once all regions have acknowledged that, they have
    these too.
    """

    table: TableSpec
    tombstones: tuple[Tombstone, ...]
    through: int
    is_acknowledged: bool = False

    def holds_for(self, table: TableSpec | None) -> bool:
        """Tell whether the table still has the members that it had, so that the page may still go."""
        return table is not None and table.is_steady and _members(table) == _members(self.table)


class Forgetting:
    """A page of tombstones on its way out, told to one region after the other.

    Begin it only while this region's shippers have everything of the table acknowledged by all `destinations`; drop it when the
    table's members change or leadership is lost.
    """

    def __init__(self, tombstones: Iterable[Tombstone], destinations: Iterable[str]) -> None:
        self.tombstones = tuple(tombstones)
        self._waiting = dict.fromkeys(destinations)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Return the regions that have not confirmed yet."""
        return tuple(self._waiting)

    @property
    def may_forget_here(self) -> bool:
        """Whether every other region has forgotten, so that this one may."""
        return not self._waiting

    def confirmed(self, destination: str) -> None:
        """Note that a region has forgotten them."""
        self._waiting.pop(destination, None)


def forgettable(
    items: Iterable[StoredItem], *, region: int, members: Collection[int], written_before_ms: int
) -> tuple[Tombstone, ...]:
    """Return those of some stored items that are tombstones past retention and ours to let go.

    Ours are those of this region, and those of regions that have left: whoever stays has brought these to all others.
    """
    return tuple(
        Tombstone(item.position.key, item.version)
        for item in items
        if item.tombstone
        and item.version.wall_ms < written_before_ms
        and (item.version.region == region or item.version.region not in members)
    )


def is_swept(table: TableSpec) -> bool:
    """Tell whether a table may hold tombstones that may go: one in several regions, or one that was and left some behind."""
    if table.replicas:
        return table.is_steady
    has_been_global = table.stream is not None or bool(table.past_streams)
    return has_been_global and table.is_steady and not table.keeps_tombstones


def shipments(tombstones: Sequence[Tombstone]) -> Iterator[tuple[Change, ...]]:
    """Yield tombstones as changes, as many at once as a merge may have."""
    for start in range(0, len(tombstones), SHIPMENT_CHANGES_MAX):
        part = tombstones[start : start + SHIPMENT_CHANGES_MAX]
        yield tuple(Change(each.key, each.version, True, 0, b"") for each in part)


def _members(table: TableSpec) -> tuple[object, ...]:
    replicas = sorted((replica.region, replica.generation) for replica in table.replicas)
    return table.number, table.global_table_id, *replicas
