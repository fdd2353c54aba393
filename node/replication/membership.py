"""Carries global-table membership on, on the node that leads the catalog.

Knows retries, bounds, cut links, and how long the table here waits for another region. Refuses to know which steps there are: `growth`
reads them from the rows.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Final
from uuid import UUID

from node.partition.access import CatalogSource
from node.replication.backoff import Backoff
from node.replication.gateways import Gateways, LinkBrokenError
from node.replication.growth import Growth, Step, StepId, Wait
from node.replication.shipper import CatalogChanges
from wire.catalog import CATALOG_PARTITION, LinkState, PartitionId
from wire.catalog_changes import CatalogChange
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError
from wire.telemetry import EventLog

STEPS_MAX: Final = 16  # at once; the others wait for one of these to end
# Of these, to one region: one that is away must not keep the others waiting.
STEPS_PER_REGION_MAX: Final = 4
STEP_SECONDS: Final = 10.0
# How long a replica that comes or goes keeps the table here from other changes, whatever becomes of its region.
WAIT_SECONDS: Final = 10.0

# A refusal for good. Anything else, the other catalog's being elsewhere among it, is tried again.
_FINAL = frozenset({ErrorCode.VALIDATION, ErrorCode.LIMIT_EXCEEDED, ErrorCode.ACCESS_DENIED})

_log = EventLog(__name__)


class MembershipDriver:
    """Take steps while this node leads the catalog. `run` it; call the rest on the event loop as things happen."""

    def __init__(
        self,
        *,
        region: str,
        catalog: CatalogSource,
        changes: CatalogChanges,
        gateways: Gateways,
        clock: Clock,
        randomness: random.Random,
        backoff_seconds_max: float,
    ) -> None:
        self._region = region
        self._catalog = catalog
        self._changes = changes
        self._gateways = gateways
        self._clock = clock
        self._randomness = randomness
        self._backoff_seconds_max = backoff_seconds_max
        self._backoffs: dict[str, Backoff] = {}
        self._is_leading = False
        self._done: set[StepId] = set()
        self._running: dict[StepId, asyncio.Task[None]] = {}
        self._delayed: set[StepId] = set()
        self._waits: dict[Wait, float] = {}  # and until when; monotonic, so that no clock that is set makes it longer
        self._overdue: frozenset[Wait] = frozenset()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Carry on until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_seconds()):
                        await self._wanted.wait()
                self._wanted.clear()
                self._start_steps(tasks)

    def leadership_ready(self, partition: PartitionId) -> None:
        """Begin, if it is the catalog that is led here now."""
        if partition == CATALOG_PARTITION:
            self._is_leading = True
            self._wanted.set()

    def leadership_lost(self, partition: PartitionId) -> None:
        """Leave everything to the catalog's next leader."""
        if partition != CATALOG_PARTITION:
            return
        self._is_leading = False
        self._done.clear()
        self._delayed.clear()
        self._waits.clear()
        for task in self._running.values():
            task.cancel()

    def catalog_changed(self) -> None:
        """Look at the rows again."""
        if self._is_leading:
            self._wanted.set()

    def _start_steps(self, tasks: asyncio.TaskGroup) -> None:
        if not self._is_leading:
            return
        growth = self._growth()
        self._done.difference_update(growth.outdated())
        for step in growth.steps():
            if len(self._running) >= STEPS_MAX:
                return
            if step.id not in self._running and self._has_room(step.destination):
                self._running[step.id] = tasks.create_task(self._take(step))

    def _wait_seconds(self) -> float | None:
        """Return how long there is nothing to do unless something changes; None = for ever.

        What has become overdue since the steps were planned is no thing of the past: nothing else might wake us for it.
        """
        ahead = [until for wait, until in self._waits.items() if wait not in self._overdue]
        return max(0.0, min(ahead) - self._clock.monotonic()) if ahead else None

    def _growth(self) -> Growth:
        now = self._clock.monotonic()
        growth = self._planned(overdue=frozenset())
        self._waits = {wait: self._waits.get(wait, now + WAIT_SECONDS) for wait in growth.waits()}
        self._overdue = frozenset(wait for wait, until in self._waits.items() if until <= now)
        return self._planned(self._overdue) if self._overdue else growth

    def _planned(self, overdue: frozenset[Wait]) -> Growth:
        return Growth(
            region=self._region,
            view=self._catalog.view,
            done=self._done,
            overdue=overdue,
            now_ms=self._clock.wall_ms(),
            new_table_id=self._new_table_id,
        )

    def _new_table_id(self) -> str:
        return str(UUID(int=self._randomness.getrandbits(128), version=4))

    def _has_room(self, destination: str) -> bool:
        under_way = sum(step.destination == destination for step in self._running)
        return under_way < STEPS_PER_REGION_MAX and not self._is_cut(destination)

    def _is_cut(self, destination: str) -> bool:
        return destination != self._region and self._catalog.view.link(destination).state is LinkState.CUT

    async def _take(self, step: Step) -> None:
        """Own a step's task: whatever comes of it, look again afterwards."""
        try:
            if await self._is_taken(step):
                self._done.add(step.id)
        finally:
            del self._running[step.id]
            self._wanted.set()

    async def _is_taken(self, step: Step) -> bool:
        backoff = self._backoffs.setdefault(step.destination, Backoff(self._backoff_seconds_max))
        try:
            await self._decide(step)
            if step.recorded is not None:
                await self._changes.change(step.recorded)
        except StoreError as error:
            if error.code in _FINAL and step.refused is not None:
                return await self._give_up(step.refused, step.id, error.message)
            await self._wait(backoff, step.id, str(error))
            return False
        except LinkBrokenError as error:
            await self._wait(backoff, step.id, str(error))
            return False
        backoff.succeeded()
        _log.info("membership_step_done", **step.id._asdict())
        return True

    async def _decide(self, step: Step) -> None:
        if step.destination == self._region:
            await self._changes.change(step.change)
        else:
            await self._gateways.control(step.destination, step.change, timeout_seconds=STEP_SECONDS)

    async def _give_up(self, refused: Callable[[str], CatalogChange], step_id: StepId, text: str) -> bool:
        _log.warning("membership_step_refused", reason=text, **step_id._asdict())
        try:
            await self._changes.change(refused(text))
        except StoreError as error:
            await self._wait(Backoff(self._backoff_seconds_max), step_id, str(error))
        return False

    async def _wait(self, backoff: Backoff, step_id: StepId, reason: str) -> None:
        # Once per step: an unreachable region is asked for as long as it takes.
        log = _log.debug if step_id in self._delayed else _log.warning
        self._delayed.add(step_id)
        log("membership_step_delayed", reason=reason, **step_id._asdict())
        await asyncio.sleep(backoff.failed() * self._randomness.uniform(0.5, 1.0))
