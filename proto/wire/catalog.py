"""The catalog as everyone sees it: rows, the view they add up to, and the changes one may ask the catalog leader for.

A row is a JSON value under a text key (`table/NAME`, `placement/ID`, `node/ID`, `link/REGION`, `counter/NAME`, `dropped/NUMBER`: a table
that is gone, for as long as its streams can be read). Every applied change
raises the catalog's version by one and touches a few rows; watchers receive just these (a `Delta`), or all of them after a reconnect.
Deciding what a change does is the business of `node.catalog`; this module only knows shapes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType, Self, TypeVar

import msgspec

from wire.synced import SyncedSettings
from wire.tables import (
    BillingMode,
    Encryption,
    IndexSpec,
    KeySchema,
    OnDemandMaxima,
    ReplicaStatus,
    ResourcePolicy,
    StreamViewType,
    TableSpec,
    Throughput,
)

PartitionId = NewType("PartitionId", int)  # u32; 0 is the catalog itself
NodeId = NewType("NodeId", str)  # unique over all regions, e.g. "us-east-1-2"
CATALOG_PARTITION = PartitionId(0)

K = TypeVar("K")
V = TypeVar("V")


class NodeSpec(msgspec.Struct, frozen=True):
    """A storage node of this region: where it runs and how to reach it (host:port of its gRPC server)."""

    id: NodeId
    zone: str
    address: str


class ReplicaPlacement(msgspec.Struct, frozen=True):
    """One replica of a partition. `replica` is the consensus id, used once for all time; `node` is where it lives."""

    replica: int
    node: NodeId


class Placement(msgspec.Struct, frozen=True):
    """A partition: its token range [lower, upper), its replicas and the epoch that every change of them raises.

    The first replica is the preferred leader: placement spreads leaders by rotating the order.
    """

    partition: PartitionId
    lower: int
    upper: int  # up to 2**64, exclusive
    epoch: int
    replicas: tuple[ReplicaPlacement, ...]

    def nodes(self) -> tuple[NodeId, ...]:
        """Return the nodes that hold a replica, the preferred leader first."""
        return tuple(replica.node for replica in self.replicas)

    def node_of(self, replica: int) -> NodeId | None:
        """Return the node of a replica id, or None."""
        return next((each.node for each in self.replicas if each.replica == replica), None)


class LinkState(StrEnum):
    """What a tester has done to a replication link."""

    UP = "up"
    CUT = "cut"  # connections refused in this direction, as if the cable were pulled
    PAUSED = "paused"  # nothing is sent, connections stay
    DELAYED = "delayed"  # every shipment waits `delay_ms` first


class LinkSpec(msgspec.Struct, frozen=True):
    """The link from this region to `destination`."""

    destination: str
    state: LinkState = LinkState.UP
    delay_ms: int = 0


class CatalogView:
    """All rows at one version, decoded. Mutable: its one owner applies deltas and tells its readers."""

    def __init__(self) -> None:
        self.version = 0
        self.tables: dict[str, TableSpec] = {}
        self.tables_by_number: dict[int, TableSpec] = {}
        self.dropped: dict[int, TableSpec] = {}  # by number: what is left of tables whose streams outlive them
        self.placements: dict[PartitionId, Placement] = {}
        self.nodes: dict[NodeId, NodeSpec] = {}
        self.links: dict[str, LinkSpec] = {}
        self.counters: dict[str, int] = {}

    def apply(self, delta: "Delta") -> None:
        """Bring the view to `delta.version`. A full delta replaces everything."""
        if delta.full:
            self.__init__()  # type: ignore[misc]
        for key, value in delta.rows.items():
            self._apply_row(key, value)
        self.version = delta.version

    def link(self, destination: str) -> LinkSpec:
        """Return the link to a region: up unless a row says otherwise."""
        return self.links.get(destination) or LinkSpec(destination)

    def _apply_row(self, key: str, value: bytes | None) -> None:
        kind, _, name = key.partition("/")
        match kind:
            case "table":
                self._apply_table(name, value)
            case "dropped":
                _assign(self.dropped, int(name), value, TableSpec)
            case "placement":
                _assign(self.placements, PartitionId(int(name)), value, Placement)
            case "node":
                _assign(self.nodes, NodeId(name), value, NodeSpec)
            case "link":
                _assign(self.links, name, value, LinkSpec)
            case "counter":
                _assign(self.counters, name, value, int)

    def _apply_table(self, name: str, value: bytes | None) -> None:
        before = self.tables.get(name)
        if before is not None:
            self.tables_by_number.pop(before.number, None)
        _assign(self.tables, name, value, TableSpec)
        if value is not None:
            self.tables_by_number[self.tables[name].number] = self.tables[name]


class Delta(msgspec.Struct, frozen=True):
    """Rows that changed up to `version`; None as value = removed. `full` = all rows there are."""

    version: int
    rows: Mapping[str, bytes | None]
    full: bool = False


class CreateTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Make a table. Refused with ResourceInUseException when the name exists."""

    name: str
    key_schema: KeySchema
    billing_mode: BillingMode
    throughput: Throughput
    stream_view: StreamViewType | None = None
    deletion_protection: bool = False
    table_class: str = "STANDARD"
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
    """Drop a table. If it is a replica, the other regions are told by the catalog's driver and the row stays DELETING until they know."""

    name: str
    now_ms: int


class AddReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin to replicate a table of this region to `region`: asked by a client, carried on by the catalog's driver."""

    name: str
    region: str
    now_ms: int
    global_table_id: str


class RemoveReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin to remove `region` from a table's replicas."""

    name: str
    region: str
    now_ms: int


class JoinGlobalTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by another region's catalog driver: make this region hold the table, or make it know of a further member.

    Idempotent. `creates` is True in the region that is being added: the table is made here, CREATING, with members as replicas.
    `members` are all regions of the global table, this one and the new one included. `source` is the region that backfills.
    """

    name: str
    global_table_id: str
    key_schema: KeySchema
    billing_mode: BillingMode
    throughput: Throughput
    stream_view: StreamViewType
    members: tuple[str, ...]
    new_region: str
    source: str
    creates: bool
    now_ms: int
    table_id: str
    settings: SyncedSettings | None = None  # what else a table that is made here begins with


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by another region's catalog driver: the settings that all regions of a global table share, as they are there.

    Idempotent, and free of order: for each setting the greater stamp wins. Nothing if the table here is not part of that global table;
    refused with ResourceNotFoundException while there is none.
    """

    name: str
    global_table_id: str
    settings: SyncedSettings
    now_ms: int


class LeaveGlobalTable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sent by another region's catalog driver: `region` leaves. In `region` itself the table is dropped (`drops`). Idempotent."""

    name: str
    global_table_id: str
    region: str
    drops: bool
    now_ms: int


class SetReplicaStatus(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Record a step of a replica's life; ACTIVE also makes the table here ACTIVE when it was being created by that source."""

    name: str
    global_table_id: str
    region: str  # the replica the status speaks of; this very region = the table here
    status: ReplicaStatus
    status_text: str = ""


class ForgetReplica(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Drop the entry of a replica that is gone; the last one gone makes the table a regional one again."""

    name: str
    global_table_id: str
    region: str


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
    | RemoveReplica
    | JoinGlobalTable
    | SyncSettings
    | LeaveGlobalTable
    | SetReplicaStatus
    | ForgetReplica
    | RecordBackfill
    | RecordIndexBackfill
    | RebuildIndex
    | SetTimeToLive
    | RecordTimeToLive
    | SetTags
    | SetResourcePolicy
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


def encode_row(row: TableSpec | Placement | NodeSpec | LinkSpec | int) -> bytes:
    """Return a row's value as JSON."""
    return msgspec.json.encode(row)


def encode_delta(delta: Delta) -> bytes:
    """Return a delta in its wire form (msgpack: row values are bytes)."""
    return msgspec.msgpack.encode(delta)


def decode_delta(payload: bytes) -> Delta:
    """Read what `encode_delta` wrote."""
    return _delta_decoder.decode(payload)


_change_decoder = msgspec.json.Decoder(CatalogChange)
_delta_decoder = msgspec.msgpack.Decoder(Delta)


def _assign(rows: dict[K, V], key: K, value: bytes | None, kind: type[V]) -> None:
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = msgspec.json.decode(value, type=kind)
