"""A region's store for gateway tests: merges into a dictionary, one per partition, and can be told to fail."""

from collections import deque

from node.items.merging import wins
from wire.catalog import CatalogView, Delta, NodeId, PartitionId, Placement, ReplicaPlacement, encode_row
from wire.catalog_changes import CatalogChange, Decided
from wire.commands import Change, Command, Merge, Merged, Outcome
from wire.errors import StoreError
from wire.keys import ItemKey, key_hash, split_ring, token_of
from wire.tables import (
    KeyAttribute,
    KeySchema,
    RegionName,
    ReplicaSpec,
    ReplicaStatus,
    StreamSpec,
    StreamViewType,
    TableNumber,
    TableSpec,
    TableStatus,
)
from wire.versions import Version

HASH_ONLY = KeySchema(KeyAttribute("id", "S"))


def table_spec(number: int = 3, name: str = "orders", *replicas: ReplicaSpec) -> TableSpec:
    """Return an ACTIVE table with a stream; replicated to `replicas`, or to region-b when none is named."""
    return TableSpec(
        number=TableNumber(number),
        name=name,
        table_id=f"id-{name}",
        status=TableStatus.ACTIVE,
        key_schema=HASH_ONLY,
        created_ms=1,
        stream=StreamSpec(StreamViewType.NEW_AND_OLD_IMAGES, "label", 1, 1),
        replicas=replicas or (ReplicaSpec(RegionName("region-b"), ReplicaStatus.ACTIVE, generation=1),),
        global_table_id="global-1",
    )


def placements(count: int) -> tuple[Placement, ...]:
    """Return `count` data partitions that cover the ring."""
    replica = (ReplicaPlacement(1, NodeId("n1")),)
    ranges = enumerate(split_ring(count), 1)
    return tuple(Placement(PartitionId(number), span.lower, span.upper, 1, replica) for number, span in ranges)


def change_of(name: str, time: int = 1, region: int = 2, body: bytes = b'{"id":{"S":"x"}}') -> Change:
    """Return a change of the item `name`; an empty body makes it a tombstone."""
    return Change(ItemKey(name.encode()), Version(time, region), not body, len(body), body)


class FakeStore:
    """Satisfy `router.operations.store.Store` as far as a gateway uses it."""

    def __init__(self, *tables: TableSpec, partitions: int = 4) -> None:
        self._view = CatalogView()
        self._placements = placements(partitions)
        rows = {f"table/{table.name}": encode_row(table) for table in tables}
        rows |= {f"placement/{each.partition}": encode_row(each) for each in self._placements}
        self._view.apply(Delta(1, dict(rows), full=True))
        self.merged: dict[PartitionId, list[Merge]] = {}
        self.items: dict[tuple[int, ItemKey], Change] = {}
        self.changes: list[CatalogChange] = []
        self.failures: deque[StoreError] = deque()  # raised by the next commands, one each

    @property
    def view(self) -> CatalogView:
        return self._view

    @property
    def region(self) -> str:
        return "region-a"

    def partitions(self, lower: int, upper: int) -> tuple[Placement, ...]:
        return tuple(each for each in self._placements if each.upper > lower and each.lower < upper)

    async def execute(self, token: int, command: Command, *, deadline: float) -> Outcome:
        placement = next(each for each in self._placements if each.lower <= token < each.upper)
        return await self.execute_on(placement.partition, command, deadline=deadline)

    async def execute_on(self, partition: PartitionId, command: Command, *, deadline: float) -> Outcome:
        assert isinstance(command, Merge)
        if self.failures:
            raise self.failures.popleft()
        placement = next(each for each in self._placements if each.partition == partition)
        for change in command.changes:
            token = token_of(key_hash(change.key.partition))
            assert placement.lower <= token < placement.upper, "a change came to a partition that does not hold its key"
        self.merged.setdefault(partition, []).append(command)
        return self._merge(command)

    async def change(self, change: CatalogChange, *, deadline: float) -> Decided:
        if self.failures:
            raise self.failures.popleft()
        self.changes.append(change)
        return Decided(7)

    def _merge(self, command: Merge) -> Merged:
        applied = superseded = 0
        if command.forgets:
            return self._forget(command)
        for change in command.changes:
            stored = self.items.get((command.table, change.key))
            if wins(change.version, stored.version if stored else None):
                self.items[command.table, change.key] = change
                applied += 1
            elif stored is not None and stored.version > change.version:
                superseded += 1
        return Merged(applied, superseded)

    def _forget(self, command: Merge) -> Merged:
        places = [(command.table, change.key) for change in command.changes]
        held = [self.items.get(place) for place in places]
        gone = [
            place
            for place, stored, change in zip(places, held, command.changes, strict=True)
            if stored is not None and stored.tombstone and stored.version == change.version
        ]
        for place in gone:
            del self.items[place]
        return Merged(len(gone), 0)
