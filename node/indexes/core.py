"""The feeder of one table in one base partition, as a pure core: events in, effects out.

Knows order, windows, back-off, cursors and copies. Refuses to know clocks, tasks, storage and networks: `step` gets the time, and the
driver carries the effects out and answers them with events.

What it keeps to:
- A partition gets the rows of an index in the order of changes, the next batch only after the last one is acknowledged.
- A cursor never passes a change of which a row is not acknowledged by the partition that holds it.
- A copy begins after a barrier that was asked for when the catalog showed the index here, and its first batch leaves only once the
  cursor that says where it began is committed: the entry that carries it holds every later leader to a catalog that shows the index,
  so that from there on no write goes without a change record. No change is fed before the copy is all acknowledged.
- Changes that are gone before they were fed are never passed over: the index is begun again, under a new number.
- Memory is bounded by the window: where a partition cannot be reached, what waits stays in the change log.
"""

from collections.abc import Iterator
from itertools import count
from typing import Final, assert_never

from node.indexes import events as e
from node.indexes.feeding import IndexFeeding, Stage
from node.indexes.lanes import Lane, pending_bytes
from node.indexes.rows import FedIndex
from node.replication.schedule import Alarm, Schedule
from wire.tables import IndexStatus

WINDOW_ROWS_MAX: Final = 4_096  # read and not acknowledged; when full nothing is read until an acknowledgement comes
WINDOW_BYTES_MAX: Final = 4 << 20
CURSOR_SECONDS: Final = 1.0  # a moving cursor is stored this often: going over changes again is harmless
IDLE_CURSOR_SECONDS: Final = 60.0  # one that only passed changes without rows, ahead of retention
AGAIN_SECONDS: Final = 1.0  # until a cursor or a report that may be lost is tried again


class FeederCore:
    """Decide what one partition's leader sends of one table, and when. `copied_per_second` = 0: as fast as can be."""

    def __init__(self, *, partition: int, copied_per_second: int) -> None:
        self._partition = partition
        self._copied_per_second = copied_per_second
        self._batch_ids = count(1)
        self._indexes: dict[int, IndexFeeding] = {}
        self._sent: dict[int, tuple[IndexFeeding, Lane]] = {}
        self._latest = 0
        self._is_reading = False
        self._has_to_look = False
        self._has_read_records = False
        self._cursors_due = Schedule()
        self._tellings_due = Schedule()
        self._alarm = Alarm()
        self._effects: list[e.Effect] = []

    def step(self, event: e.Event, now: float) -> list[e.Effect]:
        """Take one event; return what to do, in order."""
        self._handle(event, now)
        self._send_waiting(now)
        self._store_cursors(now)
        self._tell_catalog(now)
        self._read_next(now)
        self._ask_to_wake(now)
        effects, self._effects = self._effects, []
        return effects

    def fed(self, index: int) -> int | None:
        """Return the last change of which every row is acknowledged; None while an index is not fed."""
        feeding = self._indexes.get(index)
        return feeding.fed if feeding is not None and feeding.stage is Stage.FEEDING else None

    def backlogs(self) -> dict[int, int]:
        """Return by index how many sequence numbers it is behind, other tables' included; -1 while items are copied into it."""
        return {
            number: max(0, self._latest - feeding.fed) if feeding.stage is Stage.FEEDING else -1
            for number, feeding in self._indexes.items()
        }

    def _handle(self, event: e.Event, now: float) -> None:  # noqa: PLR0912  # one branch per event
        match event:
            case e.IndexesChanged():
                self._change_indexes(event)
            case e.CursorLoaded():
                self._begin_or_resume(event)
            case e.BarrierPassed():
                self._plan_copy(event, now)
            case e.ChangesApplied():
                self._latest = max(self._latest, event.latest)
            case e.RecordsRead():
                self._take_records(event, now)
            case e.ItemsRead():
                self._take_items(event, now)
            case e.Acknowledged():
                self._settle(event, now)
            case e.Refused():
                self._back_off(event, now)
            case e.CursorStored():
                self._note_stored(event, now)
            case e.CatalogTold():
                self._note_told(event, now)
            case e.Leaving():
                for number in self._indexes:
                    self._cursors_due.set(number, now)
            case e.Ticked():
                self._alarm.rang()
            case _:
                assert_never(event)

    # Which indexes

    def _change_indexes(self, event: e.IndexesChanged) -> None:
        present = {index.number: index for index in event.indexes}
        for number in [number for number in self._indexes if number not in present]:
            self._remove(number)
        for number, index in present.items():
            if number in self._indexes:
                self._indexes[number].index = index
            else:
                self._indexes[number] = IndexFeeding(index)
                self._effects.append(e.LoadCursor(index=number))

    def _remove(self, number: int) -> None:
        gone = self._indexes.pop(number)
        self._forget_batches(gone)
        self._cursors_due.drop(number)
        self._tellings_due.drop(number)

    def _forget_batches(self, gone: IndexFeeding) -> None:
        self._sent = {batch: sent for batch, sent in self._sent.items() if sent[0] is not gone}

    # Where each begins

    def _begin_or_resume(self, event: e.CursorLoaded) -> None:
        feeding = self._at(event.index, Stage.LOADING)
        if feeding is None:
            return
        if event.cursor is not None:
            feeding.resume(event.cursor)
        elif feeding.index.status is IndexStatus.CREATING:
            feeding.stage = Stage.STARTING
            self._effects.append(e.AwaitBarrier(index=event.index))
        else:
            # It was made with its table: every change there ever was is recorded.
            feeding.stage = Stage.FEEDING
        self._has_to_look = True

    def _plan_copy(self, event: e.BarrierPassed, now: float) -> None:
        feeding = self._at(event.index, Stage.STARTING)
        if feeding is not None:
            self._latest = max(self._latest, event.latest)
            feeding.plan(event.latest)
            self._cursor_moved(feeding, now)

    def _at(self, index: int, stage: Stage) -> IndexFeeding | None:
        feeding = self._indexes.get(index)
        return feeding if feeding is not None and feeding.stage is stage else None

    # Reading

    def _read_next(self, now: float) -> None:
        if self._is_reading:
            return
        records, items = self._records_to_read(), self._items_to_read(now)
        # In turn, so that neither a copy nor a busy stream keeps the other waiting.
        if records is not None and (items is None or not self._has_read_records):
            self._is_reading = self._has_read_records = True
            self._has_to_look = False
            self._effects.append(records)
        elif items is not None:
            self._is_reading, self._has_read_records = True, False
            self._effects.append(items)

    def _records_to_read(self) -> e.ReadRecords | None:
        fed = [feeding for feeding in self._indexes.values() if feeding.stage is Stage.FEEDING]
        is_behind = self._has_to_look or any(feeding.read < self._latest for feeding in fed)
        if not fed or not is_behind or self._is_full(fed):
            return None
        return e.ReadRecords(indexes=tuple(FedIndex(feeding.index, feeding.read) for feeding in fed))

    def _is_full(self, fed: list[IndexFeeding]) -> bool:
        lanes = [lane for feeding in fed for lane in feeding.lanes.values()]
        rows = sum(len(lane.rows) for lane in lanes)
        return rows >= WINDOW_ROWS_MAX or pending_bytes(lanes) >= WINDOW_BYTES_MAX

    def _items_to_read(self, now: float) -> e.ReadItems | None:
        for feeding in self._indexes.values():
            if feeding.stage is Stage.COPYING and not feeding.has_page and feeding.reads_items_from <= now:
                return e.ReadItems(index=feeding.index, after=feeding.copied)
        return None

    def _take_records(self, event: e.RecordsRead, now: float) -> None:
        self._is_reading = False
        self._latest = max(self._latest, event.latest)
        for index in event.indexes:
            feeding = self._at(index.spec.number, Stage.FEEDING)
            if feeding is None or feeding.read != index.after:
                continue
            if event.oldest > index.after + 1:
                self._lose(feeding, now)
                continue
            rows = event.rows.get(index.spec.number, [])
            feeding.add(rows)
            feeding.note_read(event.through, event.latest)
            self._cursor_moved(feeding, now + (CURSOR_SECONDS if rows else IDLE_CURSOR_SECONDS))
            self._want_report(feeding, now)

    def _lose(self, feeding: IndexFeeding, now: float) -> None:
        self._forget_batches(feeding)
        feeding.end(Stage.LOST)
        self._tellings_due.set(feeding.index.number, now)

    def _take_items(self, event: e.ItemsRead, now: float) -> None:
        self._is_reading = False
        feeding = self._at(event.index, Stage.COPYING)
        if feeding is None or feeding.has_page or feeding.copied != event.after:
            return
        feeding.take_page(event.rows, event.through, is_last=event.is_last)
        if self._copied_per_second:
            feeding.reads_items_from = now + event.count / self._copied_per_second
        self._finish_page(feeding, now)

    def _finish_page(self, feeding: IndexFeeding, now: float) -> None:
        if feeding.stage is not Stage.COPYING or not feeding.finish_page():
            return
        if feeding.is_copying:
            self._cursor_moved(feeding, now + CURSOR_SECONDS)
        else:
            self._has_to_look = True
            self._cursor_moved(feeding, now)

    # Sending and what comes of it

    def _send_waiting(self, now: float) -> None:
        for number, feeding in self._indexes.items():
            for destination, lane in feeding.lanes.items():
                if lane.is_waiting and lane.blocked_until <= now:
                    self._send(number, feeding, destination, lane)

    def _send(self, number: int, feeding: IndexFeeding, destination: int, lane: Lane) -> None:
        batch = next(self._batch_ids)
        rows = lane.launch(batch)
        self._sent[batch] = (feeding, lane)
        through = rows[-1].sequence
        self._effects.append(e.Send(batch=batch, destination=destination, index=number, through=through, rows=rows))

    def _settle(self, event: e.Acknowledged, now: float) -> None:
        sent = self._sent.pop(event.batch, None)
        if sent is None:
            return
        feeding, lane = sent
        lane.settle()
        if feeding.stage is Stage.COPYING:
            self._finish_page(feeding, now)
        else:
            self._cursor_moved(feeding, now + CURSOR_SECONDS)
            self._want_report(feeding, now)

    def _back_off(self, event: e.Refused, now: float) -> None:
        sent = self._sent.pop(event.batch, None)
        if sent is None:
            return
        feeding, lane = sent
        lane.refuse(now)
        if event.is_final:
            self._forget_batches(feeding)
            feeding.end(Stage.STOPPED)
            self._cursors_due.drop(feeding.index.number)

    # Cursors and the catalog

    def _cursor_moved(self, feeding: IndexFeeding, due: float) -> None:
        self._cursors_due.hasten(feeding.index.number, due)

    def _store_cursors(self, now: float) -> None:
        for number in self._cursors_due.take(now, self._is_storing):
            feeding = self._indexes[number]
            cursor = feeding.cursor()
            if feeding.stage in (Stage.PLANNED, Stage.COPYING, Stage.FEEDING) and cursor != feeding.stored:
                feeding.is_storing = True
                self._effects.append(e.StoreCursor(index=number, cursor=cursor))

    def _is_storing(self, number: int) -> bool:
        return self._indexes[number].is_storing

    def _note_stored(self, event: e.CursorStored, now: float) -> None:
        feeding = self._indexes.get(event.index)
        if feeding is None:
            return
        feeding.is_storing = False
        if not event.is_stored:
            self._cursor_moved(feeding, now + AGAIN_SECONDS)
            return
        feeding.stored = event.cursor
        if feeding.stage is Stage.PLANNED:
            feeding.stage = Stage.COPYING
        self._want_report(feeding, now)

    def _want_report(self, feeding: IndexFeeding, now: float) -> None:
        if not feeding.is_telling and feeding.awaits_report(self._partition):
            self._tellings_due.begin(feeding.index.number, now)

    def _tell_catalog(self, now: float) -> None:
        for number in self._tellings_due.take(now):
            feeding = self._indexes[number]
            feeding.is_telling = True
            if feeding.stage is Stage.LOST:
                self._effects.append(e.AskRebuild(index=feeding.index))
            else:
                self._effects.append(e.ReportBackfill(index=feeding.index))

    def _note_told(self, event: e.CatalogTold, now: float) -> None:
        feeding = self._indexes.get(event.index)
        if feeding is None:
            return
        if not event.is_recorded:
            feeding.is_telling = False
            self._tellings_due.set(event.index, now + AGAIN_SECONDS)

    # Time

    def _ask_to_wake(self, now: float) -> None:
        time = self._alarm.moved(self._times_ahead(now))
        if time is not None:
            self._effects.append(e.WakeAt(time=time))

    def _times_ahead(self, now: float) -> Iterator[float]:
        yield from self._cursors_due.times(self._is_storing)
        yield from self._tellings_due.times()
        for feeding in self._indexes.values():
            yield from (lane.blocked_until for lane in feeding.lanes.values() if lane.is_waiting)
            if feeding.stage is Stage.COPYING and not feeding.has_page and feeding.reads_items_from > now:
                yield feeding.reads_items_from
