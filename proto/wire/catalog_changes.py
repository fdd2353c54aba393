"""The changes one may ask the catalog leader for, and what it says of them. Only shapes: what a change does, `node.catalog` decides."""

from typing import Self

import msgspec

from wire.catalog import LinkSpec
from wire.members import Member
from wire.synced import SyncedSettings
from wire.tables import (
    DEFAULT_TABLE_CLASS,
    BillingMode,
    Encryption,
    IndexSpec,
    KeySchema,
    OnDemandMaxima,
    ReplicaOverrides,
    ReplicaStatus,
    ResourcePolicy,
    StreamViewType,
    TableSpec,
    Throughput,
)


class CreateTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Make a table. Refused with ResourceInUseException when the name exists."""

    name: str
    key_schema: KeySchema
    billing_mode: BillingMode
    throughput: Throughput
    stream_view: StreamViewType | None = None
    deletion_protection: bool = False
    table_class: str = DEFAULT_TABLE_CLASS
    names_class: bool = False  # whether the class was asked for, be it the default one
    indexes: tuple[IndexSpec, ...] = ()  # numbers, statuses and generations are the catalog's to give
    on_demand: OnDemandMaxima = OnDemandMaxima()
    warm: Throughput = Throughput()
    encryption: Encryption | None = None
    tags: tuple[tuple[str, str], ...] = ()
    policy: ResourcePolicy | None = None
    now_ms: int
    table_id: str


class UpdateTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Change a table's settings; None leaves a setting as it is."""

    name: str
    billing_mode: BillingMode | None = None
    throughput: Throughput | None = None
    stream_enabled: bool | None = None
    stream_view: StreamViewType | None = None
    deletion_protection: bool | None = None
    table_class: str | None = None
    creates_index: IndexSpec | None = None  # as in CreateTable; one creation or deletion of an index per change
    deletes_index: str | None = None
    index_settings: tuple["IndexSettings", ...] = ()
    on_demand: OnDemandMaxima | None = None
    warm: Throughput | None = None
    encryption: Encryption | None = None
    disables_encryption: bool = False
    now_ms: int


class IndexSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one global index to change; None leaves a setting as it is."""

    name: str
    throughput: Throughput | None = None
    on_demand: OnDemandMaxima | None = None
    warm: Throughput | None = None


class DeleteTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Drop a table. If it is a replica, the catalog's driver tells the other regions, for which nobody waits."""

    name: str
    now_ms: int


class AddReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin to replicate a table of this region to `region`: asked by a client, carried on by the catalog's driver."""

    name: str
    region: str
    overrides: ReplicaOverrides | None = None
    now_ms: int
    global_table_id: str


class UpdateReplicas(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Change what replicas in other regions have otherwise than the table here."""

    name: str
    overrides: tuple[ReplicaOverrides, ...]
    now_ms: int


class RemoveReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin to remove `region` from a table's replicas."""

    name: str
    region: str
    now_ms: int


class CheckReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by another region before it begins to add or remove this region's replica: refused as that step would be. Changes nothing."""

    name: str
    global_table_id: str
    is_added: bool


class JoinGlobalTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by another region's catalog driver: make `new_region`, which is this one, hold the table.

    Idempotent. The table is made here, CREATING, with the other members as replicas; `source` is the region that copies all items.
    """

    name: str
    global_table_id: str
    key_schema: KeySchema
    billing_mode: BillingMode
    throughput: Throughput
    stream_view: StreamViewType
    members: tuple[Member, ...]
    new_region: str
    source: str
    now_ms: int
    table_id: str
    settings: SyncedSettings | None = None  # what else a table that is made here begins with


class SyncGlobalTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by another region's catalog driver: the members and settings that all regions of a global table share, as they are there.

    Idempotent, and free of order: members merge (`wire.members`), and of each setting the greater stamp wins. Nothing if `source` is
    known here to have left since, or if the table here is not part of that global table; refused with ResourceNotFoundException while
    there is none that should be. Without `settings`, news of a region that holds the table no more.
    """

    name: str
    global_table_id: str
    source: str = ""
    members: tuple[Member, ...] = ()
    settings: SyncedSettings | None = None
    now_ms: int


class RecordTold(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Another region has acknowledged what it was told of a global table, or that this region left it (`is_farewell`)."""

    name: str
    global_table_id: str
    region: str
    version: int  # at which that was news here
    is_farewell: bool


class LeaveGlobalTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by `source`'s catalog driver: drop the table in `region`, which is this one, and its membership as of `left_ms`.

    Idempotent. Nothing if the membership of `source` that began at `joined_ms` is known here to be over.
    """

    name: str
    global_table_id: str
    region: str
    source: str
    joined_ms: int
    left_ms: int
    now_ms: int


class SetReplicaStatus(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Record a step of a replica's life; ACTIVE also makes the table here ACTIVE when it was being created by that source."""

    name: str
    global_table_id: str
    region: str  # the replica the status speaks of; this very region = the table here
    status: ReplicaStatus
    status_text: str = ""


class ForgetReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Drop the entry of a replica that `is_gone`, or cannot be reached; the last one gone makes the table a regional one again."""

    name: str
    global_table_id: str
    region: str
    is_gone: bool
    now_ms: int


class MarkOverdue(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let the table here be changed though a replica is still on its way: that has taken long enough."""

    name: str
    region: str
    generation: int


class RecordBackfill(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A partition leader of this region has copied its share of the table to `region` (durably acknowledged there)."""

    name: str
    region: str
    generation: int
    partition: int


class RecordIndexBackfill(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A base partition's leader has copied its share of the table into a global index and fed what came meanwhile.

    The last partition's record makes the index ACTIVE. Idempotent; nothing if that index is not CREATING any more.
    """

    name: str
    index: int
    generation: int
    partition: int


class RebuildIndex(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A base partition's leader misses changes that a global index needs: begin it again, under a new number.

    Idempotent: nothing if the index has another number or generation by now.
    """

    name: str
    index: int
    generation: int


class SetTimeToLive(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Enable or disable time to live on an attribute."""

    name: str
    attribute: str
    is_enabled: bool
    now_ms: int


class RecordTimeToLive(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A partition's leader has brought all its items of a table into the expiry index of that generation.

    The last partition's record makes it complete. Idempotent; nothing if time to live was changed meanwhile.
    """

    name: str
    generation: int
    partition: int


class SetTags(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Add or replace tags of a table, and remove those with the keys named."""

    name: str
    tags: tuple[tuple[str, str], ...] = ()
    removes: tuple[str, ...] = ()
    now_ms: int


class SetResourcePolicy(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Attach a policy to a table or its stream, or with None remove it; refused when `expected` is not the present revision.

    `expected` is a revision id, "NO_POLICY" (there must be none) or empty (no matter).
    """

    name: str
    is_for_stream: bool
    policy: ResourcePolicy | None
    expected: str = ""
    now_ms: int


class SetRecovery(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Note that point-in-time recovery is on for so many days, or with 0 that it is off."""

    name: str
    days: int
    now_ms: int


class SetInsights(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Note that Contributor Insights of an index or, without a name, of the table are on or off; an empty mode stays as it is."""

    name: str
    index: str
    is_enabled: bool
    mode: str
    now_ms: int


class FinishTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Move a table on: CREATING or UPDATING to ACTIVE, or, when DELETING, out of the catalog.

    Nothing if the table settles by time and that time has not come.
    """

    name: str
    number: int
    now_ms: int = 0


class SetLink(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Break, slow or mend the link from this region to another."""

    link: LinkSpec


CatalogChange = (
    CreateTable
    | UpdateTable
    | DeleteTable
    | AddReplica
    | UpdateReplicas
    | RemoveReplica
    | CheckReplica
    | JoinGlobalTable
    | SyncGlobalTable
    | RecordTold
    | LeaveGlobalTable
    | SetReplicaStatus
    | ForgetReplica
    | MarkOverdue
    | RecordBackfill
    | RecordIndexBackfill
    | RebuildIndex
    | SetTimeToLive
    | RecordTimeToLive
    | SetTags
    | SetResourcePolicy
    | SetRecovery
    | SetInsights
    | FinishTable
    | SetLink
)


class Decided(msgspec.Struct, frozen=True):
    """What the catalog leader decided: the version that carries it, and the table after it (None when gone or not about one)."""

    version: int
    table: TableSpec | None = None

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read what `encode` wrote."""
        return msgspec.json.decode(payload, type=cls)

    def encode(self) -> bytes:
        """Return the JSON form."""
        return msgspec.json.encode(self)


def encode_change(change: CatalogChange) -> bytes:
    """Return a change as JSON; its `type` member names it."""
    return msgspec.json.encode(change)


def decode_change(payload: bytes) -> CatalogChange:
    """Read what `encode_change` wrote. Raises msgspec.ValidationError on anything else."""
    change: CatalogChange = _change_decoder.decode(payload)
    return change


_change_decoder = msgspec.json.Decoder(CatalogChange)
