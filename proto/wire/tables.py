"""What a table is: its key schema, stream, replicas and settings, as the catalog stores them and everybody caches them.

Values only. They serialize to JSON through msgspec (`encode_row`, `decode_row`); members are only ever added, with defaults, so
that an older process can read what a newer one wrote.
"""

from enum import StrEnum
from typing import Final, NewType

import msgspec

from wire.keys import AttributeType
from wire.members import Member, Told

DEFAULT_TABLE_CLASS: Final = "STANDARD"

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


class IndexStatus(StrEnum):
    """AWS's IndexStatus."""

    CREATING = "CREATING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    ACTIVE = "ACTIVE"


class ProjectionType(StrEnum):
    """Which attributes an index holds beside the keys of the index and of the table."""

    ALL = "ALL"
    KEYS_ONLY = "KEYS_ONLY"
    INCLUDE = "INCLUDE"


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

    def is_readable(self, now_ms: int, retention_ms: int) -> bool:
        """Tell whether it can still be read: it is enabled, or ended less than `retention_ms` ago."""
        return self.is_enabled or now_ms - self.disabled_ms < retention_ms


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
    joined_ms: int = 0  # which membership of that region this is: `Member.joined_ms`; 0 before memberships were kept
    is_overdue: bool = False  # that it comes or goes takes so long that the table here does not wait for it any more


class Throughput(msgspec.Struct, frozen=True):
    """Provisioned capacity, in units per second."""

    read_units: int = 0
    write_units: int = 0


class CapacityHistory(msgspec.Struct, frozen=True):
    """When provisioned capacity was last raised and lowered, and how often it was lowered on the (UTC) day of `decreased_ms`."""

    increased_ms: int = 0
    decreased_ms: int = 0
    decreases: int = 0


class OnDemandMaxima(msgspec.Struct, frozen=True):
    """The most that an on-demand table or index may take, in request units per second; 0 = no maximum.

    In a change of a table or an index, 0 leaves a maximum as it is and -1 removes it.
    """

    read_units: int = 0
    write_units: int = 0


class IndexSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One secondary index. `number` names it in keys on disk: unique within its table for all time, never 0.

    A local index has the table's partition key and one sort attribute, lives beside its items and changes with them; it is made and
    dropped with its table. A global one has 1 to 4 partition and 0 to 4 sort attributes, lives where its own partition key
    puts it, and follows the table's change records. `wire.indexes` says what its rows are.
    """

    number: int
    name: str
    is_local: bool
    partition: tuple[KeyAttribute, ...]
    sort: tuple[KeyAttribute, ...] = ()
    projection: ProjectionType = ProjectionType.ALL
    non_key_attributes: tuple[str, ...] = ()
    status: IndexStatus = IndexStatus.ACTIVE
    generation: int = 0  # catalog version at which it was made
    # Base partitions whose items have been copied into an index that is CREATING; emptied once ACTIVE.
    backfilled: tuple[int, ...] = ()
    throughput: Throughput = Throughput()
    on_demand: OnDemandMaxima = OnDemandMaxima()
    warm: Throughput = Throughput()  # zeros = what the billing mode gives
    history: CapacityHistory = CapacityHistory()

    @property
    def is_backfilling(self) -> bool:
        """Whether items written before the index are still being copied into it."""
        return not self.is_local and self.status is IndexStatus.CREATING

    def names(self) -> tuple[str, ...]:
        """Return the key attribute names, HASH first."""
        return tuple(attribute.name for attribute in (*self.partition, *self.sort))


class TimeToLiveStatus(StrEnum):
    """AWS's TimeToLiveStatus as it is seen on AWS: ENABLED at once, and DISABLED as soon as leaders see the row."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class TimeToLive(msgspec.Struct, frozen=True):
    """Time to live, enabled or once enabled on an attribute; `generation` is the catalog version at which that was last changed."""

    attribute: str
    is_enabled: bool
    changed_ms: int
    generation: int
    # Partitions whose items of before have come into the expiry index; emptied once all have.
    backfilled: tuple[int, ...] = ()
    is_complete: bool = False

    @property
    def status(self) -> TimeToLiveStatus:
        """Return what clients are told, who never hear that the expiry index is being filled."""
        return TimeToLiveStatus.ENABLED if self.is_enabled else TimeToLiveStatus.DISABLED


class Encryption(msgspec.Struct, frozen=True):
    """Encryption at rest with a key of KMS, as it was asked for. Descriptive only: nothing here is encrypted by it.

    An empty `key_arn` is the key that AWS manages for DynamoDB in each region, alias/aws/dynamodb.
    """

    key_arn: str


class ResourcePolicy(msgspec.Struct, frozen=True):
    """A policy document as it was given, and the revision that changes with every change of it."""

    document: str
    revision_id: str


class SettingStamp(msgspec.Struct, frozen=True, order=True):
    """When and where a setting that all regions share was last changed: the greater one wins. `name` says which setting."""

    time_ms: int
    region: str
    name: str


class Recovery(msgspec.Struct, frozen=True):
    """Point-in-time recovery, as it was asked for. Descriptive only: nothing can be restored yet."""

    since_ms: int
    days: int


class Insights(msgspec.Struct, frozen=True):
    """Contributor Insights of an index or, without a name, of the table, once asked for. Descriptive only: nothing is counted yet."""

    index: str
    is_enabled: bool
    mode: str
    changed_ms: int


class ReplicaOverrides(msgspec.Struct, frozen=True):
    """What one region's replica has otherwise than the table elsewhere; empty, 0 and None = nothing was ever said of it."""

    region: str
    table_class: str = ""
    class_changed_ms: int = 0
    max_reads: int = 0  # the maximum of on-demand reads; -1 = none
    key_arn: str | None = None  # of the customer's key; empty = the key that AWS manages
    indexes: tuple[tuple[str, int], ...] = ()  # by name: the maximum of on-demand reads of an index


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
    table_class: str = DEFAULT_TABLE_CLASS
    version: int = 0  # catalog version of the last change of this row
    acted_as_source_ms: int = 0  # wall time at which this region's table was last the source of a new replica
    indexes: tuple[IndexSpec, ...] = ()
    next_index: int = 1  # the number that the next index gets
    time_to_live: TimeToLive | None = None
    on_demand: OnDemandMaxima = OnDemandMaxima()
    warm: Throughput = Throughput()  # zeros = what the billing mode gives
    encryption: Encryption | None = None
    tags: tuple[tuple[str, str], ...] = ()  # by key
    policy: ResourcePolicy | None = None
    stream_policy: ResourcePolicy | None = None
    settles_ms: int = 0  # wall time at which CREATING, UPDATING or DELETING is over, with `aws` timing; 0 = not by time
    history: CapacityHistory = CapacityHistory()
    # Wall times of the latest changes that AWS allows only so often, in order.
    on_demand_switches: tuple[int, ...] = ()
    class_changes: tuple[int, ...] = ()
    encryption_changes: tuple[int, ...] = ()
    protection_changed_ms: int = 0
    tags_changed_ms: int = 0
    policy_changed_ms: int = 0
    stream_policy_changed_ms: int = 0
    stamps: tuple[SettingStamp, ...] = ()  # of settings changed since the table has replicas, by name
    members: tuple[Member, ...] = ()  # of the global table, this region and those that left included, by region
    news_version: int = 0  # catalog version at which members or stamps last changed
    told: tuple[Told, ...] = ()  # up to which of these versions other regions know, by region
    names_class: bool = False  # whether the table was made with a class, be it the default one
    # What is on show while the table is UPDATING: the settings that it had. None and empty = those that it has.
    throughput_before: Throughput | None = None
    class_before: str = ""
    recovery: Recovery | None = None
    insights: tuple[Insights, ...] = ()  # by index
    overrides: tuple[ReplicaOverrides, ...] = ()  # of this region and the others, by region

    @property
    def records_changes(self) -> bool:
        """Whether a write to this table must leave a change record."""
        return bool(self.replicas) or (self.stream is not None and self.stream.is_enabled) or bool(self.global_indexes)

    @property
    def shown_throughput(self) -> Throughput:
        """Return the provisioned capacity that is on show: as on AWS the former one, until a change of it is done."""
        return self.throughput if self.throughput_before is None else self.throughput_before

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """Return every stream the table is known to have had, the present one last."""
        return self.past_streams if self.stream is None else (*self.past_streams, self.stream)

    @property
    def change_generation(self) -> int:
        """Return the generation that change records carry now: the enabled stream's, 0 before the first stream.

        Between two streams it is one above that of the stream which ended: no stream ever has that number, for ending a stream takes a
        catalog version of its own, and along a change log generations only grow.
        """
        if self.stream is None:
            return 0
        return self.stream.generation if self.stream.is_enabled else self.stream.generation + 1

    @property
    def local_indexes(self) -> tuple[IndexSpec, ...]:
        """Return the local secondary indexes."""
        return tuple(index for index in self.indexes if index.is_local) if self.indexes else ()

    @property
    def global_indexes(self) -> tuple[IndexSpec, ...]:
        """Return the global secondary indexes, whatever their status."""
        return tuple(index for index in self.indexes if not index.is_local) if self.indexes else ()

    def index(self, name: str) -> IndexSpec | None:
        """Return the index of that name, or None."""
        return next((index for index in self.indexes if index.name == name), None)

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

    def insight(self, index: str) -> Insights | None:
        """Return the Contributor Insights of an index or, without a name, of the table."""
        return next((each for each in self.insights if each.index == index), None)

    def override(self, region: str) -> ReplicaOverrides:
        """Return what the replica of `region` has otherwise."""
        return next((each for each in self.overrides if each.region == region), ReplicaOverrides(region))

    def replica(self, region: str) -> ReplicaSpec | None:
        """Return the replica entry of `region`, or None."""
        return next((replica for replica in self.replicas if replica.region == region), None)
