"""What a shipper counts, and the report it adds up to.

Knows totals and what is outstanding. Refuses to know why.
"""

from collections.abc import Collection

from node.replication.reports import ShipperReport
from node.replication.shipping import TableShipping


class Tally:
    """Count what became of batches."""

    def __init__(self) -> None:
        self._shipped = self._superseded = self._errors = 0
        self._last_error = ""

    def acknowledged(self, changes: int, superseded: int) -> None:
        """Count a batch that is committed over there."""
        self._shipped += changes
        self._superseded += superseded

    def failed(self, reason: str) -> None:
        """Count a batch, or a connection, that was lost."""
        self._errors += 1
        self._last_error = reason

    def report(self, tables: Collection[TableShipping], latest: int, now: float) -> ShipperReport:
        """Return the totals and what is outstanding; `latest` is the partition's last sequence number."""
        behind = [table.stream for table in tables if table.stream.is_behind]
        waiting = [*(lane.behind_since() for lane in behind), *(table.held.since for table in tables)]
        since = min((each for each in waiting if each is not None), default=now)
        held = sum(len(table.held) for table in tables)
        return ShipperReport(
            lag_seconds=max(0.0, now - since),
            pending_records=max((latest - lane.acknowledged for lane in behind), default=0) + held,
            shipped=self._shipped,
            superseded=self._superseded,
            errors=self._errors,
            last_error=self._last_error,
            backfilling_tables=sum(table.scan is not None or not table.is_running for table in tables),
            held=held,
        )
