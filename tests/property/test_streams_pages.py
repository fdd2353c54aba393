"""Pages of a change log against a plain model: whatever was written, trimmed and asked for, the same records come, in order, once."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from node.storage.engine import Space
from node.storage.layout import change_key
from node.storage.memory_engine import MemoryEngine
from node.storage.records import encode_record
from node.streams.pages import read_page
from node.streams.records import ChangeFlag, ChangeKind, encode_change, encode_row
from node.streams.retention import trim_step
from node.streams.search import TIME_DISORDER_MS_MAX, ChangeLog
from wire.commands import Changes
from wire.keys import ItemKey
from wire.versions import Version

PARTITION, TABLE, OTHER = 3, 7, 8
RECORD = encode_record(ItemKey(b"p", b""), Version(1, 1), 1, b"{}")


class Written(NamedTuple):
    """One record of the model."""

    sequence: int
    generation: int
    time_ms: int


class Log(NamedTuple):
    """A change log: what was written, the last number of the partition, and the engine that holds it."""

    written: list[Written]
    latest: int
    engine: MemoryEngine


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Return a log whose generations only grow and whose times are out of order by no more than they may be."""
    steps = draw(
        st.lists(
            st.tuples(
                st.integers(1, 5),  # numbers that other tables took meanwhile
                st.integers(0, 1),  # generations
                st.integers(0, 90_000),  # time that passed
                st.integers(0, TIME_DISORDER_MS_MAX),  # how far the time is behind
            ),
            max_size=30,
        )
    )
    sequence, generation, time_ms, written = 0, 4, 1_000_000, []
    for numbers, generations, passed_ms, behind_ms in steps:
        sequence, generation, time_ms = sequence + numbers, generation + generations, time_ms + passed_ms
        written.append(Written(sequence, generation, time_ms - behind_ms))
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for table in (TABLE - 1, TABLE, OTHER):
            for each in written:
                change = encode_change(each.generation, each.time_ms, ChangeKind.INSERT, ChangeFlag.NONE, b"", RECORD)
                key = change_key(PARTITION, table, each.sequence)
                transaction.put(Space.CHANGES, key, encode_row(change, key))
    return Log(written, sequence + draw(st.integers(0, 5)), engine)


def read(log: Log, generation: int, after: int, limit: int, since_ms: int, bytes_max: int = 1 << 20) -> Changes:
    with log.engine.snapshot() as view:
        return read_page(
            view, PARTITION, TABLE, generation, after, limit, bytes_max, since_ms, bounds=True, latest=log.latest
        )


GENERATIONS = st.integers(0, 12)
AFTER = st.integers(0, 80)
SINCE = st.just(0) | st.integers(1_000_000 - TIME_DISORDER_MS_MAX, 3_000_000)


# A reader that goes on where each page ends has seen exactly what it asked for when there is nothing more.
@given(logs(), GENERATIONS, AFTER, SINCE, st.integers(1, 4), st.sampled_from([1, 150, 1 << 20]))
def test_pages_add_up(log: Log, generation: int, after: int, since_ms: int, limit: int, bytes_max: int) -> None:
    expected = [
        each.sequence
        for each in log.written
        if each.sequence > after and generation in (0, each.generation) and each.time_ms >= since_ms
    ]
    seen: list[int] = []
    place = after
    for _ in range(len(log.written) + 2):
        page = read(log, generation, place, limit, since_ms, bytes_max)
        assert len(page.records) <= limit
        assert page.next_after >= place
        seen += [record.sequence for record in page.records]
        place = page.next_after
        if place >= log.latest:
            break
    assert seen == expected
    assert place >= log.latest


# A time leads to the first record of that time or later, wherever it is.
@given(logs(), SINCE)
def test_a_time_leads_to_its_first_record(log: Log, since_ms: int) -> None:
    expected = next((each.sequence for each in log.written if each.time_ms >= since_ms), None)
    page = read(log, 0, 0, 1, since_ms)
    assert [record.sequence for record in page.records] == ([] if expected is None else [expected])


# The ends of a generation: all of its records are within, none of another's, and they do not depend on other tables.
@given(logs(), st.integers(1, 12))
def test_the_ends_of_a_generation(log: Log, generation: int) -> None:
    page = read(log, generation, 0, 1, 0)
    own = [each.sequence for each in log.written if each.generation == generation]
    before = [each.sequence for each in log.written if each.generation < generation]
    assert page.starting == max(before, default=0) + 1
    assert page.ending == max(own, default=page.starting - 1)
    later = log._replace(latest=log.latest + 1_000)
    assert read(later, generation, 0, 1, 0)[4:] == page[4:]


# What was trimmed is gone for readers, and said so; the rest is as it was.
@given(logs(), st.integers(1_000_000, 3_000_000), st.integers(1, 40))
def test_trimming_takes_the_oldest(log: Log, cutoff_ms: int, rows_max: int) -> None:
    with log.engine.transaction() as transaction:
        trim_step(transaction, PARTITION, cutoff_ms, rows_max)
    page = read(log, 0, 0, 100, 0)
    kept = [each for each in log.written if each.sequence >= page.oldest]
    assert [record.sequence for record in page.records] == [each.sequence for each in kept]
    gone = log.written[: len(log.written) - len(kept)]
    assert all(each.time_ms < cutoff_ms for each in gone)
    assert page.starting == page.oldest


# Looking for a place takes as many looks as a number has digits, not one per record.
@given(st.integers(1, 2_000), st.data())
def test_a_search_is_short(count: int, data: st.DataObject) -> None:
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for number in range(1, count + 1):
            transaction.put(Space.CHANGES, change_key(PARTITION, TABLE, 3 * number), number.to_bytes(4, "big"))
    wanted = data.draw(st.integers(1, count + 1))
    looks: list[bytes] = []

    def holds(row: bytes) -> bool:
        looks.append(row)
        return int.from_bytes(row, "big") >= wanted

    with engine.snapshot() as view:
        found = ChangeLog(view, PARTITION, TABLE, 3 * count).first_where(1, holds)
    assert found == 3 * (wanted - 1) + 1
    assert len(looks) <= (3 * count).bit_length() + 1
