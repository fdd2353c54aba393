"""How a global table grows and shrinks: the next steps, read from the rows of one region's catalog. Pure.

Knows which region has to be told what, and in which order. Refuses to know how, when and how often.

The rows say what is wanted; steps are told again after a crash, because every one of them may come twice. What was asked for here is
carried on here: a replica that this region is the source of, a replica that is being removed, a table that is being dropped. The row of
this region changes last, so nothing is forgotten on the way.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from wire.catalog import CATALOG_PARTITION, CatalogView
from wire.catalog_changes import (
    CatalogChange,
    FinishTable,
    ForgetReplica,
    JoinGlobalTable,
    LeaveGlobalTable,
    SetReplicaStatus,
    SyncSettings,
)
from wire.synced import synced_settings
from wire.tables import ReplicaSpec, ReplicaStatus, StreamViewType, TableSpec, TableStatus

_SYNC = "sync"
_PRESENT = (ReplicaStatus.CREATING, ReplicaStatus.ACTIVE, ReplicaStatus.UPDATING)


class StepId(NamedTuple):
    """Tell a step from all others, now and after a replica was removed and added again."""

    table: int
    action: str
    subject: str  # the region it is about
    destination: str  # the region that is told
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Have a region's catalog decide a change; `refused` is what this region's catalog then decides instead of going on."""

    id: StepId
    change: CatalogChange
    refused: Callable[[str], CatalogChange] | None = None

    @property
    def destination(self) -> str:
        """Return the region that decides it."""
        return self.id.destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Plan for one region. `new_table_id` makes the id of a table that is created elsewhere."""

    region: str
    view: CatalogView
    done: Collection[StepId]
    now_ms: int
    new_table_id: Callable[[], str]

    def steps(self) -> list[Step]:
        """Return every step that can be taken now and is not known to be done."""
        tables = [table for table in self.view.tables.values() if table.global_table_id]
        # Settings last: there may be many to tell to a region that is away for long.
        wanted = [step for take in (self._table, self._sync) for table in tables for step in take(table)]
        return [step for step in wanted if step.id not in self.done]

    def outdated(self) -> list[StepId]:
        """Return what is known to be done and will never be wanted again: settings told that have changed since."""
        tables = [table for table in self.view.tables.values() if table.stamps]
        wanted = {step.id for table in tables for step in self._sync(table)}
        return [done for done in self.done if done.action == _SYNC and done not in wanted]

    def _table(self, table: TableSpec) -> Iterator[Step]:
        if table.status is TableStatus.DELETING:
            yield from self._drop(table)
            return
        for replica in table.replicas:
            if replica.status is ReplicaStatus.CREATING and replica.source == self.region:
                yield from self._add(table, replica)
            elif replica.status is ReplicaStatus.DELETING:
                yield from self._remove(table, replica)

    # Settings that were changed: let all others know, those on their way included. Told again whenever one is changed since.

    def _sync(self, table: TableSpec) -> Iterator[Step]:
        if not table.stamps or table.status is TableStatus.DELETING:
            return
        digest = hashlib.blake2b(msgspec.json.encode(table.stamps), digest_size=12).hexdigest()
        for replica in table.replicas:
            if replica.status in _PRESENT and self._is_made(table, replica):
                change = SyncSettings(
                    name=table.name,
                    global_table_id=table.global_table_id,
                    settings=synced_settings(table),
                    now_ms=self.now_ms,
                )
                yield Step(id=StepId(table.number, _SYNC, digest, replica.region, replica.generation), change=change)

    def _is_made(self, table: TableSpec, replica: ReplicaSpec) -> bool:
        """Tell whether the replica's table is there already, as far as this region is to make it."""
        if replica.status is not ReplicaStatus.CREATING or replica.source != self.region:
            return True
        return self._join_id(table, replica, replica.region) in self.done

    # A replica that comes: create it, let the others know, wait for the copy, open it.

    def _add(self, table: TableSpec, replica: ReplicaSpec) -> Iterator[Step]:
        create = self._join(table, replica, replica.region, creates=True)
        yield create
        if create.id not in self.done:
            return
        others = self._others(table, replica)
        tell = [self._join(table, replica, other.region, creates=False) for other in others]
        tell += [step for other in others for step in self._introduce(table, other, replica)]
        yield from tell
        if not self._data_partitions() <= set(replica.backfilled):
            return
        opened = self._activate(table, replica, replica.region)
        yield opened
        if all(step.id in self.done for step in (opened, *tell)):
            yield from self._announce(table, replica)

    def _announce(self, table: TableSpec, replica: ReplicaSpec) -> Iterator[Step]:
        announced = [self._activate(table, replica, other.region) for other in self._others(table, replica)]
        yield from announced
        if all(step.id in self.done for step in announced):
            yield self._activate(table, replica, self.region)

    def _introduce(self, table: TableSpec, member: ReplicaSpec, newcomer: ReplicaSpec) -> Iterator[Step]:
        """Make the newcomer know a member that may have come after its table was created there.

        One that is still on its way is announced by its own source, which hears of the newcomer from us.
        """
        join = self._join(table, member, newcomer.region, creates=False)
        yield join
        if member.status is ReplicaStatus.ACTIVE and join.id in self.done:
            yield self._activate(table, member, newcomer.region)

    def _join(self, table: TableSpec, replica: ReplicaSpec, destination: str, *, creates: bool) -> Step:
        present = [each.region for each in table.replicas if each.status in _PRESENT]
        change = JoinGlobalTable(
            name=table.name,
            global_table_id=table.global_table_id,
            key_schema=table.key_schema,
            billing_mode=table.billing_mode,
            throughput=table.throughput,
            stream_view=table.stream.view_type if table.stream is not None else StreamViewType.NEW_AND_OLD_IMAGES,
            members=tuple(sorted((self.region, *present))),
            new_region=replica.region,
            source=replica.source or self.region,
            creates=creates,
            now_ms=self.now_ms,
            table_id=self.new_table_id(),
            settings=synced_settings(table) if creates else None,
        )
        step_id = self._join_id(table, replica, destination)
        return Step(id=step_id, change=change, refused=_creation_failed(table, replica) if creates else None)

    def _join_id(self, table: TableSpec, replica: ReplicaSpec, destination: str) -> StepId:
        return StepId(table.number, "join", replica.region, destination, replica.generation)

    def _activate(self, table: TableSpec, replica: ReplicaSpec, destination: str) -> Step:
        change = _status(table, replica, ReplicaStatus.ACTIVE)
        return Step(id=StepId(table.number, "activate", replica.region, destination, replica.generation), change=change)

    # A replica that goes: drop it there, then let the others forget it.

    def _remove(self, table: TableSpec, replica: ReplicaSpec) -> Iterator[Step]:
        leave = self._leave(table, replica)
        yield leave
        if leave.id not in self.done:
            return
        others = self._others(table, replica)
        forget = [self._forget(table, replica.region, other.region, replica.generation) for other in others]
        yield from forget
        if all(step.id in self.done for step in forget):
            yield self._forget(table, replica.region, self.region, replica.generation)

    def _leave(self, table: TableSpec, replica: ReplicaSpec) -> Step:
        change = LeaveGlobalTable(
            name=table.name,
            global_table_id=table.global_table_id,
            region=replica.region,
            drops=True,
            now_ms=self.now_ms,
        )

        def kept(text: str) -> CatalogChange:
            return _status(table, replica, ReplicaStatus.ACTIVE, text)

        step_id = StepId(table.number, "leave", replica.region, replica.region, replica.generation)
        return Step(id=step_id, change=change, refused=kept)

    # A table that is dropped here: let the others forget it, then let go of it.

    def _drop(self, table: TableSpec) -> Iterator[Step]:
        present = [each for each in table.replicas if each.status is not ReplicaStatus.CREATION_FAILED]
        forget = [self._forget(table, self.region, each.region, each.generation) for each in present]
        yield from forget
        if all(step.id in self.done for step in forget):
            step_id = StepId(table.number, "finish", self.region, self.region, 0)
            yield Step(id=step_id, change=FinishTable(name=table.name, number=table.number))

    def _forget(self, table: TableSpec, subject: str, destination: str, generation: int) -> Step:
        change = ForgetReplica(name=table.name, global_table_id=table.global_table_id, region=subject)
        return Step(id=StepId(table.number, "forget", subject, destination, generation), change=change)

    def _others(self, table: TableSpec, replica: ReplicaSpec) -> list[ReplicaSpec]:
        """Return the members that are neither this region nor the replica's, nor on their way out."""
        others = (each for each in table.replicas if each.region != replica.region)
        return [each for each in others if each.status in _PRESENT]

    def _data_partitions(self) -> set[int]:
        return {partition for partition in self.view.placements if partition != CATALOG_PARTITION}


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
