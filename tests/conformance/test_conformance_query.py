"""Query: key conditions, order, pages, filters, selections."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, pages, refused

P: Item = {":p": {"S": "a"}}
INVALID = "One or more parameter values were invalid: "


def _fill(series: Table, *numbers: str) -> None:
    for number in numbers:
        series.put({"pk": {"S": "a"}, "sk": {"N": number}, "v": {"S": f"v{number}"}})
    series.put({"pk": {"S": "b"}, "sk": {"N": "3"}})


def _sorts(answer: dict[str, Any]) -> list[str]:
    return [next(iter(item["sk"].values())) for item in answer["Items"]]


# A partition key gives its items, in the order of their sort keys, and no others.
def test_a_partition_key_gives_its_items_in_order(series: Table) -> None:
    _fill(series, "10", "9", "-1", "1.5", "0")
    answer = series.query("pk = :p", P)
    assert _sorts(answer) == ["-1", "0", "1.5", "9", "10"]
    assert (answer["Count"], answer["ScannedCount"]) == (5, 5)
    assert "LastEvaluatedKey" not in answer


# And backwards.
def test_a_query_can_go_backwards(series: Table) -> None:
    _fill(series, "1", "2", "3")
    assert _sorts(series.query("pk = :p", P, ScanIndexForward=False)) == ["3", "2", "1"]
    assert _sorts(series.query("pk = :p", P, ScanIndexForward=True)) == ["1", "2", "3"]


# A key that nothing has gives an empty page.
def test_a_query_may_find_nothing(series: Table) -> None:
    answer = series.query("pk = :p", {":p": {"S": "nobody"}})
    assert (answer["Items"], answer["Count"], answer["ScannedCount"]) == ([], 0, 0)


# Every operator on a sort key.
@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("sk = :x", {":x": {"N": "2"}}, ["2"]),
        ("sk < :x", {":x": {"N": "2"}}, ["1"]),
        ("sk <= :x", {":x": {"N": "2"}}, ["1", "2"]),
        ("sk > :x", {":x": {"N": "2"}}, ["3", "10"]),
        ("sk >= :x", {":x": {"N": "2.0"}}, ["2", "3", "10"]),
        (":x < sk", {":x": {"N": "3"}}, ["10"]),
        ("sk BETWEEN :x AND :y", {":x": {"N": "2"}, ":y": {"N": "3"}}, ["2", "3"]),
        ("(sk BETWEEN :x AND :y)", {":x": {"N": "4"}, ":y": {"N": "9"}}, []),
    ],
)
def test_conditions_on_the_sort_key(series: Table, condition: str, values: Item, expected: list[str]) -> None:
    _fill(series, "1", "2", "3", "10")
    assert _sorts(series.query(f"pk = :p AND {condition}", {**P, **values})) == expected
    assert _sorts(series.query(f"{condition} AND pk = :p", {**P, **values})) == expected


# begins_with, and the order of texts by their UTF-8.
def test_texts_are_ordered_by_their_bytes(names: Table) -> None:
    for sort in ("a", "ab", "abc", "b", "A", "é", "ab~", "ab\uffff"):
        names.put({"pk": {"S": "a"}, "sk": {"S": sort}})
    assert _sorts(names.query("pk = :p", P)) == ["A", "a", "ab", "abc", "ab~", "ab\uffff", "b", "é"]
    found = names.query("pk = :p AND begins_with(sk, :x)", {**P, ":x": {"S": "ab"}})
    assert _sorts(found) == ["ab", "abc", "ab~", "ab\uffff"]
    assert _sorts(names.query("pk = :p AND sk > :x", {**P, ":x": {"S": "ab\uffff"}})) == ["b", "é"]


# Binary sort keys are ordered as unsigned bytes, and may begin with 0xff.
def test_bytes_are_ordered_unsigned(make_table: Any) -> None:
    table: Table = make_table("B")
    for sort in (b"\xff", b"\xff\xff", b"\x7f", b"\x80", b"\x00"):
        table.put({"pk": {"S": "a"}, "sk": {"B": sort}})
    found = table.query("pk = :p", P)
    assert _sorts(found) == [b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\xff"]
    found = table.query("pk = :p AND begins_with(sk, :x)", {**P, ":x": {"B": b"\xff"}})
    assert _sorts(found) == [b"\xff", b"\xff\xff"]


# Placeholders for key names.
def test_key_names_may_be_placeholders(series: Table) -> None:
    _fill(series, "1")
    found = series.query("#k = :p", P, ExpressionAttributeNames={"#k": "pk"})
    assert found["Count"] == 1


# Limit ends a page after so many items, and the next begins just after it.
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_cover_everything_once(series: Table, forward: bool, limit: int) -> None:
    numbers = ["1", "2", "3", "4", "5"]
    _fill(series, *numbers)
    seen = [
        _sorts(page)
        for page in pages(series.query, condition="pk = :p", values=P, Limit=limit, ScanIndexForward=forward)
    ]
    assert all(len(page) <= limit for page in seen)
    assert [number for page in seen for number in page] == (numbers if forward else numbers[::-1])


# Limit counts what was looked at, before the filter.
def test_limit_counts_before_the_filter(series: Table) -> None:
    _fill(series, "1", "2", "3")
    answer = series.query("pk = :p", {**P, ":v": {"S": "v3"}}, Limit=2, FilterExpression="v = :v")
    assert (answer["Count"], answer["ScannedCount"], answer["Items"]) == (0, 2, [])
    assert answer["LastEvaluatedKey"] == {"pk": {"S": "a"}, "sk": {"N": "2"}}


# A filter hides items and keeps the counts apart.
def test_a_filter_hides_items(series: Table) -> None:
    _fill(series, "1", "2", "3")
    answer = series.query("pk = :p", {**P, ":v": {"S": "v2"}}, FilterExpression="v >= :v")
    assert _sorts(answer) == ["2", "3"]
    assert (answer["Count"], answer["ScannedCount"]) == (2, 3)


# A page holds 1 MB of items, counted before projection.
def test_a_page_has_a_megabyte(series: Table) -> None:
    for number in range(6):
        series.put({"pk": {"S": "a"}, "sk": {"N": str(number)}, "v": {"S": "x" * 300_000}})
    first, *rest = pages(series.query, condition="pk = :p", values=P, ProjectionExpression="sk")
    assert first["Count"] == 4
    assert [page["Count"] for page in rest] == [2]


# A count has no items, and pages like any other query.
def test_a_count_has_no_items(series: Table) -> None:
    _fill(series, "1", "2", "3")
    answer = series.query("pk = :p", P, Select="COUNT", Limit=2)
    assert "Items" not in answer
    assert (answer["Count"], answer["ScannedCount"]) == (2, 2)
    assert answer["LastEvaluatedKey"] == {"pk": {"S": "a"}, "sk": {"N": "2"}}


# Selecting all attributes is what happens anyway; selecting specific ones needs to say which.
def test_selections(series: Table) -> None:
    _fill(series, "1")
    assert series.query("pk = :p", P, Select="ALL_ATTRIBUTES")["Items"][0]["v"] == {"S": "v1"}
    found = series.query("pk = :p", P, Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="v")
    assert found["Items"] == [{"v": {"S": "v1"}}]


# What contradicts itself is refused, in the envelope that the model's own errors have.
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
        (
            {"Select": "COUNT", "ProjectionExpression": "v"},
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
    ],
    ids=str,
)
def test_contradictory_selections(series: Table, parameters: dict[str, Any], text: str) -> None:
    assert invalid(series.query, condition="pk = :p", values=P, **parameters) == COUNTED + text
    assert invalid(series.scan, **parameters) == COUNTED + text


# AttributesToGet, the older projection. It does not go with a key condition expression.
def test_attributes_to_get_does_not_go_with_an_expression(series: Table) -> None:
    text = invalid(series.query, condition="pk = :p", values=P, AttributesToGet=["v"])
    assert text == (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributesToGet} Expression parameters: {KeyConditionExpression}"
    )


# Queries cost by what they looked at, half when eventually consistent.
def test_queries_tell_their_capacity(series: Table) -> None:
    for number in range(3):
        series.put({"pk": {"S": "a"}, "sk": {"N": str(number)}, "v": {"S": "x" * 3000}})
    told = series.query("pk = :p", P, ReturnConsumedCapacity="TOTAL", Select="COUNT")
    assert told["ConsumedCapacity"] == {"TableName": series.name, "CapacityUnits": 3.0}
    told = series.query("pk = :p", P, ReturnConsumedCapacity="INDEXES", ConsistentRead=False)
    assert told["ConsumedCapacity"]["CapacityUnits"] == 1.5
    assert told["ConsumedCapacity"]["Table"] == {"CapacityUnits": 1.5}


# A query needs a key condition.
def test_a_query_needs_a_key_condition(series: Table, dynamodb: Any) -> None:
    assert invalid(dynamodb.query, TableName=series.name) == (
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
    )


# AWS's words for key conditions that are none.
@pytest.mark.parametrize(
    ("condition", "values", "text"),
    [
        ("sk = :x", {":x": {"N": "1"}}, "Query condition missed key schema element: pk"),
        ("pk < :x", {":x": {"S": "a"}}, "Query key condition not supported"),
        (
            "pk = :x AND v = :x",
            {":x": {"S": "a"}},
            "Query condition missed key schema element: sk",
        ),
        (
            "pk = :x",
            {":x": {"N": "1"}},
            INVALID + "Condition parameter type does not match schema type",
        ),
        (
            "pk = :x OR sk = :x",
            {":x": {"S": "a"}},
            "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: OR",
        ),
        (
            "pk = :x AND sk <> :x",
            {":x": {"S": "a"}},
            "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: <>",
        ),
        (
            "pk = :x AND pk = :x",
            {":x": {"S": "a"}},
            "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
        ),
        (
            "pk = :x AND attribute_exists(sk)",
            {":x": {"S": "a"}},
            "Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: attribute_exists",
        ),
        ("", {":x": {"S": "a"}}, "Invalid KeyConditionExpression: The expression can not be empty;"),
        (
            "pk = :x",
            {":x": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            "empty string value. Key: pk",
        ),
    ],
)
def test_key_conditions_are_checked(series: Table, condition: str, values: Item, text: str) -> None:
    assert invalid(series.query, condition=condition, values=values) == text


# The key is for the key condition, not for the filter.
def test_a_filter_cannot_read_the_key(series: Table) -> None:
    text = invalid(series.query, condition="pk = :p", values={**P, ":x": {"N": "1"}}, FilterExpression="sk = :x")
    assert text == "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"


# Where a page may start. Source of the second: floci#3322; dynalite's older recordings have the plural.
@pytest.mark.parametrize(
    ("condition", "start", "text"),
    [
        ("pk = :p", {"pk": {"S": "a"}}, "The provided starting key is invalid"),
        (
            "pk = :p",
            {"pk": {"S": "b"}, "sk": {"N": "1"}},
            "The provided starting key is outside query boundaries based on provided condition",
        ),
        (
            "pk = :p AND sk > :x",
            {"pk": {"S": "a"}, "sk": {"N": "1"}},
            "The provided starting key does not match the range key predicate",
        ),
    ],
)
def test_starting_keys_are_checked(series: Table, condition: str, start: Item, text: str) -> None:
    values = {**P, ":x": {"N": "1"}} if ":x" in condition else P
    assert invalid(series.query, condition=condition, values=values, ExclusiveStartKey=start) == text


# A page may start after a key that no item has.
def test_a_page_may_start_after_a_key_that_is_not_there(series: Table) -> None:
    _fill(series, "1", "2", "4")
    start = {"pk": {"S": "a"}, "sk": {"N": "3"}}
    assert _sorts(series.query("pk = :p", P, ExclusiveStartKey=start)) == ["4"]
    assert _sorts(series.query("pk = :p", P, ExclusiveStartKey=start, ScanIndexForward=False)) == ["2", "1"]


# A page has at least one item.
def test_a_limit_is_positive(series: Table) -> None:
    assert invalid(series.query, condition="pk = :p", values=P, Limit=0) == (
        "1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater "
        "than or equal to 1"
    )


# An index that is not there is named.
def test_a_missing_index_is_named(series: Table) -> None:
    text = invalid(series.query, condition="pk = :p", values=P, IndexName="nope")
    assert text == "The table does not have the specified index: nope"


# A table that is not there is not found.
def test_a_missing_table_is_not_found(dynamodb: Any, table_name: str) -> None:
    code, text = refused(
        dynamodb.query, TableName=table_name, KeyConditionExpression="pk = :p", ExpressionAttributeValues=P
    )
    assert (code, text) == ("ResourceNotFoundException", "Requested resource not found")


# A table with only a partition key has at most one item for it.
def test_a_query_of_a_table_without_a_sort_key(things: Table) -> None:
    things.put({"pk": {"S": "a"}, "v": {"N": "1"}})
    assert things.query("pk = :p", P)["Items"] == [{"pk": {"S": "a"}, "v": {"N": "1"}}]


# Nor has it a second page, whichever partition the starting key names, and the first does not ask for one: what AWS answers to a Limit of
# one could not be established, but clients that page go on for as long as there is a LastEvaluatedKey.
# Source of the text: alternator's tests of ExclusiveStartKey, which run against AWS (scylladb#26994).
def test_a_query_of_a_table_without_a_sort_key_has_one_page(things: Table) -> None:
    things.put({"pk": {"S": "a"}})
    assert "LastEvaluatedKey" not in things.query("pk = :p", P, Limit=1)
    for start in ("a", "b"):
        text = invalid(things.query, condition="pk = :p", values=P, ExclusiveStartKey={"pk": {"S": start}})
        assert text == (
            f"The provided exclusive start key is invalid: ExclusiveStartKey: {{pk=AttributeValue: {{S:{start}}}}}"
        )
    wrong = {"pk": {"S": "a"}, "sk": {"S": "a"}}
    text = invalid(things.query, condition="pk = :p", values=P, ExclusiveStartKey=wrong)
    assert text == "The provided starting key is invalid"
