"""What has been evaluated and is not yet applied: the newest states of items, over the engine.

Knows which entry each pending state belongs to, so that it can answer both for the newest state (what the next
evaluation has to see) and for the newest committed one (what a read may see). Refuses to know where the rest is stored.
"""

from collections import deque
from typing import NamedTuple

from node.storage.records import Record
from wire.keys import ItemKey

_Place = tuple[int, ItemKey]


class Pending(NamedTuple):
    """The state of an item after an entry; None = removed."""

    entry_index: int
    record: Record | None


class Overlay:
    """Hold pending states by table and key.

    Invariants: the states of one key have growing indexes, and all are above the applied index; `_places` holds one
    place per state, in the order of indexes.
    """

    __slots__ = ("_by_place", "_places", "_table_indexes")

    def __init__(self) -> None:
        self._by_place: dict[_Place, list[Pending]] = {}
        self._places: deque[tuple[int, _Place]] = deque()
        self._table_indexes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def newest(self, table: int, key: ItemKey) -> Pending | None:
        """Return the newest state of an item, or None when nothing is pending for it."""
        states = self._by_place.get((table, key))
        return states[-1] if states else None

    def committed(self, table: int, key: ItemKey, commit: int) -> Pending | None:
        """Return the newest state of an item by an entry up to `commit`, or None when the engine has it."""
        states = self._by_place.get((table, key))
        if states:
            for pending in reversed(states):
                if pending.entry_index <= commit:
                    return pending
        return None

    def last_index(self, table: int) -> int:
        """Return the index of the last entry that changed a table and may not be applied yet; 0 = none."""
        return self._table_indexes.get(table, 0)

    def add(self, table: int, key: ItemKey, index: int, record: Record | None) -> None:
        """Note the state of an item after the entry at `index`."""
        place = (table, key)
        self._by_place.setdefault(place, []).append(Pending(index, record))
        self._places.append((index, place))
        self._table_indexes[table] = index

    def applied(self, index: int) -> None:
        """Forget every state up to `index`: the engine has it."""
        places = self._places
        while places and places[0][0] <= index:
            _, place = places.popleft()
            states = self._by_place[place]
            if len(states) == 1:
                del self._by_place[place]
            else:
                del states[0]
        if not places:
            self._table_indexes.clear()

    def discard(self, index: int) -> None:
        """Forget every state from `index` on: it will never be."""
        places = self._places
        while places and places[-1][0] >= index:
            _, place = places.pop()
            states = self._by_place[place]
            states.pop()
            if not states:
                del self._by_place[place]
        # An index that is too high only makes a reader wait for a later entry.
        if not places:
            self._table_indexes.clear()
