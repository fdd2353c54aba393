"""Regions made of plain dictionaries around real shipper cores and the real merge rule, on one seed.

A partition here is a dict of items, a list of change records and a dict of cursors; everything written is applied at once. What is real
is what decides: `ShipperCore`, `changes_to_ship`, `items_to_ship`, `wins`. The network loses, repeats and reorders batches and
acknowledgements; leaders crash and start again from the cursors; change logs are trimmed; regions join and leave.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

import msgspec

from node.items.merging import wins
from node.partition.access import StoredItem
from node.partition.merges import FOLLOWS_MS_MAX
from node.replication import events as e
from node.replication.core import ShipperCore
from node.replication.cursors import Cursor
from node.replication.held import HeldItem, HeldRow, held_name, held_names
from node.replication.selection import REPLICATED, changes_to_ship, items_to_ship, present_to_ship
from node.replication.tombstones import Forgetting, Tombstone, forgettable
from wire.commands import Ahead, Change, ChangeRecord, HeldChange, Position
from wire.keys import ItemKey, key_hash, token_of
from wire.versions import HybridClock, Version

TABLE = 7
READ_RECORDS_MAX = 4
READ_ITEMS_MAX = 3
RETENTION_SECONDS = 200
SKEW_MS = 60_000
IN_FLIGHT_SECONDS_MAX = 60  # a link gives a connection up long before that


class WorldClock:
    """One clock for all regions, each of which sees it with its own error, which may change; but it never goes back."""

    def __init__(self, world: "World", error_ms: int) -> None:
        self._world = world
        self.error_ms = error_ms
        self._told_ms = 0

    def wall_ms(self) -> int:
        told_ms = 1_700_000_000_000 + int(self._world.now * 1000) + self.error_ms
        self._told_ms = max(self._told_ms, told_ms)
        return self._told_ms

    def set(self, error_ms: int) -> None:
        """Set the clock right or wrong, and as one whose node starts from nothing: it may go back."""
        self.error_ms, self._told_ms = error_ms, 0


@dataclass(slots=True)
class ModelPartition:
    """One partition of one region, with the state that a quorum would keep."""

    items: dict[ItemKey, StoredItem] = field(default_factory=dict)
    records: list[ChangeRecord] = field(default_factory=list)
    sequence: int = 0
    oldest: int = 1
    cursors: dict[tuple[str, int], bytes] = field(default_factory=dict)
    held: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: ItemKey, version: Version, body: bytes | None, region: int, recorded: bool) -> None:
        before = self.items.get(key)
        position = Position(key_hash(key.partition), key)
        self.items[key] = StoredItem(position, version, body is None, len(body or b""), body or b"")
        if recorded:
            self.sequence += 1
            flags = 0 if version.region == region else REPLICATED
            old = b"" if before is None else before.body
            self.records.append(
                ChangeRecord(
                    self.sequence, TABLE, 1, 2, key, version, old, body or b"", version.region, flags, version.wall_ms
                )
            )

    def merge(self, change: Change, region: int) -> bool:
        stored = self.items.get(change.key)
        if not wins(change.version, stored.version if stored else None):
            return False
        self.put(change.key, change.version, None if change.tombstone else change.body, region, True)
        return True

    def read(self, after: int) -> tuple[list[ChangeRecord], int]:
        page = [record for record in self.records if record.sequence > after][:READ_RECORDS_MAX]
        return page, page[-1].sequence if page else self.sequence

    def scan(self, after: Position | None) -> list[StoredItem]:
        ordered = sorted(self.items.values(), key=lambda item: _place(item.position))
        return [item for item in ordered if after is None or _place(item.position) > _place(after)][:READ_ITEMS_MAX]

    def trim(self, oldest: int) -> None:
        self.oldest = max(self.oldest, min(oldest, self.sequence + 1))
        self.records = [record for record in self.records if record.sequence >= self.oldest]


def _place(position: Position) -> tuple[bytes, bytes, bytes]:
    return position.hash, position.key.sort, position.key.partition


@dataclass(slots=True)
class ModelShipper:
    """A core with the effects it waits for."""

    core: ShipperCore
    source: "ModelRegion"
    partition: int
    destination: str
    pending: list[e.Effect] = field(default_factory=list)
    wake: float | None = None

    def step(self, event: e.Event, now: float) -> None:
        for effect in self.core.step(event, now):
            if isinstance(effect, e.WakeAt):
                self.wake = effect.time
            else:
                self.pending.append(effect)


@dataclass(slots=True, kw_only=True)
class Message:
    """A batch or an acknowledgement on its way."""

    shipper: ModelShipper
    batch: e.Send | None = None
    answer: e.Acknowledged | e.Refused | None = None
    due: float = 0.0


class ModelRegion:
    """One region: partitions, a clock, what it believes about the table's members."""

    def __init__(self, world: "World", name: str, number: int, partitions: int, error_ms: int) -> None:
        self.world = world
        self.name = name
        self.number = number
        self.partitions = [ModelPartition() for _ in range(partitions)]
        self.wall = WorldClock(world, error_ms)
        self.clock = HybridClock(self.wall, number)
        self.memberships: dict[str, e.Membership] = {}
        self.shippers: dict[tuple[int, str], ModelShipper] = {}
        self.catalog_version = 0
        self.holds_table = False
        self.forgetting: dict[int, Forgetting] = {}

    def set_clock(self, error_ms: int) -> None:
        """Let a node stamp from now on whose clock is wrong by so much."""
        self.wall.set(error_ms)
        self.clock = HybridClock(self.wall, self.number)

    def partition_of(self, key: ItemKey) -> int:
        return token_of(key_hash(key.partition)) * len(self.partitions) >> 64

    def write(self, key: ItemKey, body: bytes | None) -> None:
        """Put, or with None delete, as a leader evaluates it."""
        index = self.partition_of(key)
        partition = self.partitions[index]
        stored = partition.items.get(key)
        version = self.clock.stamp(stored.version if stored else None)
        partition.put(key, version, body, self.number, bool(self.memberships))
        newest = self.world.written.get(key)
        if newest is None or version > newest[0]:
            self.world.written[key] = (version, body or b"")
        self.notify(index)

    def receive(self, changes: tuple[Change, ...], ahead: Ahead) -> tuple[int, int, tuple[HeldChange, ...]]:
        applied = superseded = 0
        held: list[HeldChange] = []
        for change in changes:
            index = self.partition_of(change.key)
            partition = self.partitions[index]
            stored = partition.items.get(change.key)
            if not wins(change.version, stored.version if stored else None):
                superseded += 1
            elif ahead is Ahead.HOLD and (ahead_ms := self._too_far_ahead_ms(change, stored)):
                held.append(HeldChange(change.key, change.version, ahead_ms, ahead_ms - SKEW_MS))
            elif ahead is Ahead.OVERRULE and self._too_far_ahead_ms(change, stored):
                self._overrule(partition, change, stored)
                superseded += 1
                self.notify(index)
            else:
                partition.merge(change, self.number)
                applied += 1
                self.notify(index)
        return applied, superseded, tuple(held)

    def _too_far_ahead_ms(self, change: Change, stored: StoredItem | None) -> int:
        ahead_ms = self.clock.skew_ms(change.version)
        follows = stored is not None and change.version.wall_ms - stored.version.wall_ms <= FOLLOWS_MS_MAX
        return 0 if ahead_ms <= SKEW_MS or follows else ahead_ms

    def _overrule(self, partition: ModelPartition, change: Change, stored: StoredItem | None) -> None:
        version = Version(change.version.time + 1, self.number)
        body = None if stored is None or stored.tombstone else stored.body
        partition.put(change.key, version, body, self.number, True)
        self.world.written[change.key] = (version, body or b"")

    def notify(self, index: int) -> None:
        for shipper in self.shippers_of(index):
            shipper.step(e.ChangesApplied(tables=(TABLE,), latest=self.partitions[index].sequence), self.world.now)

    def shippers_of(self, index: int) -> Iterator[ModelShipper]:
        return (shipper for (number, _), shipper in self.shippers.items() if number == index)

    def lead(self, index: int, destination: str) -> None:
        """Start a shipper as a new leader does."""
        core = ShipperCore(
            catalog_version=self.catalog_version, backoff_seconds_max=2.0, batch_ids=self.world.batch_ids
        )
        shipper = ModelShipper(core, self, index, destination)
        self.shippers[index, destination] = shipper
        self.tell_tables(shipper)
        shipper.step(self.world.link(self.name, destination), self.world.now)

    def tell_tables(self, shipper: ModelShipper) -> None:
        membership = self.memberships.get(shipper.destination)
        shipper.step(e.TablesChanged(memberships=(membership,) if membership else ()), self.world.now)

    def crash(self, index: int) -> None:
        """Lose a leader: whatever was not replicated state is gone, what it had sent may still arrive."""
        self.forgetting.pop(index, None)
        for number, destination in list(self.shippers):
            if number == index:
                self.lead(index, destination)

    def forget(self, tombstones: tuple[Tombstone, ...]) -> None:
        """Remove tombstones, each only if it is still stored at that version."""
        for tombstone in tombstones:
            items = self.partitions[self.partition_of(tombstone.key)].items
            stored = items.get(tombstone.key)
            if stored is not None and stored.tombstone and stored.version == tombstone.version:
                del items[tombstone.key]

    def sweep(self, index: int) -> None:
        """Take one step of letting the tombstones of a partition go."""
        under_way = self.forgetting.get(index)
        if under_way is None:
            self._begin_sweep(index)
        elif under_way.may_forget_here:
            self.forget(under_way.tombstones)
            del self.forgetting[index]
        else:
            destination = under_way.waiting[0]
            if (self.name, destination) not in self.world.cut:
                self.world.regions[destination].forget(under_way.tombstones)
                under_way.confirmed(destination)

    def _begin_sweep(self, index: int) -> None:
        shippers = [self.shippers[index, destination] for destination in self.memberships]
        if not shippers or not all(shipper.core.is_settled(TABLE) for shipper in shippers):
            return
        members = next(iter(self.memberships.values())).members
        before_ms = WorldClock(self.world, 0).wall_ms() - RETENTION_SECONDS * 1000
        found = forgettable(
            self.partitions[index].items.values(), region=self.number, members=members, written_before_ms=before_ms
        )
        if found:
            self.forgetting[index] = Forgetting(found, self.memberships)


class World:
    """All regions, the network between them, and the seed that decides what happens next."""

    def __init__(self, seed: int, names: tuple[str, ...] = ("a", "b", "c"), partitions: int = 2) -> None:
        self.random = Random(seed)
        self.now = 100.0
        self.batch_ids = count(1)
        self.messages: list[Message] = []
        self.cut: set[tuple[str, str]] = set()
        self.paused: set[tuple[str, str]] = set()
        self.version = 0
        self.bodies = count(1)
        self.written: dict[ItemKey, tuple[Version, bytes]] = {}  # the newest write of every key, wherever it was made
        self.regions = {
            name: ModelRegion(self, name, number, partitions, self.random.randrange(-5000, 5000))
            for number, name in enumerate(names, 1)
        }
        for region in self.regions.values():
            for destination in self.regions:
                if destination != region.name:
                    for index in range(len(region.partitions)):
                        region.lead(index, destination)

    # Membership

    def form(self, *names: str) -> None:
        """Make a global table of empty or filled regional tables."""
        for name in names:
            self.regions[name].holds_table = True
        self._agree()

    def join(self, name: str, source: str) -> None:
        """Add a region, which `source` copies everything to."""
        self.regions[name].holds_table = True
        self._agree(source=source, joined=name)

    def leave(self, name: str) -> None:
        """Remove a region and all it has."""
        region = self.regions[name]
        region.holds_table = False
        region.memberships.clear()
        for index in range(len(region.partitions)):
            region.partitions[index] = ModelPartition()
        self._agree()

    def _agree(self, source: str = "", joined: str = "") -> None:
        self.version += 1
        members = tuple(region.number for region in self.regions.values() if region.holds_table)
        for region in self.regions.values():
            region.catalog_version = self.version
            region.forgetting.clear()
            others = [other for other in self.regions.values() if other.holds_table and other is not region]
            before = region.memberships
            region.memberships = {
                other.name: self._membership(region, other.name, members, source, joined, before)
                for other in (others if region.holds_table else [])
            }
            for shipper in region.shippers.values():
                region.tell_tables(shipper)

    def _membership(
        self,
        region: ModelRegion,
        other: str,
        members: tuple[int, ...],
        source: str,
        joined: str,
        before: dict[str, e.Membership],
    ) -> e.Membership:
        known = before.get(other)
        is_source = region.name == source and other == joined
        return e.Membership(
            table=TABLE,
            name="table",
            global_table_id="global",
            generation=known.generation if known else self.version,
            members=members,
            sends_everything=is_source or (known is not None and known.sends_everything),
            awaits_backfill=is_source,
        )

    # Faults

    def link(self, source: str, destination: str) -> e.LinkChanged:
        is_cut = (source, destination) in self.cut
        return e.LinkChanged(is_connected=not is_cut, is_paused=(source, destination) in self.paused)

    def set_link(self, source: str, destination: str, *, cut: bool = False, paused: bool = False) -> None:
        """Break or mend a link; cutting loses what is on its way."""
        for links, wanted in ((self.cut, cut), (self.paused, paused)):
            (links.add if wanted else links.discard)((source, destination))
        if cut:
            self.messages = [each for each in self.messages if not self._is_between(each, source, destination)]
        for shipper in self.regions[source].shippers.values():
            if shipper.destination == destination:
                shipper.step(self.link(source, destination), self.now)

    def _is_between(self, message: Message, source: str, destination: str) -> bool:
        return message.shipper.source.name == source and message.shipper.destination == destination

    # Running

    def shippers(self) -> list[ModelShipper]:
        return [shipper for region in self.regions.values() for shipper in region.shippers.values()]

    def advance(self, seconds: float) -> None:
        """Let time pass and wake whoever asked for it; what has been on its way for too long never arrives."""
        self.now += seconds
        self.messages = [each for each in self.messages if each.due > self.now - IN_FLIGHT_SECONDS_MAX]
        for shipper in self.shippers():
            if shipper.wake is not None and shipper.wake <= self.now:
                shipper.wake = None
                shipper.step(e.Ticked(), self.now)

    def run_effect(self, shipper: ModelShipper) -> None:
        """Carry out the oldest effect a shipper waits for."""
        if shipper.pending:
            self._run(shipper, shipper.pending.pop(0))

    def _run(self, shipper: ModelShipper, effect: e.Effect) -> None:  # noqa: PLR0912  # one branch per effect
        partition = shipper.source.partitions[shipper.partition]
        name = (shipper.destination, TABLE)
        match effect:
            case e.LoadCursor():
                stored = partition.cursors.get(name)
                cursor = Cursor.decode(stored) if stored else None
                held = self._held_rows(shipper, partition)
                shipper.step(e.CursorLoaded(table=TABLE, cursor=cursor, held=held), self.now)
            case e.AwaitBarrier():
                shipper.step(
                    e.BarrierPassed(table=TABLE, generation=effect.generation, latest=partition.sequence), self.now
                )
            case e.ReadRecords():
                self._read_records(shipper, partition, effect)
            case e.ReadItems():
                self._read_items(shipper, partition, effect)
            case e.Send():
                self.messages.append(Message(shipper=shipper, batch=effect, due=effect.due))
            case e.StoreCursor():
                self._store_cursor(shipper, partition, effect)
            case e.StoreHeld():
                self._store_held(shipper, partition, effect)
            case e.DropHeld():
                for item in effect.items:
                    partition.held.pop(held_name(shipper.destination, TABLE, item), None)
            case e.ReadHeld():
                self._read_held(shipper, partition, effect)
            case e.ReportBackfill():
                shipper.step(
                    e.BackfillRecorded(table=TABLE, generation=effect.membership.generation, is_recorded=True), self.now
                )
            case e.ResetLink():
                shipper.step(e.LinkChanged(is_connected=False), self.now)
                shipper.step(self.link(shipper.source.name, shipper.destination), self.now)
            case e.WakeAt():
                raise AssertionError("waking is not queued")

    def _read_records(self, shipper: ModelShipper, partition: ModelPartition, effect: e.ReadRecords) -> None:
        records, through = partition.read(effect.after)
        shipper.step(
            e.ChangesRead(
                table=TABLE,
                shipment=changes_to_ship(records, partition.items.get, shipper.source.number),
                after=effect.after,
                through=through,
                oldest=partition.oldest,
                latest=partition.sequence,
                has_more=bool(records),
                read_ms=shipper.source.wall.wall_ms(),
            ),
            self.now,
        )

    def _read_items(self, shipper: ModelShipper, partition: ModelPartition, effect: e.ReadItems) -> None:
        items = partition.scan(effect.after)
        shipper.step(
            e.ItemsRead(
                table=TABLE,
                shipment=items_to_ship(items, shipper.source.number, effect.everything, effect.members),
                after=effect.after,
                through=items[-1].position if items else effect.after,
                members=effect.members,
                is_last=len(items) < READ_ITEMS_MAX,
            ),
            self.now,
        )

    def _store_cursor(self, shipper: ModelShipper, partition: ModelPartition, effect: e.StoreCursor) -> None:
        name = (shipper.destination, TABLE)
        if effect.cursor is None:
            partition.cursors.pop(name, None)
            return
        is_stored = self.random.random() < 0.9
        if is_stored:
            partition.cursors[name] = effect.cursor.encode()
        shipper.step(e.CursorStored(table=TABLE, cursor=effect.cursor, is_stored=is_stored), self.now)

    def _held_rows(self, shipper: ModelShipper, partition: ModelPartition) -> tuple[HeldItem, ...]:
        rows = [row for name, row in partition.held.items() if name.startswith(held_names(shipper.destination, TABLE))]
        now_ms = shipper.source.wall.wall_ms()
        return tuple(msgspec.msgpack.decode(row, type=HeldRow).item(self.now, now_ms) for row in rows)

    def _store_held(self, shipper: ModelShipper, partition: ModelPartition, effect: e.StoreHeld) -> None:
        is_stored = self.random.random() < 0.9
        now_ms = shipper.source.wall.wall_ms()
        for item in effect.items if is_stored else ():
            row = msgspec.msgpack.encode(HeldRow.of(item, self.now, now_ms))
            partition.held[held_name(shipper.destination, TABLE, item)] = row
        stored = e.HeldStored(table=TABLE, batch=effect.batch, items=effect.items, is_stored=is_stored)
        shipper.step(stored, self.now)

    def _read_held(self, shipper: ModelShipper, partition: ModelPartition, effect: e.ReadHeld) -> None:
        found = [(item, partition.items.get(item.key)) for item in effect.items]
        present = [stored for item, stored in found if stored is not None and stored.version == item.version]
        gone = tuple(item for item, stored in found if stored is None or stored.version != item.version)
        shipment = present_to_ship(present)
        shipper.step(e.HeldRead(table=TABLE, shipment=shipment, gone=gone, ahead=effect.items[0].ahead), self.now)

    def deliver(self, message: Message, *, repeat: bool = False) -> None:
        """Let one message arrive; a batch puts its answer on the way back."""
        if not repeat:
            self.messages.remove(message)
        if message.answer is not None:
            message.shipper.step(message.answer, self.now)
            return
        assert message.batch is not None
        destination = self.regions[message.shipper.destination]
        self.messages.append(Message(shipper=message.shipper, answer=self._answer(destination, message), due=self.now))

    def _answer(self, destination: ModelRegion, message: Message) -> e.Acknowledged | e.Refused:
        assert message.batch is not None
        batch, source = message.batch, message.shipper.source
        if not destination.holds_table or source.name not in destination.memberships:
            return e.Refused(batch=batch.batch, reason="ResourceNotFoundException")
        applied, superseded, held = destination.receive(batch.changes, batch.ahead)
        return e.Acknowledged(batch=batch.batch, applied=applied, superseded=superseded, held=held)

    def settle(self, seconds: float = 120.0) -> None:
        """Mend everything, lose nothing any more, and run until nobody has anything to do."""
        for source in self.regions:
            for destination in self.regions:
                if source != destination:
                    self.set_link(source, destination)
        end = self.now + seconds
        while self.now < end:
            self.drain()
            self.advance(0.25)
        self.drain()

    def drain(self) -> None:
        """Carry out every effect and deliver every message until there is none left."""
        for _ in range(100_000):
            busy = [shipper for shipper in self.shippers() if shipper.pending]
            for shipper in busy:
                self.run_effect(shipper)
            ready = [message for message in self.messages if message.due <= self.now]
            for message in ready:
                self.deliver(message)
            if not busy and not ready:
                return
        raise AssertionError("the shippers never come to rest")

    # Checks

    def live(self, name: str) -> dict[ItemKey, tuple[Version, bytes]]:
        """Return the items that a reader in a region would see."""
        return {key: held for key, held in self.contents(name).items() if held[1]}

    def tombstones(self) -> int:
        """Return how many tombstones all regions hold together."""
        return sum(not body for name in self.regions for _, body in self.contents(name).values())

    def contents(self, name: str) -> dict[ItemKey, tuple[Version, bytes]]:
        """Return what a region holds, tombstones included."""
        region = self.regions[name]
        return {
            key: (item.version, b"" if item.tombstone else item.body)
            for partition in region.partitions
            for key, item in partition.items.items()
        }

    def assert_converged(self) -> None:
        """Every region that holds the table holds the same, to the byte and the version."""
        holders = [region.name for region in self.regions.values() if region.holds_table]
        first = self.contents(holders[0])
        for name in holders[1:]:
            other = self.contents(name)
            wrong = [key for key in {*first, *other} if first.get(key) != other.get(key)]
            assert not wrong, f"{holders[0]} and {name} differ in {sorted(wrong)[:3]}"

    def assert_newest(self) -> None:
        """Every region holds, of every key, the newest write there ever was: none is lost, no delete is undone."""
        for region in self.regions.values():
            assert self.contents(region.name) == self.written, region.name

    def assert_lag_is_told(self) -> None:
        """Nobody says that nothing lags while records wait, unless they have only just come."""
        for shipper in self.shippers():
            before, after = (shipper.core.report(self.now + seconds) for seconds in (0.0, 1.0))
            assert after.lag_seconds >= 1.0 or not before.pending_records, before

    def release(self, ahead: Ahead) -> None:
        """Have an operator's decision carried out everywhere."""
        for shipper in self.shippers():
            shipper.step(e.Released(ahead=ahead), self.now)

    def held(self) -> int:
        """Return how many changes all shippers remember as held back, which their rows must say as well."""
        for region in self.regions.values():
            rows = sum(len(partition.held) for partition in region.partitions)
            assert rows == sum(shipper.core.report(self.now).held for shipper in region.shippers.values())
        return sum(shipper.core.report(self.now).held for shipper in self.shippers())

    def assert_quiet(self) -> None:
        """Nobody is behind, and every cursor is stored up to the end."""
        for shipper in self.shippers():
            report = shipper.core.report(self.now)
            assert (report.pending_records, report.lag_seconds, report.backfilling_tables) == (0, 0, 0), report
