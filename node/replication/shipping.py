"""One table on its way to one region: its stream of changes, its scan, and the cursor they add up to.

Knows how far each has come. Refuses to know windows, links and other tables.
"""

from node.replication.backoff import Backoff
from node.replication.cursors import BatchId, Cursor
from node.replication.events import Membership
from node.replication.held import HeldChanges
from node.replication.lanes import Lane
from node.replication.places import place_of
from wire.commands import Position


class TableShipping:
    """Hold what a shipper knows of one table.

    The stream may run while the scan does: both send present states, and merging is free of order. Before `begin` or `resume` there
    is neither.
    """

    def __init__(self, membership: Membership, backoff_seconds_max: float) -> None:
        self.membership = membership
        self.backoff = Backoff(backoff_seconds_max)
        self.blocked_until = 0.0
        self.stream: Lane[int] = Lane(0)
        self.scan: Lane[Position | None] | None = None
        self.scan_is_read = False
        self.held = HeldChanges()
        self.stored: Cursor | None = None
        self.is_storing = False
        self.is_reporting = False
        self.is_running = False
        self.awaits_barrier = False
        self._scan_members = membership.members

    def begin(self, latest: int) -> None:
        """Start from nothing: everything applied up to `latest` goes by scan, the rest by stream."""
        self.stream = Lane(latest)
        self.is_running = True
        self.restart_scan()

    def resume(self, cursor: Cursor) -> None:
        """Carry on from a cursor of this membership."""
        self.stored = cursor
        self.stream = Lane(cursor.sequence)
        self.scan = Lane(cursor.position) if cursor.is_scanning else None
        self.scan_is_read = False
        self._scan_members = cursor.members
        self.is_running = True

    def restart_scan(self) -> tuple[BatchId, ...]:
        """Scan from the first item on; return the batches of an earlier scan, which no longer count."""
        dropped = () if self.scan is None else self.scan.reset()
        self.scan = Lane[Position | None](None)
        self.scan_is_read = False
        self._scan_members = self.membership.members
        return dropped

    def has_orphans(self) -> bool:
        """Tell whether a region left since the last scan began: what it wrote, and we received, may have reached us alone."""
        return not set(self._scan_members) <= set(self.membership.members)

    def change_membership(self, membership: Membership) -> None:
        """Take what the catalog says now of the same membership."""
        self.is_reporting = self.is_reporting and membership.awaits_backfill
        joined = set(membership.members) - set(self._scan_members)
        self.membership = membership
        self._scan_members = tuple(sorted({*self._scan_members, *joined}))

    def finish_scan(self) -> bool:
        """Tell whether the scan is all acknowledged; if so it is over."""
        if self.scan is None or not self.scan_is_read or self.scan.flights:
            return False
        self.scan = None
        return True

    def reset(self) -> tuple[BatchId, ...]:
        """Forget everything under way; return its batches."""
        dropped = self.stream.reset() + self.held.reset()
        if self.scan is not None:
            dropped += self.scan.reset()
            self.scan_is_read = False
        return dropped

    def settle(self, batch: BatchId) -> None:
        """Note that a batch is acknowledged."""
        self.stream.settle(batch)
        if self.scan is not None:
            self.scan.settle(batch)

    def cursor(self) -> Cursor:
        """Return how far everything is acknowledged."""
        return Cursor(
            generation=self.membership.generation,
            sequence=self.stream.acknowledged,
            is_scanning=self.scan is not None,
            scanned=place_of(self.scan.acknowledged) if self.scan is not None else None,
            members=self._scan_members,
        )
