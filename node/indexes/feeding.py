"""One index as a base partition feeds it: where it stands, what is under way to each partition, and the cursor this adds up to.

Knows stages and places. Refuses to know other indexes, reads and times of day.
"""

from collections.abc import Iterable
from enum import Enum, auto

from node.indexes.cursors import FeedCursor
from node.indexes.lanes import Lane
from node.indexes.rows import RoutedRow
from node.replication.places import place_of
from wire.commands import Position
from wire.tables import IndexSpec, IndexStatus


class Stage(Enum):
    """What is done about an index at present."""

    LOADING = auto()
    """Its cursor is being read."""
    STARTING = auto()
    """A barrier has to pass before a copy may begin."""
    PLANNED = auto()
    """Where the copy begins is on its way into replicated state; nothing may leave before it is there."""
    COPYING = auto()
    FEEDING = auto()
    LOST = auto()
    """Changes that it needs are gone: the catalog is asked to begin it again."""
    STOPPED = auto()
    """A partition knows that it is gone: this node will hear of it, too."""


class IndexFeeding:
    """Hold what a feeder knows of one index.

    Invariants: everything up to `fed` is acknowledged; `fed` <= `read`; no change is added while copies are under way.
    """

    def __init__(self, index: IndexSpec) -> None:
        self.index = index
        self.stage = Stage.LOADING
        self.read = 0
        self.copied: Position | None = None
        self.page: Position | None = None
        self.has_page = False
        self.page_is_last = False
        self.lanes: dict[int, Lane] = {}
        self.stored: FeedCursor | None = None
        self.is_storing = False
        self.is_telling = False
        self.reads_items_from = 0.0
        self._complete_at: int | None = None

    @property
    def fed(self) -> int:
        """Return the last change of which every row is acknowledged."""
        return min((lane.fed(self.read) for lane in self.lanes.values() if lane.rows), default=self.read)

    @property
    def is_copying(self) -> bool:
        """Whether items are being copied, or about to be."""
        return self.stage in (Stage.PLANNED, Stage.COPYING)

    @property
    def is_under_way(self) -> bool:
        """Whether rows have been read and not been acknowledged."""
        return any(lane.rows for lane in self.lanes.values())

    @property
    def is_complete(self) -> bool:
        """Whether everything that was there when the copy ended is in the index, and a later leader will not copy again."""
        is_kept = self.stored is not None and not self.stored.is_copying
        is_fed = self._complete_at is not None and self.fed >= self._complete_at
        return self.stage is Stage.FEEDING and is_kept and is_fed

    def awaits_report(self, partition: int) -> bool:
        """Tell whether the catalog wants to hear that a partition's share is in the index, and it is."""
        index = self.index
        return index.status is IndexStatus.CREATING and partition not in index.backfilled and self.is_complete

    def resume(self, cursor: FeedCursor) -> None:
        """Carry on from a cursor."""
        self.stored = cursor
        self.read = cursor.sequence
        self.copied = cursor.position
        self.stage = Stage.COPYING if cursor.is_copying else Stage.FEEDING

    def plan(self, latest: int) -> None:
        """Begin a copy of everything applied up to a change; later ones are fed."""
        self.read = latest
        self.copied = None
        self.stage = Stage.PLANNED

    def end(self, stage: Stage) -> None:
        """Give up, for a reason; what was under way no longer counts."""
        self.stage = stage
        self.lanes.clear()

    def add(self, rows: Iterable[RoutedRow]) -> None:
        """Queue rows where they belong."""
        for destination, row in rows:
            lane = self.lanes.get(destination)
            if lane is None:
                lane = self.lanes[destination] = Lane()
            lane.add(row)

    def take_page(self, rows: Iterable[RoutedRow], through: Position | None, *, is_last: bool) -> None:
        """Queue copies of a page of items."""
        self.page, self.page_is_last, self.has_page = through, is_last, True
        self.add(rows)

    def finish_page(self) -> bool:
        """Tell whether a page of copies is all acknowledged; the last one ends the copy."""
        if not self.has_page or self.is_under_way:
            return False
        self.copied, self.page, self.has_page = self.page, None, False
        if self.page_is_last:
            self.stage = Stage.FEEDING
        return True

    def note_read(self, through: int, latest: int) -> None:
        """Note that changes up to `through` have been read, of those up to `latest` that there are."""
        self.read = max(self.read, through)
        if self._complete_at is None:
            self._complete_at = latest

    def cursor(self) -> FeedCursor:
        """Return how far everything is acknowledged."""
        return FeedCursor(
            sequence=self.read if self.is_copying else self.fed,
            is_copying=self.is_copying,
            copied=place_of(self.copied) if self.is_copying else None,
        )
