"""One node's world for driver tests: replicas made of dictionaries, a catalog view, gateways in memory. No network, real tasks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from node.partition.access import OnDone, StoredItem
from node.replication.gateways import BatchAnswer, GatewayConnection, LinkBrokenError, OutgoingBatch
from router.gateway.receiver import Batch, Receiver
from tests.support.replication_model import ModelPartition
from tests.support.replication_store import FakeStore
from wire.catalog import CatalogView, Delta, PartitionId
from wire.catalog_changes import CatalogChange, Decided
from wire.commands import Changes, Merge, Merged, Position, ReadChanges, Request
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey
from wire.versions import Version


class FakeReplica:
    """Satisfy what replication uses of a replica, on a model partition of one table."""

    def __init__(self, partition: PartitionId, region: int = 1) -> None:
        self._partition = partition
        self._region = region
        self.model = ModelPartition()
        self.cursors: dict[str, bytes] = {}

    @property
    def partition(self) -> PartitionId:
        return self._partition

    @property
    def proposed_index(self) -> int:
        return self.model.sequence

    def write(self, name: str, time: int, body: bytes | None = b'{"id":{"S":"x"}}') -> None:
        self.model.put(ItemKey(name.encode()), Version(time, self._region), body, self._region, True)

    async def applied_barrier(self) -> bool:
        return True

    def read_changes(self, request: ReadChanges) -> Changes:
        records, through = self.model.read(request.after)
        return Changes(tuple(records), through, self.model.oldest, self.model.sequence)

    def scan_records(
        self, table: int, after: Position | None, limit: int, bytes_max: int = 1 << 20
    ) -> Sequence[StoredItem]:
        return self.model.scan(after)

    def find_record(self, table: int, key: ItemKey) -> StoredItem | None:
        return self.model.items.get(key)

    def cursor(self, name: str) -> bytes | None:
        return self.cursors.get(name)

    def cursors_under(self, prefix: str) -> Mapping[str, bytes]:
        return {name: value for name, value in self.cursors.items() if name.startswith(prefix) and value}

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        self.cursors[name] = value
        return True


class FakeNode:
    """Hold replicas by partition."""

    def __init__(self, *replicas: FakeReplica) -> None:
        self._replicas = {replica.partition: replica for replica in replicas}

    def replica(self, partition: PartitionId) -> FakeReplica | None:
        return self._replicas.get(partition)

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a merge that forgets; there is nothing else that replication asks for."""
        assert isinstance(request.command, Merge)
        assert request.command.forgets
        items = self._replicas[PartitionId(request.partition)].model.items
        for change in request.command.changes:
            stored = items.get(change.key)
            if stored is not None and stored.tombstone and stored.version == change.version:
                del items[change.key]
        on_done(request.id, Merged(len(request.command.changes), 0))


class FakeCatalog:
    """Be the catalog: its view, and the one who decides changes of it."""

    def __init__(
        self, decide: Callable[[CatalogView, CatalogChange], Mapping[str, bytes | None]] | None = None
    ) -> None:
        self.view = CatalogView()
        self.asked: list[CatalogChange] = []
        self.listeners: list[Callable[[], None]] = []
        self._decide = decide

    def set(self, rows: Mapping[str, bytes | None]) -> None:
        self.view.apply(Delta(self.view.version + 1, dict(rows)))
        for listener in self.listeners:
            listener()

    async def change(self, change: CatalogChange) -> Decided:
        self.asked.append(change)
        if self._decide is not None:
            self.set(self._decide(self.view, change))
        return Decided(self.view.version)


class MemoryConnection:
    """A stream to a receiver in the same process."""

    def __init__(self, receiver: Receiver, source: str) -> None:
        self._receiver = receiver
        self._source = source
        self._answers: asyncio.Queue[BatchAnswer | None] = asyncio.Queue()
        self.is_broken = False

    async def send(self, batch: OutgoingBatch) -> None:
        if self.is_broken:
            raise LinkBrokenError("broken")
        self._answers.put_nowait(await self._answer(batch))

    async def answers(self) -> AsyncIterator[BatchAnswer]:
        while (answer := await self._answers.get()) is not None:
            yield answer
        raise LinkBrokenError("broken")

    def break_off(self) -> None:
        self.is_broken = True
        self._answers.put_nowait(None)

    async def _answer(self, batch: OutgoingBatch) -> BatchAnswer:
        received = Batch(
            source=self._source,
            partition=batch.partition,
            table_name=batch.table_name,
            global_table_id=batch.global_table_id,
            changes=batch.changes,
            forgets=batch.forgets,
            joined_ms=batch.joined_ms,
            remembers_held=True,
            ahead=batch.ahead,
        )
        try:
            merged = await self._receiver.merge(received)
        except StoreError as error:
            return BatchAnswer(batch.id, 0, 0, error.code.value, error.message)
        return BatchAnswer(batch.id, merged.applied, merged.superseded, "", "", merged.held)


class MemoryGateways:
    """Satisfy `Gateways` with receivers of other regions; a region in `down` is unreachable."""

    def __init__(self, source: str, receivers: Mapping[str, Receiver]) -> None:
        self._source = source
        self._receivers = receivers
        self.down: set[str] = set()
        self.connections: list[MemoryConnection] = []
        self.attempts = 0

    @asynccontextmanager
    async def connect(self, destination: str) -> AsyncIterator[GatewayConnection]:
        self.attempts += 1
        if destination in self.down:
            raise LinkBrokenError("down")
        connection = MemoryConnection(self._receivers[destination], self._source)
        self.connections.append(connection)
        try:
            yield connection
        finally:
            self.connections.remove(connection)

    async def control(self, destination: str, change: CatalogChange, *, timeout_seconds: float) -> Decided:
        self.attempts += 1
        if destination in self.down:
            raise LinkBrokenError("down")
        return await self._receivers[destination].change(self._source, change)


def receiver_of(store: FakeStore, clock: object) -> Receiver:
    """Return a receiver in front of a fake store."""
    return Receiver(store, clock, timeout_ms=1_000)  # type: ignore[arg-type]


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Let the loop run until a condition holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for is plain state of fakes, which signal nobody
            await asyncio.sleep(0.002)


NOT_LEADER = StoreError(ErrorCode.NOT_LEADER, "elsewhere")
