"""Streams end and are forgotten a day later, with their table or without."""

from dataclasses import replace
from typing import Any

import pytest

from node.catalog.streams import DROPPED_TABLES_MAX
from tests.support.rpc_catalog import RULES, THERE, Catalog, create
from wire.catalog_changes import AddReplica, DeleteTable, FinishTable, SetReplicaStatus, UpdateTable
from wire.tables import ReplicaStatus, StreamViewType, TableStatus

NOW_MS = 1_700_000_000_000
DAY_MS = RULES.stream_retention_ms
VIEW = StreamViewType.KEYS_ONLY


def switch(catalog: Catalog, *, on: bool, now_ms: int = NOW_MS) -> None:
    view = VIEW if on else None
    catalog.change(UpdateTable(name="t", stream_enabled=on, stream_view=view, now_ms=now_ms))


def with_stream(**members: Any) -> Catalog:
    catalog = Catalog()
    catalog.change(create("t", stream_view=VIEW, **members))
    return catalog


# Change records name the generation of their stream; between two streams they name one that no stream has, and they only grow.
def test_generations_of_changes_only_grow() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    seen, streamed = [catalog.view.tables["t"].change_generation], []
    for on in (True, False, True, False):
        switch(catalog, on=on)
        table = catalog.view.tables["t"]
        assert table.stream is not None
        seen.append(table.change_generation)
        streamed.append(table.stream.generation)
    assert seen[0] == 0
    assert seen == sorted(set(seen))
    assert set(streamed) & set(seen) == {seen[1], seen[3]}


# The row of a table must not grow with every stream it ever had.
def test_past_streams_are_forgotten_after_a_day() -> None:
    catalog = with_stream()
    for hour in range(1, 60):
        switch(catalog, on=hour % 2 == 0, now_ms=NOW_MS + hour * DAY_MS // 24)
    past = catalog.view.tables["t"].past_streams
    assert [stream.is_readable(NOW_MS + 59 * DAY_MS // 24, DAY_MS) for stream in past] == [True] * len(past)
    assert len(past) == 11


# A stream is read on after its table is gone, so what readers need is kept, and no more.
def test_a_dropped_table_leaves_what_readers_of_its_streams_need() -> None:
    catalog = with_stream(tags=(("a", "b"),))
    for on in (False, True):
        switch(catalog, on=on)
    before = catalog.view.tables["t"]
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 5))
    kept = catalog.view.dropped[before.number]
    assert (kept.name, kept.table_id, kept.key_schema) == (before.name, before.table_id, before.key_schema)
    assert [stream.label for stream in kept.streams] == [stream.label for stream in before.streams]
    assert [stream.disabled_ms for stream in kept.streams] == [NOW_MS, NOW_MS + 5]
    assert kept.tags == ()
    assert "t" not in catalog.view.tables


# Nothing to read, nothing to keep: no stream, or one that ended too long ago.
@pytest.mark.parametrize("has_stream", [False, True])
def test_a_table_without_readable_streams_leaves_nothing(has_stream: bool) -> None:
    catalog = with_stream() if has_stream else Catalog()
    if has_stream:
        switch(catalog, on=False)
    else:
        catalog.change(create("t"))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + DAY_MS))
    assert catalog.view.dropped == {}


# Rows of dropped tables go when the next table does, once their day is over.
def test_rows_of_dropped_tables_go_after_a_day() -> None:
    catalog = with_stream()
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    for now_ms, count in ((NOW_MS + DAY_MS - 1, 1), (NOW_MS + DAY_MS, 0)):
        catalog.change(create("u"))
        catalog.change(DeleteTable(name="u", now_ms=now_ms))
        assert len(catalog.view.dropped) == count


# A test suite may make and drop tables all day: what is kept of them is bounded, and the oldest goes first.
def test_what_is_kept_of_dropped_tables_is_bounded() -> None:
    catalog = Catalog()
    for _ in range(DROPPED_TABLES_MAX + 2):
        catalog.change(create("t", stream_view=VIEW))
        catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    assert sorted(catalog.view.dropped) == list(range(3, DROPPED_TABLES_MAX + 3))


# A name and a label make an ARN: a table made in the same millisecond as one of its name was must not have that one's.
def test_labels_are_not_used_again() -> None:
    catalog = with_stream()
    first = catalog.view.tables["t"].stream
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    catalog.change(create("t", stream_view=VIEW))
    second = catalog.view.tables["t"].stream
    assert first is not None
    assert second is not None
    assert first.label != second.label


# A table that is on its way out takes no more writes: its stream has ended when the drop was asked for.
def test_a_stream_ends_when_its_table_begins_to_go() -> None:
    catalog = Catalog(replace(RULES, takes_time=True))
    catalog.change(create("t", stream_view=VIEW))
    catalog.change(FinishTable(name="t", number=1, now_ms=NOW_MS + 60_000))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 60_001))
    leaving = catalog.view.tables["t"]
    assert leaving.status is TableStatus.DELETING
    catalog.change(FinishTable(name="t", number=1, now_ms=NOW_MS + 120_000))
    for table in (leaving, catalog.view.dropped[1]):
        assert table.stream is not None
        assert table.stream.disabled_ms == NOW_MS + 60_001


# A table with replicas goes in two steps, the second of which knows no time: its stream ended with the first.
def test_the_stream_of_a_dropped_replica_is_kept() -> None:
    catalog = Catalog()
    catalog.change(create("t", stream_view=StreamViewType.NEW_AND_OLD_IMAGES))
    catalog.change(AddReplica(name="t", region=THERE, now_ms=NOW_MS, global_table_id="g"))
    catalog.change(SetReplicaStatus(name="t", global_table_id="g", region=THERE, status=ReplicaStatus.CREATION_FAILED))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 7))
    kept = catalog.view.dropped[1].stream
    assert kept is not None
    assert kept.disabled_ms == NOW_MS + 7
