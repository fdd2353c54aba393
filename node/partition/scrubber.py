"""The scrub of a node: everything on its disk is held against its checksums and digests, once a period and when somebody asks.

Paced: a few rows at a time between everything else, and so many bytes a second. Knows when to look at what, and whom to tell. Refuses
to know how damage shows (`node.storage.scrub`) and what becomes of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

from node.partition.access import CatalogSource
from node.partition.comparing import Compared, Comparing
from node.partition.rebuilding import PermitTransport
from node.storage.batch import WriteBatch
from node.storage.digests import NOTHING, SLOTS, Area, Sums, Trust, is_complete, read_sums, set_complete, write_sums
from node.storage.engine import Engine, Space, Transaction, View
from node.storage.errors import DamagedRecord, DamagedStorage, SnapshotLost, StorageError
from node.storage.layout import COLLECTIONS
from node.storage.scrub import (
    areas_of,
    check_log,
    check_node,
    check_state,
    expected_sums,
    owners_of,
    require_sum,
    slot_sum,
    strays,
)
from wire.catalog import CatalogView, NodeId, PartitionId
from wire.keys import TokenRange
from wire.telemetry import EventLog

FIRST_SECONDS: Final = 60.0
"""After the start of the node the first pass waits this long, or a period if that is shorter."""
STEP_ROWS: Final = 32
STEP_BYTES: Final = 128 << 10
"""What is read at once, between two turns of the event loop."""
VIEW_SECONDS: Final = 2.0
"""How long one view may stay open, if it can be helped: it keeps deleted data alive."""
NAP_SECONDS: Final = 0.01
"""The least that is worth sleeping for."""
FINDINGS_MAX: Final = 100
WHOLE_NODE: Final = PartitionId((1 << 32) - 1)
"""Stands for the partition of a finding that concerns none in particular."""

_log = EventLog(__name__)
_Result = TypeVar("_Result")


class Replica(Compared, Protocol):
    """The part of a replica that is needed here."""

    @property
    def tokens(self) -> TokenRange:
        """Return the tokens that the partition owns."""
        ...

    @property
    def scrub_life(self) -> object | None:
        """Return what stays the same as long as the data here is one and may be judged; None = it may not."""
        ...

    def quarantine(self, reason: str) -> None:
        """Stop answering: the data here is damaged."""
        ...

    def found_whole(self) -> None:
        """Note that nothing is wrong."""
        ...


class Writer(Protocol):
    """The part of the storage writer that is needed here."""

    def submit(self, batch: WriteBatch, *, lazy: bool = False) -> asyncio.Future[None]:
        """Queue a batch; the future is done once it is durable."""
        ...


class Finding(NamedTuple):
    """What was wrong, and in which partition."""

    partition: PartitionId
    text: str


@dataclass(slots=True, kw_only=True)
class ScrubPass:
    """How far a pass has come."""

    number: int = 0
    is_running: bool = False
    partitions: int = 0
    partitions_done: int = 0
    rows: int = 0
    bytes: int = 0
    began: float = 0.0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class Scrubber:
    """Scrub the replicas of a node, one after another. `run` it."""

    def __init__(
        self,
        *,
        replicas: Callable[[], Mapping[PartitionId, Replica]],
        here: Callable[[], Collection[PartitionId]],
        engine: Engine,
        writer: Writer,
        catalog: CatalogSource,
        monotonic: Callable[[], float],
        damaged_storage: Callable[[DamagedStorage], None],
        permits: PermitTransport,
        node: NodeId,
        period_seconds: float,
        bytes_per_second: int,
    ) -> None:
        self._replicas = replicas
        self._here = here
        self._engine = engine
        self._writer = writer
        self._catalog = catalog
        self._monotonic = monotonic
        self._damaged_storage = damaged_storage
        self._period_seconds = period_seconds
        self._bytes_per_second = bytes_per_second
        self._comparing = Comparing(node, permits, lambda area: _is_kept(area, catalog.view))
        self._wanted = asyncio.Event()
        self._debt_seconds = 0.0
        self.present = ScrubPass()
        self.passes = self.bytes = 0
        """Passes completed, and bytes read, since the node started."""

    def begin(self) -> None:
        """Ask for a pass now, or after the one that is under way: that may have passed what is asked for."""
        self._wanted.set()

    async def run(self) -> None:
        """Scrub until cancelled."""
        await self._pause(min(FIRST_SECONDS, self._period_seconds))
        while True:
            began = self._monotonic()
            await self.scrub()
            await self._pause(max(0.0, self._period_seconds - (self._monotonic() - began)))

    async def scrub(self) -> ScrubPass:
        """Look at everything once."""
        self._wanted.clear()
        partitions = sorted(self._replicas())
        found = ScrubPass(
            number=self.present.number + 1, is_running=True, partitions=len(partitions), began=self._monotonic()
        )
        self.present = found
        try:
            await self._remove_strays()
            for partition in partitions:
                await self._scrub(partition)
                found.partitions_done += 1
        except DamagedStorage as error:
            self._note(Finding(WHOLE_NODE, str(error)))
            self._damaged_storage(error)
        except StorageError as error:
            _log.warning("scrub_broken_off", error=str(error))
        finally:
            found.is_running, found.seconds = False, self._monotonic() - found.began
        self.passes += 1
        _log.info("scrub_done", rows=found.rows, bytes=found.bytes, seconds=found.seconds, findings=len(found.findings))
        return found

    # One partition.

    async def _scrub(self, partition: PartitionId) -> None:
        replica = self._replicas().get(partition)
        life = None if replica is None else replica.scrub_life
        if replica is None or life is None:
            return
        try:
            await self._with_view(lambda view: self._check_small(view, partition))
            await self._check_areas(partition, replica, life)
            replica.found_whole()
            if replica.scrub_life == life and (odd := await self._comparing.finding(replica)) is not None:
                raise DamagedRecord(odd)
        except TimeoutError:
            _log.warning("replicas_not_compared", partition=partition)
        except DamagedRecord as error:
            # What was seen is of a view: meanwhile the replica may have begun anew.
            if replica.scrub_life == life:
                self._note(Finding(partition, str(error)))
                replica.quarantine(str(error))

    async def _check_small(self, view: View, partition: int) -> None:
        await self._paced(_counted(check_state(view, partition)))
        await self._paced(_counted(check_log(view, partition)))

    async def _check_areas(self, partition: PartitionId, replica: Replica, life: object) -> None:
        with self._engine.snapshot() as view:
            areas, was_complete = areas_of(view, partition, replica.tokens), is_complete(view, partition)
        for area in areas:
            slot = 0
            while slot < SLOTS and replica.scrub_life == life and _is_kept(area, self._catalog.view):
                slot = await self._with_view(partial(self._check_slots, partition, replica, area, slot))
        if not was_complete and replica.scrub_life == life:
            await self._write(lambda transaction: set_complete(transaction, partition))

    async def _check_slots(self, partition: int, replica: Replica, area: Area, slot: int, view: View) -> int:
        """Check slots from one on until the view is old; return where to go on."""
        until = self._monotonic() + VIEW_SECONDS
        sums, tokens = expected_sums(view, partition, area), replica.tokens
        if sums.trust is Trust.FORGOTTEN:
            return SLOTS
        found: dict[int, int] = {}
        while slot < SLOTS and (sums.trust is Trust.UNTRUSTED or self._monotonic() < until):
            found[slot] = await self._paced(slot_sum(view, partition, tokens, area, slot))
            require_sum(partition, area, slot, sums, found[slot])
            slot += 1
        if sums.trust is Trust.UNTRUSTED:
            await self._write(lambda transaction: _believe(transaction, partition, area, sums, found))
        return slot

    async def _remove_strays(self) -> None:
        """Remove rows that have come to where no partition of this node is, and give notice where they came from.

        The rows of the node as a whole are looked at as well. Raises DamagedStorage.
        """
        here = self._here()
        with self._engine.snapshot() as view:
            check_node(view)
            found = list(strays(view, here))
        for space, key, stored in found:
            for owner in owners_of((space, key, stored), here):
                text = f"{space.name} {key.hex()}: a row of partition {owner}, as if it were of another"
                self._note(Finding(PartitionId(owner), text))
                if (replica := self._replicas().get(PartitionId(owner))) is not None:
                    replica.quarantine(text)
            await self._write(partial(_remove, space, key))

    # Pace.

    async def _with_view(self, work: Callable[[View], Awaitable[_Result]]) -> _Result:
        """Work on a view; once more on another where it was taken away."""
        while True:
            try:
                with self._engine.snapshot() as view:
                    return await work(view)
            except SnapshotLost:
                await asyncio.sleep(NAP_SECONDS)

    async def _paced(self, steps: Generator[int, None, _Result]) -> _Result:
        """Run steps to their end, so many bytes a second; return what they come to."""
        rows = size = 0
        try:
            while True:
                size += next(steps)
                rows += 1
                if rows >= STEP_ROWS or size >= STEP_BYTES:
                    await self._rest(rows, size)
                    rows = size = 0
        except StopIteration as ended:
            self._count(rows, size)
            result: _Result = ended.value
            return result

    async def _rest(self, rows: int, size: int) -> None:
        self._count(rows, size)
        if self._debt_seconds < NAP_SECONDS:
            await asyncio.sleep(0)
            return
        nap, self._debt_seconds = self._debt_seconds, 0.0
        await asyncio.sleep(nap)

    def _count(self, rows: int, size: int) -> None:
        self.present.rows += rows
        self.present.bytes += size
        self.bytes += size
        self._debt_seconds += size / self._bytes_per_second

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            pass

    async def _write(self, operation: Callable[[Transaction], None]) -> None:
        batch = WriteBatch()
        batch.call(operation)
        try:
            await self._writer.submit(batch, lazy=True)
        except StorageError as error:
            _log.warning("scrub_not_noted", error=str(error))

    def _note(self, finding: Finding) -> None:
        if len(self.present.findings) < FINDINGS_MAX:
            self.present.findings.append(finding)


def _remove(space: Space, key: bytes, transaction: Transaction) -> None:
    transaction.delete(space, key)


def _counted(steps: Iterator[int]) -> Generator[int, None, None]:
    yield from steps


def _believe(transaction: Transaction, partition: int, area: Area, seen: Sums, found: Mapping[int, int]) -> None:
    """Trust the sums of an area from now on: those of its rows in a view, and what has changed since."""
    present = read_sums(transaction, partition, area) or Sums(Trust.UNTRUSTED, NOTHING.slots)
    if present.trust is Trust.UNTRUSTED and len(found) == SLOTS:
        slots = [
            (now - before + found[slot]) % (1 << 64)
            for slot, (now, before) in enumerate(zip(present.slots, seen.slots, strict=True))
        ]
        write_sums(transaction, partition, area, Sums(Trust.TRUSTED, tuple(slots)))


def _is_kept(area: Area, catalog: CatalogView) -> bool:
    """Tell whether an area is one that the catalog has: remains of others are deleted outside consensus."""
    table = catalog.tables_by_number.get(area.table)
    if area.space is Space.CHANGES:
        return table is not None or area.table in catalog.dropped
    if table is None:
        return False
    if area.space is Space.EXPIRY:
        return table.time_to_live is not None and table.time_to_live.generation == area.generation
    return area.index_number in (0, COLLECTIONS) or any(index.number == area.index_number for index in table.indexes)
