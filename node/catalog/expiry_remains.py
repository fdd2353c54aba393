"""Find what is left on this node's disk of time to live: expiry indexes that nobody will read again, and cursors of filling them.

A generation is never used again, so nothing that is found here can be wanted by anyone.
"""

from collections.abc import Callable, Iterator

from node.storage.engine import Space, View
from node.storage.expiry import filling_range, index_prefix, table_and_generation_of, table_of_filling
from node.storage.layout import successor
from wire.catalog import CatalogView

Found = tuple[Space, bytes, bytes | None]


def expiry_indexes_of(catalog: CatalogView) -> frozenset[tuple[int, int]]:
    """Return all expiry indexes that there are, as numbers of table and generation."""
    tables = catalog.tables_by_number.values()
    return frozenset((each.number, each.time_to_live.generation) for each in tables if each.time_to_live is not None)


def find_expiry_remains(view: View, catalog: CatalogView, is_dropped: Callable[[int], bool]) -> Found | None:
    """Return the first remains of an earlier generation, or of a table that `is_dropped`.

    One of a later generation belongs to a change of the catalog that this node has not heard of yet.
    """
    return next(_rows(view, catalog, is_dropped), None) or next(_states(view, catalog, is_dropped), None)


def _rows(view: View, catalog: CatalogView, is_dropped: Callable[[int], bool]) -> Iterator[Found]:
    lower: bytes | None = b""
    while lower is not None:
        found = next(view.scan(Space.EXPIRY, lower, None), None)
        if found is None:
            return
        prefix = index_prefix(found[0])
        number, generation = table_and_generation_of(found[0])
        table = catalog.tables_by_number.get(number)
        time_to_live = None if table is None else table.time_to_live
        if is_dropped(number) or (time_to_live is not None and generation < time_to_live.generation):
            yield Space.EXPIRY, prefix, successor(prefix)
        lower = successor(prefix)


def _states(view: View, catalog: CatalogView, is_dropped: Callable[[int], bool]) -> Iterator[Found]:
    for partition in catalog.placements:
        for key, _ in view.scan(Space.STATE, *filling_range(partition)):
            if is_dropped(table_of_filling(key)):
                yield Space.STATE, key, key + b"\x00"
