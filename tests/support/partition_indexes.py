"""Tables with indexes, and what their rows, collections and counts have to be for the items that are there."""

from typing import Any

import orjson
from msgspec import structs

from node.partition.rows import read_sizes
from node.storage.engine import View
from node.storage.items import scan_tokens
from node.storage.layout import COLLECTIONS
from tests.support.partition_items import table
from wire.indexes import row_of
from wire.keys import RING_TOKENS, ItemKey, TokenRange
from wire.tables import IndexSpec, KeyAttribute, ProjectionType, TableSpec

EVERYTHING = TokenRange(0, RING_TOKENS)
BY_N = IndexSpec(
    number=1, name="by-n", is_local=True, partition=(KeyAttribute("p", "S"),), sort=(KeyAttribute("n", "N"),)
)
BY_T = IndexSpec(
    number=2,
    name="by-t",
    is_local=True,
    partition=(KeyAttribute("p", "S"),),
    sort=(KeyAttribute("t", "S"),),
    projection=ProjectionType.KEYS_ONLY,
)
GLOBAL_T = IndexSpec(
    number=3,
    name="global-t",
    is_local=False,
    partition=(KeyAttribute("t", "S"),),
    projection=ProjectionType.INCLUDE,
    non_key_attributes=("n",),
)


def indexed_table(*indexes: IndexSpec, streams: bool = False, global_: bool = False) -> TableSpec:
    """Return a table with keys p and s and these indexes, or with two local ones: all by n, keys only by t."""
    return structs.replace(table(streams=streams, global_=global_), indexes=indexes or (BY_N, BY_T), next_index=4)


def rows(view: View, index: int, number: int = 1) -> dict[ItemKey, tuple[dict[str, Any], int]]:
    """Return what stands under an index number: items and their sizes by key, without tombstones."""
    records = scan_tokens(view, number, index, EVERYTHING)
    return {record.key: (orjson.loads(record.body), record.size) for record in records if not record.tombstone}


def collections(view: View, number: int = 1) -> dict[bytes, int]:
    """Return the sizes of all item collections."""
    records = scan_tokens(view, number, COLLECTIONS, EVERYTHING)
    return {record.key.partition: int.from_bytes(record.body, "big") for record in records}


def check_derived(view: View, partition: int, spec: TableSpec) -> None:
    """Hold all that is derived from items against the items: rows of local indexes, sizes of collections, counts."""
    items = rows(view, 0)
    local = spec.local_indexes
    sizes = {key: size for key, (_, size) in items.items()}
    collected: dict[bytes, int] = {}
    for key, size in sizes.items():
        collected[key.partition] = collected.get(key.partition, 0) + size
    counts = {0: (len(items), sum(sizes.values()))}
    for index in local:
        wanted = {}
        for key, (item, _) in items.items():
            row = row_of(spec.key_schema, index, key, item)
            if row is not None:
                wanted[row.key] = (row.item, row.size)
                collected[key.partition] += row.size
        assert rows(view, index.number) == wanted, f"index {index.name} does not follow its table"
        counts[index.number] = (len(wanted), sum(size for _, size in wanted.values()))
    assert collections(view) == (collected if local else {})
    assert read_sizes(view, partition, spec.number) == {number: count for number, count in counts.items() if any(count)}
