"""A whole region of real node drivers on one seed: simulated time, network, disks and crashes.

What is real: cores, drivers, machines, logs, snapshots. What is simulated: the event loop's time, each node's clocks, the
network (loss, delay, duplication, reordering, cuts), the writer (delay, lost unsynced batches, full disks) and crashes.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from node.clocks.exchange import ClockStamp
from node.consensus.types import Message, ReplicaId
from node.joining.joiner import Joiner
from node.partition.node_driver import NodeDriver
from node.partition.page_turns import PageTurnsSpec
from node.partition.parts import NodeParts
from node.partition.quarantine import REFUSED, Permit
from node.partition.settings import NodeSettings, PartitionConfig
from node.partition.stored_log import found_to
from node.partition.transport import SnapshotRefusedError
from node.storage.batch import WriteBatch
from node.storage.disk import Disk
from node.storage.engine import EngineUsage, Snapshot, Space
from node.storage.errors import StorageFull
from node.storage.layout import LOCAL_STATE, state_key
from node.storage.memory_engine import MemoryEngine
from tests.support.partition_joining import identity_of, joiner_of
from tests.support.virtual_loop import VirtualLoop
from wire.catalog import CatalogView, NodeId, PartitionId, Placement, ReplicaPlacement
from wire.commands import Command, Failed, NotLeader, Outcome, Request
from wire.errors import ErrorCode
from wire.keys import RING_TOKENS
from wire.tables import TableSpec

PARTITION = PartitionId(1)
TICK_MS = 10
LATE_SECONDS_MAX = 0.6
PLENTY_BYTES = 1 << 40
NO_ANSWER = Failed(ErrorCode.UNKNOWN_OUTCOME, "the node crashed")


class NodeClock:
    """A node's clocks: a little fast or slow, and wrong on the wall."""

    def __init__(self, loop: VirtualLoop, rate: float, wall_offset_ms: int) -> None:
        self._loop = loop
        self._rate = rate
        self._wall_offset_ms = wall_offset_ms
        self.shift_ms = 0

    def monotonic(self) -> float:
        return self._loop.time() * self._rate

    def wall_ms(self) -> int:
        return 1_700_000_000_000 + self._wall_offset_ms + self.shift_ms + int(self._loop.time() * 1_000)

    def wall(self) -> float:
        return self.wall_ms() / 1_000


class SimulatedWriter:
    """Writes batches in groups after a while, unless the node crashes first or the disk is full."""

    def __init__(self, node: "SimulatedNode", rng: random.Random) -> None:
        self._node = node
        self._engine = node.engine
        self._loop = node.region.loop
        self._rng = rng
        self._waiting: list[tuple[WriteBatch, asyncio.Future[None]]] = []
        self._is_scheduled = False
        self.is_crashed = False
        self.is_full = False

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((batch, future))
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_later(self._rng.uniform(0.0002, 0.004) + (0.005 if lazy else 0), self._commit)
        return future

    def _commit(self) -> None:
        self._is_scheduled = False
        waiting, self._waiting = self._waiting, []
        if self.is_crashed:
            return
        if self.is_full:
            for _, future in waiting:
                if not future.done():
                    future.set_exception(StorageFull("simulated"))
            return
        with self._engine.transaction() as transaction:
            for batch, _ in waiting:
                batch.apply(transaction)
        # Durable now; but a crash may come before anybody hears of it.
        delay_seconds = self._rng.uniform(0, 0.001)
        self._loop.call_later(delay_seconds, lambda: self._node.hear(lambda: self._tell(waiting)))

    def _tell(self, waiting: list[tuple[WriteBatch, asyncio.Future[None]]]) -> None:
        if self.is_crashed:
            return
        for batch, future in waiting:
            for notice in batch.on_commit:
                notice()
            if not future.done():
                future.set_result(None)


class RoomyEngine:
    """A memory engine on a disk of which a test says how much is free; the writer decides whether the disk is full."""

    def __init__(self) -> None:
        self._engine = MemoryEngine()
        self.disk_free_bytes = PLENTY_BYTES

    def snapshot(self) -> Snapshot:
        return self._engine.snapshot()

    def write(self, body: Any) -> Any:
        return self._engine.write(body)

    def transaction(self) -> Any:
        return self._engine.transaction()

    def usage(self) -> EngineUsage:
        return EngineUsage(used_bytes=0, map_bytes=0, disk_free_bytes=self.disk_free_bytes)

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad the network is."""

    loss: float = 0.02
    duplication: float = 0.02
    delay_seconds_max: float = 0.004
    late: float = 0.0
    """How many messages are on their way for up to LATE_SECONDS_MAX."""


CALM = Weather(loss=0.0, duplication=0.0, delay_seconds_max=0.001)


@dataclass
class Catalog:
    view: CatalogView = field(default_factory=CatalogView)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that has reached a node."""

    node: "SimulatedNode"
    message: Message
    sender: NodeId
    life: tuple[str, int]
    stamp: ClockStamp | None

    def __call__(self) -> None:
        if self.stamp is not None and self.node.driver is not None:
            self.node.driver.clock_heard(self.sender, self.stamp)
        if self.node.joiner is not None and self.node.joiner.fence.admits(self.sender, *self.life):
            self.node.deliver(self.message)


class SimulatedNode:
    """One life of a node after another, on one disk."""

    def __init__(self, region: "SimulatedRegion", node: NodeId) -> None:
        self.region = region
        self.node = node
        self.engine = RoomyEngine()
        self.driver: NodeDriver | None = None
        self.writer: SimulatedWriter | None = None
        self.joiner: Joiner | None = None
        self.clock: NodeClock | None = None
        self.shift_ms = 0
        self._disk: Disk | None = None
        self._life: asyncio.Task[None] | None = None
        self._stalled: list[Callable[[], None]] | None = None

    def start(self) -> None:
        region, rng = self.region, self.region.rng
        clock = NodeClock(region.loop, rng.uniform(0.97, 1.03), rng.randrange(-2_000, 2_000))
        clock.shift_ms = self.shift_ms
        self.clock = clock
        self.writer = SimulatedWriter(self, rng)
        disk = self._disk = Disk(self.engine, identity_of(self.node))
        parts = NodeParts(
            node=self.node,
            region_number=1,
            engine=self.engine,
            writer=self.writer,
            catalog=region.catalog_of(self.node),
            catalog_machine=None,
            transport=self,
            snapshots=self,
            permits=self,
            clock=clock,
            has_peers=region.has_clocks,
            random=random.Random(rng.randrange(1 << 30)),
            on_fatal=region.fatal.append,
            lives=disk,
        )
        driver = self.driver = NodeDriver(parts, region.settings)
        # A slice is one record here, and much may happen until the next: no real turn of a loop is over in no time.
        driver.pages._wake = lambda: self._wake_pages(driver)
        self.joiner = joiner_of(self, driver, disk)
        self._life = region.loop.create_task(self._live(driver, self.joiner))

    async def _live(self, driver: NodeDriver, joiner: Joiner) -> None:
        await joiner.join()
        driver.on_leadership(lambda _: self.region.led(self), lambda _: None)
        driver.start(self.region.catalog_of(self.node).view.placements.values())
        await joiner.run()

    def found(self, founding: dict[NodeId, str]) -> None:
        """Begin this node's replicas as a founder of the region."""
        batch = WriteBatch()
        Disk(self.engine, identity_of(self.node)).found_to(batch, founding)
        found_to(batch, self.engine, self.node, self.region.catalog_of(self.node).view.placements.values())
        self.engine.write(batch.apply)

    def _wake_pages(self, driver: NodeDriver) -> None:
        delay_seconds = self.region.rng.choice((0.0, 0.001, 0.01))
        self.region.loop.call_later(delay_seconds, self.hear, lambda: self._read_pages(driver))

    def _read_pages(self, driver: NodeDriver) -> None:
        if self.driver is driver:
            driver._read_pages()

    def stall(self, seconds: float) -> None:
        """Stop the process for a while: it hears nothing, and its timers run late; its clock goes on."""
        # Only a test stalls a node, so the driver has no way of its own to be stalled.
        if self._stalled is None and self.driver is not None and self.driver._timer is not None:
            self._stalled = []
            self.driver._timer.cancel()
            self.region.loop.call_later(seconds, self._resume, self.driver)

    def hear(self, event: Callable[[], None]) -> None:
        """Have something happen to this node now, or when it goes on."""
        if self._stalled is None:
            event()
        else:
            self._stalled.append(event)

    def _resume(self, driver: NodeDriver) -> None:
        if self.driver is not driver:
            # It crashed meanwhile, and what it did not hear is lost.
            return
        stalled, self._stalled = self._stalled or [], None
        # The worst order there is: who waited longest knows least of what has happened since.
        stalled.sort(key=lambda event: isinstance(event, Heard))
        for event in stalled:
            event()
        driver._tick()

    async def crash(self) -> None:
        """Lose everything that is not durable, and everybody who waits."""
        driver, writer, life = self.driver, self.writer, self._life
        self.driver = self.joiner = self._stalled = self._life = None
        if life is not None:
            life.cancel()
        if writer is not None:
            writer.is_crashed = True
        if driver is not None and driver.is_started:
            await driver.stop()

    async def replace_disk(self, engine: RoomyEngine) -> None:
        """Crash, and have another disk in place of this one from now on; it is not started."""
        while self.driver is not None:
            # Whatever else goes wrong may have started it while the crash took its time.
            await self.crash()
        self.engine = engine

    def mend(self) -> None:
        """Let there be space on the disk again, or a node at all."""
        self.engine.disk_free_bytes = PLENTY_BYTES
        if self.writer is not None:
            self.writer.is_full = False
        if self.driver is None:
            self.start()

    def send(self, node: NodeId, partition: PartitionId, message: Message) -> None:
        region, rng = self.region, self.region.rng
        weather = region.weather
        assert self._disk is not None
        life = (self._disk.disk, self._disk.life)
        copies = 1 + (rng.random() < weather.duplication) - (rng.random() < weather.loss)
        for _ in range(copies):
            # No draw where nothing is late, so that seeds keep their meaning.
            is_late = weather.late > 0 and rng.random() < weather.late
            delay_seconds = rng.uniform(0.0001, LATE_SECONDS_MAX if is_late else weather.delay_seconds_max)
            region.loop.call_later(delay_seconds, self._arrive, node, message, life, self._stamp(node))

    def _stamp(self, node: NodeId) -> ClockStamp | None:
        return self.driver.clock_stamp(node) if self.region.has_clocks and self.driver is not None else None

    def _arrive(self, node: NodeId, message: Message, life: tuple[str, int], stamp: ClockStamp | None) -> None:
        receiver = self.region.nodes[node]
        if (self.node, node) not in self.region.cut:
            receiver.hear(Heard(receiver, message, self.node, life, stamp))

    def set_clock(self, shift_ms: int) -> None:
        """Set the wall clock wrong by so much, over restarts too."""
        self.shift_ms = shift_ms
        if self.clock is not None:
            self.clock.shift_ms = shift_ms

    def deliver(self, message: Message) -> None:
        if self.driver is not None:
            self.driver.deliver(PARTITION, message)

    async def send_snapshot(
        self, node: NodeId, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]
    ) -> None:
        receiver = self.region.nodes[node].driver
        if receiver is None or (self.node, node) in self.region.cut:
            raise SnapshotRefusedError(f"{node} cannot be reached")
        self.region.counts["snapshots"] += 1
        await receiver.install_snapshot(partition, message, self._carried(chunks))

    async def ask_permit(self, node: NodeId, partition: PartitionId, replica: int) -> Permit:
        """Ask another node whether a damaged replica may begin anew; the answer may be lost on its way."""
        rng = self.region.rng
        for sender, receiver in ((self.node, node), (node, self.node)):
            await asyncio.sleep(rng.uniform(0.0001, self.region.weather.delay_seconds_max))
            if (sender, receiver) in self.region.cut or rng.random() < self.region.weather.loss:
                return REFUSED
            if receiver == node:
                driver = self.region.nodes[node].driver
                permit = REFUSED if driver is None else driver.permit(partition, ReplicaId(replica))
        return permit

    async def ask_checkpoint(self, node: NodeId, partition: PartitionId) -> bytes:
        """Ask another node what its replica held at its last checkpoint."""
        await asyncio.sleep(self.region.rng.uniform(0.0001, self.region.weather.delay_seconds_max))
        driver = self.region.nodes[node].driver
        return b"" if driver is None or (self.node, node) in self.region.cut else driver.checkpoint(partition)

    async def _carried(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            await asyncio.sleep(self.region.rng.uniform(0, 0.01))
            if self.region.rng.random() < self.region.weather.loss:
                raise SnapshotRefusedError("the stream broke")
            yield chunk


class SimulatedRegion:
    """Three nodes with one partition, and what goes wrong with them."""

    def __init__(self, loop: VirtualLoop, seed: int, *tables: TableSpec, lease_reads: bool = True) -> None:
        self.loop = loop
        self.rng = random.Random(seed)
        self.settings = NodeSettings(
            tick_ms=TICK_MS,
            lease_reads=lease_reads,
            log_entries_kept=8,
            log_bytes_kept=2_000,
            partition=PartitionConfig(turn_requests_max=8),
            pages=PageTurnsSpec(slice_seconds=0.0, turn_seconds=0.0, slice_weight=1),
        )
        self.has_clocks = False
        """Whether nodes tell each other their clocks, so that one whose clock is wrong is known."""
        self.weather = Weather()
        self.catalog = Catalog()
        self.cut: set[tuple[NodeId, NodeId]] = set()
        self.fatal: list[BaseException] = []
        self.counts = {
            "snapshots": 0,
            "crashes": 0,
            "stalls": 0,
            "full": 0,
            "acknowledged": 0,
            "unknown": 0,
            "scanned": 0,
        }
        names = [NodeId(f"n{number}") for number in (1, 2, 3)]
        replicas = tuple(ReplicaPlacement(number, node) for number, node in enumerate(names, 1))
        view = self.catalog.view
        view.placements[PARTITION] = Placement(PARTITION, 0, RING_TOKENS, 1, replicas)
        view.tables_by_number.update({table.number: table for table in tables})
        view.version = 1
        self.nodes = {node: SimulatedNode(self, node) for node in names}
        self.request_id = 0
        self._leaders: dict[int, NodeId] = {}
        self._asked: dict[int, NodeDriver] = {}

    def start(self) -> None:
        founding = {name: Disk(node.engine, identity_of(name)).disk for name, node in self.nodes.items()}
        for node in self.nodes.values():
            node.found(founding)
            node.start()

    def led(self, node: SimulatedNode) -> None:
        """Note that a node leads: in one term only one ever does."""
        replica = node.driver.replica(PARTITION) if node.driver is not None else None
        if replica is not None:
            term = replica.core.term_led
            leader = self._leaders.setdefault(term, node.node)
            assert leader == node.node, f"both {leader} and {node.node} lead in term {term}"

    def catalog_of(self, node: NodeId) -> Catalog:
        """Return the catalog as a node knows it: here all know the same."""
        return self.catalog

    async def ask(self, node: NodeId, command: Command) -> Outcome:
        """Send a command to a node and wait for its outcome, sometimes longer than the node may work on it."""
        driver = self.nodes[node].driver
        if driver is None:
            return NotLeader("")
        self.request_id += 1
        timeout_ms = self.rng.choice((50, 500))
        future: asyncio.Future[Outcome] = self.loop.create_future()
        outcomes: list[Outcome] = []

        def done(number: int, outcome: Outcome) -> None:
            self._asked.pop(number, None)
            outcomes.append(outcome)
            assert len(outcomes) == 1, f"answered more than once: {outcomes}"
            if not future.done():
                future.set_result(outcome)

        request = Request(self.request_id, PARTITION, 1, timeout_ms, command)
        self._asked[request.id] = driver
        self.nodes[node].hear(lambda: driver.submit(request, done))
        try:
            async with asyncio.timeout(1.2 * timeout_ms / 1_000):
                return await future
        except TimeoutError:
            return NO_ANSWER

    @property
    def is_asked(self) -> bool:
        """Tell whether a node works on something that somebody has asked, or may still begin to."""
        drivers = [node.driver for node in self.nodes.values()]
        return any(driver in drivers for driver in self._asked.values())

    async def crash(self, node: NodeId) -> None:
        self.counts["crashes"] += 1
        await self.nodes[node].crash()

    def isolate(self, node: NodeId, *, one_way: bool) -> None:
        for other in self.nodes:
            if other != node:
                self.cut.add((node, other))
                if not one_way:
                    self.cut.add((other, node))

    @property
    def leader(self) -> NodeId | None:
        """Return a node that believes to lead, if any does."""
        for node in self.nodes.values():
            replica = node.driver.replica(PARTITION) if node.driver is not None else None
            if replica is not None and replica.is_ready:
                return node.node
        return None

    def heal(self) -> None:
        """Everything works from now on."""
        self.cut.clear()
        self.weather = CALM
        for node in self.nodes.values():
            node.set_clock(0)
            node.mend()

    async def stop(self) -> None:
        for node in self.nodes.values():
            await node.crash()

    def rows(self, node: NodeId, space: Space) -> dict[bytes, bytes]:
        """Return what a replica holds of the replicated state."""
        local = state_key(PARTITION, LOCAL_STATE)
        with self.nodes[node].engine.snapshot() as view:
            return {key: value for key, value in view.scan(space, b"", None) if not key.startswith(local)}
