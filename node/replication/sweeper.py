"""Lets old tombstones go, in every partition that this node leads, a bounded page at a time.

Knows paces, bounds, members and whom to tell. Refuses to know which tombstones may go, and in which order: `tombstones` decides.

A page takes three steps, one per round: it is found; all regions are seen to have it; they are told to forget it, and then it is
forgotten here. The round in between lets older changes, which others sent before they had the tombstones, arrive and lose.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, Protocol

from node.partition.access import CatalogSource, OnDone, ReplicaAccess
from node.replication.cursors import BatchId
from node.replication.gateways import Gateways, LinkBrokenError, OutgoingBatch
from node.replication.shippers import Node as ShippingNode
from node.replication.shippers import ShippersDriver
from node.replication.tombstones import Forgetting, Tombstone, TombstonePage, forgettable, is_swept, shipments
from wire.catalog import CATALOG_PARTITION, LinkState, PartitionId
from wire.clock import Clock
from wire.commands import Change, Merge, Merged, Outcome, Position, ReadChanges, Request
from wire.limits import REQUEST_TIMEOUT_MS, SHIPMENT_BYTES_MAX
from wire.members import member_of
from wire.tables import TableSpec
from wire.telemetry import EventLog

READ_ITEMS_MAX: Final = 256
READS_MAX: Final = 16  # of one partition per round; the next page begins where these ended
TELL_SECONDS: Final = 30.0

_SILENT = (LinkState.CUT, LinkState.PAUSED)

_log = EventLog(__name__)


class Node(ShippingNode, Protocol):
    """The part of `node.partition.access.NodeAccess` that letting go uses."""

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a request; `on_done` gets its outcome."""
        ...


@dataclass(slots=True)
class _Sweep:
    """Where the sweep of one partition is: the table and the place in it, and the page on its way out.

    `clean` has the tables that are no longer global and have been read without finding a tombstone, by their row's version.
    """

    table: int = 0
    after: Position | None = None
    has_met_tombstones: bool = False
    page: TombstonePage | None = None
    clean: dict[int, int] = field(default_factory=dict)

    def begin(self, table: int) -> None:
        if table != self.table:
            self.table, self.after, self.has_met_tombstones = table, None, False


class TombstoneSweeper:
    """Sweep what this node leads. `run` it; call the rest on the event loop as things happen."""

    def __init__(
        self,
        *,
        region: str,
        numbers: Mapping[str, int],
        retention_seconds: int,
        round_seconds: int,
        node: Node,
        catalog: CatalogSource,
        shippers: ShippersDriver,
        gateways: Gateways,
        clock: Clock,
    ) -> None:
        self._name = region
        self._region = numbers[region]
        self._numbers = numbers  # of every region by name
        self._retention_ms = retention_seconds * 1000
        self._round_seconds = round_seconds
        self._node = node
        self._catalog = catalog
        self._shippers = shippers
        self._gateways = gateways
        self._clock = clock
        self._sweeps: dict[PartitionId, _Sweep] = {}
        self._batch_ids = count(1)

    async def run(self) -> None:
        """Take a round now and then until cancelled."""
        while True:
            await asyncio.sleep(self._round_seconds)
            await self.sweep()

    def leadership_ready(self, partition: PartitionId) -> None:
        """Begin with a partition: this node leads it."""
        if partition != CATALOG_PARTITION:
            self._sweeps[partition] = _Sweep()

    def leadership_lost(self, partition: PartitionId) -> None:
        """Drop what is on its way; the next leader finds it again."""
        self._sweeps.pop(partition, None)

    async def sweep(self) -> None:
        """Take one round: a step in every partition led here. A step that fails drops its page, which is found again."""
        for partition, sweep in list(self._sweeps.items()):
            replica = self._node.replica(partition)
            if replica is None or not self._is_led(partition, sweep):
                continue
            try:
                await self._step(replica, sweep)
            except (LinkBrokenError, TimeoutError) as error:
                _log.debug("tombstones_kept", partition=partition, reason=str(error))
            except Exception:  # noqa: BLE001  # the one place that owns this work: it logs and goes on with the next round
                _log.exception("sweep_failed", partition=partition)

    async def _step(self, replica: ReplicaAccess, sweep: _Sweep) -> None:
        page, sweep.page = sweep.page, None
        if page is not None and self._holds(page):
            if page.is_acknowledged:
                await self._let_go(replica.partition, sweep, page)
            elif self._is_everywhere(replica.partition, page):
                sweep.page = replace(page, is_acknowledged=True)
                return
        sweep.page = await self._found(replica, sweep)

    def _holds(self, page: TombstonePage) -> bool:
        return page.holds_for(self._catalog.view.tables.get(page.table.name))

    def _is_led(self, partition: PartitionId, sweep: _Sweep) -> bool:
        return self._sweeps.get(partition) is sweep

    def _is_everywhere(self, partition: PartitionId, page: TombstonePage) -> bool:
        return self._shippers.is_settled(partition, page.table.number, _destinations(page), page.through)

    # Finding a page.

    async def _found(self, replica: ReplicaAccess, sweep: _Sweep) -> TombstonePage | None:
        """Read on from where the last page ended, up to the end of a table that has some; None: nothing may go."""
        found: list[Tombstone] = []
        table = self._next_table(sweep)
        for _ in range(READS_MAX):
            if table is None:
                return None
            is_last = self._read(replica, table, sweep, found)
            if is_last and found:
                break
            if is_last:
                table = self._next_table(sweep)
            await asyncio.sleep(0)  # requests come first
        if table is None or not found:
            return None
        return TombstonePage(table=table, tombstones=tuple(found), through=_latest(replica, table))

    def _next_table(self, sweep: _Sweep) -> TableSpec | None:
        """Return the table to read now; None when all have been read, and from the first one on next time."""
        tables = [each for each in self._catalog.view.tables.values() if each.number >= sweep.table and is_swept(each)]
        wanted = [each for each in tables if each.replicas or sweep.clean.get(each.number) != each.version]
        table = min(wanted, key=lambda each: each.number, default=None)
        sweep.begin(0 if table is None else table.number)
        return table

    def _read(self, replica: ReplicaAccess, table: TableSpec, sweep: _Sweep, found: list[Tombstone]) -> bool:
        """Read a few stored items; tell whether the table ends there."""
        items = replica.scan_records(table.number, sweep.after, READ_ITEMS_MAX)
        if not items:
            if not sweep.has_met_tombstones:
                sweep.clean[table.number] = table.version
            sweep.begin(table.number + 1)
            return True
        sweep.after = items[-1].position
        sweep.has_met_tombstones |= any(item.tombstone for item in items)
        members = [self._numbers[each.region] for each in table.replicas]
        before_ms = self._clock.wall_ms() - self._retention_ms
        found += forgettable(items, region=self._region, members=members, written_before_ms=before_ms)
        return False

    # Letting it go.

    async def _let_go(self, partition: PartitionId, sweep: _Sweep, page: TombstonePage) -> None:
        forgetting = Forgetting(page.tombstones, _destinations(page))
        for destination in forgetting.waiting:
            await self._tell(destination, partition, page)
            forgetting.confirmed(destination)
        assert forgetting.may_forget_here, "every destination has confirmed"
        for changes in shipments(page.tombstones):
            if not self._is_led(partition, sweep) or not self._holds(page):
                return
            await self._forget_here(partition, page.table, changes)
        _log.info("tombstones_forgotten", partition=partition, table=page.table.name, count=len(page.tombstones))

    async def _tell(self, destination: str, partition: PartitionId, page: TombstonePage) -> None:
        """Have another region forget a page; return when it has. Raises LinkBrokenError or TimeoutError."""
        if self._catalog.view.link(destination).state in _SILENT:
            raise LinkBrokenError(f"the link to {destination} is cut or paused")
        batches = [self._batch(partition, page.table, changes) for changes in shipments(page.tombstones)]
        waiting = {batch.id for batch in batches}
        async with asyncio.timeout(TELL_SECONDS), self._gateways.connect(destination) as connection:
            for batch in batches:
                await connection.send(batch)
            async for answer in connection.answers():
                if answer.code:
                    raise LinkBrokenError(f"{destination} keeps them: {answer.code}: {answer.message}")
                waiting.discard(answer.id)
                if not waiting:
                    return
        raise LinkBrokenError(f"{destination} ended the stream")

    def _batch(self, partition: PartitionId, table: TableSpec, changes: tuple[Change, ...]) -> OutgoingBatch:
        batch_id = BatchId(next(self._batch_ids))
        return OutgoingBatch(
            batch_id,
            partition,
            table.name,
            table.global_table_id,
            changes,
            forgets=True,
            joined_ms=member_of(table.members, self._name).joined_ms,
        )

    async def _forget_here(self, partition: PartitionId, table: TableSpec, changes: tuple[Change, ...]) -> None:
        placement = self._catalog.view.placements[partition]
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(_: int, outcome: Outcome) -> None:
            if not answered.done():
                answered.set_result(outcome)

        command = Merge(table.number, "", changes, forgets=True)
        self._node.submit(Request(0, partition, placement.epoch, REQUEST_TIMEOUT_MS, command), done)
        async with asyncio.timeout(TELL_SECONDS):
            outcome = await answered
        if not isinstance(outcome, Merged):
            raise LinkBrokenError(f"not forgotten here: {outcome}")


def _destinations(page: TombstonePage) -> tuple[str, ...]:
    return tuple(replica.region for replica in page.table.replicas)


def _latest(replica: ReplicaAccess, table: TableSpec) -> int:
    return replica.read_changes(ReadChanges(table.number, 0, 0, 1, SHIPMENT_BYTES_MAX)).latest
