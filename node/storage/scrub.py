"""Hold everything that a partition has in a view against its checksums, its digests and the order of its keys.

Each function here is a generator that yields the bytes it has read, a few rows at a time, so that whoever drives it decides how fast it
goes and what happens between. Two kinds of findings: DamagedRecord is about rows, and a partition that is rebuilt is rid of it;
DamagedStorage is about the tree that they stand in, which nothing can be trusted with any more.

Knows what must hold of stored rows. Refuses to know what becomes of a finding.
"""

from collections.abc import Collection, Generator, Iterator
from typing import Final

from node.storage.digests import (
    DIGESTED,
    NOTHING,
    SLOTS,
    Area,
    Sums,
    Tokens,
    Trust,
    elements_of,
    is_complete,
    place_in,
    read_sums,
    require_whole,
    slot_range,
    stored_areas,
)
from node.storage.engine import Space, View
from node.storage.errors import DamagedRecord, DamagedStorage
from node.storage.layout import Range, log_index_of, partition_range, successor
from node.storage.log import log_ends, whole_entries
from node.storage.snapshots import Row, owned_ranges
from wire.keys import TokenRange

_MASK: Final = (1 << 64) - 1
_PARTITION_BYTES: Final = 4


def areas_of(view: View, partition: int, tokens: TokenRange) -> list[Area]:
    """Return the areas in which a partition has rows, or should have some, in order."""
    found = set(stored_areas(view, partition))
    cut = Tokens.of(tokens)
    for space in DIGESTED:
        for lower, upper in owned_ranges(view, space, partition, tokens):
            found.update(_areas_between(view, space, lower, upper, cut, partition, tokens))
    return sorted(found)


def slot_sum(view: View, partition: int, tokens: TokenRange, area: Area, slot: int) -> Generator[int, None, int]:
    """Read the rows of a slot; return what they add up to. Raises DamagedRecord and DamagedStorage."""
    total = 0
    for key, stored in _read(view, area.space, slot_range(partition, tokens, area, slot)):
        require_whole(area.space, key, stored)
        total += elements_of(area.space, key, stored)
        yield len(key) + len(stored)
    return total & _MASK


def expected_sums(view: View, partition: int, area: Area) -> Sums:
    """Return what the rows of an area in this view should add up to. Raises DamagedRecord."""
    stored = read_sums(view, partition, area)
    if stored is not None:
        return stored
    return NOTHING if is_complete(view, partition) else Sums(Trust.UNTRUSTED, NOTHING.slots)


def require_sum(partition: int, area: Area, slot: int, sums: Sums, found: int) -> None:
    """Raise DamagedRecord unless the rows of a slot add up to what they should."""
    expected = sums.slots[slot]
    if sums.trust is Trust.TRUSTED and expected != found:
        raise DamagedRecord(
            f"partition {partition} {area.space.name} {area.prefix.hex()} slot {slot} of {SLOTS}: "
            f"expected {expected >> 32} rows of digest {expected:016x}, found {found >> 32} of {found:016x}"
        )


class SumCheck:
    """Hold rows that somebody reads anyhow, all of a partition in one view, against its digests."""

    def __init__(self, tokens: TokenRange) -> None:
        self._tokens = Tokens.of(tokens)
        self._found: dict[tuple[bytes, int], int] = {}

    def read(self, space: Space, key: bytes, stored: bytes) -> None:
        """Take a row. Raises DamagedRecord."""
        require_whole(space, key, stored)
        if space in DIGESTED:
            place = place_in(space, key, self._tokens)
            self._found[place] = self._found.get(place, 0) + elements_of(space, key, stored)

    def finish(self, view: View, partition: int) -> None:
        """Raise DamagedRecord when rows are missing, or too many."""
        areas = {Area.of(encoded) for encoded, _ in self._found} | set(stored_areas(view, partition))
        for area in sorted(areas):
            sums, encoded = expected_sums(view, partition, area), bytes((area.space,)) + area.prefix
            for slot in range(SLOTS):
                require_sum(partition, area, slot, sums, self._found.get((encoded, slot), 0) & _MASK)


def check_state(view: View, partition: int) -> Iterator[int]:
    """Read the state of a partition. Raises DamagedRecord and DamagedStorage."""
    for key, stored in _read(view, Space.STATE, partition_range(partition)):
        require_whole(Space.STATE, key, stored)
        yield len(key) + len(stored)


def check_node(view: View) -> None:
    """Read the few rows of the node as a whole. Raises DamagedStorage: without them nobody knows whose disk this is."""
    try:
        for key, stored in _read(view, Space.NODE, (b"", None)):
            require_whole(Space.NODE, key, stored)
    except DamagedRecord as error:
        raise DamagedStorage(str(error)) from error


def check_log(view: View, partition: int) -> Iterator[int]:
    """Read the log of a partition. Raises DamagedRecord."""
    last, reached = log_ends(view, partition)
    for key, stored in whole_entries(view, partition, last):
        last = log_index_of(key)
        if view.get(Space.LOG, key) != stored:
            raise _lost(Space.LOG, key)
        yield len(stored)
    if last < reached:
        raise DamagedRecord(
            f"partition {partition} log entry {last + 1}: it is missing, though {reached} was committed"
        )


def strays(view: View, partitions: Collection[int]) -> Iterator[Row]:
    """Yield rows that say to be of a partition which is not here, and are not: bits of their keys have changed."""
    for space in (Space.STATE, Space.LOG, Space.CHANGES, Space.EXPIRY):
        lower: bytes | None = b""
        while lower is not None:
            found = next(view.scan(space, lower, None), None)
            if found is None:
                break
            partition = int.from_bytes(found[0][:_PARTITION_BYTES], "big")
            if partition not in partitions and not _is_whole(space, *found):
                yield space, *found
            _, lower = partition_range(partition)


def owners_of(stray: Row, partitions: Collection[int]) -> list[int]:
    """Return the partitions whose row this is, but for the partition in its key."""
    space, key, stored = stray
    keys = {each: each.to_bytes(_PARTITION_BYTES, "big") + key[_PARTITION_BYTES:] for each in partitions}
    return [partition for partition, own in keys.items() if _is_whole(space, own, stored)]


def _is_whole(space: Space, key: bytes, stored: bytes) -> bool:
    try:
        require_whole(space, key, stored)
    except DamagedRecord:
        return False
    return True


def _read(view: View, space: Space, bounds: Range) -> Iterator[tuple[bytes, bytes]]:
    """Yield the rows between bounds, each of which must be in order and be found by its key. Raises DamagedStorage."""
    lower, upper = bounds
    before, beyond = b"", None
    for key, stored in view.scan(space, lower, None):
        if key <= before:
            raise DamagedStorage(f"{space.name} {key.hex()} stands behind {before.hex()}: the tree is out of order")
        if upper is not None and key >= upper:
            beyond = key
            break
        if view.get(space, key) != stored:
            raise _lost(space, key)
        before = key
        yield key, stored
    # Where an earlier row ends the scan than a look-up says, that row or those behind it are where they cannot be found.
    following = None if upper is None else next(view.scan(space, upper, None), None)
    if beyond != (None if following is None else following[0]):
        raise DamagedStorage(f"{space.name} from {lower.hex()}: the tree is out of order at its end")


def _lost(space: Space, key: bytes) -> DamagedStorage:
    return DamagedStorage(f"{space.name} {key.hex()}: a scan finds the row, a look-up does not")


def _areas_between(  # where to look
    view: View, space: Space, lower: bytes, upper: bytes | None, cut: Tokens, partition: int, tokens: TokenRange
) -> Iterator[Area]:
    """Find areas by seeking from the first row of one beyond its last slot."""
    position: bytes | None = lower
    while position is not None:
        found = next(view.scan(space, position, upper), None)
        if found is None:
            return
        area = Area.of(place_in(space, found[0], cut)[0])
        yield area
        _, end = slot_range(partition, tokens, area, SLOTS - 1)
        beyond = successor(found[0])
        position = end if end is not None and beyond is not None and end >= beyond else beyond
