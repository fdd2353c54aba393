"""Find what is left on this node's disk of indexes that their table no longer has: rows, positions and cursors.

Numbers of indexes are never used again within a table, so nothing that is found here can be wanted by anyone.
"""

from collections.abc import Callable, Iterator

from node.storage.engine import Space, View
from node.storage.layout import fed_index_of, fed_range, feeding_range, table_range
from wire.catalog import CatalogView
from wire.tables import TableSpec

Found = tuple[Space, bytes, bytes | None]


def indexes_of(catalog: CatalogView) -> frozenset[tuple[int, int]]:
    """Return all indexes that there are, as numbers of table and index."""
    return frozenset((table.number, index.number) for table in catalog.tables.values() for index in table.indexes)


def find_index_remains(view: View, catalog: CatalogView, is_dropped: Callable[[int], bool]) -> Found | None:
    """Return the first remains of an index that is gone, or of one whose table `is_dropped`; those not heard of yet stay."""
    return next(_rows(view, catalog), None) or next(_states(view, catalog, is_dropped), None)


def _rows(view: View, catalog: CatalogView) -> Iterator[Found]:
    for table in catalog.tables.values():
        for number in _gone(table):
            lower, upper = table_range(table.number, number)
            if next(iter(view.scan(Space.ITEMS, lower, upper)), None) is not None:
                yield Space.ITEMS, lower, upper


def _states(view: View, catalog: CatalogView, is_dropped: Callable[[int], bool]) -> Iterator[Found]:
    for partition in catalog.placements:
        for lower, upper in (fed_range(partition), feeding_range(partition)):
            for key, _ in view.scan(Space.STATE, lower, upper):
                number, index = fed_index_of(key)
                table = catalog.tables_by_number.get(number)
                if is_dropped(number) or (table is not None and index in _gone(table)):
                    yield Space.STATE, key, key + b"\x00"


def _gone(table: TableSpec) -> set[int]:
    return set(range(1, table.next_index)) - {index.number for index in table.indexes}
