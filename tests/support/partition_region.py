"""A region of nodes in one process: real cores, drivers and writers; memory engines and an in-memory network."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from node.consensus.types import Message
from node.partition.access import ReplicaAccess
from node.partition.node_driver import NodeDriver
from node.partition.parts import NodeParts
from node.partition.settings import NodeSettings
from node.partition.stored_log import found_to
from node.partition.transport import SnapshotRefusedError
from node.storage.batch import WriteBatch
from node.storage.engine import Engine
from node.storage.memory_engine import MemoryEngine
from node.storage.writer import StorageWriter, WriterSpec
from wire.catalog import CatalogView, NodeId, PartitionId, Placement, ReplicaPlacement
from wire.clock import SystemClock
from wire.commands import Command, NotLeader, Outcome, Request
from wire.keys import split_ring
from wire.tables import TableSpec

# On a machine with much else to do a message takes some ticks: leaders must not lose their followers over it.
TICK_MS = 30
# Long enough for anything that must happen, on any machine: who waits in vain for it has found a defect.
SECONDS_MAX = 60.0
SETTINGS = NodeSettings(tick_ms=TICK_MS)


@dataclass
class StaticCatalog:
    """A catalog view that the test fills in."""

    view: CatalogView = field(default_factory=CatalogView)


class MemoryNetwork:
    """Carries messages between the nodes of one process; links can be cut in one direction."""

    def __init__(self) -> None:
        self.drivers: dict[NodeId, NodeDriver] = {}
        self.cut: set[tuple[NodeId, NodeId]] = set()
        self.snapshots_sent = 0
        self.snapshot_chunks_max: int | None = None

    def isolate(self, node: NodeId) -> None:
        """Cut a node off in both directions."""
        for other in self.drivers:
            if other != node:
                self.cut |= {(node, other), (other, node)}

    def heal(self) -> None:
        self.cut.clear()


class MemoryTransport:
    """The way out of one node."""

    def __init__(self, network: MemoryNetwork, node: NodeId) -> None:
        self._network = network
        self._node = node

    def send(self, node: NodeId, partition: PartitionId, message: Message) -> None:
        asyncio.get_running_loop().call_soon(self._deliver, node, partition, message)

    def _deliver(self, node: NodeId, partition: PartitionId, message: Message) -> None:
        driver = self._network.drivers.get(node)
        if driver is not None and (self._node, node) not in self._network.cut:
            driver.deliver(partition, message)

    async def send_snapshot(
        self, node: NodeId, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]
    ) -> None:
        driver = self._network.drivers.get(node)
        if driver is None or (self._node, node) in self._network.cut:
            raise SnapshotRefusedError(f"{node} cannot be reached")
        self._network.snapshots_sent += 1
        await driver.install_snapshot(partition, message, self._limited(chunks))

    async def _limited(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in chunks:
            if self._network.snapshot_chunks_max is not None and count >= self._network.snapshot_chunks_max:
                return
            yield chunk
            count += 1


class Region:
    """Nodes n1..nN, each with a replica of every partition. Start with `async with`."""

    def __init__(
        self,
        *tables: TableSpec,
        nodes: int = 3,
        partitions: int = 1,
        settings: NodeSettings = SETTINGS,
        engines: dict[NodeId, Engine] | None = None,
        seed: int = 1,
    ) -> None:
        self.nodes = [NodeId(f"n{number}") for number in range(1, nodes + 1)]
        self.settings = settings
        self.network = MemoryNetwork()
        self.catalog = StaticCatalog()
        self.engines: dict[NodeId, Engine] = engines or {node: MemoryEngine() for node in self.nodes}
        self.writers: dict[NodeId, StorageWriter] = {}
        self.fatal: list[BaseException] = []
        self._seed = seed
        self._request_id = 0
        self._leaders: dict[PartitionId, NodeId] = {}
        self._changed = asyncio.Event()
        for table in tables:
            self.catalog.view.tables[table.name] = table
            self.catalog.view.tables_by_number[table.number] = table
        self.catalog.view.version = 1
        for number, tokens in enumerate(split_ring(partitions), 1):
            order = self.nodes[(number - 1) % nodes :] + self.nodes[: (number - 1) % nodes]
            replicas = tuple(ReplicaPlacement(self.nodes.index(node) + 1, node) for node in order)
            partition = PartitionId(number)
            self.catalog.view.placements[partition] = Placement(partition, tokens.lower, tokens.upper, 1, replicas)

    async def __aenter__(self) -> "Region":
        for node in self.nodes:
            self.found(node)
            self.start(node)
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in list(self.network.drivers):
            await self.stop(node)
        assert not self.fatal, f"nodes failed: {self.fatal}"

    def found(self, node: NodeId) -> None:
        """Begin a node's replicas as first members of their groups, where they have not begun."""
        batch = WriteBatch()
        found_to(batch, self.engines[node], node, self.catalog.view.placements.values())
        self.engines[node].write(batch.apply)

    def start(self, node: NodeId) -> NodeDriver:
        """Start a node on what its engine holds."""
        clock = SystemClock()
        spec = WriterSpec(lazy_delay_seconds=0.001)
        writer = self.writers[node] = StorageWriter(self.engines[node], clock, self.fatal.append, spec)
        writer.start()
        transport = MemoryTransport(self.network, node)
        parts = NodeParts(
            node=node,
            region_number=1,
            engine=self.engines[node],
            writer=writer,
            catalog=self.catalog,
            catalog_machine=None,
            transport=transport,
            snapshots=transport,
            clock=clock,
            random=random.Random(f"{self._seed}/{node}"),
            on_fatal=self.fatal.append,
        )
        driver = NodeDriver(parts, self.settings)
        self.network.drivers[node] = driver
        driver.on_leadership(
            lambda partition: self._leads(partition, node), lambda partition: self._lost(partition, node)
        )
        driver.start(self.catalog.view.placements.values())
        return driver

    async def stop(self, node: NodeId) -> None:
        """Stop a node at once, as a crash would that loses nothing durable."""
        driver = self.network.drivers.pop(node)
        await driver.stop()
        await self.writers.pop(node).stop()
        for partition, leader in list(self._leaders.items()):
            if leader == node:
                del self._leaders[partition]

    async def leader(self, partition: int = 1, *, but: Iterable[NodeId] = ()) -> NodeId:
        """Wait until some node serves as leader, other than those in `but`."""
        async with asyncio.timeout(SECONDS_MAX):
            while (found := self._leaders.get(PartitionId(partition))) is None or found in but:
                self._changed.clear()
                await self._changed.wait()
        return found

    async def replica(self, partition: int = 1) -> ReplicaAccess:
        """Return the leading replica."""
        found = self.network.drivers[await self.leader(partition)].replica(PartitionId(partition))
        assert found is not None
        return found

    def submit(
        self, node: NodeId, command: Command, partition: int = 1, timeout_ms: int = 30_000
    ) -> asyncio.Future[Outcome]:
        """Send a command to a node."""
        self._request_id += 1
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(_: int, outcome: Outcome) -> None:
            assert not future.done(), f"answered twice: {future.result()} and {outcome}"
            future.set_result(outcome)

        self.network.drivers[node].submit(Request(self._request_id, partition, 1, timeout_ms, command), done)
        return future

    async def ask(self, command: Command, node: NodeId | None = None, partition: int = 1) -> Outcome:
        """Send a command to `node`, or as a router does to whoever leads, and wait for its outcome.

        On a busy machine ticks come late and leadership may move at any time; NotLeader promises that nothing was done.
        """
        async with asyncio.timeout(SECONDS_MAX):
            if node is not None:
                return await self.submit(node, command, partition)
            while isinstance(outcome := await self.submit(await self.leader(partition), command, partition), NotLeader):  # noqa: ASYNC110  # the driver tells of the change
                await asyncio.sleep(0)
            return outcome

    async def eventually(self, command: Command, node: NodeId, outcome: Outcome) -> None:
        """Ask one node again and again until it gives this outcome."""
        async with asyncio.timeout(SECONDS_MAX):
            while await self.submit(node, command) != outcome:  # noqa: ASYNC110  # what other nodes do has no event here
                await asyncio.sleep(0)

    def _leads(self, partition: PartitionId, node: NodeId) -> None:
        self._leaders[partition] = node
        self._changed.set()

    def _lost(self, partition: PartitionId, node: NodeId) -> None:
        if self._leaders.get(partition) == node:
            del self._leaders[partition]
        self._changed.set()
