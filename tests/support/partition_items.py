"""Tables, keys and commands that tests of partitions share."""

from typing import Any

import orjson

from wire.commands import Change, Get, Merge, Range, Returned, Write, WriteKind
from wire.expressions import Tree, packed
from wire.items import item_size, normalized_item
from wire.keys import ItemKey, encode_key_value
from wire.tables import (
    KeyAttribute,
    KeySchema,
    RegionName,
    ReplicaSpec,
    ReplicaStatus,
    StreamSpec,
    TableNumber,
    TableSpec,
    TableStatus,
)
from wire.versions import Version

SCHEMA = KeySchema(KeyAttribute("p", "S"), KeyAttribute("s", "S"))
STREAM = StreamSpec(view_type="NEW_AND_OLD_IMAGES", label="2024-01-01T00:00:00.000", generation=7, created_ms=0)


def table(number: int = 1, *, streams: bool = False, global_: bool = False) -> TableSpec:
    """Return a table with keys p and s; `streams` records changes, `global_` has a replica elsewhere too."""
    replica = ReplicaSpec(RegionName("eu-west-1"), ReplicaStatus.ACTIVE)
    return TableSpec(
        number=TableNumber(number),
        name=f"table-{number}",
        table_id=f"id-{number}",
        status=TableStatus.ACTIVE,
        key_schema=SCHEMA,
        created_ms=0,
        stream=STREAM if streams or global_ else None,
        replicas=(replica,) if global_ else (),
        global_table_id="g" if global_ else "",
    )


def key(partition: str, sort: str = "a") -> ItemKey:
    return ItemKey(encode_key_value("S", partition), encode_key_value("S", sort))


def key_item(partition: str, sort: str = "a") -> dict[str, Any]:
    return {"p": {"S": partition}, "s": {"S": sort}}


def body(partition: str, sort: str = "a", **attributes: Any) -> bytes:
    """Return an item as a router would send it."""
    item, _ = normalized_item({**key_item(partition, sort), **attributes})
    return orjson.dumps(item)


def put(
    partition: str,
    sort: str = "a",
    number: int = 1,
    condition: Tree | None = None,
    values: list[Any] | None = None,
    returned: Returned = Returned.NONE,
    return_on_failure: bool = False,
    **attributes: Any,
) -> Write:
    encoded = body(partition, sort, **attributes)
    return Write(
        WriteKind.PUT,
        number,
        key(partition, sort),
        encoded,
        item_size(orjson.loads(encoded)),
        condition=packed(condition) if condition else b"",
        values=orjson.dumps(values) if values else b"",
        returned=returned,
        return_on_failure=return_on_failure,
    )


def update(
    partition: str,
    sort: str = "a",
    number: int = 1,
    tree: Tree | None = None,
    condition: Tree | None = None,
    values: list[Any] | None = None,
    returned: Returned = Returned.NONE,
) -> Write:
    return Write(
        WriteKind.UPDATE,
        number,
        key(partition, sort),
        body(partition, sort),
        condition=packed(condition) if condition else b"",
        update=packed(tree) if tree else b"",
        values=orjson.dumps(values) if values else b"",
        returned=returned,
    )


def delete(
    partition: str,
    sort: str = "a",
    number: int = 1,
    condition: Tree | None = None,
    returned: Returned = Returned.NONE,
) -> Write:
    return Write(
        WriteKind.DELETE,
        number,
        key(partition, sort),
        condition=packed(condition) if condition else b"",
        returned=returned,
    )


def get(partition: str, sort: str = "a", number: int = 1, *, consistent: bool = True) -> Get:
    return Get(number, key(partition, sort), consistent)


def query(partition: str, number: int = 1, **options: Any) -> Range:
    return Range(number, partition_key=encode_key_value("S", partition), **{"consistent": True, **options})


def merge(*changes: Change, number: int = 1, source: str = "eu-west-1") -> Merge:
    return Merge(number, source, changes)


def change(partition: str, time_ms: int, sort: str = "a", region: int = 2, **attributes: Any) -> Change:
    """Return a remote put; without attributes a remote delete."""
    version = Version(time_ms << 16, region)
    if not attributes:
        return Change(key(partition, sort), version, True, 0, b"")
    encoded = body(partition, sort, **attributes)
    return Change(key(partition, sort), version, False, item_size(orjson.loads(encoded)), encoded)
