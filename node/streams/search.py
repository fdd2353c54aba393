"""Finding a place in a change log by what its rows say, without reading it through.

Rows of one table are in the order in which a partition's leaders wrote them. Generations only grow along that order, and so do times
(`node.partition.creation_times`), but for rows that an earlier release wrote: see TIME_DISORDER_MS_MAX. Knows rows and their order.
Refuses to know who looks for what.
"""

from collections.abc import Callable
from typing import NamedTuple

from node.storage.engine import Space, View
from node.storage.layout import change_range, change_sequence_of
from node.streams.records import generation_of, time_ms_of

TIME_DISORDER_MS_MAX = 60_000
"""How far a row's time may be behind that of a row before it, where an earlier release wrote them by its leaders' own clocks, which a
version received from afar dragged along."""

Row = tuple[bytes, bytes]


class ChangeLog(NamedTuple):
    """The change records of one table in one partition, in a view; `latest` is the partition's last sequence number."""

    view: View
    partition: int
    table: int
    latest: int

    def first_after(self, sequence: int) -> Row | None:
        """Return the first row above a sequence number, or None."""
        return next(self.view.scan(Space.CHANGES, *change_range(self.partition, self.table, sequence)), None)

    def last_row(self) -> Row | None:
        """Return the last row, or None."""
        bounds = change_range(self.partition, self.table)
        return next(self.view.scan(Space.CHANGES, *bounds, reverse=True), None)

    def first_where(self, lower: int, holds: Callable[[bytes], bool]) -> int:
        """Return the number just above the last row, from `lower` on, for which `holds` fails; `lower` if it fails for none.

        `holds` must not hold for a row and fail for a later one. Where it does, the number returned is just above some row for which it
        fails and at or below the next, for which it holds. Takes as many steps as a number has digits in base two.
        """
        upper = max(lower, self.latest + 1)
        while lower < upper:
            middle = (lower + upper) // 2
            found = self.first_after(middle - 1)
            if found is None or holds(found[1]):
                upper = middle
            else:
                lower = change_sequence_of(found[0]) + 1
        return lower

    def beginning(self, generation: int, since_ms: int, after: int) -> int:
        """Return a number from `after` on with nothing between them of that generation and of that time or later.

        What follows it may still be older by up to twice TIME_DISORDER_MS_MAX.
        """

        def may_be_wanted(row: bytes) -> bool:
            return generation_of(row) >= generation and time_ms_of(row) >= since_ms - TIME_DISORDER_MS_MAX

        first = self.first_after(after)
        if first is None or may_be_wanted(first[1]):
            return after
        return self.first_where(after + 1, may_be_wanted) - 1

    def bounds(self, generation: int, oldest: int) -> tuple[int, int]:
        """Return the first number that may, and the last that does, belong to a generation; below the first: none does.

        `oldest` is the first number from which on nothing was trimmed. The numbers depend on this table's rows alone, so they stay as
        they are until some of those are trimmed, or more of that generation come.
        """
        first, last = self.first_after(oldest - 1), self.last_row()
        if first is None or last is None:
            return oldest, oldest - 1
        starting, ending = oldest, change_sequence_of(last[0])
        if generation_of(first[1]) < generation:
            starting = self.first_where(oldest, lambda row: generation_of(row) >= generation)
        if generation and generation_of(last[1]) > generation:
            ending = self.first_where(starting, lambda row: generation_of(row) > generation) - 1
        return starting, ending
