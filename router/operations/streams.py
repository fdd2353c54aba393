"""Which streams there are for clients: those of tables, past ones, and those of tables that are gone.

Knows how long a stream can be read, and its status. Refuses to know what is in it.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from router.operations.arns import stream_arn, stream_name
from router.operations.store import Store
from wire.clock import Clock
from wire.cluster import Home
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import StreamSpec, TableSpec, TableStatus

# Nodes hear a moment late that a stream has ended; its last records must not fall behind the end of a shard.
CLOSES_AFTER_MS: Final = 1_000
# More than a table ever takes to settle after its stream was changed.
_SETTLES_WITHIN_MS: Final = 60_000


def page_limit(body: dict[str, Any], most: int) -> int:
    """Return how many entries a page may have, which the model does not bound from above. Raises StoreError VALIDATION."""
    limit: int = body.get("Limit", most)
    if limit > most:
        raise validation_error(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have "
            f"value less than or equal to {most}"
        )
    return limit


class StreamStatus(StrEnum):
    """AWS's StreamStatus."""

    ENABLING = "ENABLING"
    ENABLED = "ENABLED"
    DISABLING = "DISABLING"
    DISABLED = "DISABLED"


class TableStream(NamedTuple):
    """A stream, perhaps a past one, with its table, perhaps one that is gone."""

    table: TableSpec
    stream: StreamSpec

    def arn(self, home: Home) -> str:
        """Return the stream's ARN."""
        return stream_arn(home, self.table.name, self.stream.label)


class StreamDirectory:
    """Find streams that can be read: enabled ones, and others for as long as their records are kept."""

    def __init__(self, store: Store, clock: Clock, retention_ms: int) -> None:
        self._store = store
        self._clock = clock
        self._retention_ms = retention_ms

    def streams(self, table: str | None = None) -> Iterator[TableStream]:
        """Yield the streams of all tables, or of those that have or had one name."""
        now_ms = self._clock.wall_ms()
        for spec in self._tables(table):
            for stream in spec.streams:
                if stream.is_readable(now_ms, self._retention_ms):
                    yield TableStream(spec, stream)

    def found(self, arn: str) -> TableStream:
        """Return the stream that an ARN names. Raises StoreError VALIDATION or RESOURCE_NOT_FOUND."""
        for each in self.streams(stream_name(arn, self._store.home).table):
            if each.arn(self._store.home) == arn:
                return each
        raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"Requested resource not found: Stream: {arn} not found")

    def status(self, found: TableStream) -> StreamStatus:
        """Return how far a stream is on its way to being enabled or disabled.

        It is DISABLING for a moment in which nodes may still write to it, and either way for as long as its table takes to settle.
        """
        stream = found.stream
        if stream.is_enabled:
            is_settling = self._is_settling(found.table, stream.created_ms)
            return StreamStatus.ENABLING if is_settling else StreamStatus.ENABLED
        is_ending = self._clock.wall_ms() - stream.disabled_ms < CLOSES_AFTER_MS
        is_settling = is_ending or self._is_settling(found.table, stream.disabled_ms)
        return StreamStatus.DISABLING if is_settling else StreamStatus.DISABLED

    def _tables(self, name: str | None) -> Iterator[TableSpec]:
        view = self._store.view
        if name is None:
            yield from view.tables.values()
        elif name in view.tables:
            yield view.tables[name]
        yield from (spec for spec in view.dropped.values() if name in (None, spec.name))

    def _is_settling(self, table: TableSpec, changed_ms: int) -> bool:
        """Tell whether a table is on its way because of what happened to its stream at a time."""
        is_moving = table.status in (TableStatus.CREATING, TableStatus.UPDATING)
        return is_moving and 0 < table.settles_ms - changed_ms < _SETTLES_WITHIN_MS
