"""Change records: rows, pages and trimming."""

import pytest

from node.storage.engine import Space
from node.storage.errors import DamagedRecord
from node.storage.layout import change_key
from node.storage.memory_engine import MemoryEngine
from node.storage.records import encode_record
from node.streams.pages import read_page
from node.streams.records import ChangeFlag, ChangeKind, decode_row, encode_change, encode_row, time_ms_of
from node.streams.retention import tables_with_changes, trim_step, trimmed_up_to
from node.streams.search import TIME_DISORDER_MS_MAX
from wire.commands import Changes
from wire.keys import ItemKey
from wire.versions import Version

KEY = ItemKey(b"p", b"s")


def row(sequence: int, *, generation: int = 7, time_ms: int = 1_000, region: int = 3) -> bytes:
    record = encode_record(KEY, Version(time_ms << 16, region), 10, b'{"new":1}')
    change = encode_change(generation, time_ms, ChangeKind.MODIFY, ChangeFlag.REPLICATED, b'{"old":1}', record)
    return encode_row(change, change_key(1, 4, sequence))


def engine_with(rows: dict[tuple[int, int], bytes]) -> MemoryEngine:
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for (table, sequence), value in rows.items():
            transaction.put(Space.CHANGES, change_key(1, table, sequence), value)
    return engine


def page(engine: MemoryEngine, after: int, *, limit: int = 10, bytes_max: int = 1 << 20, latest: int = 9) -> Changes:
    with engine.snapshot() as view:
        return read_page(view, 1, 4, 7, after, limit, bytes_max, 0, False, latest)


# A stream reader must get back exactly what the write said, with the origin that the version names.
def test_a_row_becomes_the_record_it_was_made_from() -> None:
    record = decode_row(4, change_key(1, 4, 5), row(5, time_ms=1_234))
    assert (record.sequence, record.table, record.generation, record.kind) == (5, 4, 7, ChangeKind.MODIFY)
    assert (record.key, record.origin, record.flags, record.time_ms) == (KEY, 3, ChangeFlag.REPLICATED, 1_234)
    assert (record.old_image, record.new_image) == (b'{"old":1}', b'{"new":1}')
    assert time_ms_of(row(5, time_ms=1_234)) == 1_234


# A damaged or misplaced row must be reported, never read.
def test_a_row_under_another_number_is_damaged() -> None:
    with pytest.raises(DamagedRecord, match="change 6"):
        decode_row(4, change_key(1, 4, 6), row(5))


# Readers page through: nothing may be skipped or seen twice, and the last page jumps over other tables' numbers.
def test_pages_continue_where_the_last_one_ended() -> None:
    engine = engine_with({(4, 1): row(1), (5, 2): row(2), (4, 3): row(3), (4, 8): row(8)})
    first = page(engine, 0, limit=2)
    assert [record.sequence for record in first.records] == [1, 3]
    second = page(engine, first.next_after, limit=2)
    assert [record.sequence for record in second.records] == [8]
    assert (second.next_after, second.latest, second.oldest) == (9, 9, 1)


# One stream must never show the records of the one that was enabled before it.
def test_records_of_other_generations_are_passed_over() -> None:
    engine = engine_with({(4, 1): row(1, generation=6), (4, 2): row(2), (4, 3): row(3, generation=8)})
    assert [record.sequence for record in page(engine, 0).records] == [2]


# A page is bounded by bytes but must never be empty while there is something, or a reader would be stuck.
def test_a_page_holds_at_least_one_record() -> None:
    engine = engine_with({(4, 1): row(1), (4, 2): row(2)})
    found = page(engine, 0, bytes_max=1)
    assert [record.sequence for record in found.records] == [1]
    assert found.next_after == 1


# Trimming goes by age, in bounded steps, over all tables, and leaves a mark for readers that come too late.
def test_trimming_removes_old_records_in_steps() -> None:
    times = {(4, 1): 100, (4, 2): 200, (5, 3): 150, (4, 4): 900}
    engine = engine_with({place: row(place[1], time_ms=time) for place, time in times.items()})
    with engine.transaction() as transaction:
        assert trim_step(transaction, 1, 500, 2)[::2] == (2, True)
    with engine.transaction() as transaction:
        assert trim_step(transaction, 1, 500, 2)[::2] == (1, False)
    with engine.snapshot() as view:
        assert trimmed_up_to(view, 1, 4) == 2
        assert list(tables_with_changes(view, 1)) == [4]
    assert page(engine, 0).oldest == 3
    assert [record.sequence for record in page(engine, 0).records] == [4]


# Rows may be large: a step is bounded by what it reads as well, and still takes one.
def test_a_step_of_trimming_is_bounded_by_bytes() -> None:
    engine = engine_with({(4, number): row(number, time_ms=100) for number in range(1, 6)})
    size = len(row(1, time_ms=100))
    for rows, bytes_max in ((1, 1), (2, size + 1)):
        with engine.transaction() as transaction:
            assert trim_step(transaction, 1, 500, 9, bytes_max) == (rows, rows * size, True)
    with engine.transaction() as transaction:
        assert trim_step(transaction, 1, 500) == (2, 2 * size, False)


# Rows of earlier releases may be out of order by as much as clocks were allowed to differ: whoever looks for a time must not miss one.
@pytest.mark.parametrize("behind_ms", [0, 1, TIME_DISORDER_MS_MAX])
def test_times_in_disorder_up_to_the_margin_hide_nothing(behind_ms: int) -> None:
    since_ms = 1_000_000
    times = {1: since_ms - 500_000, 2: since_ms, 3: since_ms - behind_ms, 4: since_ms + 1}
    engine = engine_with({(4, sequence): row(sequence, time_ms=time_ms) for sequence, time_ms in times.items()})
    with engine.snapshot() as view:
        found = read_page(view, 1, 4, 7, 0, 10, 1 << 20, since_ms, False, 4)
    assert [record.sequence for record in found.records if record.sequence != 3] == [2, 4]
