"""What a shipper core is told and what it asks for: its whole vocabulary, as values.

Knows shapes only. Times are seconds on the monotonic clock unless the name says otherwise.
"""

from dataclasses import dataclass, field

from node.replication.cursors import BatchId, Cursor
from node.replication.held import HeldItem
from wire.commands import Ahead, Change, HeldChange, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A table that the destination holds too, as this region's catalog sees it now.

    `members` are the numbers of all regions that hold it, this one included, in order. `sends_everything`: this region is the source
    of the destination's copy. `awaits_backfill`: the catalog wants to hear when this partition's share has been copied.
    """

    table: int
    name: str
    global_table_id: str
    generation: int
    members: tuple[int, ...]
    joined_ms: int = 0  # since when this region is a member
    sends_everything: bool = False
    awaits_backfill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What a read came to: the present state of items that still have to go, and when the oldest of them was written."""

    changes: tuple[Change, ...] = ()
    bytes: int = 0
    oldest_ms: int = 0


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesChanged:
    """These, and no others, are the tables to ship."""

    memberships: tuple[Membership, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorLoaded:
    """The replicated cursor of a table is this; None: there is none. `held` are the changes remembered as held back."""

    table: int
    cursor: Cursor | None
    held: tuple[HeldItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BarrierPassed:
    """All that was evaluated before the barrier was asked for is applied; `latest` is the last sequence number of that state."""

    table: int
    generation: int
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """The link is connected or not, may carry shipments or not, and delays each by so much."""

    is_connected: bool
    is_paused: bool = False
    delay_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesApplied:
    """Change records of these tables were applied here, the last of them numbered `latest`."""

    tables: tuple[int, ...]
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesRead:
    """Own records in (after, through] come to this shipment; `has_more`: there were records, so there may be more after them.

    `read_ms` is the region's time at which they were read, against which the times in records are ages.
    """

    table: int
    shipment: Shipment
    after: int
    through: int
    oldest: int
    latest: int
    has_more: bool
    read_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsRead:
    """The stored items in (after, through], chosen by these `members`, come to this shipment; `is_last`: the table ends there."""

    table: int
    shipment: Shipment
    after: Position | None
    through: Position | None
    members: tuple[int, ...]
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A batch is committed over there, but for the changes that are `held` back."""

    batch: BatchId
    applied: int
    superseded: int
    held: tuple[HeldChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStored:
    """The changes of a batch that are held back are remembered in replicated state, or may not be."""

    table: int
    batch: BatchId
    items: tuple[HeldItem, ...]
    is_stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRead:
    """Changes that are held back come to this shipment now; what is no longer at its version is `gone`."""

    table: int
    shipment: Shipment
    gone: tuple[HeldItem, ...]
    ahead: Ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """An operator has decided what becomes of the changes that are held back now."""

    ahead: Ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A batch was not, or not wholly, applied over there."""

    batch: BatchId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorStored:
    """The cursor that `StoreCursor` carried is committed, or may be lost."""

    table: int
    cursor: Cursor
    is_stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRecorded:
    """The catalog knows, or could not be told, that this partition's share of a table is copied."""

    table: int
    generation: int
    is_recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed."""


Event = (
    TablesChanged
    | CursorLoaded
    | BarrierPassed
    | LinkChanged
    | ChangesApplied
    | ChangesRead
    | ItemsRead
    | HeldRead
    | HeldStored
    | Released
    | Acknowledged
    | Refused
    | CursorStored
    | BackfillRecorded
    | Ticked
)

# Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCursor:
    """Answer with CursorLoaded."""

    table: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitBarrier:
    """Wait until everything evaluated up to now is applied, then answer with BarrierPassed."""

    table: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecords:
    """Read change records after a sequence number and answer with ChangesRead."""

    table: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadItems:
    """Read stored items after a position and answer with ItemsRead.

    With `everything` all of them are to go; else those written here, or by a region that is no member.
    """

    table: int
    after: Position | None
    everything: bool
    members: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Carry a batch over the link, not before `due`; answer with Acknowledged or Refused."""

    batch: BatchId
    membership: Membership
    changes: tuple[Change, ...]
    due: float
    ahead: Ahead = Ahead.HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHeld:
    """Have the changes of a batch that are held back remembered, and answer with HeldStored."""

    table: int
    batch: BatchId
    items: tuple[HeldItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropHeld:
    """Have changes remembered no more. It needs no answer: who finds them later sends them again, which does no harm."""

    table: int
    items: tuple[HeldItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHeld:
    """Read items whose changes are held back and answer with HeldRead."""

    table: int
    items: tuple[HeldItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCursor:
    """Propose a cursor and answer with CursorStored; None removes it and needs no answer."""

    table: int
    cursor: Cursor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBackfill:
    """Tell the catalog that this partition's share is copied, and answer with BackfillRecorded."""

    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetLink:
    """Close the connection and open another: it has swallowed a batch."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Send Ticked at this time, instead of at any earlier asked for."""

    time: float


Effect = (
    LoadCursor
    | AwaitBarrier
    | ReadRecords
    | ReadItems
    | ReadHeld
    | Send
    | StoreCursor
    | StoreHeld
    | DropHeld
    | ReportBackfill
    | ResetLink
    | WakeAt
)
