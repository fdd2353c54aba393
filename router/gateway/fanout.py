"""How a batch of another region's changes becomes merges of local partitions.

Knows membership, tokens and bounds. Refuses to know messages and streams. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from wire.catalog import CatalogView, PartitionId, Placement
from wire.commands import Ahead, Change, Merge
from wire.errors import ErrorCode, StoreError
from wire.keys import key_hash, token_of
from wire.limits import MERGE_CHANGES_MAX, SHIPMENT_BYTES_MAX
from wire.members import member_of
from wire.tables import TableSpec, TableStatus


def member_table(view: CatalogView, name: str, global_table_id: str, source: str, joined_ms: int) -> TableSpec:
    """Return the local table that `source`, as the member that it became at `joined_ms`, may send changes of.

    Raises RESOURCE_NOT_FOUND while there is none: the catalogs of two regions learn of a new member at different times, so the
    sender asks again later. What a region sent before it was removed is refused for good, also when it is a member again.
    """
    table = view.tables.get(name)
    if table is None or table.global_table_id != global_table_id or table.status is TableStatus.DELETING:
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND, f"table {name!r} of global table {global_table_id!r} is not here"
        )
    member = member_of(table.members, source)
    has_left = member.left_ms > 0 and member.has_ended(joined_ms)
    if table.replica(source) is None or has_left:
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND, f"table {name!r} has no replica in {source!r} that is known here"
        )
    return table


def merges(  # what, of whom, where to, and how
    changes: Sequence[Change],
    table: int,
    source: str,
    placements: Sequence[Placement],
    forgets: bool = False,
    ahead: Ahead = Ahead.HOLD,
) -> Iterator[tuple[PartitionId, Merge]]:
    """Yield the merges that bring all changes to their partitions, each within the bounds of one effect.

    `placements` cover the ring in token order.
    """
    lowers = [placement.lower for placement in placements]
    pieces: dict[PartitionId, list[Change]] = {}
    for change in changes:
        token = token_of(key_hash(change.key.partition))
        placement = placements[bisect_right(lowers, token) - 1]
        pieces.setdefault(placement.partition, []).append(change)
    for partition, piece in pieces.items():
        for part in _bounded(piece):
            yield partition, Merge(table, source, tuple(part), forgets, ahead)


def _bounded(changes: list[Change]) -> Iterator[list[Change]]:
    part: list[Change] = []
    size = 0
    for change in changes:
        if part and (len(part) >= MERGE_CHANGES_MAX or size + len(change.body) > SHIPMENT_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(change)
        size += len(change.body)
    yield part
