"""Decide how long streams last: a day after they end they are gone, whether their table is still there or not.

Pure. Knows rows and times. Refuses to know change records: those go by their own age, and what a dropped table leaves of them when no
row speaks of it any more.
"""

from typing import Final

from msgspec.structs import replace

from node.catalog.rules import CatalogRules
from wire.catalog import CatalogView, encode_row
from wire.tables import StreamSpec, TableSpec, TableStatus

# Rows of dropped tables that are kept at most; beyond, those dropped first go early, and their streams with them.
DROPPED_TABLES_MAX: Final = 1_000


def used_streams(view: CatalogView, name: str) -> tuple[StreamSpec, ...]:
    """Return the streams of dropped tables of that name: a new table's stream must not get the label of one of them."""
    return tuple(stream for table in view.dropped.values() if table.name == name for stream in table.streams)


def without_expired(table: TableSpec, now_ms: int, rules: CatalogRules) -> TableSpec:
    """Return the table without past streams that ended too long ago; its last stream stays, for DescribeTable names it."""
    kept = tuple(each for each in table.past_streams if each.is_readable(now_ms, rules.stream_retention_ms))
    return table if len(kept) == len(table.past_streams) else replace(table, past_streams=kept)


def with_streams_ended(table: TableSpec, now_ms: int) -> TableSpec:
    """Return the table with its stream disabled, if it has one that is not."""
    if table.stream is None or not table.stream.is_enabled:
        return table
    return replace(table, stream=replace(table.stream, disabled_ms=now_ms))


def rows_after_drop(view: CatalogView, table: TableSpec, now_ms: int, rules: CatalogRules) -> dict[str, bytes | None]:
    """Return the row that keeps a dropped table's streams readable, if it has any, and remove rows whose time is over."""
    rows = expired_rows(view, now_ms, rules)
    ended = _ended(table, now_ms, rules)
    if ended is None:
        return rows
    left = [number for number in sorted(view.dropped) if _key(number) not in rows]
    rows |= {_key(number): None for number in left[: max(0, len(left) + 1 - DROPPED_TABLES_MAX)]}
    return {**rows, _key(table.number): encode_row(ended)}


def expired_rows(view: CatalogView, now_ms: int, rules: CatalogRules) -> dict[str, bytes | None]:
    """Return what removes the rows of dropped tables of which no stream can be read any more."""
    return {
        _key(table.number): None
        for table in view.dropped.values()
        if not any(stream.is_readable(now_ms, rules.stream_retention_ms) for stream in table.streams)
    }


def _ended(table: TableSpec, now_ms: int, rules: CatalogRules) -> TableSpec | None:
    """Return as much of a dropped table as readers of its streams need; None when there is nothing to read."""
    streams = with_streams_ended(table, now_ms).streams
    readable = [each for each in streams if each.is_readable(now_ms, rules.stream_retention_ms)]
    if not readable:
        return None
    return TableSpec(
        number=table.number,
        name=table.name,
        table_id=table.table_id,
        status=TableStatus.DELETING,
        key_schema=table.key_schema,
        created_ms=table.created_ms,
        stream=readable[-1],
        past_streams=tuple(readable[:-1]),
        version=table.version,
    )


def _key(number: int) -> str:
    return f"dropped/{number}"
