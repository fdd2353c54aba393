"""What of a read has to go to another region: the present state of what was written here.

Knows which records and items count. Refuses to know how they are read and sent. Pure: lookups are handed in.

A change record only says that an item changed. What travels is the item's stored state, and only if it is still the one that the record
speaks of: when it is newer, either a later record of ours follows, or another region wrote it and ships it itself. So repeated writes
of an item travel once, and a region that was cut off for long does not send what has been deleted since.
"""

from collections.abc import Callable, Iterable

from node.partition.access import StoredItem
from node.replication.events import Shipment
from wire.commands import Change, ChangeRecord
from wire.keys import ItemKey
from wire.limits import SHIPMENT_BYTES_MAX

Find = Callable[[ItemKey], StoredItem | None]

REPLICATED = 1  # of ChangeRecord.flags


def changes_to_ship(records: Iterable[ChangeRecord], find: Find, region: int) -> Shipment:
    """Return the stored states that own records still speak of; `region` is this region's number."""
    changes, size, oldest_ms = [], 0, 0
    for record in records:
        if record.origin != region or record.flags & REPLICATED:
            continue
        stored = find(record.key)
        if stored is None or stored.version != record.version:
            continue
        changes.append(_change(stored))
        size += len(stored.body)
        oldest_ms = oldest_ms or record.time_ms
    return Shipment(changes=tuple(changes), bytes=size, oldest_ms=oldest_ms)


def items_to_ship(items: Iterable[StoredItem], region: int, everything: bool, members: tuple[int, ...]) -> Shipment:
    """Return those of some stored items that this region has to bring to the destination.

    Without `everything` these are the ones written here, and those of regions that are no members any more: nobody else sends them.
    """
    chosen = [
        item for item in items if everything or item.version.region == region or item.version.region not in members
    ]
    return Shipment(changes=tuple(map(_change, chosen)), bytes=sum(len(item.body) for item in chosen))


def present_to_ship(items: Iterable[StoredItem]) -> Shipment:
    """Return stored items as a shipment, as many as one should have."""
    changes: list[Change] = []
    size = 0
    for item in items:
        if changes and size + len(item.body) > SHIPMENT_BYTES_MAX:
            break
        changes.append(_change(item))
        size += len(item.body)
    return Shipment(changes=tuple(changes), bytes=size)


def _change(stored: StoredItem) -> Change:
    return Change(stored.position.key, stored.version, stored.tombstone, stored.size, stored.body)
