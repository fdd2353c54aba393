"""A simulated region whose items expire: nodes that hear of the catalog late, an expirer on each, clients that know what must be left."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules
from node.partition.expirer import Expirer
from node.partition.expiry import ExpiryClock
from node.partition.node_driver import NodeDriver
from tests.support.partition_items import delete, get, put
from tests.support.partition_simulation import Catalog, SimulatedRegion
from tests.support.virtual_loop import VirtualLoop
from wire.catalog import CatalogView, Delta, NodeId, encode_row
from wire.catalog_changes import CatalogChange, Decided, SetTimeToLive
from wire.commands import Command, Got, Outcome, Written
from wire.errors import ErrorCode, StoreError
from wire.tables import TableSpec

TABLE = "table-1"
SKEW_SECONDS = 2
"""How wrong a node's wall clock may be, see `NodeClock`."""
SWEEP_SECONDS = 0.05
LATE_SECONDS_MAX = 1.0
FAR = 4_000_000_000
RULES = CatalogRules(region="us-east-1", regions=frozenset({"us-east-1"}))


class ExpiringRegion(SimulatedRegion):
    """A region of nodes that each hear of every change of the catalog after a while of their own."""

    def __init__(self, loop: VirtualLoop, seed: int, table: TableSpec) -> None:
        self._catalogs: dict[NodeId, Catalog] = {}
        super().__init__(loop, seed, table)
        self.catalog.view.tables[table.name] = table
        for node in self.nodes:
            view = CatalogView()
            view.placements = dict(self.catalog.view.placements)
            view.apply(Delta(1, {f"table/{table.name}": encode_row(table)}))
            self._catalogs[node] = Catalog(view)
        self._changes_rng = random.Random(seed + 3)
        self._running: dict[NodeId, tuple[NodeDriver, asyncio.Task[None]]] = {}
        self.catalog_loss = 0.3

    def catalog_of(self, node: NodeId) -> Catalog:
        """Return the catalog as a node knows it."""
        return self._catalogs[node]

    @property
    def table(self) -> TableSpec:
        """Return the table as the catalog has it."""
        return self.catalog.view.tables[TABLE]

    @property
    def wall_seconds(self) -> float:
        """Return the true time."""
        return 1_700_000_000 + self.loop.time()

    async def change(self, change: CatalogChange) -> Decided:
        """Decide a change, as whoever leads the catalog would; nodes hear of it one after the other."""
        if self._changes_rng.random() < self.catalog_loss:
            raise StoreError(ErrorCode.NOT_READY, "the catalog has no leader")
        decision = decide(self.catalog.view, change, RULES)
        if decision.rows:
            delta = Delta(self.catalog.view.version + 1, decision.rows)
            self.catalog.view.apply(delta)
            for node in self.nodes:
                self.loop.call_later(self._changes_rng.uniform(0, LATE_SECONDS_MAX), self._hear_of, node, delta)
        return Decided(self.catalog.view.version, decision.table)

    def set_time_to_live(self, attribute: str, *, is_enabled: bool) -> SetTimeToLive:
        """Return a change of time to live."""
        return SetTimeToLive(name=TABLE, attribute=attribute, is_enabled=is_enabled, now_ms=0)

    def _hear_of(self, node: NodeId, delta: Delta) -> None:
        view = self._catalogs[node].view
        if delta.version > view.version + 1:
            # Deltas come in order: this one waits for the one before.
            self.loop.call_later(0.01, self._hear_of, node, delta)
            return
        view.apply(delta)
        driver = self.nodes[node].driver
        if driver is not None:
            self.nodes[node].hear(driver.catalog_changed)

    async def expire(self) -> None:
        """Keep an expirer on every node that runs, until cancelled."""
        try:
            while True:
                for node in self.nodes.values():
                    self._attend(node.node, node.driver)
                await asyncio.sleep(SWEEP_SECONDS)
        finally:
            for node in list(self._running):
                self._attend(node, None)

    def _attend(self, node: NodeId, driver: NodeDriver | None) -> None:
        present = self._running.get(node)
        if present is not None and present[0] is driver:
            assert not present[1].done(), f"the expirer of {node} has ended: {present[1]}"
            return
        if present is not None:
            present[1].cancel()
            del self._running[node]
        if driver is None:
            return
        # The expirer reads the clock that the leader decides by.
        due = ExpiryClock(driver._parts.clock.wall_ms, 1, 0)
        catalog = self.catalog_of(node)
        expirer = Expirer(node=driver, catalog=catalog, changes=self, due=due, sweep_seconds=SWEEP_SECONDS)
        self._running[node] = driver, self.loop.create_task(expirer.run())


@dataclass
class Owned:
    """An item that one client writes: what it may be. The second is when it expires; None = it is not there."""

    may_be: set[int | None] = field(default_factory=lambda: {None})


class Clients:
    """Write items of all kinds, and know what must be left of them."""

    def __init__(self, region: ExpiringRegion, seed: int, count: int) -> None:
        self.region = region
        self.trace: list[str] = []
        self.acknowledged = 0
        self._rng = random.Random(seed)
        self._owned: list[dict[str, Owned]] = [{} for _ in range(count)]

    async def run(self, client: int, until: float) -> None:
        """Write, refresh, delete and read own items until a time."""
        region, rng, owned = self.region, self._rng, self._owned[client]
        while region.loop.time() < until:
            await asyncio.sleep(rng.uniform(0.0, 0.03))
            name = f"{client}-{rng.randrange(len(owned) + 1)}"
            item = owned.setdefault(name, Owned())
            kind = rng.random()
            if kind < 0.35:
                await self._write(name, item, int(region.wall_seconds) + rng.randint(-4, 6))
            elif kind < 0.6:
                await self._write(name, item, FAR)
            elif kind < 0.7:
                await self._write(name, item, None)
            else:
                await self._read(name, item)

    async def _write(self, name: str, item: Owned, second: int | None) -> None:
        command = delete(name) if second is None else put(name, x={"N": str(second)})
        outcome = await self._ask(name, command)
        if isinstance(outcome, Written):
            self.acknowledged += 1
            # A write whose outcome is not known may still come after this one.
            item.may_be = {second} if len(item.may_be) == 1 else item.may_be | {second}
        elif _may_be_applied(outcome):
            item.may_be = item.may_be | {second}

    async def _read(self, name: str, item: Owned) -> None:
        outcome = await self._ask(name, get(name))
        if isinstance(outcome, Got):
            self.judge(name, item, bool(outcome.item))

    def judge(self, name: str, item: Owned, is_there: bool) -> None:
        """Hold what a strong read found against what may be."""
        if is_there:
            assert item.may_be != {None}, f"{name} was deleted, and is there"
            return
        # The bound of going too early: no clock is further ahead than this.
        latest = self.region.wall_seconds + SKEW_SECONDS
        may_be_gone = any(second is None or second < latest for second in item.may_be)
        assert may_be_gone, f"{name} is gone at {self.region.wall_seconds}; it may be {item.may_be}"

    async def settle(self) -> None:
        """After healing: what must have expired goes in the end, and what must not is there."""
        for name, item in self._all():
            for _ in range(3_000):
                is_there = await self._strongly(name)
                self.judge(name, item, is_there)
                if not is_there or FAR in item.may_be:
                    break
                await asyncio.sleep(0.05)
            else:
                raise AssertionError(f"{name} has expired long ago and is still there: {item.may_be}")

    def _all(self) -> Sequence[tuple[str, Owned]]:
        return [each for owned in self._owned for each in owned.items()]

    async def _strongly(self, name: str) -> bool:
        for _ in range(500):
            for node in self.region.nodes:
                outcome = await self.region.ask(node, get(name))
                if isinstance(outcome, Got):
                    return bool(outcome.item)
            await asyncio.sleep(0.02)
        raise AssertionError(f"no node serves {name} although everything works")

    async def _ask(self, name: str, command: Command) -> Outcome:
        rng = self._rng
        node = self.region.leader if rng.random() < 0.8 else None
        asked = node or rng.choice(list(self.region.nodes))
        outcome = await self.region.ask(asked, command)
        self.trace.append(f"{self.region.loop.time():.6f} {name} {command} {outcome}")
        return outcome


def _may_be_applied(outcome: Outcome) -> bool:
    code = getattr(outcome, "code", None)
    return code in (ErrorCode.UNKNOWN_OUTCOME, ErrorCode.DEADLINE_EXCEEDED)
