"""All replicas of a node: who they are, their turns, their ticks, and the way in for requests and messages.

Knows the event loop. One timer ticks every replica; whatever becomes ready in one turn of the loop is carried out together,
so that it shares one transaction of the writer and one batch per peer. Refuses to know what a partition holds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from node.clocks.exchange import ClockStamp
from node.clocks.region import RegionClock
from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.types import Entry, Index, Loss, Message, ReplicaId
from node.partition.access import OnDone, ReplicaStatus
from node.partition.clock_watch import ClockWatch
from node.partition.core import PartitionCore, Surroundings
from node.partition.counts import ReplicaCounts
from node.partition.driver import PartitionDriver
from node.partition.equipment import Equipment
from node.partition.items import ItemMachine
from node.partition.log_trim import LogTrim
from node.partition.losing import Losing
from node.partition.lost_logs import clear_lost, has_begun, lose_to, lost_reason
from node.partition.machine import StateMachine
from node.partition.merges import MergeRules
from node.partition.page_turns import PageTurns
from node.partition.parts import NodeParts
from node.partition.quarantine import REFUSED, Permit, quarantine_reason
from node.partition.rebuilding import Damaged, Rebuilding
from node.partition.rounds import Rounds
from node.partition.rows import read_progress
from node.partition.settings import NodeSettings
from node.partition.shared_view import SharedView
from node.partition.status import closed_status
from node.partition.stored_log import StoredLog, open_log
from node.partition.transport import SnapshotRefusedError
from node.storage.batch import WriteBatch
from node.storage.errors import DamagedRecord, DamagedStorage
from node.storage.log import LogStore
from node.storage.snapshots import interrupted_install
from wire.catalog import CATALOG_PARTITION, NodeId, PartitionId, Placement
from wire.commands import Failed, NotLeader, Outcome, Request
from wire.conditions import Condition
from wire.errors import ErrorCode
from wire.keys import TokenRange
from wire.telemetry import EventLog

CATCH_UP_TICKS_MAX = 3
"""Ticks made up for after a stall; the rest is forgotten, or every stall would end in an election."""
RESERVE_BYTES = 16 << 20
"""Disk space that writes leave alone: elections, acknowledgements and deletions of old data need a little."""
RESERVE_FOLLOWED_BYTES = RESERVE_BYTES // 2
"""Disk space that not even entries of another leader get: a vote must still be possible then."""
RESERVE_REGAINED_BYTES = RESERVE_BYTES // 4
"""What must be free beyond the reserve before a node takes part again: one write must not send it back."""
HAND_OVER_POLL_SECONDS = 0.02
HAND_OVERS_MAX = 2
"""Times that one leadership is handed over by a node that stops."""
TIMER_SECONDS_MIN = 0.0005
TURNS_SECONDS_MAX = 0.010
"""Replicas begin their turns within so much of one turn of the event loop; the rest has the next."""
REBUILD_SECONDS = 1.0
"""Between two times that the others are asked whether they can spare a damaged replica."""

_STOPPING = Failed(ErrorCode.NOT_READY, "the node is stopping")
_JOINING = Failed(ErrorCode.NOT_READY, "the node has not joined its region yet")
_LOSING = Failed(ErrorCode.NOT_READY, "this replica has lost its log and begins anew")
LIVES = 1 << 62

_log = EventLog(__name__)


class NodeDriver:
    """Drive every replica of this node. Start it on a running loop; everything else is called on that loop."""

    def __init__(self, parts: NodeParts, settings: NodeSettings) -> None:
        self._parts = parts
        self._settings = settings
        self.counts = ReplicaCounts()
        self._rounds = Rounds(parts.clock.monotonic, self._wake_later)
        self.pages = PageTurns(parts.clock.monotonic, self._wake_pages, settings.pages)
        self._clock_watch = ClockWatch(parts, settings.max_clock_skew_ms, self._clock_changed)
        self._drivers: dict[PartitionId, PartitionDriver] = {}
        self._losing: set[PartitionId] = set()
        self._closed: dict[PartitionId, Damaged] = {}
        self._abandoned_for: DamagedStorage | None = None
        self._spared_partitions: set[PartitionId] = set()
        self._is_started = False
        self._marked: list[PartitionDriver] = []
        self._is_scheduled = self._is_stopped = self._has_failed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready_callbacks: list[Callable[[PartitionId], None]] = []
        self._lost_callbacks: list[Callable[[PartitionId], None]] = []
        self._change_callbacks: list[Callable[[PartitionId, Collection[int], int], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._round_timer: asyncio.TimerHandle | None = None
        self._ticks_from = 0.0
        self._ticks_done = 0
        self._ticks_total = 0
        self._is_reserve_used = self._is_reserve_low = False
        self._kept_out: frozenset[Condition] = frozenset()

    # Life.

    def start(self, placements: Iterable[Placement]) -> None:
        """Open every replica that these placements put here, and begin to tick.

        A replica that was never founded here, see node.partition.stored_log, opens as one that has lost its log. Raises
        DamagedRecord when the only replica of a group cannot be read: the node must not start.
        """
        self._is_started = True
        self._loop = asyncio.get_running_loop()
        self._view = SharedView(self._parts.engine, self._loop)
        self._equipment = self._equipped()
        self._clock_watch.tick()
        self._rebuilding = Rebuilding(
            node=self._parts.node,
            transport=self._parts.permits,
            monotonic=self._parts.clock.monotonic,
            spawn=self._spawn,
            lose=self._spared,
        )
        for placement in placements:
            if self._replica_of(placement) is not None:
                self._open_or_close(placement)
        self._ticks_from = self._parts.clock.monotonic()
        self._schedule_tick()
        for driver in self._drivers.values():
            if len(driver.core.placement.replicas) == 1:
                driver.campaign()

    @property
    def is_started(self) -> bool:
        """Tell whether the replicas here are open."""
        return self._is_started

    async def stop(self) -> None:
        """Stop ticking and answer everything that waits; the writer is stopped by its owner, afterwards."""
        self._is_stopped = True
        for timer in (self._timer, self._round_timer):
            if timer is not None:
                timer.cancel()
        for driver in self._drivers.values():
            driver.stop(_STOPPING)
        self.pages.close(_STOPPING)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._clock_watch.stop()
        self._view.drop()

    async def hand_over(self, timeout_seconds: float) -> int:
        """Hand every leadership to another node; return how many are left when none is, or when the time is up.

        A leadership that comes back is handed over once more and then kept: the other nodes are stopping as well.
        """
        until = self._parts.clock.monotonic() + timeout_seconds
        terms: dict[PartitionId, set[int]] = {}
        while (led := self._led()) and self._parts.clock.monotonic() < until:
            for driver in led:
                terms.setdefault(driver.partition, set()).add(driver.core.term_led)
            wanted = [driver for driver in led if len(terms[driver.partition]) <= HAND_OVERS_MAX]
            if not wanted:
                break
            for driver in wanted:
                driver.hand_over()
            await asyncio.sleep(HAND_OVER_POLL_SECONDS)
        return len(led)

    # Requests and messages.

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a request; `on_done` gets the outcome once, perhaps at once."""
        driver = self._drivers.get(PartitionId(request.partition))
        if driver is None or self._is_stopped:
            on_done(request.id, self._absent(request))
            return
        driver.submit(request, on_done)

    def deliver(self, partition: PartitionId, message: Message) -> None:
        """Take a consensus message from another node; one for a partition that is not here is dropped."""
        driver = self._drivers.get(partition)
        if driver is None or self._is_stopped:
            return
        # What cannot be kept counts as lost on its way: heartbeats go on, so the leader stays and serves reads.
        if self._is_reserve_low and any(entry.payload for entry in message.entries):
            driver.miss()
        else:
            driver.deliver(message)

    def clock_heard(self, node: NodeId, stamp: ClockStamp) -> None:
        """Take what another node's batch says of its clocks."""
        if self._is_started and not self._is_stopped:
            self._clock_watch.heard(node, stamp)

    def clock_stamp(self, node: NodeId) -> ClockStamp:
        """Return what a batch to another node that leaves now says of the clocks here."""
        return self._clock_watch.stamp_for(node)

    async def install_snapshot(self, partition: PartitionId, message: Message, chunks: AsyncIterator[bytes]) -> None:
        """Replace a replica's state by a snapshot's; return when it is durable. Raises SnapshotRefusedError."""
        driver = self._drivers.get(partition)
        if driver is None or self._is_stopped:
            raise SnapshotRefusedError(f"partition {partition} has no replica on node {self._parts.node}")
        await driver.install(message, chunks)

    def catalog_changed(self) -> None:
        """Look at the catalog view again."""
        placements = self._parts.catalog.view.placements
        for partition, driver in self._drivers.items():
            driver.catalog_changed(placements.get(partition, driver.core.placement))

    def begin_loss(self, partitions: Collection[PartitionId], reason: str) -> None:
        """Begin what `lose` does, for several replicas together; what is not here, or is being lost, is left alone."""
        if not self._is_stopped:
            self._spawn(self._lose(sorted(partitions), reason))

    async def lose(self, partition: PartitionId, reason: str) -> None:
        """Let a replica begin anew as one that has lost its log; return when it follows again, empty.

        It stops serving at once. That it has lost its log is durable before anything of it is cleared; from then on it
        counts for no quorum until it is whole again, however often the process is restarted. Doing it twice does it once.
        The only replica of its group stays as it is, because nobody could give it back what it holds.
        """
        await self._lose([partition], reason)

    async def _lose(self, partitions: Sequence[PartitionId], reason: str) -> None:
        here = {each.partition: each.core.placement for each in self._drivers.values()}
        here |= {partition: damaged.placement for partition, damaged in self._closed.items()}
        placements = [here[each] for each in partitions if each in here and len(here[each].replicas) > 1]
        for placement in placements:
            partition = placement.partition
            _log.error("replica_lost_its_log", partition=partition, reason=reason)
            self._losing.add(partition)
            self._closed.pop(partition, None)
            if (driver := self._drivers.pop(partition, None)) is not None:
                driver.leave(_LOSING)
        if placements:
            await Losing(self._parts.writer, self._parts.lives, placements, reason).carry_out()
        self._view.drop()
        for placement in placements:
            self._losing.discard(placement.partition)
            self._open_or_close(placement)

    def permit(self, partition: PartitionId, asker: ReplicaId) -> Permit:
        """Answer a replica of another node that holds damaged data and wants to begin anew."""
        driver = self._drivers.get(partition)
        return REFUSED if driver is None or self._is_stopped else driver.permit(asker)

    def checkpoint(self, partition: PartitionId) -> bytes:
        """Return what a replica here held at its last checkpoint, encoded; empty = it does not say."""
        driver = self._drivers.get(partition)
        return b"" if driver is None or self._is_stopped else driver.checkpoint()

    def abandon(self, error: DamagedStorage) -> None:
        """Give the whole disk up: answer nothing more, and end as soon as the others can spare every replica here.

        The only replicas of their groups keep a node as it is.
        """
        if self._abandoned_for is None and self._is_started and not self._is_stopped:
            self._abandoned_for = error
            for driver in self._drivers.values():
                driver.quarantine(str(error))

    def _spared(self, partition: PartitionId, reason: str) -> None:
        """Go on now that the others can spare a replica."""
        if self._abandoned_for is None:
            self.begin_loss([partition], reason)
            return
        self._spared_partitions.add(partition)
        if self._spared_partitions >= self.hosted():
            self._fail(self._abandoned_for)

    def _rebuild(self) -> None:
        """Ask for whatever is damaged here and leads nothing."""
        for driver in self._drivers.values():
            core = driver.core
            if core.is_withdrawn and not core.is_leader and core.quarantined is not None:
                self._rebuilding.consider(
                    Damaged(placement=core.placement, reason=core.quarantined, permits=driver.permits)
                )
        for damaged in self._closed.values():
            self._rebuilding.consider(damaged)

    def acknowledged(self, node: NodeId) -> dict[PartitionId, tuple[int, int]]:
        """Return which committed entries of what is led here a node has acknowledged: the last index, and its term or 0."""
        found = {}
        for partition, driver in self._drivers.items():
            consensus, placement = driver.core.consensus, driver.core.placement
            for replica, index in consensus.acknowledged():
                if placement.node_of(replica) == node:
                    found[partition] = (int(index), max(0, int(consensus.term_of(index))))
        return found

    # What the rooms above see.

    @property
    def clock(self) -> RegionClock:
        """Return the clock that everything is stamped with here: the region's time as this node tells it."""
        return self._clock_watch.clock

    def replica(self, partition: PartitionId) -> PartitionDriver | None:
        """Return a replica hosted here, or None."""
        return self._drivers.get(partition)

    def replicas(self) -> Mapping[PartitionId, PartitionDriver]:
        """Return every replica hosted here."""
        return self._drivers

    def hosted(self) -> set[PartitionId]:
        """Return the partitions that have a replica here, open or not."""
        return {*self._drivers, *self._losing, *self._closed}

    def on_leadership(self, ready: Callable[[PartitionId], None], lost: Callable[[PartitionId], None]) -> None:
        """Ask to be told when a replica here begins to serve as leader, and when it ceases."""
        self._ready_callbacks.append(ready)
        self._lost_callbacks.append(lost)
        for partition, driver in self._drivers.items():
            if driver.is_ready:
                ready(partition)

    def on_changes(self, changed: Callable[[PartitionId, Collection[int], int], None]) -> None:
        """Ask to be told when a partition led here has applied change records: of which tables, and the last number."""
        self._change_callbacks.append(changed)

    def status(self) -> Sequence[ReplicaStatus]:
        """Return what every replica is doing, by partition id."""
        known = {partition: driver.status() for partition, driver in self._drivers.items()}
        known |= {partition: closed_status(partition, Condition.RECOVERING) for partition in self._losing}
        known |= {partition: closed_status(partition, Condition.QUARANTINED) for partition in self._closed}
        return [known[partition] for partition in sorted(known)]

    def conditions(self) -> frozenset[Condition]:
        """Return what is wrong with the node as a whole."""
        full = {Condition.STORAGE_FULL} if self._is_reserve_used else ()
        return self._kept_out.union(full)

    def keep_out(self, condition: Condition, is_out: bool) -> None:
        """Lead nothing that another node can lead while there is such a condition, or take part again."""
        if (condition in self._kept_out) != is_out:
            self._kept_out = self._kept_out | {condition} if is_out else self._kept_out - {condition}
            for driver in self._drivers.values():
                driver.keep_out(condition, is_out)

    def give_up(self) -> None:
        """Cease to lead at once and without a write: nothing here can be written any more."""
        self._kept_out |= {Condition.STORAGE_FAILING}
        for driver in self._drivers.values():
            driver.keep_out(Condition.STORAGE_FAILING, True)
            driver.resign()

    def _tell_changes(self, partition: PartitionId, tables: Collection[int], latest: int) -> None:
        for callback in self._change_callbacks:
            callback(partition, tables, latest)

    # Opening.

    def _equipped(self) -> Equipment:
        parts = self._parts
        return Equipment(
            node=parts.node,
            engine=parts.engine,
            writer=parts.writer,
            view=self._view,
            transport=parts.transport,
            snapshots=parts.snapshots,
            loop=self._loop,
            mark=self._mark,
            spawn=self._spawn,
            fail=self._fail,
            ready=lambda partition: self._tell(self._ready_callbacks, partition),
            lost=lambda partition: self._tell(self._lost_callbacks, partition),
            lose=lambda partition, reason: self.begin_loss([partition], reason),
            changed=self._tell_changes,
            counts=self.counts,
            monotonic=parts.clock.monotonic,
            wall_ms=self.clock.wall_ms,
            retention_ms=self._settings.stream_retention_seconds * 1_000,
        )

    def _replica_of(self, placement: Placement) -> ReplicaId | None:
        node = self._parts.node
        return next((ReplicaId(each.replica) for each in placement.replicas if each.node == node), None)

    def _open_or_close(self, placement: Placement) -> None:
        """Open a replica; one that cannot be read waits, closed, until the others can spare it. Raises DamagedRecord."""
        try:
            self._open(placement)
        except DamagedRecord as error:
            if len(placement.replicas) == 1:
                raise
            self.counts.quarantines += 1
            _log.error("replica_quarantined", partition=placement.partition, reason=str(error))
            self._closed[placement.partition] = Damaged(placement=placement, reason=str(error))

    def _open(self, placement: Placement) -> None:
        loss = self._loss_of(placement)
        store = open_log(self._parts.engine, placement.partition)
        machine = self._machine_of(placement)
        core = self._core_of(placement, store, machine, loss)
        trim = LogTrim(self._settings.log_entries_kept, self._settings.log_bytes_kept)
        driver = PartitionDriver(core=core, machine=machine, log=store, trim=trim, equipment=self._equipment)
        self._drivers[placement.partition] = driver
        driver.clock_changed(self._clock_watch.refusal)
        for condition in self._kept_out:
            driver.keep_out(condition, True)

    def _loss_of(self, placement: Placement) -> Loss | None:
        """Return what a replica has lost, having cleared what is left of it."""
        engine, partition = self._parts.engine, placement.partition
        with engine.snapshot() as view:
            reason, is_begun = lost_reason(view, partition), has_begun(view, partition)
        if reason is None and is_begun:
            return None
        if reason is None:
            reason = "it opened empty in a group that was founded before"
            batch = WriteBatch()
            lose_to(batch, partition, reason)
            engine.write(batch.apply)
        if not is_begun:
            clear_lost(engine, placement)
        _log.warning("replica_recovers", partition=partition, reason=reason)
        return Loss(1 + self._parts.random.randrange(LIVES), len(placement.replicas))

    def _machine_of(self, placement: Placement) -> StateMachine:
        if placement.partition == CATALOG_PARTITION:
            machine = self._parts.catalog_machine
            assert machine is not None, "a node with a replica of partition 0 needs the catalog's machine"
            return machine
        rules = MergeRules(
            self._clock_watch.hybrid,
            self._settings.max_clock_skew_ms,
            self.clock.wall_ms,
            self._parts.region_number,
            self._parts.superseded,
        )
        catalog = self._parts.catalog
        settings = self._settings
        return ItemMachine(
            placement.partition,
            lambda: catalog.view.tables_by_number,
            rules,
            settings.item_collection_bytes_max,
            settings.ttl_grace_seconds,
            settings.pages.slice_weight,
            TokenRange(placement.lower, placement.upper),
        )

    def _core_of(
        self, placement: Placement, store: LogStore[Entry], machine: StateMachine, loss: Loss | None
    ) -> PartitionCore:
        consensus = ConsensusCore(
            self._consensus_config(placement),
            StoredLog(store),
            self._parts.random,
            Index(store.applied_index),
            loss=loss,
        )
        catalog = self._parts.catalog
        is_catalog = placement.partition == CATALOG_PARTITION
        surroundings = Surroundings(
            monotonic=self._parts.clock.monotonic,
            open_view=self._view.open,
            # The catalog's own partition is what the version comes from.
            catalog_version=(lambda: 0) if is_catalog else (lambda: catalog.view.version),
            rounds=self._rounds,
            pages=self.pages,
            may_stamp=self._clock_watch.may_stamp,
        )
        with self._parts.engine.snapshot() as view:
            core = PartitionCore(
                config=self._settings.partition,
                lease_seconds=self._settings.lease_seconds,
                consensus=consensus,
                machine=machine,
                placement=placement,
                progress=read_progress(view, placement.partition),
                surroundings=surroundings,
            )
            core.quarantined = quarantine_reason(view, placement.partition)
            core.is_installing = interrupted_install(view, placement.partition) is not None
            if core.is_installing:
                _log.warning("snapshot_was_interrupted", partition=placement.partition)
            elif store.membership:
                machine.restored(view)
        return core

    def _consensus_config(self, placement: Placement) -> ConsensusConfig:
        replica = self._replica_of(placement)
        assert replica is not None, f"partition {placement.partition} has no replica on node {self._parts.node}"
        settings = self._settings
        return ConsensusConfig(
            id=replica,
            election_ticks=settings.election_ticks,
            heartbeat_ticks=settings.heartbeat_ticks,
            lease=settings.lease_reads,
        )

    # Turns and ticks.

    def _mark(self, driver: PartitionDriver) -> None:
        driver.is_marked = True
        self._marked.append(driver)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turns)

    def _turns(self) -> None:
        """Carry out the turns of all marked replicas; what they submit shares one transaction."""
        self._is_scheduled = False
        marked, self._marked = self._marked, []
        if self._is_stopped:
            return
        until = self._parts.clock.monotonic() + TURNS_SECONDS_MAX
        try:
            for done, driver in enumerate(marked, 1):
                driver.is_marked = False
                driver.turn()
                if done < len(marked) and self._parts.clock.monotonic() >= until:
                    # The others join the same round in the next turn of the loop, after what has arrived meanwhile.
                    self._go_on_with(marked[done:])
                    return
            self._rounds.close()
        except Exception as error:  # noqa: BLE001  # the one loop of all partitions: a broken one must not go on
            self._fail(error)

    def _go_on_with(self, rest: list[PartitionDriver]) -> None:
        self._marked = rest + self._marked
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turns)

    def _wake_later(self, seconds: float) -> None:
        if self._round_timer is not None:
            self._round_timer.cancel()
        # As with ticks, a timer may come a hair early.
        self._round_timer = self._loop.call_later(max(seconds, TIMER_SECONDS_MIN), self._wake)

    def _wake(self) -> None:
        """Let the replicas that waited for the next round have it."""
        wait_seconds = self._rounds.wait_seconds()
        if wait_seconds > 0.0:
            self._wake_later(wait_seconds)
            return
        for driver in self._drivers.values():
            driver.look_again()

    def _wake_pages(self) -> None:
        self._loop.call_soon(self._read_pages)

    def _read_pages(self) -> None:
        """Let pages that wait have their slices of this turn."""
        if self._is_stopped:
            return
        try:
            for partition in self.pages.run():
                # A strong page may have to wait for leadership to be confirmed.
                if (driver := self._drivers.get(partition)) is not None:
                    driver.look_again()
        except Exception as error:  # noqa: BLE001  # as in _turns
            self._fail(error)

    def _schedule_tick(self) -> None:
        tick_seconds = self._settings.tick_ms / 1_000
        due = self._ticks_from + (self._ticks_done + 1) * tick_seconds
        # A timer may come a hair early; the least delay keeps that from becoming a spin.
        delay_seconds = max(tick_seconds / 50, due - self._parts.clock.monotonic())
        self._timer = self._loop.call_later(delay_seconds, self._tick)

    def _tick(self) -> None:
        tick_seconds = self._settings.tick_ms / 1_000
        # Never more ticks than time has passed: leases rely on it.
        elapsed = int((self._parts.clock.monotonic() - self._ticks_from) / tick_seconds)
        due, self._ticks_done = elapsed - self._ticks_done, elapsed
        try:
            for _ in range(min(due, CATCH_UP_TICKS_MAX)):
                self._tick_once(tick_seconds)
        except Exception as error:  # noqa: BLE001  # as in _turns
            self._fail(error)
            return
        self._schedule_tick()

    def _tick_once(self, tick_seconds: float) -> None:
        self._ticks_total += 1
        for driver in self._drivers.values():
            driver.tick()
        self._clock_watch.tick()
        self._check_reserve()
        if self._ticks_total % max(1, round(REBUILD_SECONDS / tick_seconds)) == 0:
            self._rebuild()
        if self._ticks_total % max(1, round(self._settings.trim_seconds / tick_seconds)) == 0:
            for driver in self._drivers.values():
                driver.trim_changes()

    def _check_reserve(self) -> None:
        """Leave writes to others before the disk is so full that even elections fail, until there is space again."""
        writable_bytes = self._parts.engine.usage().writable_bytes
        self._is_reserve_low = writable_bytes < RESERVE_FOLLOWED_BYTES
        is_used = writable_bytes < RESERVE_BYTES + (RESERVE_REGAINED_BYTES if self._is_reserve_used else 0)
        if is_used != self._is_reserve_used:
            self._is_reserve_used = is_used
            for driver in self._drivers.values():
                driver.reserve_used(is_used)

    def _clock_changed(self) -> None:
        """Lead nothing and refuse writes while this node's clock is off, or take part again; writes that waited may go on."""
        refusal = self._clock_watch.refusal
        self.keep_out(Condition.CLOCK_REFUSED, refusal is not None)
        for driver in self._drivers.values():
            driver.clock_changed(refusal)

    # Small things.

    def _led(self) -> list[PartitionDriver]:
        return [driver for driver in self._drivers.values() if driver.core.is_leader]

    def _absent(self, request: Request) -> Outcome:
        if self._is_stopped:
            return _STOPPING
        if not self._is_started:
            return _JOINING
        if request.partition in self._losing:
            return _LOSING
        placement = self._parts.catalog.view.placements.get(PartitionId(request.partition))
        return NotLeader(placement.replicas[0].node if placement is not None else "")

    def _tell(self, callbacks: list[Callable[[PartitionId], None]], partition: PartitionId) -> None:
        for callback in callbacks:
            callback(partition)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.error("node_failed", node=self._parts.node, error=repr(error))
            self._parts.on_fatal(error)
