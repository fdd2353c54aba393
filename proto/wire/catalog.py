"""The catalog as everyone sees it: rows, and the view they add up to. `wire.catalog_changes` has what one may ask its leader for.

A row is a JSON value under a text key (`table/NAME`, `placement/ID`, `node/ID`, `link/REGION`, `counter/NAME`, `dropped/NUMBER`: a table
that is gone, for as long as its streams can be read, `left/GLOBAL_TABLE_ID`: a global table that this region left, until the others
know). Every applied change
raises the catalog's version by one and touches a few rows; watchers receive just these (a `Delta`), or all of them after a reconnect.
Deciding what a change does is the business of `node.catalog`; this module only knows shapes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType, TypeVar

import msgspec

from wire.members import LeftTable
from wire.tables import TableSpec

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
        self.left: dict[str, LeftTable] = {}  # by global table id: what others have not been told of yet
        self.placements: dict[PartitionId, Placement] = {}
        self.nodes: dict[NodeId, NodeSpec] = {}
        self.links: dict[str, LinkSpec] = {}
        self.counters: dict[str, int] = {}

    def apply(self, delta: "Delta") -> None:
        """Bring the view to `delta.version`. A full delta replaces everything, at once: other threads look tables up."""
        brought = CatalogView() if delta.full else self
        for key, value in delta.rows.items():
            brought._apply_row(key, value)
        brought.version = delta.version
        if brought is not self:
            self.__dict__.update(brought.__dict__)

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
            case "left":
                _assign(self.left, name, value, LeftTable)
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


def encode_row(row: TableSpec | LeftTable | Placement | NodeSpec | LinkSpec | int) -> bytes:
    """Return a row's value as JSON."""
    return msgspec.json.encode(row)


def encode_delta(delta: Delta) -> bytes:
    """Return a delta in its wire form (msgpack: row values are bytes)."""
    return msgspec.msgpack.encode(delta)


def decode_delta(payload: bytes) -> Delta:
    """Read what `encode_delta` wrote."""
    return _delta_decoder.decode(payload)


_delta_decoder = msgspec.msgpack.Decoder(Delta)


def _assign(rows: dict[K, V], key: K, value: bytes | None, kind: type[V]) -> None:
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = msgspec.json.decode(value, type=kind)
