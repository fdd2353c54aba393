"""KeyConditions, QueryFilter, ScanFilter and ConditionalOperator on queries and scans."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
MIXED = "Can not use both expression and non-expression parameters in the same request: "


def _compare(operator: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


ALL = {"pk": _compare("EQ", {"S": "p"})}


@pytest.fixture
def filled(names: Table) -> Table:
    """Return a table with the sort keys a0 to a4 and b, of which the odd ones have an attribute more."""
    for number in range(5):
        item: Item = {"pk": {"S": "p"}, "sk": {"S": f"a{number}"}, "n": {"N": str(number)}}
        names.put({**item, "odd": {"BOOL": True}} if number % 2 else item)
    names.put({"pk": {"S": "p"}, "sk": {"S": "b"}, "n": {"S": "no number"}})
    names.put({"pk": {"S": "q"}, "sk": {"S": "a1"}, "n": {"N": "1"}})
    return names


def _queried(table: Table, conditions: dict[str, Any], **parameters: Any) -> list[str]:
    answer = table.client.query(TableName=table.name, KeyConditions=conditions, ConsistentRead=True, **parameters)
    return [item["sk"]["S"] for item in answer["Items"]]


def _scanned(table: Table, conditions: dict[str, Any], **parameters: Any) -> set[str]:
    answer = table.scan(ScanFilter=conditions, **parameters)
    assert answer["ScannedCount"] == 7
    return {item["pk"]["S"] + item["sk"]["S"] for item in answer["Items"]}


# Every operator that a sort key can be searched by.
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (_compare("EQ", {"S": "a1"}), "a1"),
        (_compare("LT", {"S": "a2"}), "a0 a1"),
        (_compare("LE", {"S": "a2"}), "a0 a1 a2"),
        (_compare("GT", {"S": "a3"}), "a4 b"),
        (_compare("GE", {"S": "a3"}), "a3 a4 b"),
        (_compare("BETWEEN", {"S": "a1"}, {"S": "a3"}), "a1 a2 a3"),
        (_compare("BEGINS_WITH", {"S": "a"}), "a0 a1 a2 a3 a4"),
        (_compare("EQ", {"S": "c"}), ""),
    ],
    ids=str,
)
def test_sort_keys_are_searched(filled: Table, condition: dict[str, Any], found: str) -> None:
    assert _queried(filled, {**ALL, "sk": condition}) == found.split()


# Conditions come in any order, and pages, order and limits are as with expressions.
def test_key_conditions_page(filled: Table) -> None:
    conditions = {"sk": _compare("GE", {"S": "a1"}), **ALL}
    backwards = {"KeyConditions": conditions, "ScanIndexForward": False, "ConsistentRead": True}
    answer = filled.client.query(TableName=filled.name, Limit=2, **backwards)
    assert [item["sk"]["S"] for item in answer["Items"]] == ["b", "a4"]
    more = _queried(filled, conditions, ExclusiveStartKey=answer["LastEvaluatedKey"], ScanIndexForward=False)
    assert more == ["a3", "a2", "a1"]


# Filters see what the key conditions found; both are counted.
def test_query_filters(filled: Table) -> None:
    conditions = {"n": _compare("GT", {"N": "2"})}
    assert _queried(filled, ALL, QueryFilter=conditions) == ["a3", "a4"]
    both = {**conditions, "odd": {"ComparisonOperator": "NOT_NULL"}}
    assert _queried(filled, ALL, QueryFilter=both) == ["a3"]
    assert _queried(filled, ALL, QueryFilter=both, ConditionalOperator="OR") == ["a1", "a3", "a4"]
    assert _queried(filled, ALL, QueryFilter={}) == ["a0", "a1", "a2", "a3", "a4", "b"]
    answer = filled.client.query(
        TableName=filled.name, KeyConditions=ALL, QueryFilter=conditions, Select="COUNT", ConsistentRead=True
    )
    assert (answer["Count"], answer["ScannedCount"]) == (2, 6)


# A scan may filter by key attributes, a query may not.
def test_scan_filters(filled: Table) -> None:
    assert _scanned(filled, {"sk": _compare("EQ", {"S": "a1"})}) == {"pa1", "qa1"}
    one = {"sk": _compare("EQ", {"S": "a1"}), "n": _compare("IN", {"N": "2"}, {"N": "3"})}
    assert _scanned(filled, one) == set()
    assert _scanned(filled, one, ConditionalOperator="OR") == {"pa1", "qa1", "pa2", "pa3"}
    assert _scanned(filled, {"odd": {"ComparisonOperator": "NULL"}}, AttributesToGet=["pk", "sk"]) == {
        "pa0", "pa2", "pa4", "pb", "qa1"
    }  # fmt: skip


# Key conditions of the old kind go with expressions of the new one.
def test_key_conditions_go_with_expressions(filled: Table) -> None:
    found = _queried(
        filled,
        ALL,
        FilterExpression="n < :v",
        ProjectionExpression="sk",
        ExpressionAttributeValues={":v": {"N": "2"}},
    )
    assert found == ["a0", "a1"]


@pytest.mark.parametrize(
    ("parameters", "older", "newer"),
    [
        ({"KeyConditions": ALL, "KeyConditionExpression": "pk = :p"}, "KeyConditions", "KeyConditionExpression"),
        ({"QueryFilter": {}, "KeyConditionExpression": "pk = :p"}, "QueryFilter", "KeyConditionExpression"),
        (
            {
                "KeyConditions": ALL,
                "QueryFilter": {"n": _compare("EQ", {"N": "1"})},
                "AttributesToGet": ["n"],
                "ConditionalOperator": "AND",
                "KeyConditionExpression": "pk = :p",
                "FilterExpression": "n = :p",
                "ProjectionExpression": "n",
            },
            "AttributesToGet, QueryFilter, ConditionalOperator, KeyConditions",
            "ProjectionExpression, FilterExpression, KeyConditionExpression",
        ),
    ],
    ids=str,
)
def test_generations_do_not_mix(filled: Table, parameters: dict[str, Any], older: str, newer: str) -> None:
    text = invalid(filled.client.query, TableName=filled.name, **parameters)
    assert text == f"{MIXED}Non-expression parameters: {{{older}}} Expression parameters: {{{newer}}}"


# A ConditionalOperator needs two conditions to join, whatever else the request lacks.
def test_operators_need_conditions(filled: Table) -> None:
    without = "ConditionalOperator cannot be used without Filter or Expected"
    alone = "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    one = {"n": _compare("EQ", {"N": "1"})}
    query, named = filled.client.query, {"TableName": filled.name, "ConditionalOperator": "AND"}
    assert invalid(query, **named) == without
    assert invalid(query, **named, KeyConditions=ALL) == without
    assert invalid(query, **named, KeyConditions=ALL, QueryFilter={}) == without
    assert invalid(query, **named, KeyConditions=ALL, QueryFilter=one) == alone
    assert invalid(filled.client.scan, **named) == without
    assert invalid(filled.client.scan, **named, ScanFilter=one) == alone
    item: Item = {"pk": {"S": "p"}, "sk": {"S": "x"}}
    assert invalid(filled.client.put_item, **named, Item=item) == COUNTED + without
    assert invalid(filled.client.put_item, **named, Item=item, Expected=one) == COUNTED + alone
    assert invalid(filled.client.update_item, **named, Key=item) == COUNTED + without
    assert invalid(filled.client.delete_item, **named, Key=item, Expected={}) == COUNTED + without
    text = invalid(filled.client.delete_item, **named, Key=item, ConditionExpression="attribute_exists(pk)")
    assert (
        text
        == f"{COUNTED}{MIXED}Non-expression parameters: {{ConditionalOperator}} Expression parameters: {{ConditionExpression}}"
    )


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"pk": _compare("EQ")}, f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"),
        (
            {"pk": _compare("EQ", {"S": "p"}, {"S": "q"})},
            f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            {**ALL, "sk": _compare("BETWEEN", {"S": "b"}, {"S": "a"})},
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ),
        (
            {**ALL, "sk": _compare("BEGINS_WITH", {"N": "1"})},
            f"{INVALID}ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
        ),
        (
            {**ALL, "sk": _compare("GT", {"N": "1"})},
            f"{INVALID}Condition parameter type does not match schema type",
        ),
        ({"pk": _compare("GT", {"S": "p"})}, "Query key condition not supported"),
        ({"pk": _compare("BEGINS_WITH", {"S": "p"})}, "Query key condition not supported"),
        *[
            ({"pk": condition}, "Attempted conditional constraint is not an indexable operation")
            for condition in (
                _compare("NE", {"S": "p"}),
                _compare("IN", {"S": "p"}),
                _compare("CONTAINS", {"S": "p"}),
                _compare("NULL"),
            )
        ],
        ({**ALL, "sk": _compare("NE", {"S": "a"})}, "Attempted conditional constraint is not an indexable operation"),
        ({"sk": _compare("NULL")}, "Query condition missed key schema element: pk"),
        ({"sk": _compare("EQ", {"S": "a"})}, "Query condition missed key schema element: pk"),
        ({**ALL, "n": _compare("EQ", {"N": "1"})}, "Query condition missed key schema element: sk"),
        ({}, "Conditions can be of length 1 or 2 only"),
        (
            {"pk": _compare("EQ", {"S": ""})},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
            "string value. Key: pk",
        ),
    ],
    ids=str,
)
def test_key_conditions_are_checked(names: Table, conditions: dict[str, Any], text: str) -> None:
    assert invalid(lambda: _queried(names, conditions)) == text


# Filters are checked as expectations are, and before anything else about a page.
def test_filters_are_checked(names: Table) -> None:
    wrong = {"n": _compare("LT", {"L": []})}
    text = f"{INVALID}ComparisonOperator LT is not valid for L AttributeValue type"
    assert invalid(names.client.query, TableName=names.name, QueryFilter=wrong) == text
    assert invalid(names.client.scan, TableName=names.name, ScanFilter=wrong, Segment=1) == text
    missing = {"n": {"ComparisonOperator": "EQ"}}
    text = f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"
    assert invalid(names.client.scan, TableName=names.name, ScanFilter=missing) == text
    text = invalid(names.client.scan, TableName=names.name, ScanFilter={"n": {}})
    assert text == (
        "1 validation error detected: Value null at 'scanFilter.n.member.comparisonOperator' failed to satisfy "
        "constraint: Member must not be null"
    )


# A query's filter is for what is no key.
def test_query_filters_see_no_keys(names: Table) -> None:
    filtered = {"sk": _compare("EQ", {"S": "a"})}
    text = invalid(lambda: _queried(names, ALL, QueryFilter=filtered))
    assert text == "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk"


# A query needs one kind of key condition; a table that is not there is noticed only after that.
def test_the_order_of_checks(names: Table) -> None:
    either = "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
    query = names.client.query
    assert invalid(query, TableName=names.name, QueryFilter={"n": _compare("EQ", {"N": "1"})}) == either
    assert (
        invalid(query, TableName="nowhere", AttributesToGet=["a", "a"])
        == f"{INVALID}Duplicate value in attribute name: a"
    )
    text = invalid(query, TableName="nowhere", KeyConditions={"z": _compare("EQ")}, ExclusiveStartKey={"a": {}})
    assert text == (
        "The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the "
        "supported datatypes"
    )
    text = invalid(query, TableName="nowhere", ExclusiveStartKey={"a": {"N": "x"}})
    assert text == "The parameter cannot be converted to a numeric value: x"
    assert refused(query, TableName="nowhere", KeyConditions={"z": _compare("NULL")})[0] == "ResourceNotFoundException"
