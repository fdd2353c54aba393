"""What indexes leave on disk that are gone goes, and nothing else does."""

from msgspec.structs import replace

from node.catalog.index_remains import find_index_remains
from node.partition.rows import read_cursor, read_fed, write_cursor, write_fed
from node.storage.engine import Space
from node.storage.layout import COLLECTIONS, feed_cursor_name, item_key, table_and_index_of
from node.storage.memory_engine import MemoryEngine
from tests.support.indexes_region import by, indexed_table
from tests.support.replication_store import placements
from wire.catalog import CatalogView, Delta, encode_row
from wire.keys import key_hash
from wire.tables import TableSpec

TABLE = 1
DROPPED = 2
PARTITION = 1


def view_with(table: TableSpec) -> CatalogView:
    view = CatalogView()
    rows = {f"placement/{each.partition}": encode_row(each) for each in placements(2)}
    view.apply(Delta(1, rows | {f"table/{table.name}": encode_row(table)}, full=True))
    return view


def filled(*places: tuple[int, int]) -> MemoryEngine:
    """Return an engine with a row, a position and a cursor of each (table, index)."""
    engine = MemoryEngine()
    with engine.transaction() as transaction:
        for table, index in places:
            transaction.put(Space.ITEMS, item_key(table, index, key_hash(b"k"), b"")[0], b"row")
            write_fed(transaction, PARTITION, table, index, 7, 9)
            write_cursor(transaction, PARTITION, feed_cursor_name(table, index), b"cursor")
    return engine


def collected(engine: MemoryEngine, view: CatalogView) -> set[tuple[int, int]]:
    """Delete all remains; return which (table, index) still have rows, and with them all else."""
    while True:
        with engine.snapshot() as snapshot:
            remains = find_index_remains(snapshot, view, lambda table: table == DROPPED)
        if remains is None:
            break
        space, lower, upper = remains
        with engine.transaction() as transaction:
            transaction.delete_range(space, lower, upper, 100)
    with engine.snapshot() as snapshot:
        return {table_and_index_of(key) for key, _ in snapshot.scan(Space.ITEMS, b"", None)}


def has_state(engine: MemoryEngine, table: int, index: int) -> tuple[bool, bool]:
    with engine.snapshot() as snapshot:
        position = read_fed(snapshot, PARTITION, table, index, 7)
        return position != 0, read_cursor(snapshot, PARTITION, feed_cursor_name(table, index)) is not None


# Of numbers 1 to 3 the table has 2 left; 4 is one that this node has not heard of yet.
def test_only_indexes_that_are_gone_are_collected() -> None:
    table = indexed_table(by("owner", 2))
    view = view_with(replace(table, next_index=4))
    engine = filled((TABLE, 0), (TABLE, 1), (TABLE, 2), (TABLE, 3), (TABLE, 4), (TABLE, COLLECTIONS))
    assert collected(engine, view) == {(TABLE, 0), (TABLE, 2), (TABLE, 4), (TABLE, COLLECTIONS)}
    assert [has_state(engine, TABLE, index) for index in (1, 2, 3, 4)] == [
        (False, False),
        (True, True),
        (False, False),
        (True, True),
    ]


# Positions and cursors of a dropped table go with it; its rows are the table collector's.
def test_states_of_dropped_tables_are_collected() -> None:
    engine = filled((DROPPED, 1))
    collected(engine, view_with(indexed_table()))
    assert has_state(engine, DROPPED, 1) == (False, False)
