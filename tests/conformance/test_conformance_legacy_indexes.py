"""Parameters older than expressions, on secondary indexes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.conformance_indexes import found_in, indexed_table
from tests.support.conformance_table import Item, Table, invalid

INVALID = "One or more parameter values were invalid: "
KEY: Item = {"pk": {"S": "p"}, "sk": {"S": "1"}}


def _compare(operator: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


@pytest.fixture(scope="module")
def filled(dynamodb: Any) -> Iterator[Table]:
    """Return a table with a local index (pk, c) and a global one (g, h), and four items."""
    with indexed_table(dynamodb) as table:
        for number in range(4):
            item = {"pk": {"S": "p"}, "sk": {"S": str(number)}, "c": {"S": f"c{3 - number}"}, "n": {"N": str(number)}}
            table.put({**item, "g": {"S": "g"}, "h": {"N": str(number)}})
        found_in(table, "gsi", 4)
        yield table


def _found(table: Table, index: str, conditions: dict[str, Any], **parameters: Any) -> list[str]:
    answer = table.client.query(TableName=table.name, IndexName=index, KeyConditions=conditions, **parameters)
    return [item["sk"]["S"] for item in answer["Items"]]


# Key conditions name the key of the index.
def test_indexes_are_searched(filled: Table) -> None:
    mine = {"pk": _compare("EQ", {"S": "p"})}
    assert _found(filled, "lsi", {**mine, "c": _compare("GE", {"S": "c2"})}, ConsistentRead=True) == ["1", "0"]
    assert _found(filled, "lsi", {**mine, "c": _compare("BEGINS_WITH", {"S": "c"})}, ConsistentRead=True) == [
        "3",
        "2",
        "1",
        "0",
    ]
    group = {"g": _compare("EQ", {"S": "g"})}
    between = {**group, "h": _compare("BETWEEN", {"N": "1"}, {"N": "2.0"})}
    assert _found(filled, "gsi", between) == ["1", "2"]
    assert _found(filled, "gsi", group, ScanIndexForward=False, Limit=1) == ["3"]
    filtered = {"n": _compare("IN", {"N": "1"}, {"N": "3"}), "c": _compare("NE", {"S": "c2"})}
    assert _found(filled, "gsi", group, QueryFilter=filtered) == ["3"]
    assert _found(filled, "gsi", group, QueryFilter=filtered, ConditionalOperator="OR") == ["0", "1", "2", "3"]


# A filter may see the table's key in an index, but not the index's own; a scan of an index may see all.
def test_filters_of_indexes(filled: Table) -> None:
    group = {"g": _compare("EQ", {"S": "g"})}
    assert _found(filled, "gsi", group, QueryFilter={"sk": _compare("GT", {"S": "1"})}) == ["2", "3"]
    text = invalid(lambda: _found(filled, "gsi", group, QueryFilter={"h": _compare("EQ", {"N": "1"})}))
    assert text == "QueryFilter can only contain non-primary key attributes: Primary key attribute: h"
    answer = filled.client.scan(
        TableName=filled.name, IndexName="gsi", ScanFilter={"h": _compare("LT", {"N": "2"})}, AttributesToGet=["sk"]
    )
    assert sorted(item["sk"]["S"] for item in answer["Items"]) == ["0", "1"]


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"pk": _compare("EQ", {"S": "p"})}, "Query condition missed key schema element: g"),
        ({"g": _compare("EQ", {"N": "1"})}, f"{INVALID}Condition parameter type does not match schema type"),
        ({"g": _compare("GT", {"S": "g"})}, "Query key condition not supported"),
        (
            {"g": _compare("EQ", {"S": "g"}), "h": _compare("NE", {"N": "1"})},
            "Attempted conditional constraint is not an indexable operation",
        ),
    ],
    ids=str,
)
def test_key_conditions_fit_the_index(filled: Table, conditions: dict[str, Any], text: str) -> None:
    assert invalid(lambda: _found(filled, "gsi", conditions)) == text


# AttributeUpdates may not give an index key a value it cannot have, and nothing is written then.
@pytest.mark.parametrize(
    ("updates", "text"),
    [
        (
            {"c": {"Value": {"N": "1"}}},
            f"{INVALID}Type mismatch for Index Key c Expected: S Actual: N IndexName: lsi",
        ),
        (
            {"new": {"Action": "ADD", "Value": {"N": "1"}}, "h": {"Value": {"L": []}}},
            f"{INVALID}Type mismatch for Index Key h Expected: N Actual: L IndexName: gsi",
        ),
    ],
)
def test_updates_fit_the_indexes(filled: Table, updates: dict[str, Any], text: str) -> None:
    before = filled.get(KEY)
    assert invalid(filled.client.update_item, TableName=filled.name, Key=KEY, AttributeUpdates=updates) == text
    assert filled.get(KEY) == before
