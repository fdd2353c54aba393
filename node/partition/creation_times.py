"""When change records are made, as their rows say it: by the region's clock, and never earlier than the record before.

Pure. Readers look for times by halving (`node.streams.search`), so within one table of a partition they must not go back, whoever leads
and whatever that node's clock says. Knows the last time of each table, from what is applied and from what is evaluated since.
"""

from node.storage.engine import View
from node.streams.records import time_ms_of
from node.streams.search import ChangeLog


class CreationTimes:
    """Tell the time for the next record of each table. Bounded: by the tables that are written to."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._latest: dict[int, int] = {}
        self._looked_up: set[int] = set()

    def next(self, table: int, now_ms: int, view: View) -> int:
        """Return the time for a record made now, `view` holding all that was applied when this replica began to lead."""
        latest = max(now_ms, self._latest.get(table, 0))
        if table not in self._looked_up:
            self._looked_up.add(table)
            last = ChangeLog(view, self._partition, table, 0).last_row()
            latest = max(latest, time_ms_of(last[1])) if last is not None else latest
        self._latest[table] = latest
        return latest

    def discard(self) -> None:
        """Look all tables up again: another leader may have made records meanwhile."""
        self._looked_up.clear()
