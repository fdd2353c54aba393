"""Which rows changes and items come to, and where they go."""

import orjson

from node.indexes.rows import FedIndex, Ring, RoutedRow, rows_of_changes, rows_of_items
from node.partition.access import StoredItem
from tests.support.indexes_region import SCHEMA, by, key_of
from tests.support.replication_store import placements
from wire.commands import ChangeRecord, IndexRow, Position
from wire.indexes import row_of
from wire.items import Item
from wire.keys import key_hash, token_of
from wire.tables import IndexSpec, KeyAttribute, ProjectionType
from wire.versions import Version

PLACEMENTS = placements(4)
RING = Ring(PLACEMENTS)
OWNER = by("owner", 1)
KEYS_ONLY = IndexSpec(
    number=2,
    name="keys",
    is_local=False,
    partition=(KeyAttribute("n", "S"),),
    projection=ProjectionType.KEYS_ONLY,
)


def item(name: str, **attributes: str) -> Item:
    return {"id": {"S": name}} | {each: {"S": value} for each, value in attributes.items()}


def record(sequence: int, name: str, old: Item | None, new: Item | None, flags: int = 0) -> ChangeRecord:
    images = [b"" if each is None else orjson.dumps(each) for each in (old, new)]
    return ChangeRecord(sequence, 1, 0, 2, key_of(name), Version(sequence, 1), images[0], images[1], 1, flags, 0)


def row(index: IndexSpec, sequence: int, found: Item) -> RoutedRow:
    """Return the row that is set."""
    made = row_of(SCHEMA, index, key_of(found["id"]["S"]), found)
    assert made is not None
    body = orjson.dumps(made.item)
    return RoutedRow(RING.holder(made.key), IndexRow(sequence, made.key, False, Version(sequence, 1), made.size, body))


def gone(index: IndexSpec, sequence: int, found: Item) -> RoutedRow:
    """Return the removal of the row."""
    destination, there = row(index, sequence, found)
    return RoutedRow(destination, there._replace(removes=True, size=0, body=b""))


def rows(index: IndexSpec, *records: ChangeRecord) -> list[RoutedRow]:
    return rows_of_changes(SCHEMA, [FedIndex(index, 0)], records, RING).get(index.number, [])


# Rows come, move, change, and go: what moves is removed first, where it was.
def test_rows_follow_an_item() -> None:
    one, two, three = item("a", owner="x"), item("a", owner="y"), item("a", owner="y", more="m")
    found = rows(
        OWNER,
        record(1, "a", None, one),
        record(2, "a", one, two),
        record(3, "a", two, three),
        record(4, "a", three, None),
    )
    assert found == [
        row(OWNER, 1, one),
        gone(OWNER, 2, one),
        row(OWNER, 2, two),
        row(OWNER, 3, three),
        gone(OWNER, 4, three),
    ]


# What an index does not show is nothing to it.
def test_nothing_is_sent_where_nothing_changes() -> None:
    before, after = item("a", n="1", other="x"), item("a", n="1", other="y")
    assert rows(KEYS_ONLY, record(1, "a", before, after)) == []
    assert rows(OWNER, record(1, "a", before, after)) == []
    assert rows(OWNER, record(1, "a", item("a", owner="x"), item("a", owner="x"), flags=4)) == []


# Each index takes what it has not seen, of one reading.
def test_each_index_takes_what_it_has_not_seen() -> None:
    whole = item("a", owner="x", n="1")
    records = [record(1, "a", None, whole), record(2, "a", whole, None)]
    found = rows_of_changes(SCHEMA, [FedIndex(OWNER, 1), FedIndex(KEYS_ONLY, 0)], records, RING)
    assert found == {1: [gone(OWNER, 2, whole)], 2: [row(KEYS_ONLY, 1, whole), gone(KEYS_ONLY, 2, whole)]}


# Copies have no sequence number; tombstones and items without the attribute have no row.
def test_copies_of_items() -> None:
    items = [
        StoredItem(Position(b"", key_of("a")), Version(7, 1), False, 9, orjson.dumps(item("a", owner="x"))),
        StoredItem(Position(b"", key_of("b")), Version(7, 1), False, 9, orjson.dumps(item("b"))),
        StoredItem(Position(b"", key_of("c")), Version(7, 1), True, 0, b""),
    ]
    expected = row(OWNER, 7, item("a", owner="x"))
    assert rows_of_items(SCHEMA, OWNER, items, RING) == [
        RoutedRow(expected.destination, expected.row._replace(sequence=0))
    ]


# The ring sends every key to the partition whose tokens cover it, the first and the last included.
def test_ring_finds_the_holder() -> None:
    for number in range(200):
        key = key_of(f"k{number}")
        token = token_of(key_hash(key.partition))
        (holder,) = [each.partition for each in PLACEMENTS if each.lower <= token < each.upper]
        assert RING.holder(key) == holder
