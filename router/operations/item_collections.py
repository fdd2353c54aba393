"""Item collections in answers: the size of all that shares a partition key, in tables with local indexes.

Sources: AWS's guide, "Item collections in Local Secondary Indexes". Refuses to know how collections are counted and limited.
"""

from typing import Any, Final

import orjson

from router.operations.item_keys import members_of_key
from wire.commands import Write, Written
from wire.tables import TableSpec

_GIGABYTE: Final = 1 << 30


def wants_collection_metrics(body: dict[str, Any]) -> bool:
    """Return whether a request asks for ItemCollectionMetrics."""
    return body.get("ReturnItemCollectionMetrics") == "SIZE"


def collection_metrics(spec: TableSpec | None, write: Write, written: Written) -> bytes:
    """Return the ItemCollectionMetrics of a write, or nothing where collections are not counted or the table is gone by now."""
    if spec is None or written.collection_bytes < 0:
        return b""
    name = spec.key_schema.partition.name
    lower = written.collection_bytes // _GIGABYTE
    return orjson.dumps(
        {
            "ItemCollectionKey": {name: members_of_key(spec.key_schema, write.key)[name]},
            "SizeEstimateRangeGB": [float(lower), float(lower + 1)],
        }
    )
