"""What a router asks of a partition, and what comes back: commands, outcomes and their envelopes.

Items are compact DynamoDB JSON as bytes, expressions are serialized trees (`wire.expressions`) as bytes, values are one JSON
list as bytes: the node decodes only what it must. Named tuples, not frozen dataclasses: several are built per request, and they
cost a third.
"""

from enum import IntEnum
from typing import NamedTuple

from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.versions import Version

NO_BYTES = b""


class WriteKind(IntEnum):
    """What a write does. Numbers travel on the wire and in the log."""

    PUT = 1
    UPDATE = 2
    DELETE = 3


class Returned(IntEnum):
    """ReturnValues."""

    NONE = 0
    ALL_OLD = 1
    UPDATED_OLD = 2
    ALL_NEW = 3
    UPDATED_NEW = 4


class Get(NamedTuple):
    """Read one item. `projection` is a serialized tree or empty."""

    table: int
    key: ItemKey
    consistent: bool
    projection: bytes = NO_BYTES


class Write(NamedTuple):
    """Put, update or delete one item, if `condition` (a serialized tree, or empty) holds.

    `body` is the whole normalized item for PUT with `size` its DynamoDB size; for UPDATE it is the item of just the key
    attributes, from which an absent item starts; for DELETE it is empty.
    """

    kind: WriteKind
    table: int
    key: ItemKey
    body: bytes = NO_BYTES
    size: int = 0
    condition: bytes = NO_BYTES
    update: bytes = NO_BYTES
    values: bytes = NO_BYTES  # JSON list of the attribute values that condition and update refer to by position
    returned: Returned = Returned.NONE
    return_on_failure: bool = False  # ReturnValuesOnConditionCheckFailure = ALL_OLD


class Position(NamedTuple):
    """A place in (hash, sort) order; a page ends at one and the next begins just after it."""

    hash: bytes  # 16 bytes
    key: ItemKey


class Range(NamedTuple):
    """Read a page: a Query (partition_key set) in sort order, or a piece of a Scan (partition_key None) in hash order.

    Sort bounds are encoded key bytes; `upper` None = unbounded; both ends say whether they are included. For a scan the token range
    [lower_token, upper_token) applies. `start` is exclusive. `limit` counts items evaluated (0 = none); the page also ends when
    the sizes of evaluated items pass `bytes_max`.
    """

    table: int
    index: int = 0  # type: ignore[assignment]  # 0 = the table itself; hides a tuple method nobody calls
    partition_key: bytes | None = None
    lower: bytes = NO_BYTES
    lower_included: bool = True
    upper: bytes | None = None
    upper_included: bool = True
    prefix: bytes = NO_BYTES  # begins_with: sort keys that start with these bytes; then lower and upper are unset
    lower_token: int = 0
    upper_token: int = 1 << 64
    reverse: bool = False
    start: Position | None = None
    limit: int = 0
    bytes_max: int = 1 << 20
    consistent: bool = False
    filter: bytes = NO_BYTES
    projection: bytes = NO_BYTES
    values: bytes = NO_BYTES
    count_only: bool = False
    from_table: bool = False  # of a local index: answer with the items themselves, read from the table, not with rows


class ReadChanges(NamedTuple):
    """Read change records of a table with a sequence number above `after`; leader only, applied state.

    With `bounds` it is a strong read: every write that was answered before the request came is applied.
    """

    table: int
    generation: int  # records of other stream generations are passed over; 0 = none are
    after: int
    limit: int
    bytes_max: int
    since_ms: int = 0  # records written before that are passed over
    bounds: bool = False  # say also where the generation begins and ends


class Change(NamedTuple):
    """One replicated change: the whole state of an item at a version. A tombstone has no body."""

    key: ItemKey
    version: Version
    tombstone: bool
    size: int
    body: bytes


class Ahead(IntEnum):
    """What to do with a change whose version is too far ahead of the clock here. The numbers travel: only add."""

    HOLD = 0
    """Leave it out, and say so."""
    ACCEPT = 1
    """Apply it like any other: an operator has decided that it counts."""
    OVERRULE = 2
    """Let the item here win over it, with a version just above: an operator has decided that it does not count."""


class Merge(NamedTuple):
    """Apply another region's changes to a table, each iff its version is above the stored one.

    Changes that are too far `ahead` are held back, and no others, unless an operator has decided otherwise.

    One that `forgets` removes the tombstones it names instead, each iff it is still stored at exactly that version; then the source
    may be empty: this region itself.
    """

    table: int
    source: str
    changes: tuple[Change, ...]
    forgets: bool = False
    ahead: Ahead = Ahead.HOLD


class IndexRow(NamedTuple):
    """One row of a global index set or removed, because of the change with this sequence number in the base partition.

    `key` is what `wire.indexes.row_key` gives, `body` the projected item as JSON, `size` its DynamoDB size; `version` is the item's.
    """

    sequence: int
    key: ItemKey
    removes: bool
    version: Version
    size: int
    body: bytes


class FeedIndex(NamedTuple):
    """Bring rows of a global index to the partition that holds them, from the leader of a base partition.

    Exactly once, in the order of the base partition's changes: the receiving partition keeps, as replicated state per (table, index,
    source), the sequence number it has come to; rows up to it are passed over, the others applied, and `through` becomes the new
    one. With `through` = 0 the rows are copies made by a backfill: applied only while nothing was fed from that source yet, so that a
    late copy cannot bring back what a newer change has removed. The outcome is Merged.
    """

    table: int
    index: int  # type: ignore[assignment]  # hides a tuple method nobody calls
    source: int  # the base partition
    through: int
    rows: tuple[IndexRow, ...]


class Measure(NamedTuple):
    """Ask how much of a table and of its indexes a partition holds; any replica answers, from applied state."""

    table: int


class ChangeCatalog(NamedTuple):
    """Ask partition 0 for a change (`wire.catalog.encode_change`)."""

    payload: bytes


Command = Get | Write | Range | ReadChanges | Merge | FeedIndex | Measure | ChangeCatalog


class Got(NamedTuple):
    """An item as (projected) JSON, empty when there is none; `size` is the stored item's, for capacity."""

    item: bytes
    size: int


class Written(NamedTuple):
    """A committed write: the attributes that `returned` asked for (JSON, or empty), and sizes before and after for capacity."""

    attributes: bytes
    size_before: int
    size_after: int
    index_units: tuple[tuple[int, int], ...] = ()  # (index number, write units) of every index the write changes
    collection_bytes: int = -1  # size of the item collection afterwards, in tables with local indexes; -1 = not counted


class ConditionFailed(NamedTuple):
    """The condition did not hold, on committed state; nothing was written. `item` only if asked for and there is one."""

    item: bytes
    size: int


class Page(NamedTuple):
    """A page of a Range. `last` is None when the range ends here. `scanned_bytes` is the size of all evaluated items."""

    items: tuple[bytes, ...]
    count: int  # type: ignore[assignment]  # hides a tuple method nobody calls
    scanned_count: int
    scanned_bytes: int
    last: Position | None
    fetched_units: int = 0  # read units, strongly consistent, of the items fetched for `from_table`


class ChangeRecord(NamedTuple):
    """One row of a partition's change log, as a stream reader or a shipper sees it.

    Images are JSON, empty = absent. `origin` is the region number of the write; `flags` says replicated (1), expired by ttl (2),
    only a newer version of an unchanged item (4).
    `time_ms` is the wall time part of the version at which it was written here.
    """

    sequence: int
    table: int
    generation: int
    kind: int  # 1 INSERT, 2 MODIFY, 3 REMOVE
    key: ItemKey
    version: Version
    old_image: bytes
    new_image: bytes
    origin: int
    flags: int
    time_ms: int


class Changes(NamedTuple):
    """Change records in order. `next_after` continues; `latest` is the partition's last sequence number, `oldest` the first kept.

    With `bounds`, the records that are kept of the generation have numbers from `starting` to `ending`; none has any when `ending` is
    below `starting`. `is_closed` says that none will follow: this leader gives no new record that generation.
    """

    records: tuple[ChangeRecord, ...]
    next_after: int
    oldest: int
    latest: int
    starting: int = 0
    ending: int = 0
    is_closed: bool = False


class HeldChange(NamedTuple):
    """A change that was not applied: its version is `ahead_ms` ahead of the clock there, and will be believed in `wait_ms`."""

    key: ItemKey
    version: Version
    ahead_ms: int
    wait_ms: int


class Merged(NamedTuple):
    """How many changes were applied, how many had already lost to a newer local version, and which were held back."""

    applied: int
    superseded: int
    held: tuple[HeldChange, ...] = ()


class Measured(NamedTuple):
    """(index number, rows, their sizes in bytes), the table itself being index 0; what holds nothing is left out."""

    sizes: tuple[tuple[int, int, int], ...]


class CatalogDecided(NamedTuple):
    """A committed catalog change (`wire.catalog.Decided.encode`)."""

    payload: bytes


class NotLeader(NamedTuple):
    """Not applied: this replica does not lead. `leader` is the node that seems to, or empty."""

    leader: str


class Failed(NamedTuple):
    """Refused or failed; see `wire.errors.NOT_APPLIED` for which codes promise that nothing was or will be applied."""

    code: ErrorCode
    message: str


Outcome = Got | Written | ConditionFailed | Page | Changes | Merged | Measured | CatalogDecided | NotLeader | Failed


class Request(NamedTuple):
    """A command on its way to a partition's replica. `id` is unique per stream; `timeout_ms` counts from receipt.

    `forward_to` names the leader that is meant and cannot be reached from where this comes from, or nobody: a node that follows this
    leader passes the request on to it.
    """

    id: int
    partition: int
    epoch: int
    timeout_ms: int
    command: Command
    forward_to: str = ""


class Response(NamedTuple):
    """The outcome of the request with this id."""

    id: int
    outcome: Outcome
