"""What a table is: its key schema, stream, replicas and settings, as the catalog stores them and everybody caches them.

Values only. They serialize to JSON through msgspec (`encode_row`, `decode_row`); members are only ever added, with defaults, so
that an older process can read what a newer one wrote.
"""

from enum import StrEnum
from typing import NewType

import msgspec

from wire.keys import AttributeType

TableNumber = NewType("TableNumber", int)  # u32, region-local, never reused
RegionName = NewType("RegionName", str)


class TableStatus(StrEnum):
    """AWS's TableStatus, as far as we enter those states."""

    CREATING = "CREATING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    ACTIVE = "ACTIVE"


class ReplicaStatus(StrEnum):
    """AWS's ReplicaStatus, as far as we enter those states."""

    CREATING = "CREATING"
    CREATION_FAILED = "CREATION_FAILED"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    ACTIVE = "ACTIVE"


class StreamViewType(StrEnum):
    """What of a change a stream record shows."""

    KEYS_ONLY = "KEYS_ONLY"
    NEW_IMAGE = "NEW_IMAGE"
    OLD_IMAGE = "OLD_IMAGE"
    NEW_AND_OLD_IMAGES = "NEW_AND_OLD_IMAGES"


class BillingMode(StrEnum):
    """How a table's capacity is charged."""

    PROVISIONED = "PROVISIONED"
    PAY_PER_REQUEST = "PAY_PER_REQUEST"


class KeyAttribute(msgspec.Struct, frozen=True):
    """One key attribute: its name and its scalar type."""

    name: str
    type: AttributeType


class KeySchema(msgspec.Struct, frozen=True):
    """A table's primary key: the partition (HASH) attribute and, for composite keys, the sort (RANGE) attribute."""

    partition: KeyAttribute
    sort: KeyAttribute | None = None

    def names(self) -> tuple[str, ...]:
        """Return the key attribute names, HASH first."""
        return (self.partition.name,) if self.sort is None else (self.partition.name, self.sort.name)


class StreamSpec(msgspec.Struct, frozen=True):
    """A table's stream. A stream that is enabled again is a new one: new label, higher generation."""

    view_type: StreamViewType
    label: str  # AWS's LatestStreamLabel: the creation time as an ISO text, unique per table
    generation: int  # catalog version at which it was enabled; every change record carries it
    created_ms: int
    disabled_ms: int = 0  # 0 = enabled

    @property
    def is_enabled(self) -> bool:
        """Whether new changes go to this stream."""
        return self.disabled_ms == 0


class ReplicaSpec(msgspec.Struct, frozen=True):
    """Another region that holds this table, as this region sees it."""

    region: RegionName
    status: ReplicaStatus
    # The region that copies every item to the new replica; the others copy what they themselves wrote. Empty after ACTIVE.
    source: str = ""
    # Partitions of this region whose backfill to that replica is done; emptied once ACTIVE.
    backfilled: tuple[int, ...] = ()
    # Generation of this membership: a replica removed and added again starts from a fresh cursor.
    generation: int = 0
    status_text: str = ""
    acted_as_source_ms: int = 0  # wall time at which that region was last the source of a new replica


class Throughput(msgspec.Struct, frozen=True):
    """Provisioned capacity, in units per second."""

    read_units: int = 0
    write_units: int = 0


class TableSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One table of this region. `number` names it in keys; `table_id` is the UUID that clients see."""

    number: TableNumber
    name: str
    table_id: str
    status: TableStatus
    key_schema: KeySchema
    created_ms: int
    billing_mode: BillingMode = BillingMode.PROVISIONED
    throughput: Throughput = Throughput()
    billing_changed_ms: int = 0
    stream: StreamSpec | None = None
    past_streams: tuple[StreamSpec, ...] = ()
    replicas: tuple[ReplicaSpec, ...] = ()  # other regions only, never this one
    global_table_id: str = ""  # the same in every region of a global table; empty for a regional table
    deletion_protection: bool = False
    table_class: str = "STANDARD"
    version: int = 0  # catalog version of the last change of this row
    acted_as_source_ms: int = 0  # wall time at which this region's table was last the source of a new replica

    @property
    def records_changes(self) -> bool:
        """Whether a write to this table must leave a change record."""
        return bool(self.replicas) or (self.stream is not None and self.stream.is_enabled)

    @property
    def keeps_tombstones(self) -> bool:
        """Whether a delete must leave a versioned tombstone, because some region may still send an older write."""
        return bool(self.replicas) or bool(self.global_table_id)

    @property
    def is_steady(self) -> bool:
        """Whether the table is here to stay and no replica of it is coming, going or failed."""
        return self.status is not TableStatus.DELETING and all(
            replica.status is ReplicaStatus.ACTIVE for replica in self.replicas
        )

    def replica(self, region: str) -> ReplicaSpec | None:
        """Return the replica entry of `region`, or None."""
        return next((replica for replica in self.replicas if replica.region == region), None)
