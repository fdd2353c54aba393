"""Pages of a change log: read in order from a sequence number on.

Knows what a reader of one table sees of a partition's change log. Refuses to know shards, iterators and who reads.
"""

from node.storage.engine import Space, View
from node.storage.layout import change_range
from node.streams.records import decode_row, generation_of
from node.streams.retention import trimmed_up_to
from node.streams.search import ChangeLog
from wire.commands import ChangeRecord, Changes

ROWS_EXAMINED_MAX = 4_096
"""Rows one page looks at, those that are passed over included; the page ends there and says how to go on."""
BYTES_EXAMINED_MAX = 4 << 20
"""Bytes of rows one page looks at in the same way: each may hold two images of 400 KB."""


def read_page(  # whose changes, from where, how many: the members of ReadChanges
    view: View,
    partition: int,
    table: int,
    generation: int,
    after: int,
    limit: int,
    bytes_max: int,
    since_ms: int,
    bounds: bool,
    latest: int,
) -> Changes:
    """Return the changes of one table and generation (0 = any) above `after`, in order, within both bounds but at least one.

    Those written before `since_ms` are passed over. What lies before the generation and the time is skipped, not read through.

    `latest` is the partition's last sequence number in the same view. `oldest` of the answer is the first number from
    which on nothing was trimmed: a reader whose `after` is below `oldest - 1` may have missed changes.
    """
    log = ChangeLog(view, partition, table, latest)
    oldest = trimmed_up_to(view, partition, table) + 1
    records, next_after = _read(log, generation, after, limit, bytes_max, since_ms)
    starting, ending = log.bounds(generation, oldest) if bounds else (0, 0)
    return Changes(tuple(records), next_after, oldest, latest, starting, ending)


def _read(
    log: ChangeLog, generation: int, after: int, limit: int, bytes_max: int, since_ms: int
) -> tuple[list[ChangeRecord], int]:
    """Return a page's records and the number after which the next one begins."""
    records: list[ChangeRecord] = []
    next_after = after if not generation and not since_ms else log.beginning(generation, since_ms, after)
    rows = log.view.scan(Space.CHANGES, *change_range(log.partition, log.table, next_after))
    examined_bytes = 0
    for examined, (key, row) in enumerate(rows):
        if examined >= ROWS_EXAMINED_MAX or examined_bytes >= BYTES_EXAMINED_MAX or len(records) >= limit > 0:
            return records, next_after
        examined_bytes += len(row)
        if generation and generation_of(row) > generation:
            break
        record = decode_row(log.table, key, row)
        if generation in (0, record.generation) and record.time_ms >= since_ms:
            bytes_max -= len(row)
            if records and bytes_max < 0:
                return records, next_after
            records.append(record)
        next_after = record.sequence
    # Numbers are shared by all tables of the partition: what follows up to `latest` belongs to others, or to later generations.
    return records, max(next_after, log.latest)
