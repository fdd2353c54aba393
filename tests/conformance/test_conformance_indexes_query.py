"""Query on secondary indexes: keys, bounds, pages, what is selected, and what AWS refuses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.conformance_indexes import definitions, found_in, global_index, indexed_table, key, local_index
from tests.support.conformance_table import Item, Table, invalid, pages

INVALID = "One or more parameter values were invalid: "
START = "The provided starting key"
# sk -> (c, h): the sort keys of the local and of the global index.
ROWS = {"1": ("b", "10"), "2": ("a", "-1"), "3": ("ab", "2"), "4": ("b", "2"), "5": ("b\x00", "0.5"), "6": (None, None)}


def _item(sk: str, c: str | None, h: str | None) -> Item:
    item: Item = {"pk": {"S": "p"}, "sk": {"S": sk}, "v": {"S": f"v{sk}"}, "w": {"N": sk}}
    if c is not None:
        item["c"] = {"S": c}
    if h is not None:
        item |= {"g": {"S": "g"}, "h": {"N": h}}
    return item


@pytest.fixture(scope="module")
def filled(dynamodb: Any) -> Iterator[Table]:
    """Return a table whose indexes hold five of its six items, and that no test changes."""
    with indexed_table(dynamodb) as table:
        for sk, (c, h) in ROWS.items():
            table.put(_item(sk, c, h))
        found_in(table, "gsi", 5)
        yield table


@pytest.fixture(scope="module")
def keys_only(dynamodb: Any) -> Iterator[Table]:
    """Return the same with indexes that hold keys only: "lsi", "gsi", and "inc" that includes v."""
    parameters = {
        "LocalSecondaryIndexes": [local_index("lsi", "pk", "c", projection="KEYS_ONLY")],
        "GlobalSecondaryIndexes": [
            global_index("gsi", "g", "h", projection="KEYS_ONLY"),
            global_index("inc", "g", projection="INCLUDE", attributes=["v"]),
        ],
    }
    with indexed_table(dynamodb, **parameters) as table:
        for sk, (c, h) in ROWS.items():
            table.put(_item(sk, c, h))
        found_in(table, "gsi", 5)
        found_in(table, "inc", 5)
        yield table


def _local(table: Table, condition: str = "pk = :p", values: Item | None = None, **more: Any) -> dict[str, Any]:
    return table.query(condition, {":p": {"S": "p"}, **(values or {})}, **{"IndexName": "lsi", **more})


def _global(table: Table, condition: str = "g = :g", values: Item | None = None, **more: Any) -> dict[str, Any]:
    given = {":g": {"S": "g"}, **(values or {})}
    return table.query(condition, given, **{"IndexName": "gsi", "ConsistentRead": False, **more})


def _sks(answer: dict[str, Any]) -> str:
    return "".join(item["sk"]["S"] for item in answer["Items"])


# Rows come in the order of the index's sort key, rows of one sort key in the table's; items without it are not there.
def test_rows_come_in_the_order_of_the_index(filled: Table) -> None:
    assert _sks(_local(filled)) == "23145"
    assert _sks(_local(filled, ScanIndexForward=False)) == "54132"
    assert _sks(_global(filled, ScanIndexForward=True))[:2] == "25"
    assert sorted(_sks(_global(filled))) == list("12345")


# Every operator on the sort key of an index, also on values with zero bytes in them.
@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("c = :x", ["b"], "14"),
        ("c < :x", ["b"], "23"),
        ("c <= :x", ["b"], "2314"),
        ("c > :x", ["b"], "5"),
        ("c >= :x", ["b"], "145"),
        ("c > :x", ["a"], "3145"),
        ("c BETWEEN :x AND :y", ["ab", "b"], "314"),
        ("c BETWEEN :x AND :y", ["a", "a"], "2"),
        ("begins_with(c, :x)", ["a"], "23"),
        ("begins_with(c, :x)", ["b"], "145"),
        ("begins_with(c, :x)", ["b\x00"], "5"),
    ],
)
def test_conditions_on_a_local_index(filled: Table, condition: str, values: list[str], expected: str) -> None:
    given = {name: {"S": value} for name, value in zip((":x", ":y"), values, strict=False)}
    assert _sks(_local(filled, f"pk = :p AND {condition}", given)) == expected


# And on the numeric one of a global index.
@pytest.mark.parametrize(
    ("condition", "expected"),
    [("h = :x", {"3", "4"}), ("h < :x", {"2", "5"}), ("h > :x", {"1"}), ("h >= :x", {"1", "3", "4"})],
)
def test_conditions_on_a_global_index(filled: Table, condition: str, expected: set[str]) -> None:
    assert set(_sks(_global(filled, f"g = :g AND {condition}", {":x": {"N": "2.0"}}))) == expected


# Pages go on in the midst of equal index keys, either way; a page's end names the keys of index and table.
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_over_equal_keys(filled: Table, forward: bool, limit: int) -> None:
    for query, names in ((_local, {"pk", "sk", "c"}), (_global, {"pk", "sk", "g", "h"})):
        read = list(pages(query, table=filled, Limit=limit, ScanIndexForward=forward))
        whole = _sks(query(filled, ScanIndexForward=forward))
        assert "".join(map(_sks, read)) == whole
        assert all(page["LastEvaluatedKey"].keys() == names for page in read[:-1])


# A filter sees what the index holds, and does not see the keys of the index.
def test_filters(filled: Table, keys_only: Table) -> None:
    answer = _local(filled, values={":v": {"S": "v3"}}, FilterExpression="v >= :v")
    assert (_sks(answer), answer["ScannedCount"]) == ("345", 5)
    parameters = {"IndexName": "gsi", "ConsistentRead": False, "condition": "g = :g", "FilterExpression": "h > :h"}
    text = invalid(filled.query, values={":g": {"S": "g"}, ":h": {"N": "1"}}, **parameters)
    assert text == "Filter Expression can only contain non-primary key attributes: Primary key attribute: h"
    assert _sks(_local(filled, values={":s": {"S": "3"}}, FilterExpression="sk > :s")) == "45"
    for query, name in ((_local, "lsi"), (_global, "gsi")):
        text = invalid(query, table=keys_only, values={":v": {"N": "3"}}, FilterExpression="w >= :v")
        expected = f"{INVALID}Secondary index {name} does not project one or more filter attributes: [w]"
        assert text == expected


# Without a selection an index shows what it projects.
def test_projections(keys_only: Table) -> None:
    assert _local(keys_only)["Items"][0] == {"pk": {"S": "p"}, "sk": {"S": "2"}, "c": {"S": "a"}}
    assert _global(keys_only)["Items"][0].keys() == {"pk", "sk", "g", "h"}
    assert _global(keys_only, IndexName="inc")["Items"][0].keys() == {"pk", "sk", "g", "v"}
    answer = _global(keys_only, Select="ALL_PROJECTED_ATTRIBUTES")
    assert answer["Items"][0].keys() == {"pk", "sk", "g", "h"}


# A local index fetches from the table what it does not hold itself.
def test_a_local_index_fetches(keys_only: Table) -> None:
    answer = _local(keys_only, Select="ALL_ATTRIBUTES")
    assert [item["v"]["S"] for item in answer["Items"]] == ["v2", "v3", "v1", "v4", "v5"]
    answer = _local(keys_only, ProjectionExpression="v", Limit=2)
    assert answer["Items"] == [{"v": {"S": "v2"}}, {"v": {"S": "v3"}}]
    assert answer["LastEvaluatedKey"].keys() == {"pk", "sk", "c"}


# A global index does not.
def test_a_global_index_does_not_fetch(keys_only: Table) -> None:
    text = invalid(_global, table=keys_only, Select="ALL_ATTRIBUTES")
    assert text == (
        f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index gsi because its projection "
        "type is not ALL"
    )
    text = invalid(_global, table=keys_only, ProjectionExpression="w, h, v")
    assert text == f"{INVALID}Global secondary index gsi does not project [w, v]"
    assert _global(keys_only, IndexName="inc", ProjectionExpression="v")["Items"][0].keys() == {"v"}


# With ALL there is nothing to fetch.
def test_everything_is_in_an_index_of_all(filled: Table) -> None:
    for query in (_local, _global):
        answer = query(filled, Select="ALL_ATTRIBUTES", Limit=1)
        assert answer["Items"][0] == _item("2", *ROWS["2"])
    answer = _global(filled, Select="COUNT")
    assert (answer["Count"], "Items" in answer) == (5, False)


# Strong reads are for tables and their local indexes.
def test_consistent_reads(filled: Table) -> None:
    assert _sks(_local(filled, ConsistentRead=True)) == "23145"
    text = invalid(_global, table=filled, ConsistentRead=True)
    assert text == "Consistent reads are not supported on global secondary indexes"


Refusal = tuple[Callable[..., dict[str, Any]], dict[str, Any], str]


def _start(**members: str) -> dict[str, Any]:
    return {name: {"N" if name == "h" else "S": value} for name, value in members.items()}


REFUSALS: dict[str, Refusal] = {
    "no such index": (_local, {"IndexName": "none"}, "The table does not have the specified index: none"),
    "the table's sort key": (
        _local,
        {"condition": "pk = :p AND sk = :s", "values": {":s": {"S": "1"}}},
        "Query condition missed key schema element: c",
    ),
    "a range of partitions": (_global, {"condition": "g > :g"}, "Query key condition not supported"),
    "another type": (
        _global,
        {"condition": "g = :g AND h = :h", "values": {":h": {"S": "1"}}},
        f"{INVALID}Condition parameter type does not match schema type",
    ),
    "an empty key": (
        _global,
        {"values": {":g": {"S": ""}}},
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
        "The AttributeValue for a key attribute cannot contain an empty string value. IndexName: gsi, IndexKey: g",
    ),
    "start without the table's key": (
        _local,
        {"ExclusiveStartKey": _start(pk="p", c="b")},
        f"{START} is invalid",
    ),
    "start with more": (
        _local,
        {"ExclusiveStartKey": _start(pk="p", sk="1", c="b", v="x")},
        f"{START} is invalid",
    ),
    "start of another type": (
        _global,
        {"ExclusiveStartKey": {**_start(pk="p", sk="1", g="g"), "h": {"S": "1"}}},
        "The provided key element does not match the schema",
    ),
    "table key of another type": (
        _global,
        {"ExclusiveStartKey": {**_start(pk="p", g="g", h="1"), "sk": {"N": "1"}}},
        f"{START} is invalid: The provided key element does not match the schema",
    ),
    "start elsewhere": (
        _global,
        {"ExclusiveStartKey": _start(pk="p", sk="1", g="other", h="10")},
        f"{START} is outside query boundaries based on provided condition",
    ),
    "start outside the range": (
        _global,
        {
            "condition": "g = :g AND h < :h",
            "values": {":h": {"N": "1"}},
            "ExclusiveStartKey": _start(pk="p", sk="1", g="g", h="10"),
        },
        f"{START} does not match the range key predicate",
    ),
    "a path into a key": (
        _global,
        {"ProjectionExpression": "h.x"},
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: h",
    ),
}


# AWS's words for what an index does not take.
@pytest.mark.parametrize("case", REFUSALS)
def test_refused_queries(filled: Table, case: str) -> None:
    query, parameters, text = REFUSALS[case]
    assert invalid(query, table=filled, **parameters) == text


# The partition key of an index must be given.
def test_an_index_needs_its_partition_key(filled: Table) -> None:
    parameters = {"condition": "h = :h", "values": {":h": {"N": "1"}}, "IndexName": "gsi", "ConsistentRead": False}
    assert invalid(filled.query, **parameters) == "Query condition missed key schema element: g"


@pytest.fixture(scope="module")
def matches(dynamodb: Any) -> Iterator[Table]:
    """Return a table of six items; five have all attributes of an index with two partition and three sort attributes."""
    schema = [*key("t", "a", "b", "n")]
    schema.insert(1, {"AttributeName": "r", "KeyType": "HASH"})
    parameters = {
        "AttributeDefinitions": definitions("pk", "t", "r", "a", "b", n="N"),
        "KeySchema": key("pk"),
        "GlobalSecondaryIndexes": [{**global_index("gsi", "t"), "KeySchema": schema}],
    }
    with indexed_table(dynamodb, local=False, **parameters) as table:
        for pk, a, b, n in (
            ("1", "T", "live", "10"),
            ("2", "T", "live", "9"),
            ("3", "T", "draft", "1"),
            ("4", "F", "live", "0"),
            ("5", "T", "liver", "-1"),
        ):
            row = {"pk": {"S": pk}, "t": {"S": "t"}, "r": {"S": "r"}, "a": {"S": a}, "b": {"S": b}, "n": {"N": n}}
            table.put(row)
        table.put({"pk": {"S": "6"}, "t": {"S": "t"}, "r": {"S": "r"}, "a": {"S": "T"}, "n": {"N": "1"}})
        found_in(table, "gsi", 5)
        yield table


def _pks(table: Table, condition: str, **more: Any) -> str:
    values = {":t": "t", ":r": "r", ":a": "T", ":b": "live", ":x": "9", ":y": "10"}
    given = {name: {"N" if name in (":x", ":y") else "S": value} for name, value in values.items() if name in condition}
    answer = table.query(condition, given, IndexName="gsi", ConsistentRead=False, **more)
    return "".join(item["pk"]["S"] for item in answer["Items"])


# Keys of several attributes: equality from the left, then one range; the order is that of all attributes, then the table's.
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("t = :t AND r = :r", "43215"),
        ("r = :r AND t = :t AND a = :a", "3215"),
        ("t = :t AND r = :r AND a < :a", "4"),
        ("t = :t AND r = :r AND a = :a AND b = :b", "21"),
        ("t = :t AND r = :r AND a = :a AND begins_with(b, :b)", "215"),
        ("t = :t AND r = :r AND a = :a AND b > :b", "5"),
        ("t = :t AND r = :r AND a = :a AND b <= :b", "321"),
        ("b = :b AND t = :t AND r = :r AND a = :a AND n > :x", "1"),
        ("t = :t AND r = :r AND a = :a AND b = :b AND n BETWEEN :x AND :y", "21"),
        ("t = :t AND r = :r AND a = :a AND b = :b AND n = :x", "2"),
    ],
)
def test_conditions_on_several_attributes(matches: Table, condition: str, expected: str) -> None:
    assert _pks(matches, condition) == expected
    assert _pks(matches, condition, ScanIndexForward=False) == expected[::-1]


# What they do not take. Of the text on HASH attributes only "HASH.*equality" could be established (alternator's tests on AWS).
@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("t = :t", "HASH key attributes r must have equality conditions specified in the query"),
        ("t = :t AND r > :r", "HASH key attributes r must have equality conditions specified in the query"),
        (
            "t = :t AND r = :r AND n = :x",
            "RANGE key attributes a, b must have equality conditions specified in the query because a condition is "
            "present on key attribute n",
        ),
        (
            "t = :t AND r = :r AND b = :b",
            "RANGE key attributes a must have equality conditions specified in the query because a condition is "
            "present on key attribute b",
        ),
        (
            "t = :t AND r = :r AND a = :a AND b > :b AND n = :x",
            "RANGE key attributes b must have equality conditions specified in the query because a condition is "
            "present on key attribute n",
        ),
    ],
)
def test_refused_conditions_on_several_attributes(matches: Table, condition: str, text: str) -> None:
    assert invalid(_pks, table=matches, condition=condition) == text


# KeyConditions are older than partition keys of several attributes, and search them alike: moto, scylladb#31393.
def test_key_conditions_on_several_attributes(matches: Table) -> None:
    equal = {name: {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": name}]} for name in ("t", "r")}
    asked = {"TableName": matches.name, "IndexName": "gsi"}
    found = matches.client.query(**asked, KeyConditions=equal)["Items"]
    assert "".join(item["pk"]["S"] for item in found) == _pks(matches, "t = :t AND r = :r")
    assert found
    equal["r"]["ComparisonOperator"] = "GT"
    text = invalid(matches.client.query, **asked, KeyConditions=equal)
    assert text == "HASH key attributes r must have equality conditions specified in the query"


# Pages end with all attributes.
def test_pages_of_keys_of_several_attributes(matches: Table) -> None:
    parameters = {"condition": "t = :t AND r = :r", "values": {":t": {"S": "t"}, ":r": {"S": "r"}}}
    read = list(pages(matches.query, **parameters, IndexName="gsi", ConsistentRead=False, Limit=2))
    assert [item["pk"]["S"] for page in read for item in page["Items"]] == list("43215")
    assert read[0]["LastEvaluatedKey"].keys() == {"pk", "t", "r", "a", "b", "n"}
