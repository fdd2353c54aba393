"""How a global table grows and shrinks: the next steps, read from the rows of one region's catalog. Pure.

Knows which region has to be told what, and in which order. Refuses to know how, when and how often.

The rows say what is wanted; steps are told again after a crash, because every one of them may come twice. What was asked for here is
carried on here: a replica that this region is the source of, a replica that is being removed. Two regions at most take part in that, this
one and the one that comes or goes, and only for so long: what is overdue is settled here without the other one. All others just hear of
members and settings as they are here, until they have acknowledged them, and nobody waits for that.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from wire.catalog import CATALOG_PARTITION, CatalogView
from wire.catalog_changes import (
    CatalogChange,
    FinishTable,
    ForgetReplica,
    JoinGlobalTable,
    LeaveGlobalTable,
    MarkOverdue,
    RecordTold,
    SetReplicaStatus,
    SyncGlobalTable,
)
from wire.members import LeftTable, member_of
from wire.synced import members_of, synced_settings
from wire.tables import ReplicaSpec, ReplicaStatus, StreamViewType, TableSpec, TableStatus

_SYNC = "sync"
_FAREWELL = "farewell"
_WAITED_FOR = (ReplicaStatus.CREATING, ReplicaStatus.DELETING)


class StepId(NamedTuple):
    """Tell a step from all others, now and after a replica was removed and added again."""

    table: int
    action: str
    subject: str  # the region, the state or the global table that it is about
    destination: str  # the region that is told
    generation: int


class Wait(NamedTuple):
    """A replica that is on its way in or out."""

    table: int
    region: str
    generation: int
    status: ReplicaStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Have a region's catalog decide a change.

    This region's catalog then decides `recorded`, if there is something to be remembered; or, if the change was refused for good,
    `refused` instead of going on.
    """

    id: StepId
    change: CatalogChange
    recorded: CatalogChange | None = None
    refused: Callable[[str], CatalogChange] | None = None

    @property
    def destination(self) -> str:
        """Return the region that decides it."""
        return self.id.destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Plan for one region.

    `new_table_id` makes the id of a table that is created elsewhere; for what is `overdue` nobody waits any more.
    """

    region: str
    view: CatalogView
    done: Collection[StepId]
    overdue: Collection[Wait] = ()
    now_ms: int
    new_table_id: Callable[[], str]

    def steps(self) -> list[Step]:
        """Return every step that can be taken now and is not known to be done."""
        # News last: there may be much to tell to a region that is away for long.
        wanted = [step for table in self._tables() for step in self._table(table)]
        wanted += [step for table in self._tables() for step in self._sync(table)]
        wanted += [step for left in self.view.left.values() for step in self._farewell(left)]
        return [step for step in wanted if step.id not in self.done]

    def outdated(self) -> list[StepId]:
        """Return what is known to be done and is not wanted any more: news that is recorded as told, or has changed since."""
        wanted = {step.id for table in self._tables() for step in self._sync(table)}
        wanted |= {step.id for left in self.view.left.values() for step in self._farewell(left)}
        return [done for done in self.done if done.action in (_SYNC, _FAREWELL) and done not in wanted]

    def waits(self) -> set[Wait]:
        """Return every replica that is on its way and for which the table here waits."""
        return {
            _wait(table, replica)
            for table in self._tables()
            for replica in table.replicas
            if replica.status in _WAITED_FOR and not replica.is_overdue
        }

    def _tables(self) -> list[TableSpec]:
        return [table for table in self.view.tables.values() if table.global_table_id]

    def _table(self, table: TableSpec) -> Iterator[Step]:
        if table.status is TableStatus.DELETING:
            if not table.settles_ms:  # begun by a version that told the other regions first
                step_id = StepId(table.number, "finish", self.region, self.region, 0)
                yield Step(id=step_id, change=FinishTable(name=table.name, number=table.number, now_ms=self.now_ms))
            return
        for replica in table.replicas:
            if replica.status is ReplicaStatus.DELETING:
                yield from self._remove(table, replica)
            elif replica.status is ReplicaStatus.CREATING:
                yield from self._add(table, replica)

    # A replica that comes: create it, wait for the copy, open it there and then here. The other members hear of it as of anything else.

    def _add(self, table: TableSpec, replica: ReplicaSpec) -> Iterator[Step]:
        if _wait(table, replica) in self.overdue:
            change = MarkOverdue(name=table.name, region=replica.region, generation=replica.generation)
            yield Step(
                id=StepId(table.number, "overdue", replica.region, self.region, replica.generation), change=change
            )
        if replica.source != self.region:
            return
        create = self._join(table, replica)
        yield create
        if create.id not in self.done or not self._data_partitions() <= set(replica.backfilled):
            return
        opened = self._activate(table, replica, replica.region)
        yield opened
        if opened.id in self.done:
            yield self._activate(table, replica, self.region)

    def _join(self, table: TableSpec, replica: ReplicaSpec) -> Step:
        change = JoinGlobalTable(
            name=table.name,
            global_table_id=table.global_table_id,
            key_schema=table.key_schema,
            billing_mode=table.billing_mode,
            throughput=table.throughput,
            stream_view=table.stream.view_type if table.stream is not None else StreamViewType.NEW_AND_OLD_IMAGES,
            members=members_of(table, self.region),
            new_region=replica.region,
            source=self.region,
            now_ms=self.now_ms,
            table_id=self.new_table_id(),
            settings=synced_settings(table),
        )
        step_id = StepId(table.number, "join", replica.region, replica.region, replica.generation)
        return Step(id=step_id, change=change, refused=_creation_failed(table, replica))

    def _activate(self, table: TableSpec, replica: ReplicaSpec, destination: str) -> Step:
        change = _status(table, replica, ReplicaStatus.ACTIVE)
        return Step(id=StepId(table.number, "activate", replica.region, destination, replica.generation), change=change)

    # A replica that goes: drop it there, then forget it here; in this order for as long as its region may be waited for.

    def _remove(self, table: TableSpec, replica: ReplicaSpec) -> Iterator[Step]:
        leave = self._leave(table, replica)
        if leave.id in self.done or _wait(table, replica) in self.overdue:
            change = ForgetReplica(
                name=table.name,
                global_table_id=table.global_table_id,
                region=replica.region,
                is_gone=leave.id in self.done,
                now_ms=self.now_ms,
            )
            yield Step(
                id=StepId(table.number, "forget", replica.region, self.region, replica.generation), change=change
            )
        yield leave

    def _leave(self, table: TableSpec, replica: ReplicaSpec) -> Step:
        members = members_of(table, self.region)
        change = LeaveGlobalTable(
            name=table.name,
            global_table_id=table.global_table_id,
            region=replica.region,
            source=self.region,
            joined_ms=member_of(members, self.region).joined_ms,
            left_ms=member_of(members, replica.region).leaving(self.now_ms).left_ms,
            now_ms=self.now_ms,
        )

        def kept(text: str) -> CatalogChange:
            return _status(table, replica, ReplicaStatus.ACTIVE, text)

        step_id = StepId(table.number, "leave", replica.region, replica.region, replica.generation)
        return Step(id=step_id, change=change, refused=kept)

    # News: members and settings as they are here, for every region that is or was a member and has not acknowledged just that.

    def _sync(self, table: TableSpec) -> Iterator[Step]:
        if table.status is TableStatus.DELETING:
            return
        told = {each.region: each.version for each in table.told}
        for member in members_of(table, self.region):
            is_news = told.get(member.region, -1) < table.news_version
            if member.region != self.region and is_news and self._is_made(table, member.region):
                yield self._told(table, member.region)

    def _told(self, table: TableSpec, region: str) -> Step:
        change = SyncGlobalTable(
            name=table.name,
            global_table_id=table.global_table_id,
            source=self.region,
            members=members_of(table, self.region),
            settings=synced_settings(table),
            now_ms=self.now_ms,
        )
        recorded = RecordTold(
            name=table.name,
            global_table_id=table.global_table_id,
            region=region,
            version=table.news_version,
            is_farewell=False,
        )
        step_id = StepId(table.number, _SYNC, "", region, table.news_version)
        return Step(id=step_id, change=change, recorded=recorded)

    def _is_made(self, table: TableSpec, region: str) -> bool:
        """Tell whether a replica's table is there already, as far as this region is to make it."""
        replica = table.replica(region)
        if replica is None or replica.status is not ReplicaStatus.CREATING or replica.source != self.region:
            return True
        return self._join(table, replica).id in self.done

    def _farewell(self, left: LeftTable) -> Iterator[Step]:
        for region in left.waiting:
            change = SyncGlobalTable(
                name=left.name,
                global_table_id=left.global_table_id,
                source=self.region,
                members=left.members,
                now_ms=self.now_ms,
            )
            recorded = RecordTold(
                name=left.name,
                global_table_id=left.global_table_id,
                region=region,
                version=left.version,
                is_farewell=True,
            )
            yield Step(
                id=StepId(0, _FAREWELL, left.global_table_id, region, left.version), change=change, recorded=recorded
            )

    def _data_partitions(self) -> set[int]:
        return {partition for partition in self.view.placements if partition != CATALOG_PARTITION}


def _wait(table: TableSpec, replica: ReplicaSpec) -> Wait:
    return Wait(table.number, replica.region, replica.generation, replica.status)


def _status(table: TableSpec, replica: ReplicaSpec, status: ReplicaStatus, text: str = "") -> SetReplicaStatus:
    return SetReplicaStatus(
        name=table.name,
        global_table_id=table.global_table_id,
        region=replica.region,
        status=status,
        status_text=text,
    )


def _creation_failed(table: TableSpec, replica: ReplicaSpec) -> Callable[[str], CatalogChange]:
    return lambda text: _status(table, replica, ReplicaStatus.CREATION_FAILED, text)
