"""When no change record of a stream can follow any more, as its partition's leader knows it.

A leader gives changes the generation that its catalog view names. Once that has moved on, what was evaluated before and is not applied
yet may still bring records of the generation before; nothing else can. Refuses to know catalogs and records.
"""

ASKED_MAX = 1_000
"""Streams remembered; when there are more, all are forgotten, and those who ask wait a little longer."""


class EndedStreams:
    """Remember, for streams that are asked for, up to which entry records of theirs may come."""

    __slots__ = ("_applied", "_last_entries")

    def __init__(self) -> None:
        self._last_entries: dict[tuple[int, int], int] = {}
        self._applied = 0

    def is_over(self, table: int, generation: int, present: int, last_index: int) -> bool:
        """Tell whether a generation of a table has all its records: it is not the `present` one, and no entry up to then waits.

        `last_index` is that of the last entry that changes the table and may not be applied yet; 0 = none.
        """
        if generation >= present:
            return False
        if len(self._last_entries) >= ASKED_MAX:
            self._last_entries.clear()
        return self._last_entries.setdefault((table, generation), last_index) <= self._applied

    def applied(self, index: int) -> None:
        """Note that entries up to `index` are on disk."""
        self._applied = index

    def discard(self) -> None:
        """Forget what was asked: entries were lost, so that their indexes mean nothing."""
        self._last_entries.clear()
