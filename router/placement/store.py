"""The region as one store: every command finds its partition, its leader and, if it must, another try.

It satisfies `router.operations.store.Store`. Which failed command is sent again, `router.placement.retries` says.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import Callable, Sequence
from typing import Final

from router.nodes.channel import NodeChannel
from router.placement.cache import CatalogCache
from router.placement.retries import Retries
from router.placement.ring import Ring
from router.placement.routes import Routes
from wire.catalog import CATALOG_PARTITION, CatalogView, NodeId, NodeSpec, PartitionId, Placement
from wire.catalog_changes import CatalogChange, Decided, encode_change
from wire.clock import Clock
from wire.cluster import Home
from wire.commands import (
    CatalogDecided,
    ChangeCatalog,
    Command,
    Failed,
    Get,
    NotLeader,
    Outcome,
    Range,
    Write,
)
from wire.errors import ErrorCode, StoreError

RETRY_SECONDS_MIN: Final = 0.005
RETRY_SECONDS_MAX: Final = 0.2
REFRESH_SECONDS: Final = 0.1
# A leader whose disk is full hands over if it can: after this long it could not, and trying again would find all disks full again.
FULL_SECONDS_MAX: Final = 1.0
# A follower learns that an entry is committed with the next append or heartbeat.
FOLLOWER_LAG_SECONDS: Final = 0.3

_FAILURES: Final = (Failed, NotLeader)
_READS: Final = (Get, Range)
_LEADERLESS: Final = Failed(ErrorCode.NOT_LEADER, "the partition has no leader that could be found in time")


class RegionStore:
    """Carry out commands in one region through its nodes."""

    def __init__(
        self,
        *,
        home: Home,
        nodes: Sequence[NodeSpec],
        connect: Callable[[NodeSpec], NodeChannel],
        clock: Clock,
        randomness: random.Random,
    ) -> None:
        self._home = home
        self._connect = connect
        self._clock = clock
        self._randomness = randomness
        self._routes = Routes()
        self._ring = Ring(())
        self._cache = CatalogCache(randomness, self._catalog_changed)
        self._channels: dict[NodeId, NodeChannel] = {node.id: connect(node) for node in nodes}
        # When each partition was last written to through here; one entry per partition.
        self._written: dict[PartitionId, float] = {}
        self._detours = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._running: asyncio.Future[None] | None = None

    @property
    def view(self) -> CatalogView:
        """Return the catalog as last heard of; it is brought forward in place."""
        return self._cache.view

    @property
    def region(self) -> str:
        """Return the name of the region."""
        return self._home.region

    @property
    def home(self) -> Home:
        """Return the region and its account, as ARNs name them."""
        return self._home

    async def start(self) -> None:
        """Open the channels and begin to follow the catalog; see `wait_ready`."""
        assert self._running is None, "a store is started once"
        self._running = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Close everything; what is under way is answered as failed. Twice is once."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])

    async def wait_ready(self) -> None:
        """Return once the catalog is known."""
        await self._cache.wait_beyond(0)

    async def wait_broken(self) -> None:
        """Raise whatever ended the tasks that should run until `stop`; otherwise never return."""
        assert self._running is not None, "the store has not been started"
        await asyncio.shield(self._running)
        raise AssertionError("the store's tasks have no end of their own")

    async def execute(self, token: int, command: Command, *, deadline: float) -> Outcome:
        """Carry out a command in the partition that holds `token`."""
        placement = self._ring.find(token)
        if placement is None:
            raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, f"no partition is known that holds token {token}")
        return await self.execute_on(placement.partition, command, deadline=deadline)

    async def execute_on(self, partition: PartitionId, command: Command, *, deadline: float) -> Outcome:
        """Carry out a command in a partition that is known by its id."""
        is_strong = not isinstance(command, _READS) or command.consistent
        leads = is_strong or self._is_fresh(partition)
        wait_seconds, damaged = 0.0, 0
        retries = Retries(command)
        last_try, refusal = deadline, _LEADERLESS
        while True:
            placement = self._placement(partition)
            node = self._routes.leader(placement) if leads else self._routes.replica(placement)
            by = self._way_to(node, placement) if leads else node
            outcome = await self._send(by, placement, command, deadline, "" if by == node else node)
            if type(outcome) not in _FAILURES:
                if isinstance(command, Write):
                    self._written[partition] = self._clock.monotonic()
                return outcome
            if not is_strong and isinstance(outcome, Failed) and outcome.code is ErrorCode.DAMAGED:
                # The node has reported it; whoever needs no leader is answered by a replica whose disk has not lied.
                damaged += 1
                if damaged < len(placement.replicas):
                    leads = not self._passed_over()
                    continue
            if isinstance(outcome, Failed) and outcome.code is ErrorCode.STORAGE_FULL:
                last_try, refusal = min(last_try, self._clock.monotonic() + FULL_SECONDS_MAX), outcome
            failure = self._require_retry(retries, refusal if isinstance(outcome, NotLeader) else outcome, last_try)
            is_patient = leads or retries.stays(failure)
            is_corrected = self._learn(placement, node, outcome) if is_patient else self._passed_over()
            leads = is_strong
            await self._refresh(placement, outcome, deadline)
            # A better address is tried at once, but only once: two nodes that name each other must not be asked in a spin.
            if wait_seconds or not is_corrected:
                await self._pause(wait_seconds or RETRY_SECONDS_MIN, deadline)
            wait_seconds = min(max(2 * wait_seconds, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)

    def partitions(self, lower: int, upper: int) -> tuple[Placement, ...]:
        """Return the partitions that hold the tokens lower <= token < upper, in token order."""
        return self._ring.between(lower, upper)

    async def change(self, change: CatalogChange, *, deadline: float) -> Decided:
        """Have the catalog decide a change; when this returns, `view` has reached the decided version."""
        outcome = await self.execute_on(CATALOG_PARTITION, ChangeCatalog(encode_change(change)), deadline=deadline)
        assert isinstance(outcome, CatalogDecided), f"expected a decision, found {type(outcome).__name__}"
        decided = Decided.decode(outcome.payload)
        await self._cache.wait_beyond(decided.version - 1, max(0.0, deadline - self._clock.monotonic()))
        return decided

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for channel in self._channels.values():
                tasks.create_task(channel.run())
            tasks.create_task(self._cache.run(self._channels))

    def _catalog_changed(self, view: CatalogView) -> None:
        self._ring = Ring(view.placements.values())
        for node in view.nodes.values():
            if node.id not in self._channels and self._tasks is not None:
                self._channels[node.id] = self._connect(node)
                self._tasks.create_task(self._channels[node.id].run())

    def _is_fresh(self, partition: PartitionId) -> bool:
        """Tell whether followers may not have heard of the last write yet.

        Until they have, the leader answers eventually consistent reads too: allowed, and kinder to whoever reads what it just wrote.
        """
        return self._clock.monotonic() - self._written.get(partition, -math.inf) < FOLLOWER_LAG_SECONDS

    def _placement(self, partition: PartitionId) -> Placement:
        placement = self.view.placements.get(partition)
        if placement is None:
            raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, f"partition {partition} is not known in {self.region}")
        return placement

    def _way_to(self, leader: NodeId, placement: Placement) -> NodeId:
        """Return whom to send to for a leader: itself, or while it is silent another replica, which passes on what it is sent.

        They have turns: one of them may lead by now, and says so when it is asked for another.
        """
        channels = self._channels
        if leader not in channels or channels[leader].is_sound:
            return leader
        ways = [node for node in placement.nodes() if node != leader and node in channels and channels[node].is_sound]
        self._detours += 1
        return ways[self._detours % len(ways)] if ways else leader

    async def _send(
        self, node: NodeId, placement: Placement, command: Command, deadline: float, forward_to: str
    ) -> Outcome:
        channel = self._channels.get(node)
        if channel is None:
            return Failed(ErrorCode.NOT_READY, f"node {node} is not known in {self.region}")
        return await channel.send(
            placement.partition,
            placement.epoch,
            command,
            catalog_version=self.view.version,
            deadline=deadline,
            forward_to=forward_to,
        )

    def _require_retry(self, retries: Retries, outcome: Outcome, deadline: float) -> Failed:
        """Return the failure, or raise what it says if another try is of no use, not allowed, or too late."""
        assert isinstance(outcome, Failed), f"expected a failure, found {type(outcome).__name__}"
        if not retries.allow(outcome) or self._clock.monotonic() >= deadline:
            raise StoreError(outcome.code, outcome.message)
        return outcome

    def _learn(self, placement: Placement, asked: NodeId, outcome: Outcome) -> bool:
        """Learn from a failure who might lead; tell whether that names a better address."""
        if isinstance(outcome, NotLeader) and outcome.leader:
            return self._routes.learn(placement, outcome.leader)
        if not (isinstance(outcome, Failed) and outcome.code is ErrorCode.OVERLOADED):
            self._routes.turn_away(placement, asked)
        return False

    def _passed_over(self) -> bool:
        """Ask other replicas from now on; that is always a better address."""
        self._routes.next_replica()
        return True

    async def _refresh(self, placement: Placement, outcome: Outcome, deadline: float) -> None:
        """Wait a little for the catalog to bring the newer placement that a node spoke of."""
        is_stale = isinstance(outcome, Failed) and outcome.code is ErrorCode.STALE_EPOCH
        if not is_stale or self.view.placements.get(placement.partition) != placement:
            return
        wait_seconds = min(REFRESH_SECONDS, max(0.0, deadline - self._clock.monotonic()))
        with contextlib.suppress(StoreError):
            await self._cache.wait_beyond(self.view.version, wait_seconds)

    async def _pause(self, wait_seconds: float, deadline: float) -> None:
        remaining = max(0.0, deadline - self._clock.monotonic())
        await asyncio.sleep(min(remaining, wait_seconds * self._randomness.uniform(0.5, 1.0)))
