"""What a feeder core is told and what it asks for: its whole vocabulary, as values.

Knows shapes only. Times are seconds on the monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from node.indexes.cursors import FeedCursor
from node.indexes.rows import FedIndex, RoutedRow
from wire.commands import IndexRow, Position
from wire.tables import IndexSpec

# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexesChanged:
    """These, and no others, are the global indexes of the table to feed."""

    indexes: tuple[IndexSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorLoaded:
    """The replicated cursor of an index is this; None: there is none."""

    index: int
    cursor: FeedCursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierPassed:
    """All that was evaluated before the barrier was asked for is applied; `latest` is the last sequence number of that state."""

    index: int
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesApplied:
    """Changes up to `latest` are applied; if any are of the table, they are to be read."""

    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsRead:
    """Changes up to `through` come to these rows, for the indexes that were asked for; what is below `oldest` may be gone."""

    indexes: tuple[FedIndex, ...]
    rows: Mapping[int, list[RoutedRow]]
    through: int
    oldest: int
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsRead:
    """Stored items in (after, through], so many of them, have these rows in an index; `is_last`: the table ends there."""

    index: int
    rows: list[RoutedRow]
    after: Position | None
    through: Position | None
    count: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A batch is committed where it belongs."""

    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A batch was not taken, or may be lost; `is_final`: the index is gone, as that partition knows for sure."""

    batch: int
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorStored:
    """The cursor that `StoreCursor` carried is committed, or may be lost."""

    index: int
    cursor: FeedCursor
    is_stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogTold:
    """The catalog knows, or could not be told, what `ReportBackfill` or `AskRebuild` said."""

    index: int
    is_recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Leadership is about to be handed over: cursors are stored now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed."""


Event = (
    IndexesChanged
    | CursorLoaded
    | BarrierPassed
    | ChangesApplied
    | RecordsRead
    | ItemsRead
    | Acknowledged
    | Refused
    | CursorStored
    | CatalogTold
    | Leaving
    | Ticked
)

# Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCursor:
    """Answer with CursorLoaded."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitBarrier:
    """Wait until everything evaluated up to now is applied, then answer with BarrierPassed."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecords:
    """Read changes after the least of what these indexes have seen, and answer with RecordsRead."""

    indexes: tuple[FedIndex, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadItems:
    """Read stored items after a position and answer with ItemsRead."""

    index: IndexSpec
    after: Position | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Bring a batch to a partition; answer with Acknowledged or Refused. `through` = 0: copies."""

    batch: int
    destination: int
    index: int
    through: int
    rows: tuple[IndexRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCursor:
    """Propose a cursor and answer with CursorStored."""

    index: int
    cursor: FeedCursor


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBackfill:
    """Tell the catalog that this partition's share is in an index, and answer with CatalogTold."""

    index: IndexSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRebuild:
    """Have the catalog begin an index again, because changes that it needs are gone; answer with CatalogTold."""

    index: IndexSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Send Ticked at this time, instead of at any earlier asked for."""

    time: float


Effect = LoadCursor | AwaitBarrier | ReadRecords | ReadItems | Send | StoreCursor | ReportBackfill | AskRebuild | WakeAt
