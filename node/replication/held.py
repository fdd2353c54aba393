"""Changes that the destination holds back, because their versions are too far ahead of its clock: remembered, and sent again in time.

Pure. A cursor passes them, so that nothing else waits for them; what remembers them is a replicated row each. What is sent later is the
item as it is then, and only while it is still at that version: a newer one goes by its own change record. Bounded: a shipper remembers
HELD_MAX; when they are that many, its stream stops at the next one and says so.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

import msgspec

from node.replication.cursors import BatchId
from wire.commands import Ahead, Change, HeldChange
from wire.keys import ItemKey
from wire.limits import SHIPMENT_CHANGES_MAX
from wire.versions import Version

HELD_MAX: Final = 10_000
"""Changes that a partition remembers for one destination."""
PROBE_SECONDS: Final = 30.0
"""How often a few are tried before their time: the destination's clock may have been set right."""
PROBE_CHANGES_MAX: Final = 16
FULL: Final = f"{HELD_MAX} changes are held back, no more are remembered: see `globetable link held`"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldItem:
    """A change that is held back: `due` when to send it again, `since` when it began to wait, both on the monotonic clock."""

    key: ItemKey
    version: Version
    ahead_ms: int
    since: float
    due: float
    ahead: Ahead = Ahead.HOLD

    @classmethod
    def of(cls, held: HeldChange, since: float, now: float) -> Self:
        """Return what is remembered of a change that was just held back."""
        due = now + held.wait_ms / 1000
        return cls(key=held.key, version=held.version, ahead_ms=held.ahead_ms, since=since, due=due)


class HeldRow(msgspec.Struct, frozen=True, array_like=True):
    """A change that is held back as replicated state has it; `since_ms` and `due_ms` by the region's clock."""

    partition: bytes
    sort: bytes
    time: int
    region: int
    ahead_ms: int
    since_ms: int
    due_ms: int

    @classmethod
    def of(cls, item: HeldItem, now: float, now_ms: int) -> Self:
        """Return the row of a change."""
        since_ms, due_ms = (now_ms + int((time - now) * 1000) for time in (item.since, item.due))
        return cls(item.key.partition, item.key.sort, *item.version, item.ahead_ms, since_ms, due_ms)

    def item(self, now: float, now_ms: int) -> HeldItem:
        """Return the change of a row; what lies ahead in time may have come meanwhile."""
        return HeldItem(
            key=ItemKey(self.partition, self.sort),
            version=Version(self.time, self.region),
            ahead_ms=self.ahead_ms,
            since=now - max(0, now_ms - self.since_ms) / 1000,
            due=now + max(0, self.due_ms - now_ms) / 1000,
        )


def held_names(destination: str, table: int) -> str:
    """Return what the names of all rows of a table begin with."""
    return f"held/{destination}/{table}/"


def held_name(destination: str, table: int, item: "HeldItem") -> str:
    """Return the name of the row of one version of an item."""
    partition, sort = item.key
    whole = len(partition).to_bytes(4, "big") + partition + sort + item.version.encode()
    return held_names(destination, table) + hashlib.blake2b(whole, digest_size=16).hexdigest()


class HeldFlight(NamedTuple):
    """Changes that are being tried again."""

    batch: BatchId
    items: tuple[HeldItem, ...]


class HeldChanges:
    """Hold what is held back of one table: of each item one version, the newest."""

    def __init__(self) -> None:
        self.flight: HeldFlight | None = None
        self._items: dict[ItemKey, HeldItem] = {}
        self._first_due: float | None = None  # of the items; None = to be looked up
        self._probe_due = 0.0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[HeldItem]:
        return iter(self._items.values())

    @property
    def since(self) -> float | None:
        """Return when the oldest of them began to wait."""
        return min((item.since for item in self._items.values()), default=None)

    def add(self, items: Iterable[HeldItem], now: float) -> tuple[HeldItem, ...]:
        """Remember changes, of each item the newest, which has waited as long as the oldest; return those that make way."""
        if not self._items:
            self._probe_due = now + PROBE_SECONDS
        self._first_due = None
        older = []
        for item in items:
            before = self._items.get(item.key)
            if before is None or before.version == item.version:
                self._items[item.key] = item
                continue
            oldest, newest = sorted((before, item), key=lambda each: each.version)
            self._items[item.key] = replace(newest, since=min(before.since, item.since))
            older.append(oldest)
        return tuple(older)

    def next_due(self) -> float | None:
        """Return when to send something again; None while some are under way or there are none."""
        if self.flight is not None or not self._items:
            return None
        if self._first_due is None:
            self._first_due = min(item.due for item in self._items.values())
        return min(self._probe_due, self._first_due)

    def due(self, now: float) -> tuple[HeldItem, ...]:
        """Return what to send now, all with one decision: what is due, else a few to see whether they would be taken already."""
        due = [item for item in self._items.values() if item.due <= now]
        if due:
            return tuple(item for item in due if item.ahead is due[0].ahead)[:SHIPMENT_CHANGES_MAX]
        earliest = sorted(self._items.values(), key=lambda item: item.version)
        return tuple(earliest[:PROBE_CHANGES_MAX])

    def launch(self, batch: BatchId, changes: Iterable[Change], now: float) -> None:
        """Note that some are on their way."""
        found = [(self._items.get(change.key), change.version) for change in changes]
        items = tuple(item for item, version in found if item is not None and item.version == version)
        self.flight = HeldFlight(batch, items)
        self._probe_due = now + PROBE_SECONDS

    def settle(self, held: Iterable[HeldChange], now: float) -> tuple[HeldItem, ...]:
        """Note what became of those under way: which are held still; return the others, which are remembered no more."""
        flight, self.flight = self.flight, None
        self._first_due = None
        assert flight is not None, "only what is under way is settled"
        still = {each.key: each for each in held}
        gone = [item for item in flight.items if item.key not in still]
        if any(item.due > now and item.ahead is Ahead.HOLD for item in gone):
            self.release(Ahead.HOLD, now)  # taken before its time: the clock there has been set
        for item in flight.items:
            if item.key in still and self._is_present(item):
                self._items[item.key] = HeldItem.of(still[item.key], item.since, now)
        return self.drop(gone)

    def drop(self, items: Iterable[HeldItem]) -> tuple[HeldItem, ...]:
        """Remember these versions no more; return those that were remembered."""
        present = tuple(item for item in items if self._is_present(item))
        self._first_due = None
        for item in present:
            del self._items[item.key]
        return present

    def clear(self) -> tuple[HeldItem, ...]:
        """Remember nothing any more; return what was remembered."""
        self.flight = None
        return self.drop(tuple(self._items.values()))

    def reset(self) -> tuple[BatchId, ...]:
        """Forget what is under way, so that it is sent again; return its batch."""
        flight, self.flight = self.flight, None
        return () if flight is None else (flight.batch,)

    def release(self, ahead: Ahead, now: float) -> int:
        """Send all of them now, with this decision; return how many."""
        self._items = {key: replace(item, due=now, ahead=ahead) for key, item in self._items.items()}
        self._first_due = now
        return len(self._items)

    def _is_present(self, item: HeldItem) -> bool:
        present = self._items.get(item.key)
        return present is not None and present.version == item.version
