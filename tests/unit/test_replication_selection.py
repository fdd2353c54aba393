"""What of a read has to travel, and which tables go where."""

from node.partition.access import StoredItem
from node.replication.memberships import destinations, memberships_of
from node.replication.selection import REPLICATED, changes_to_ship, items_to_ship
from tests.support.replication_store import table_spec
from wire.catalog import CatalogView, Delta, PartitionId, encode_row
from wire.commands import ChangeRecord, Position
from wire.keys import ItemKey, key_hash
from wire.tables import RegionName, ReplicaSpec, ReplicaStatus
from wire.versions import Version

HERE = 1
NUMBERS = {"region-a": 1, "region-b": 2, "region-c": 3}


def item(name: str, time: int, region: int = HERE, *, body: bytes = b"{}") -> StoredItem:
    key = ItemKey(name.encode())
    return StoredItem(Position(key_hash(key.partition), key), Version(time, region), not body, len(body), body)


def record(stored: StoredItem, sequence: int, *, time: int | None = None, flags: int = 0) -> ChangeRecord:
    version = stored.version if time is None else Version(time, stored.version.region)
    return ChangeRecord(sequence, 1, 1, 2, stored.position.key, version, b"", b"", version.region, flags, 7)


def shipped(*records: ChangeRecord, stored: tuple[StoredItem, ...]) -> list[bytes]:
    by_key = {each.position.key: each for each in stored}
    return [change.key.partition for change in changes_to_ship(records, by_key.get, HERE).changes]


# Three writes of one item are one shipment: its present state, once.
def test_repeated_writes_travel_once() -> None:
    now = item("k", 3)
    records = [record(now, sequence, time=sequence) for sequence in (1, 2, 3)]
    shipment = changes_to_ship(records, {now.position.key: now}.get, HERE)
    assert [(change.version, change.body) for change in shipment.changes] == [(now.version, now.body)]
    assert (shipment.bytes, shipment.oldest_ms) == (2, 7)


# Received changes are never forwarded: every region ships its own.
def test_received_changes_are_not_forwarded() -> None:
    received = item("k", 3, region=2)
    assert shipped(record(received, 1, flags=REPLICATED), stored=(received,)) == []


# An old write of ours must not bring back what another region has deleted since.
def test_an_overwritten_change_stays_here() -> None:
    ours, theirs = item("k", 3), item("k", 4, region=2, body=b"")
    assert shipped(record(ours, 1), stored=(theirs,)) == []


# What is not stored any more, a forgotten tombstone, has nothing to ship.
def test_a_forgotten_item_stays_here() -> None:
    assert shipped(record(item("k", 3), 1), stored=()) == []


# Of a table that is copied, the source sends all; the others what they wrote, and what regions wrote that have left.
def test_a_scan_sends_what_nobody_else_does() -> None:
    own, other, orphan = item("own", 1), item("other", 1, region=2), item("orphan", 1, region=9)
    everything = items_to_ship([own, other, orphan], HERE, True, (1, 2))
    rest = items_to_ship([own, other, orphan], HERE, False, (1, 2))
    assert [change.key.partition for change in everything.changes] == [b"own", b"other", b"orphan"]
    assert [change.key.partition for change in rest.changes] == [b"own", b"orphan"]


def view_of(*replicas: ReplicaSpec) -> CatalogView:
    view = CatalogView()
    view.apply(Delta(1, {"table/orders": encode_row(table_spec(3, "orders", *replicas))}, full=True))
    return view


def replica(region: str, status: ReplicaStatus, source: str = "", backfilled: tuple[int, ...] = ()) -> ReplicaSpec:
    return ReplicaSpec(RegionName(region), status, source, backfilled, 4)


# A replica that is leaving or never came gets nothing.
def test_only_replicas_that_stay_are_shipped_to() -> None:
    view = view_of(replica("region-b", ReplicaStatus.DELETING), replica("region-c", ReplicaStatus.CREATION_FAILED))
    assert destinations(view) == ()


# Who copies everything, who reports, and whose writes count as a member's, all come from the row.
def test_memberships_follow_the_row() -> None:
    view = view_of(
        replica("region-b", ReplicaStatus.CREATING, "region-a", (1,)), replica("region-c", ReplicaStatus.DELETING)
    )
    found = [
        memberships_of(view, destination="region-b", partition=PartitionId(n), region="region-a", numbers=NUMBERS)[0]
        for n in (1, 2)
    ]
    assert [each.awaits_backfill for each in found] == [False, True]
    assert (found[0].sends_everything, found[0].members, found[0].generation) == (True, (1, 2, 3), 4)
