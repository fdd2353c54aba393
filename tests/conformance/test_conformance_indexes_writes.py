"""Writes to tables with secondary indexes: what reaches an index, which keys are refused, what is consumed."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.conformance_indexes import definitions, found_in, global_index, indexed_table, key, local_index
from tests.support.conformance_table import Item, Table, eventually, invalid

INVALID = "One or more parameter values were invalid: "
EMPTY = (
    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
    "AttributeValue for a key attribute cannot contain an empty {} value. IndexName: {}, IndexKey: {}"
)
KEY: Item = {"pk": {"S": "p"}, "sk": {"S": "s"}}


@pytest.fixture
def indexed(dynamodb: Any) -> Iterator[Table]:
    """Return an empty table with a local index "lsi" (pk, c) and global ones "gsi" (g, h N) and "byc" (c)."""
    indexes = [global_index("gsi", "g", "h"), global_index("byc", "c", projection="KEYS_ONLY")]
    with indexed_table(dynamodb, GlobalSecondaryIndexes=indexes) as table:
        yield table


def _local(table: Table) -> list[Item]:
    items: list[Item] = table.query("pk = :p", {":p": {"S": "p"}}, IndexName="lsi")["Items"]
    return items


# A local index changes with its item: a strong read sees it at once.
def test_a_local_index_follows_at_once(indexed: Table) -> None:
    indexed.put({**KEY, "c": {"S": "1"}, "v": {"S": "a"}})
    assert _local(indexed) == [{**KEY, "c": {"S": "1"}, "v": {"S": "a"}}]
    indexed.update(KEY, "SET c = :c", ExpressionAttributeValues={":c": {"S": "2"}})
    assert _local(indexed) == [{**KEY, "c": {"S": "2"}, "v": {"S": "a"}}]
    indexed.update(KEY, "REMOVE c")
    assert _local(indexed) == []
    indexed.update(KEY, "SET c = :c", ExpressionAttributeValues={":c": {"S": "3"}})
    indexed.delete(KEY)
    assert _local(indexed) == []


# A global index follows in a while: moved rows leave where they were, items without a key are not there.
def test_a_global_index_follows(indexed: Table) -> None:
    def rows(partition: str) -> list[Item]:
        values = {":g": {"S": partition}}
        items: list[Item] = indexed.query("g = :g", values, IndexName="gsi", ConsistentRead=False)["Items"]
        return items

    indexed.put({**KEY, "g": {"S": "one"}, "h": {"N": "1"}, "v": {"S": "a"}})
    eventually(lambda: rows("one"), "the row")
    indexed.update(KEY, "SET g = :g", ExpressionAttributeValues={":g": {"S": "two"}})
    moved = eventually(lambda: rows("two"), "the moved row")
    assert moved == [{**KEY, "g": {"S": "two"}, "h": {"N": "1"}, "v": {"S": "a"}}]
    eventually(lambda: not rows("one"), "the row gone")
    indexed.update(KEY, "REMOVE h")
    eventually(lambda: not rows("two"), "the row gone without its sort key")
    indexed.update(KEY, "SET h = :h", ExpressionAttributeValues={":h": {"N": "2"}})
    eventually(lambda: rows("two"), "the row again")
    indexed.delete(KEY)
    eventually(lambda: not rows("two"), "the row gone with its item")


# Index keys have their type and are not empty; of several indexes the first by name is named.
@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"h": {"S": "1"}}, f"{INVALID}Type mismatch for Index Key h Expected: N Actual: S IndexName: gsi"),
        ({"c": {"N": "1"}}, f"{INVALID}Type mismatch for Index Key c Expected: S Actual: N IndexName: byc"),
        ({"c": {"L": []}}, f"{INVALID}Type mismatch for Index Key c Expected: S Actual: L IndexName: byc"),
        ({"g": {"NULL": True}}, f"{INVALID}Type mismatch for Index Key g Expected: S Actual: NULL IndexName: gsi"),
        ({"g": {"S": ""}}, EMPTY.format("string", "gsi", "g")),
        (
            {"c": {"S": ""}, "h": {"S": "x"}},
            f"{INVALID}Type mismatch for Index Key h Expected: N Actual: S IndexName: gsi",
        ),
        ({"g": {"S": "x" * 2049}}, f"{INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    ],
)
def test_refused_index_keys(indexed: Table, attributes: Item, text: str) -> None:
    item = {**KEY, **attributes}
    assert invalid(indexed.put, item=item) == text
    requests = {indexed.name: [{"PutRequest": {"Item": item}}]}
    assert invalid(indexed.client.batch_write_item, RequestItems=requests) == text
    assert indexed.get(KEY) is None


# An item and its rows in local indexes share 400 KB: "lsi" holds all of it, so that half of that fits; without a row all of it does.
def test_local_rows_count_against_the_item(indexed: Table) -> None:
    row: Item = {**KEY, "c": {"S": "c"}, "v": {"S": ""}}
    names_and_keys = len("pkpsksccv")
    room = 409_600 // 2 - names_and_keys
    indexed.put({**row, "v": {"S": "x" * room}})
    large: Item = {**row, "v": {"S": "x" * (room + 1)}}
    text = "Item size has exceeded the maximum allowed size"
    assert invalid(indexed.put, item=large) == text
    requests = {indexed.name: [{"PutRequest": {"Item": {**KEY, "sk": {"S": "t"}}}}, {"PutRequest": {"Item": large}}]}
    assert invalid(indexed.client.batch_write_item, RequestItems=requests) == text
    assert indexed.get({**KEY, "sk": {"S": "t"}}) is None
    update = {"ExpressionAttributeValues": {":v": large["v"]}}
    text = "Item size to update has exceeded the maximum allowed size"
    assert invalid(indexed.update, key=KEY, expression="SET v = :v", **update) == text
    indexed.update(KEY, "SET v = :v REMOVE c", **update)
    assert indexed.get(KEY) == {**KEY, "v": large["v"]}


# An update is held against what it makes of the item; its words for emptiness are its own.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"N": "1"}, f"{INVALID}Type mismatch for Index Key c Expected: S Actual: N IndexName: byc"),
        (
            {"S": ""},
            "One or more parameter values are not valid. The update expression attempted to update a secondary index "
            "key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty "
            "string value.",
        ),
        (
            {"S": "x" * 1025},
            f"{INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
    ],
)
def test_refused_updates(indexed: Table, value: dict[str, Any], text: str) -> None:
    indexed.put({**KEY, "c": {"S": "before"}})
    parameters = {"ExpressionAttributeValues": {":c": value}}
    assert invalid(indexed.update, key=KEY, expression="SET c = :c", **parameters) == text
    assert indexed.get(KEY) == {**KEY, "c": {"S": "before"}}


# No expression looks inside an index key.
def test_paths_into_index_keys(indexed: Table) -> None:
    text = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: c"
    values = {":c": {"S": "x"}}
    assert invalid(indexed.update, key=KEY, expression="SET c.x = :c", ExpressionAttributeValues=values) == text
    assert invalid(indexed.get, key=KEY, ProjectionExpression="c[0]") == text
    assert invalid(indexed.put, item=KEY, ConditionExpression="attribute_exists(c.x)") == text


# An empty binary is named as one.
def test_empty_binary_keys(dynamodb: Any) -> None:
    parameters = {
        "AttributeDefinitions": definitions("pk", b="B"),
        "KeySchema": key("pk"),
        "GlobalSecondaryIndexes": [global_index("bin", "b")],
    }
    with indexed_table(dynamodb, local=False, **parameters) as table:
        item = {"pk": {"S": "p"}, "b": {"B": b""}}
        assert invalid(table.put, item=item) == EMPTY.format("binary", "bin", "b")


def _capacity(answer: dict[str, Any]) -> dict[str, Any]:
    capacity: dict[str, Any] = answer["ConsumedCapacity"]
    return {name: value for name, value in capacity.items() if name != "TableName"}


def _units(units: float) -> dict[str, float]:
    return {"CapacityUnits": units}


# A write consumes capacity in the table and in each index it changes: one for a row made, kept or removed, two for a moved one.
def test_capacity_of_writes(indexed: Table) -> None:
    item = {**KEY, "c": {"S": "1"}, "g": {"S": "g"}, "h": {"N": "1"}}
    asked = {"ReturnConsumedCapacity": "INDEXES"}
    assert _capacity(indexed.put(item, **asked)) == {
        **_units(4.0),
        "Table": _units(1.0),
        "LocalSecondaryIndexes": {"lsi": _units(1.0)},
        "GlobalSecondaryIndexes": {"gsi": _units(1.0), "byc": _units(1.0)},
    }
    moved = indexed.put({**item, "h": {"N": "2"}}, **asked)
    assert _capacity(moved)["GlobalSecondaryIndexes"] == {"gsi": _units(2.0)}
    assert _capacity(indexed.put({**item, "h": {"N": "2"}, "v": {"S": "x"}}, ReturnConsumedCapacity="TOTAL")) == _units(
        3.0
    )
    assert _capacity(indexed.put(KEY | {"sk": {"S": "t"}}, **asked)) == {**_units(1.0), "Table": _units(1.0)}
    assert _capacity(indexed.delete(KEY, **asked))["CapacityUnits"] == 4.0


# A batch says so for each table.
def test_capacity_of_batches(indexed: Table) -> None:
    requests = [{"PutRequest": {"Item": {**KEY, "sk": {"S": name}, "c": {"S": name}}}} for name in ("1", "2")]
    answer = indexed.client.batch_write_item(
        RequestItems={indexed.name: requests}, ReturnConsumedCapacity="INDEXES", ReturnItemCollectionMetrics="SIZE"
    )
    (capacity,) = answer["ConsumedCapacity"]
    assert capacity == {
        "TableName": indexed.name,
        **_units(6.0),
        "Table": _units(2.0),
        "LocalSecondaryIndexes": {"lsi": _units(2.0)},
        "GlobalSecondaryIndexes": {"byc": _units(2.0)},
    }
    collection = {"ItemCollectionKey": {"pk": {"S": "p"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    assert answer["ItemCollectionMetrics"] == {indexed.name: [collection]}


# Item collections have a size where there is a local index, for every kind of write.
def test_item_collections(indexed: Table, things: Table) -> None:
    asked = {"ReturnItemCollectionMetrics": "SIZE"}
    collection = {"ItemCollectionKey": {"pk": {"S": "p"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    assert indexed.put(KEY, **asked)["ItemCollectionMetrics"] == collection
    answer = indexed.update(KEY, "SET v = :v", ExpressionAttributeValues={":v": {"S": "x"}}, **asked)
    assert answer["ItemCollectionMetrics"] == collection
    assert indexed.delete(KEY, **asked)["ItemCollectionMetrics"] == collection
    assert "ItemCollectionMetrics" not in indexed.put(KEY)
    assert "ItemCollectionMetrics" not in things.put({"pk": {"S": "p"}}, **asked)


# A read consumes capacity in the index; what a local one fetches, in the table: each item by itself.
def test_capacity_of_reads(dynamodb: Any) -> None:
    parameters = {
        "LocalSecondaryIndexes": [local_index("lsi", "pk", "c", projection="KEYS_ONLY")],
        "GlobalSecondaryIndexes": [global_index("gsi", "g", "h")],
    }
    with indexed_table(dynamodb, **parameters) as table:
        for name in ("1", "2"):
            row = {"pk": {"S": "p"}, "sk": {"S": name}, "c": {"S": name}, "g": {"S": "g"}, "h": {"N": name}}
            table.put({**row, "v": {"S": "x" * 5000}})
        found_in(table, "gsi", 2)
        asked = {"ReturnConsumedCapacity": "INDEXES"}
        answer = table.query("g = :g", {":g": {"S": "g"}}, IndexName="gsi", ConsistentRead=False, **asked)
        assert _capacity(answer) == {
            **_units(1.5),
            "Table": _units(0.0),
            "GlobalSecondaryIndexes": {"gsi": _units(1.5)},
        }
        local = {"condition": "pk = :p", "values": {":p": {"S": "p"}}, "IndexName": "lsi", **asked}
        assert _capacity(table.query(**local)) == {
            **_units(1.0),
            "Table": _units(0.0),
            "LocalSecondaryIndexes": {"lsi": _units(1.0)},
        }
        fetched = table.query(**local, Select="ALL_ATTRIBUTES")
        assert _capacity(fetched) == {
            **_units(5.0),
            "Table": _units(4.0),
            "LocalSecondaryIndexes": {"lsi": _units(1.0)},
        }
        half = table.query(**local, Select="ALL_ATTRIBUTES", ConsistentRead=False)
        assert _capacity(half)["CapacityUnits"] == 2.5
        scanned = table.scan(IndexName="gsi", ConsistentRead=False, ReturnConsumedCapacity="TOTAL")
        assert scanned["ConsumedCapacity"].keys() == {"TableName", "CapacityUnits"}


# A table says how much is in each of its indexes.
def test_indexes_are_counted(indexed: Table) -> None:
    for name in ("1", "2"):
        indexed.put({**KEY, "sk": {"S": name}, "c": {"S": name}, "v": {"S": "x" * 100}})

    def counts() -> dict[str, tuple[int, int]]:
        described = indexed.describe()
        indexes = [*described["LocalSecondaryIndexes"], *described["GlobalSecondaryIndexes"]]
        return {index["IndexName"]: (index["ItemCount"], index["IndexSizeBytes"]) for index in indexes}

    # Names and values of pk, sk and c are 8 bytes an item, v is 101 more.
    expected = {"lsi": (2, 218), "gsi": (0, 0), "byc": (2, 16)}
    eventually(lambda: counts() == expected, f"{expected} in the indexes of {indexed.name}")
