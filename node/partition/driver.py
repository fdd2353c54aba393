"""One replica of a partition at work: carries out its core's turns, in order, with disk and network.

Knows the order of things: what may leave before the disk has it, what only after, what is applied when. Refuses to
decide anything about data; it owns no task, the node's driver does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from node.consensus.types import NO_REPLICA, Entry, Index, Message, MessageKind, ReplicaId, Role
from node.partition.access import ReplicaStatus, StoredItem
from node.partition.barriers import Barriers
from node.partition.change_trim import ChangeTrim
from node.partition.checkpoints import Checkpoint, read_checkpoint
from node.partition.core import PartitionCore
from node.partition.counts import Elections
from node.partition.effects import logged_tables
from node.partition.entries import Cursor
from node.partition.equipment import Equipment
from node.partition.expiry import Expire, ExpiryCommand
from node.partition.installing import Installation
from node.partition.leadership import CHECK_TICKS, PROMPT_TICKS, PreferredLeader, successor
from node.partition.log_trim import LogTrim
from node.partition.lost_logs import recovered_to
from node.partition.machine import StateMachine
from node.partition.quarantine import REFUSED, SHUN_SECONDS, Permit, Permits, quarantine_to
from node.partition.records import find_stored, scan_stored
from node.partition.rows import read_cursor, read_cursors, read_progress
from node.partition.snapshot_source import send_snapshot
from node.partition.status import status_of
from node.partition.transport import SnapshotRefusedError
from node.partition.turn_rows import TurnRows
from node.partition.turns import ApplyPlan, Turn
from node.partition.writing import OrderedWriting
from node.storage.batch import WriteBatch
from node.storage.errors import DamagedRecord, StorageError
from node.storage.expiry import ExpiryIndex, due_rows
from node.storage.log import LogStore
from node.streams.pages import read_page
from wire.catalog import CATALOG_PARTITION, NodeId, PartitionId, Placement
from wire.commands import Changes, Failed, Outcome, Position, ReadChanges, Request, Written
from wire.conditions import Condition
from wire.errors import ErrorCode
from wire.keys import ItemKey, TokenRange
from wire.telemetry import EventLog

TURNS_AT_ONCE_MAX = 8
"""Turns of one replica in a row; then the others have theirs."""
CURSOR_SECONDS = 10.0
MUTE_TICKS_MAX = 3
"""Ticks for which a leader that cannot write waits for its followers to commit what it has proposed."""
_DAMAGED = Failed(ErrorCode.NOT_READY, "the log of this replica is damaged")

_log = EventLog(__name__)


class PartitionDriver:
    """Drive one replica. All methods are called on the event loop."""

    def __init__(
        self,
        *,
        core: PartitionCore,
        machine: StateMachine,
        log: LogStore[Entry],
        trim: LogTrim,
        equipment: Equipment,
    ) -> None:
        self.core = core
        self.is_marked = False
        self._log_store = log
        self._can_be_rebuilt = len(core.placement.replicas) > 1
        self._rows = TurnRows(self.partition, machine, log, trim, self.quarantine, self._can_be_rebuilt)
        self._equipment = equipment
        self._writing = OrderedWriting(equipment.writer, equipment.loop, self._storage_full)
        self._preferred = PreferredLeader()
        self._elections = Elections(equipment.counts)
        self._ticks = self._leaderless_ticks = 0
        self._ready_term = 0
        self._barriers = Barriers(equipment.loop)
        self._change_trim = ChangeTrim(
            self.partition, self._writing, equipment, lambda: core.is_installing or core.is_withdrawn, self.quarantine
        )
        self.permits = Permits()
        self._installed = 0
        self._shunned: dict[ReplicaId, float] = {}
        self._installation: Installation | None = None
        self._is_flushing = self._is_reserve_used = self._is_missing_entries = False
        self._is_rejoining = self._is_stopped = False
        self._kept_out: frozenset[Condition] = frozenset()
        self._mute_ticks = 0

    # What the rooms above see.

    @property
    def partition(self) -> PartitionId:
        """Return the partition's id."""
        return self.core.placement.partition

    @property
    def placement(self) -> Placement:
        """Return where the partition is."""
        return self.core.placement

    @property
    def is_ready(self) -> bool:
        """Tell whether this replica leads and may serve."""
        return self.core.is_ready

    @property
    def proposed_index(self) -> int:
        """Return the last index proposed so far."""
        return int(self.core.consensus.last_index)

    async def applied_barrier(self) -> bool:
        """Wait until everything evaluated before the call is applied; False when leadership was lost first."""
        index, term = self.proposed_index, self.core.term_led
        if not term or self.core.applied_index >= index:
            return term != 0
        barrier = self._barriers.raised(index, term)
        self.flush()
        return await barrier

    def read_changes(self, request: ReadChanges) -> Changes:
        """Return a page of change records of the applied state. Raises StorageError."""
        with self._met_damage():
            view = self._equipment.view.open()
            return read_page(view, self.partition, *request, read_progress(view, self.partition).sequence)

    def scan_records(
        self, table: int, after: Position | None, limit: int, bytes_max: int = 1 << 20
    ) -> Sequence[StoredItem]:
        """Return items and tombstones of a table in hash order after a position; empty at the end."""
        placement = self.core.placement
        tokens = TokenRange(placement.lower, placement.upper)
        with self._met_damage():
            return scan_stored(self._equipment.view.open(), table, tokens, after, limit, bytes_max)

    def find_record(self, table: int, key: ItemKey) -> StoredItem | None:
        """Return one item or tombstone, or None."""
        with self._met_damage():
            return find_stored(self._equipment.view.open(), table, key)

    def cursor(self, name: str) -> bytes | None:
        """Return the applied value of a cursor, or None."""
        with self._met_damage():
            return read_cursor(self._equipment.view.open(), self.partition, name)

    def cursors_under(self, prefix: str) -> Mapping[str, bytes]:
        """Return the applied values of all cursors whose names begin so. Raises StorageError."""
        return read_cursors(self._equipment.view.open(), self.partition, prefix)

    async def propose_cursor(self, name: str, value: bytes) -> bool:
        """Set a replicated cursor; True once that is committed."""
        return await self._proposed(Cursor(name, value))

    def due_expiries(
        self, table: int, generation: int, since: int, until_of: Callable[[int], int], rows_max: int
    ) -> Sequence[Expire]:
        """Return what to decide about applied rows of an expiry index that are due. Raises StorageError."""
        index = ExpiryIndex(self.partition, table, generation)
        with self._met_damage():
            rows = due_rows(self._equipment.view.open(), index, since, until_of, rows_max)
        return [Expire(table, generation, *row) for row in rows]

    async def propose_expiry(self, command: ExpiryCommand) -> bool:
        """Decide about expired items, or bring items into an expiry index; True once that is committed."""
        return await self._proposed(command)

    async def _proposed(self, command: Cursor | ExpiryCommand | Checkpoint) -> bool:
        future: asyncio.Future[bool] = self._equipment.loop.create_future()

        def done(_: int, outcome: Outcome) -> None:
            if not future.done():
                future.set_result(isinstance(outcome, Written))

        self.core.propose(command, CURSOR_SECONDS, done)
        self._after()
        return await future

    def status(self) -> ReplicaStatus:
        """Describe this replica."""
        return status_of(self.core)

    # Events.

    def submit(self, request: Request, done: Callable[[int, Outcome], None]) -> None:
        """Take a request."""
        self.core.submit(request, done)
        if self.core.damage is not None:
            self._after()
        if not self.is_marked and not self._writing.is_full and self.core.has_work():
            self._equipment.mark(self)
        if self.core.wants_apply:
            self.flush()

    def miss(self) -> None:
        """Note that entries of a leader came and could not be kept; they come again."""
        self._is_missing_entries = True

    def deliver(self, message: Message) -> None:
        """Take a message from another replica. Snapshots come by another way, see `install`."""
        if message.entries:
            self._is_missing_entries = False
        if message.kind is not MessageKind.SNAPSHOT and not self._is_stopped:
            try:
                self.core.step(message)
            except DamagedRecord as error:
                self._log_damaged(error)
            self._after()

    def tick(self) -> None:
        """Let one tick of time pass."""
        if self._is_stopped:
            return
        core = self.core
        try:
            core.tick(is_stuck=not core.is_leader and (self._writing.is_full or self._is_missing_entries))
        except DamagedRecord as error:
            self._log_damaged(error)
            return
        self._ticks += 1
        self._elections.led_by(core.consensus.leader, core.consensus.term)
        if core.is_leader:
            self._leaderless_ticks = 0
            if core.is_withdrawn:
                self._withdraw()
            elif core.stands_back:
                self._make_way()
            elif self._ticks % CHECK_TICKS == 0:
                self._prefer()
        elif core.consensus.leader == NO_REPLICA:
            self._leaderless_ticks += 1
            self._hasten()
        else:
            self._leaderless_ticks = 0
        self._check_log()
        self._after()

    def look_again(self) -> None:
        """Notice that what the core waited for may have come."""
        self._after()

    def catalog_changed(self, placement: Placement) -> None:
        """Take the present placement and look whether the view is new enough to serve."""
        self.core.placement = placement
        self.core.catalog_changed()
        self._after()

    def campaign(self) -> None:
        """Try to lead now."""
        self.core.campaign()
        self._after()

    def hand_over(self) -> None:
        """Hand leadership to the fittest follower, if this replica leads and there is one."""
        if self.core.is_leader:
            heir = self._heir()
            if heir is not None:
                self.core.transfer(heir)
            self._after()

    def trim_changes(self) -> None:
        """Delete change records past their retention, until none is left that old."""
        self._change_trim.begin()

    def flush(self) -> None:
        """Have what is committed applied without further delay."""
        if self._is_flushing or self._writing.is_idle or self._writing.is_full:
            return
        self._is_flushing = True
        batch = WriteBatch()
        batch.after_commit(self._flushed)
        self._writing.submit(batch)

    def stop(self, outcome: Failed) -> None:
        """Answer everything that waits, and begin nothing more; nothing is sent any more either."""
        self._is_stopped = True
        self.core.stop(outcome)
        self._writing.stop()
        if self._installation is not None:
            self._installation.abort()
        self._release_barriers(lost=True)

    async def install(self, message: Message, chunks: AsyncIterator[bytes]) -> None:
        """Replace this replica's state by a snapshot's. Raises SnapshotRefusedError; then the old state may be gone."""
        if self._installation is not None:
            raise SnapshotRefusedError(f"partition {self.partition}: another snapshot is being installed")
        installation = Installation(self.core, self.partition, self._writing, self._equipment.loop)
        if not installation.accepts(message):
            # It is old news: the answer tells the leader how far this replica is.
            self.core.step(message)
            self._after()
            return
        self._installation = installation
        try:
            await installation.receive(chunks)
            await installation.finish(message, self._after)
        finally:
            self._installation = None

    # Turns.

    def turn(self) -> None:
        """Carry out what the core has to do now."""
        for _ in range(TURNS_AT_ONCE_MAX):
            if self._writing.is_full:
                return
            try:
                turn = self.core.turn()
            except DamagedRecord as error:
                self._log_damaged(error)
                return
            if turn is None:
                break
            self._carry_out(turn)
        self._after()

    def _carry_out(self, turn: Turn) -> None:
        ready = turn.ready
        self._send(turn.early)
        batch = WriteBatch()
        self._rows.write(batch, turn)
        if ready.snapshot is not None:
            assert self._installation is not None, "a snapshot is only restored while one is installed"
            self._installation.finish_to(batch)
        if ready.hard_state is not None:
            self._elections.persisted(ready.hard_state, self.core.consensus.id)
        if not ready.must_sync:
            self._send(turn.late)
        began = self._equipment.monotonic()
        batch.after_commit(lambda: self._durable(turn, began))
        if batch.operations:
            self._writing.submit(batch, lazy=not ready.must_sync and not self.core.wants_apply)

    def _durable(self, turn: Turn, began: float) -> None:
        if self._is_stopped:
            return
        try:
            if turn.ready.must_sync:
                self._persisted(turn)
            if turn.plan is not None:
                self._equipment.counts.apply_seconds.observe(self._equipment.monotonic() - began)
                self._applied(turn.plan)
            self._after()
        except Exception as error:  # noqa: BLE001  # called by the writer's loop: a broken replica must not go on
            self._equipment.fail(error)

    def _persisted(self, turn: Turn) -> None:
        self.core.persisted(turn)
        self._send(turn.late)
        if turn.ready.snapshot is not None:
            self._restored()

    def _restored(self) -> None:
        self._equipment.view.drop()
        view = self._equipment.view.open()
        self.core.restored(view, read_progress(view, self.partition))
        if self._installation is not None:
            self._installation.durable()
        self._installed += 1
        self._equipment.counts.snapshots_installed += 1
        _log.info("snapshot_installed", partition=self.partition, index=self.core.applied_index)

    def _applied(self, plan: ApplyPlan) -> None:
        # What the overlay forgets now must be found in the engine: views opened before are too old.
        self._equipment.view.drop()
        self.core.applied(plan)
        self._release_barriers()
        self._tell_changes(plan)
        self._trim_log()

    def _tell_changes(self, plan: ApplyPlan) -> None:
        # Effects of the catalog's partition are its own machine's; nobody ships them.
        if not self.core.is_ready or self.partition == CATALOG_PARTITION:
            return
        tables = logged_tables(plan.effects)
        if tables:
            latest = read_progress(self._equipment.view.open(), self.partition).sequence
            self._equipment.changed(self.partition, tables, latest)

    def _trim_log(self) -> None:
        batch = WriteBatch()
        if target := self._rows.trim(batch):
            self.core.consensus.compacted(Index(target + 1))
            self._writing.submit(batch, lazy=True)

    def _flushed(self) -> None:
        self._is_flushing = False

    def _send(self, messages: Sequence[Message]) -> None:
        partition, send, placement = self.partition, self._equipment.transport.send, self.core.placement
        for message in messages:
            node = placement.node_of(message.recipient)
            if message.kind is MessageKind.SNAPSHOT:
                self._equipment.spawn(self._send_snapshot(node, message))
            elif node is not None:
                send(node, partition, message)

    async def _send_snapshot(self, node: NodeId | None, message: Message) -> None:
        """Carry a snapshot to a replica that has fallen behind the log, and tell consensus how that ended."""
        is_installed = False
        try:
            if self.core.is_withdrawn:
                raise SnapshotRefusedError(f"partition {self.partition}: the data here is damaged")
            await send_snapshot(self._equipment, self._log_store, self.core.placement, node, message)
            is_installed = True
            self._equipment.counts.snapshots_sent += 1
        except (SnapshotRefusedError, StorageError, TimeoutError) as error:
            if isinstance(error, DamagedRecord):
                self.quarantine(str(error))
            self._equipment.counts.snapshots_not_sent += 1
            _log.warning("snapshot_not_sent", partition=self.partition, to=node, error=str(error))
        finally:
            self.core.consensus.report_snapshot(message.recipient, is_installed)
            self._after()

    # What follows.

    def _after(self) -> None:
        """Notice what an event has changed: who leads, and whether there is more to do."""
        if self._is_stopped:
            return
        core = self.core
        if core.damage is not None and core.quarantined is None:
            self.quarantine(core.damage)
        ready_term = core.term_led if core.is_ready else 0
        if ready_term != self._ready_term:
            self._tell_leadership(ready_term)
        if not self.is_marked and not self._writing.is_full and core.has_work():
            self._equipment.mark(self)

    def leave(self, outcome: Failed) -> None:
        """Stop, while the node goes on without this replica."""
        if self._ready_term:
            self._tell_leadership(0)
        self.core.leave(outcome)
        self.stop(outcome)

    def _tell_leadership(self, ready_term: int) -> None:
        before, self._ready_term = self._ready_term, ready_term
        if before:
            self._equipment.counts.leaderships_lost += 1
            _log.info("leadership_lost", partition=self.partition, term=before)
            self._release_barriers()
            self._equipment.lost(self.partition)
        if ready_term:
            self._equipment.counts.leaderships_won += 1
            _log.info("leadership_ready", partition=self.partition, term=ready_term)
            self._equipment.ready(self.partition)

    def _release_barriers(self, *, lost: bool = False) -> None:
        self._barriers.release(self.core.applied_index, self.core.term_led, lost=lost)

    def _prefer(self) -> None:
        heir = self._preferred.checked(self.core.placement, self.core.consensus.status())
        if heir is not None and self.core.is_ready and heir not in self._shunned_now():
            self.core.transfer(heir)

    # Damage.

    def quarantine(self, reason: str) -> None:
        """Stop answering: the data here is damaged. Whoever drives the node sees to it that the replica is rebuilt."""
        if self.core.quarantined is not None or self._is_stopped:
            return
        self._equipment.counts.quarantines += 1
        _log.error("replica_quarantined", partition=self.partition, reason=reason)
        self.core.quarantine(reason)
        if self._can_be_rebuilt:
            batch = WriteBatch()
            quarantine_to(batch, self.partition, reason)
            self._writing.submit(batch)
            self._withdraw()
        self._after()

    async def propose_checkpoint(self) -> bool:
        """Have every replica write down what it holds; True once that is committed."""
        return await self._proposed(Checkpoint(self._equipment.wall_ms()))

    def checkpoint(self) -> bytes:
        """Return what this replica held at the last checkpoint, encoded; empty = nothing that may be believed."""
        if self.scrub_life is None:
            return b""
        with self._met_damage():
            return read_checkpoint(self._equipment.view.open(), self.partition)

    @property
    def tokens(self) -> TokenRange:
        """Return the tokens that the partition owns."""
        return TokenRange(self.core.placement.lower, self.core.placement.upper)

    @property
    def scrub_life(self) -> object | None:
        """Return what stays the same as long as the data here is one and may be judged; None = it may not."""
        core = self.core
        is_unfit = core.is_installing or core.consensus.loss is not None or core.is_withdrawn or self._is_stopped
        return None if is_unfit else (self, self._installed)

    def found_whole(self) -> None:
        """Note that a scrub has found nothing wrong with the only replica of a group."""
        if not self._can_be_rebuilt:
            self.core.quarantined = self.core.damage = None

    def permit(self, asker: ReplicaId) -> Permit:
        """Answer another replica that holds damaged data and wants to begin anew."""
        core, now = self.core, self._equipment.monotonic()
        self._shunned[asker] = now + SHUN_SECONDS
        if core.consensus.loss is not None or core.is_installing or self._is_stopped:
            return REFUSED
        replica = int(core.consensus.id)
        return self.permits.answer(int(asker), replica, is_damaged=core.is_withdrawn, leads=core.is_ready, now=now)

    def _withdraw(self) -> None:
        """Have somebody else lead, as soon as anybody can; an heir that does not take it may be damaged, too, and another is next."""
        status = self.core.consensus.status()
        if self.core.is_leader and status.transferee == NO_REPLICA:
            heir = successor(status, self._shunned_now())
            if heir is not None:
                self._shunned[heir] = self._equipment.monotonic() + SHUN_SECONDS
                self.transfer(heir)

    def _shunned_now(self) -> frozenset[ReplicaId]:
        """Return the replicas that have said of themselves that they should not lead."""
        now = self._equipment.monotonic()
        return frozenset(replica for replica, until in self._shunned.items() if until > now)

    @contextmanager
    def _met_damage(self) -> Iterator[None]:
        """Notice damage that a reader meets, who hears of it as well."""
        try:
            yield
        except DamagedRecord as error:
            self.quarantine(str(error))
            raise

    def _log_damaged(self, error: DamagedRecord) -> None:
        """Say nothing more until this replica has begun anew: consensus cannot go on without its log."""
        if not self._can_be_rebuilt:
            raise error
        self.quarantine(str(error))
        self.leave(_DAMAGED)

    def _check_log(self) -> None:
        """Notice that entries are missing, or that none are missing any more."""
        consensus = self.core.consensus
        if consensus.lost_index:
            reason = f"the leader knows it to have acknowledged {consensus.lost_index}, its log ends at {consensus.last_index}"
            self._equipment.lose(self.partition, reason)
        elif consensus.is_whole_again and not self._is_rejoining and not self._writing.is_full:
            self._is_rejoining = True
            batch = WriteBatch()
            recovered_to(batch, self.partition)
            batch.after_commit(self._recovered)
            self._writing.submit(batch)

    def _recovered(self) -> None:
        if not self._is_stopped:
            self.core.consensus.recovered()
            _log.info("replica_recovered", partition=self.partition, index=self.core.consensus.last_index)
            self._after()

    def _hasten(self) -> None:
        consensus = self.core.consensus
        is_preferred = self.core.placement.replicas[0].replica == consensus.id and not self.core.stands_back
        if is_preferred and self._leaderless_ticks % PROMPT_TICKS == 0 and consensus.role is Role.FOLLOWER:
            self.core.campaign()

    def _make_way(self) -> None:
        """Let a replica lead that may. One that cannot write asks it without a turn, when nobody waits for an answer."""
        if self._writing.is_full:
            self._mute_ticks += 1
            is_awaited = self.core.has_proposals and self._mute_ticks <= MUTE_TICKS_MAX
            if not is_awaited and self._heir() is not None:
                self.resign()
        elif self.core.consensus.status().transferee == NO_REPLICA:
            self.hand_over()

    def _heir(self) -> ReplicaId | None:
        return successor(self.core.consensus.status())

    def resign(self) -> None:
        """Cease to lead at once, without a write, and ask the fittest follower to lead."""
        if not self.core.is_leader:
            return
        message = self.core.resign(self._heir() or NO_REPLICA)
        _log.warning("leadership_resigned", partition=self.partition, heir=message and int(message.recipient))
        if message is not None:
            self._send([message])
        self._after()

    def keep_out(self, condition: Condition, is_out: bool) -> None:
        """Lead nothing that another replica can lead while there is such a condition, or take part again."""
        self._kept_out = self._kept_out | {condition} if is_out else self._kept_out - {condition}
        self.core.keep_out(bool(self._kept_out))
        self._after()

    def clock_changed(self, refusal: Failed | None) -> None:
        """Leave leading to others while the node's clock is off, and refuse writes, or take part again."""
        self.core.refuse_stamping(refusal)
        self._after()

    def reserve_used(self, is_used: bool) -> None:
        """Note that the node's disk is nearly full, or no longer."""
        self._is_reserve_used = is_used
        self._storage_full(self._writing.is_full)

    def _storage_full(self, is_full: bool) -> None:
        is_full = is_full or self._is_reserve_used
        if is_full != self.core.is_storage_full:
            self._mute_ticks = 0
            self.core.storage_changed(is_full)
            _log.error("storage_full" if is_full else "storage_has_space", partition=self.partition)
            if is_full and self.core.is_leader:
                self._make_way()
        self._after()

    def transfer(self, to: ReplicaId) -> bool:
        """Hand leadership to one replica; tell whether that has begun."""
        has_begun = self.core.transfer(to)
        self._after()
        return has_begun
