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

    def report(self, tables: Collection[TableShipping], latest: int, wall_ms: int) -> ShipperReport:
        """Return the totals and what is outstanding; `latest` is the partition's last sequence number."""
        behind = [table.stream for table in tables if table.stream.is_behind]
        since_ms = min((lane.behind_since_ms() or wall_ms for lane in behind), default=wall_ms)
        return ShipperReport(
            lag_seconds=max(0, wall_ms - since_ms) / 1000,
            pending_records=max((latest - lane.acknowledged for lane in behind), default=0),
            shipped=self._shipped,
            superseded=self._superseded,
            errors=self._errors,
            last_error=self._last_error,
            backfilling_tables=sum(table.scan is not None or not table.is_running for table in tables),
        )
