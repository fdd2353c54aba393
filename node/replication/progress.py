"""Telling replicated state, and the catalog, how far a shipper has come.

Pure. Knows when a cursor is to be stored and a finished copy to be reported, and again if that may be lost. Refuses to know what
moves them.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from node.replication import events as e
from node.replication.schedule import Schedule
from node.replication.shipping import TableShipping

AGAIN_SECONDS: Final = 1.0  # until a cursor or a report that may be lost is tried again


class ProgressKeeping:
    """Ask for cursors to be stored and copies to be reported, in time."""

    def __init__(self, tables: Mapping[int, TableShipping], effects: list[e.Effect]) -> None:
        self._tables = tables
        self._effects = effects
        self._cursors_due = Schedule()
        self._reports_due = Schedule()

    def tell(self, now: float) -> None:
        """Ask for what is due."""
        self._store_cursors(now)
        self._report_backfills(now)

    def drop(self, number: int) -> None:
        """Tell nothing more of a table."""
        self._cursors_due.drop(number)
        self._reports_due.drop(number)

    def times(self) -> Iterator[float]:
        """Yield when something is to be told."""
        yield from self._cursors_due.times(self._is_storing)
        yield from self._reports_due.times()

    def cursor_moved(self, shipping: TableShipping, due: float) -> None:
        """Have a table's cursor stored at a time, or earlier if that was asked for before."""
        self._cursors_due.hasten(shipping.membership.table, due)

    def want_report(self, shipping: TableShipping, now: float) -> None:
        """Have it reported that a table is copied, if it is and somebody waits to hear it."""
        if shipping.membership.awaits_backfill and shipping.scan is None and not shipping.is_reporting:
            self._reports_due.begin(shipping.membership.table, now)

    def note_stored(self, event: e.CursorStored, now: float) -> None:
        """Note that a cursor is stored, or may be lost."""
        shipping = self._tables.get(event.table)
        if shipping is None or shipping.membership.generation != event.cursor.generation:
            return
        shipping.is_storing = False
        if event.is_stored:
            shipping.stored = event.cursor
        else:
            self.cursor_moved(shipping, now + AGAIN_SECONDS)

    def note_recorded(self, event: e.BackfillRecorded, now: float) -> None:
        """Note that the catalog knows of a copy, or could not be told."""
        shipping = self._tables.get(event.table)
        if shipping is None or shipping.membership.generation != event.generation or event.is_recorded:
            return
        shipping.is_reporting = False
        if shipping.membership.awaits_backfill:
            self._reports_due.set(event.table, now + AGAIN_SECONDS)

    def _store_cursors(self, now: float) -> None:
        for number in self._cursors_due.take(now, self._is_storing):
            shipping = self._tables[number]
            cursor = shipping.cursor()
            if cursor != shipping.stored:
                shipping.is_storing = True
                self._effects.append(e.StoreCursor(table=number, cursor=cursor))

    def _is_storing(self, number: int) -> bool:
        return self._tables[number].is_storing

    def _report_backfills(self, now: float) -> None:
        for number in self._reports_due.take(now):
            shipping = self._tables[number]
            shipping.is_reporting = True
            self._effects.append(e.ReportBackfill(membership=shipping.membership))
