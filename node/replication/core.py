"""The shipper of one partition to one region, as a pure core: events in, effects out.

Knows order, windows, back-off, cursors and scans. Refuses to know clocks, tasks, storage and networks: `step` gets the time, and the
driver carries the effects out and answers them with events.

What it keeps to:
- A cursor never passes a change that is not acknowledged, though acknowledgements may come in any order.
- A batch that was refused or lost is not kept: its table goes back to the cursor and reads again, later and newer.
- Memory is bounded by the window: a cut link costs nothing, what waits stays in the change log.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar, assert_never

from node.replication import events as e
from node.replication.cursors import BatchId
from node.replication.held import FULL, HELD_MAX, HeldItem
from node.replication.lanes import Flight, Lane
from node.replication.progress import ProgressKeeping
from node.replication.reports import ShipperReport
from node.replication.schedule import Alarm
from node.replication.shipping import TableShipping
from node.replication.tally import Tally
from node.replication.window import Kind, Sent, Window, Work
from wire.commands import Ahead
from wire.limits import SHIPMENT_CHANGES_MAX

SCAN_BATCHES_MAX: Final = 2  # of a table's scan in flight, so that a copy never crowds out the stream
CURSOR_SECONDS: Final = 0.2  # a moving cursor is stored this often
IDLE_CURSOR_SECONDS: Final = 60.0  # one that only moved past what need not be sent
REFRESH_SECONDS: Final = 600.0  # idle tables move their cursors this often, ahead of retention
ACKNOWLEDGED_WITHIN_SECONDS: Final = 20.0  # else the connection is given up

Place = TypeVar("Place")


class ShipperCore:
    """Decide what one partition leader sends to one region, and when.

    `catalog_version` is what the leader knew when it began to evaluate: a membership newer than that may have writes without change
    records behind it, so its table is scanned whatever its cursor says. Batch ids come from the link, which several cores share.
    """

    def __init__(self, *, catalog_version: int, backoff_seconds_max: float, batch_ids: Iterator[int]) -> None:
        self._catalog_version = catalog_version
        self._backoff_seconds_max = backoff_seconds_max
        self._batch_ids = batch_ids
        self._tables: dict[int, TableShipping] = {}
        self._work: dict[Work, None] = {}  # in turn: what was read goes to the end
        self._window = Window()
        self._is_reading = False
        self._link = e.LinkChanged(is_connected=False)
        self._latest = 0
        self._refresh_due = 0.0
        self._alarm = Alarm()
        self._tally = Tally()
        self._effects: list[e.Effect] = []
        self._progress = ProgressKeeping(self._tables, self._effects)

    def step(self, event: e.Event, now: float) -> list[e.Effect]:
        """Take one event; return what to do, in order."""
        self._refresh_due = self._refresh_due or now + REFRESH_SECONDS
        self._handle(event, now)
        self._progress.tell(now)
        self._read_next(now)
        self._ask_to_wake(now)
        effects = self._effects.copy()
        self._effects.clear()
        return effects

    def report(self, now: float) -> ShipperReport:
        """Return what happened so far and what is outstanding."""
        return self._tally.report(self._tables.values(), self._latest, now)

    def held(self) -> Iterator[tuple[int, HeldItem]]:
        """Yield every change that is held back over there, with its table."""
        return ((number, item) for number, shipping in self._tables.items() for item in shipping.held)

    def is_settled(self, table: int, through: int | None = None) -> bool:
        """Tell whether everything of a table that was ever noted is acknowledged and no scan is under way.

        With `through`, what has a later sequence number may still be under way.
        """
        shipping = self._tables.get(table)
        if shipping is None or not shipping.is_running or shipping.scan is not None or shipping.awaits_barrier:
            return False
        if through is not None and shipping.stream.acknowledged >= through:
            return True
        return Work(table, Kind.STREAM) not in self._work and not shipping.stream.is_behind

    def _handle(self, event: e.Event, now: float) -> None:  # noqa: PLR0912  # one branch per event
        match event:
            case e.TablesChanged():
                self._change_tables(event, now)
            case e.CursorLoaded():
                self._begin_or_resume(event, now)
            case e.BarrierPassed():
                self._begin(event, now)
            case e.LinkChanged():
                self._change_link(event)
            case e.ChangesApplied():
                self._note_changes(event)
            case e.ChangesRead():
                self._take_changes(event, now)
            case e.ItemsRead():
                self._take_items(event, now)
            case e.HeldRead():
                self._take_held(event, now)
            case e.HeldStored():
                self._settle_but_held(event, now)
            case e.Released():
                self._release(event, now)
            case e.Acknowledged():
                self._settle(event, now)
            case e.Refused():
                self._back_off(event, now)
            case e.CursorStored():
                self._progress.note_stored(event, now)
            case e.BackfillRecorded():
                self._progress.note_recorded(event, now)
            case e.Ticked():
                self._tick(now)
            case _:
                assert_never(event)

    # Which tables

    def _change_tables(self, event: e.TablesChanged, now: float) -> None:
        present = {membership.table: membership for membership in event.memberships}
        for number, shipping in list(self._tables.items()):
            membership = present.get(number)
            if membership is None or membership.generation != shipping.membership.generation:
                self._remove_table(number, shipping)
            else:
                self._change_table(shipping, membership, now)
        for number, membership in present.items():
            if number not in self._tables:
                self._tables[number] = TableShipping(membership, self._backoff_seconds_max)
                self._effects.append(e.LoadCursor(table=number))

    def _change_table(self, shipping: TableShipping, membership: e.Membership, now: float) -> None:
        shipping.change_membership(membership)
        if not shipping.is_running:
            return
        if shipping.has_orphans():
            self._await_barrier(shipping)
        elif shipping.stored is not None and shipping.stored.members != membership.members:
            self._progress.cursor_moved(shipping, now + CURSOR_SECONDS)
        self._progress.want_report(shipping, now)

    def _remove_table(self, number: int, shipping: TableShipping) -> None:
        self._window.remove(*shipping.reset())
        for kind in Kind:
            self._work.pop(Work(number, kind), None)
        self._progress.drop(number)
        del self._tables[number]
        self._drop_held(number, shipping.held.clear())
        if shipping.stored is not None or shipping.is_storing:
            self._effects.append(e.StoreCursor(table=number, cursor=None))

    # Where each begins

    def _begin_or_resume(self, event: e.CursorLoaded, now: float) -> None:
        shipping = self._tables.get(event.table)
        if shipping is None or shipping.is_running:
            return
        membership, cursor = shipping.membership, event.cursor
        self._drop_held(event.table, shipping.held.add(event.held, now))
        if (
            cursor is None
            or cursor.generation != membership.generation
            or membership.generation > self._catalog_version
        ):
            self._drop_held(event.table, shipping.held.clear())  # the scan finds them
            self._await_barrier(shipping)
            return
        shipping.resume(cursor)
        self._work[Work(event.table, Kind.STREAM)] = None
        self._work[Work(event.table, Kind.HELD)] = None
        if shipping.has_orphans():
            self._await_barrier(shipping)
        if shipping.scan is not None:
            self._work[Work(event.table, Kind.SCAN)] = None
        self._progress.want_report(shipping, now)

    def _begin(self, event: e.BarrierPassed, now: float) -> None:
        shipping = self._tables.get(event.table)
        if shipping is None or shipping.membership.generation != event.generation:
            return
        shipping.awaits_barrier = False
        self._latest = max(self._latest, event.latest)
        if shipping.is_running:
            self._rescan(shipping, now)
            return
        shipping.begin(event.latest)
        self._work[Work(event.table, Kind.STREAM)] = None
        self._work[Work(event.table, Kind.HELD)] = None
        self._work[Work(event.table, Kind.SCAN)] = None
        self._progress.cursor_moved(shipping, now)

    def _await_barrier(self, shipping: TableShipping) -> None:
        """Before a scan: what was evaluated under the rows before this change has to be there to be found."""
        if not shipping.awaits_barrier:
            shipping.awaits_barrier = True
            membership = shipping.membership
            self._effects.append(e.AwaitBarrier(table=membership.table, generation=membership.generation))

    def _rescan(self, shipping: TableShipping, now: float) -> None:
        self._window.remove(*shipping.restart_scan())
        self._work[Work(shipping.membership.table, Kind.SCAN)] = None
        self._progress.cursor_moved(shipping, now)

    # The link

    def _change_link(self, event: e.LinkChanged) -> None:
        was_open, self._link = self._is_open, event
        if was_open and not self._is_open:
            for shipping in self._tables.values():
                self._return_to_cursor(shipping)

    def _return_to_cursor(self, shipping: TableShipping) -> None:
        dropped = shipping.reset()
        self._window.remove(*dropped)
        if any(dropped):
            self._work[Work(shipping.membership.table, Kind.STREAM)] = None
        if shipping.scan is not None:
            self._work[Work(shipping.membership.table, Kind.SCAN)] = None

    # Reading

    def _note_changes(self, event: e.ChangesApplied) -> None:
        self._latest = max(self._latest, event.latest)
        for number in event.tables:
            shipping = self._tables.get(number)
            if shipping is not None and shipping.is_running:
                self._work.setdefault(Work(number, Kind.STREAM))

    def _read_next(self, now: float) -> None:
        if self._is_reading:
            return
        work = next((work for work in self._work if self._may_read(work, now)), None)
        if work is None:
            return
        self._is_reading = True
        del self._work[work]
        self._work[work] = None
        shipping = self._tables[work.table]
        if work.kind is Kind.STREAM:
            self._effects.append(e.ReadRecords(table=work.table, after=shipping.stream.read))
        elif work.kind is Kind.HELD:
            self._effects.append(e.ReadHeld(table=work.table, items=shipping.held.due(now)))
        elif shipping.scan is not None:
            membership = shipping.membership
            self._effects.append(
                e.ReadItems(
                    table=work.table,
                    after=shipping.scan.read,
                    everything=membership.sends_everything,
                    members=membership.members,
                )
            )

    def _may_read(self, work: Work, now: float) -> bool:
        shipping = self._tables[work.table]
        if shipping.blocked_until > now:
            return False
        if not self._is_open:
            # One look, to know since when the table is behind, and to pass over what need not be sent.
            return work.kind is Kind.STREAM and not shipping.stream.is_behind
        if self._window.is_full:
            return False
        if work.kind is Kind.HELD:
            due = shipping.held.next_due()
            return due is not None and due <= now
        if work.kind is Kind.SCAN:
            return shipping.scan is not None and len(shipping.scan.flights) < SCAN_BATCHES_MAX
        return self._is_worth_sending(shipping.stream, now)

    @property
    def _is_open(self) -> bool:
        return self._link.is_connected and not self._link.is_paused

    def _is_worth_sending(self, stream: Lane[int], now: float) -> bool:
        """Let a batch that may not fill up wait a little while others are in flight."""
        is_full_batch = self._latest - stream.read >= SHIPMENT_CHANGES_MAX
        return is_full_batch or self._window.lingers_until(now) is None

    def _take_changes(self, event: e.ChangesRead, now: float) -> None:
        self._is_reading = False
        shipping = self._tables.get(event.table)
        if shipping is None or not shipping.is_running or shipping.stream.read != event.after:
            return
        self._latest = max(self._latest, event.latest)
        if event.oldest > event.after + 1:
            self._rescan(shipping, now)  # records that were never read are gone: what they spoke of goes by scan
        shipment, stream = event.shipment, shipping.stream
        since = now - max(0, event.read_ms - shipment.oldest_ms) / 1000
        if shipment.changes and not self._is_open:
            stream.since = since
            return
        if not event.has_more:
            self._work.pop(Work(event.table, Kind.STREAM), None)
        if shipment.changes:
            flight = self._send(Work(event.table, Kind.STREAM), shipment, event.through, now)
            stream.launch(replace(flight, since=since))
        elif event.through > stream.read:
            stream.skip(event.through)
            self._progress.cursor_moved(shipping, now + IDLE_CURSOR_SECONDS)
        else:
            stream.since = None

    def _take_items(self, event: e.ItemsRead, now: float) -> None:
        self._is_reading = False
        shipping = self._tables.get(event.table)
        if shipping is None or shipping.scan is None or not self._is_open:
            return
        if shipping.scan.read != event.after or shipping.membership.members != event.members:
            return  # the scan began anew meanwhile, or another choice is to be made
        work = Work(event.table, Kind.SCAN)
        if event.shipment.changes:
            shipping.scan.launch(self._send(work, event.shipment, event.through, now))
        else:
            shipping.scan.skip(event.through)
        if event.is_last:
            shipping.scan_is_read = True
            self._work.pop(work, None)
        self._scan_moved(shipping, now)

    # Sending and what comes of it

    def _send(self, work: Work, shipment: e.Shipment, through: Place, now: float) -> Flight[Place]:
        return Flight(batch=self._sent(work, shipment, now), through=through)

    def _sent(self, work: Work, shipment: e.Shipment, now: float, ahead: Ahead = Ahead.HOLD) -> BatchId:
        batch = BatchId(next(self._batch_ids))
        due = now + self._link.delay_ms / 1000
        sent = Sent(work, len(shipment.changes), shipment.bytes, due + ACKNOWLEDGED_WITHIN_SECONDS)
        self._window.add(batch, sent, now)
        membership = self._tables[work.table].membership
        self._effects.append(e.Send(batch=batch, membership=membership, changes=shipment.changes, due=due, ahead=ahead))
        return batch

    def _settle(self, event: e.Acknowledged, now: float) -> None:
        sent = self._window.get(event.batch)
        if sent is None:
            return  # of a batch that was given up: what it carried is sent again, and loses against itself
        self._window.remove(event.batch)
        self._tally.acknowledged(sent.changes - len(event.held), event.superseded)
        shipping = self._tables[sent.work.table]
        shipping.backoff.succeeded()
        if sent.work.kind is Kind.HELD:
            self._drop_held(sent.work.table, shipping.held.settle(event.held, now))
        elif event.held:
            self._remember_held(event, sent.work.table, now)
        else:
            self._settled(shipping, event.batch, now)

    def _settled(self, shipping: TableShipping, batch: BatchId, now: float) -> None:
        shipping.settle(batch)
        self._progress.cursor_moved(shipping, now + CURSOR_SECONDS)
        self._scan_moved(shipping, now)

    # What is held back over there

    def _remember_held(self, event: e.Acknowledged, table: int, now: float) -> None:
        """Have changes remembered before the cursor passes them; when there are too many, let it wait here."""
        shipping = self._tables[table]
        if sum(len(each.held) for each in self._tables.values()) + len(event.held) > HELD_MAX:
            self._again_later(shipping, FULL, now)
            return
        since = shipping.stream.since_of(event.batch)
        items = tuple(HeldItem.of(each, now if since is None else since, now) for each in event.held)
        self._effects.append(e.StoreHeld(table=table, batch=event.batch, items=items))

    def _settle_but_held(self, event: e.HeldStored, now: float) -> None:
        shipping = self._tables.get(event.table)
        if shipping is None:
            self._drop_held(event.table, event.items)
        elif event.is_stored:
            self._drop_held(event.table, shipping.held.add(event.items, now))
            self._settled(shipping, event.batch, now)
        else:
            self._return_to_cursor(shipping)

    def _take_held(self, event: e.HeldRead, now: float) -> None:
        self._is_reading = False
        shipping = self._tables.get(event.table)
        if shipping is None:
            return
        self._drop_held(event.table, shipping.held.drop(event.gone))
        changes = event.shipment.changes
        if changes and self._is_open and shipping.held.flight is None:
            batch = self._sent(Work(event.table, Kind.HELD), event.shipment, now, event.ahead)
            shipping.held.launch(batch, changes, now)

    def _release(self, event: e.Released, now: float) -> None:
        for shipping in self._tables.values():
            shipping.held.release(event.ahead, now)

    def _drop_held(self, table: int, items: tuple[HeldItem, ...]) -> None:
        if items:
            self._effects.append(e.DropHeld(table=table, items=items))

    def _back_off(self, event: e.Refused, now: float) -> None:
        sent = self._window.get(event.batch)
        if sent is None:
            return
        self._again_later(self._tables[sent.work.table], event.reason, now)

    def _again_later(self, shipping: TableShipping, reason: str, now: float) -> None:
        self._tally.failed(reason)
        self._return_to_cursor(shipping)
        shipping.blocked_until = now + shipping.backoff.failed()

    def _scan_moved(self, shipping: TableShipping, now: float) -> None:
        if shipping.finish_scan():
            self._progress.cursor_moved(shipping, now + CURSOR_SECONDS)
            self._progress.want_report(shipping, now)

    # Time

    def _tick(self, now: float) -> None:
        self._alarm.rang()
        deadline = self._window.deadline
        if deadline is not None and deadline <= now:
            reason = f"no acknowledgement within {ACKNOWLEDGED_WITHIN_SECONDS:.0f} s"
            self._tally.failed(reason)
            self._change_link(e.LinkChanged(is_connected=False))
            self._effects.append(e.ResetLink(reason=reason))
        if self._refresh_due <= now:
            self._refresh_due = now + REFRESH_SECONDS
            running = (number for number, shipping in self._tables.items() if shipping.is_running)
            self._work.update((Work(number, Kind.STREAM), None) for number in running)

    def _ask_to_wake(self, now: float) -> None:
        time = self._alarm.moved(self._times_ahead(now))
        if time is not None:
            self._effects.append(e.WakeAt(time=time))

    def _times_ahead(self, now: float) -> Iterator[float]:
        yield self._refresh_due
        yield from self._progress.times()
        blocked = (self._tables[work.table].blocked_until for work in self._work)
        yield from (until for until in blocked if until > now)
        held = (shipping.held.next_due() for shipping in self._tables.values())
        yield from (due for due in held if due is not None and due > now)
        lingering = self._window.lingers_until(now) if self._work else None
        yield from (time for time in (self._window.deadline, lingering) if time is not None)
