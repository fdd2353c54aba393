"""Query and Scan: which ranges they read, and how pages follow one another."""

from typing import Any

import pytest

from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, table_spec
from wire.commands import Page, Range
from wire.keys import RING_TOKENS, encode_key_value, key_hash, token_of

KEY_CONDITION = "The provided starting key"


def _number(text: str) -> bytes:
    return encode_key_value("N", text)


async def _filled(count: int = 5, partitions: int = 3) -> Api:
    api = Api(FakeStore(table_spec(schema=RANGE_SCHEMA), partitions=partitions))
    for index in range(count):
        await api("PutItem", TableName="things", Item={"pk": {"S": "a"}, "sk": {"N": str(index)}})
    return api


def _query(condition: str = "pk = :p", **more: Any) -> dict[str, Any]:
    values = {":p": {"S": "a"}, **more.pop("values", {})}
    return {"TableName": "things", "KeyConditionExpression": condition, "ExpressionAttributeValues": values, **more}


def _numbers(answer: dict[str, Any]) -> list[int]:
    return [int(item["sk"]["N"]) for item in answer["Items"]]


# The plain case, in both directions.
async def test_a_query_reads_in_order_of_the_sort_key() -> None:
    api = await _filled()
    answer = await api("Query", **_query())
    assert _numbers(answer) == [0, 1, 2, 3, 4]
    assert (answer["Count"], answer["ScannedCount"]) == (5, 5)
    assert "LastEvaluatedKey" not in answer
    assert _numbers(await api("Query", **_query(ScanIndexForward=False))) == [4, 3, 2, 1, 0]


# Paging must neither lose nor repeat an item, also backwards.
@pytest.mark.parametrize("forward", [True, False])
async def test_pages_follow_one_another(forward: bool) -> None:
    api = await _filled()
    first = await api("Query", **_query(Limit=2, ScanIndexForward=forward))
    second = await api(
        "Query", **_query(Limit=9, ScanIndexForward=forward, ExclusiveStartKey=first["LastEvaluatedKey"])
    )
    seen = _numbers(first) + _numbers(second)
    assert seen == ([0, 1, 2, 3, 4] if forward else [4, 3, 2, 1, 0])
    assert first["LastEvaluatedKey"] == {"pk": {"S": "a"}, "sk": {"N": str(seen[1])}}


# Every operator on the sort key has its own bounds.
@pytest.mark.parametrize(
    ("condition", "bounds"),
    [
        ("sk = :x", {"lower": _number("1"), "upper": _number("1")}),
        ("sk < :x", {"upper": _number("1"), "upper_included": False}),
        ("sk <= :x", {"upper": _number("1")}),
        ("sk > :x", {"lower": _number("1"), "lower_included": False}),
        ("sk >= :x", {"lower": _number("1")}),
        ("sk BETWEEN :x AND :x", {"lower": _number("1"), "upper": _number("1")}),
    ],
)
async def test_sort_conditions_become_bounds(condition: str, bounds: dict[str, Any]) -> None:
    api = await _filled(0)
    await api("Query", **_query(f"pk = :p AND {condition}", values={":x": {"N": "1"}}))
    sent = api.store.commands[-1]
    assert isinstance(sent, Range)
    assert sent == Range(table=7, partition_key=b"a", **bounds)


# A count needs no items on the wire.
async def test_a_count_brings_no_items() -> None:
    api = await _filled()
    assert await api("Query", **_query(Select="COUNT")) == {"Count": 5, "ScannedCount": 5}
    assert await api("Scan", TableName="things", Select="COUNT") == {"Count": 5, "ScannedCount": 5}


# Filters and projections travel as trees; values only when something points at them.
async def test_filter_and_projection_travel_as_trees() -> None:
    api = await _filled(0)
    await api("Query", **_query(FilterExpression="v = :v", ProjectionExpression="v", values={":v": {"S": "x"}}))
    sent = api.store.commands[-1]
    assert isinstance(sent, Range)
    assert sent.filter == b'["=",["p","v"],["v",0]]'
    assert (sent.projection, sent.values) == (b'["project",["p","v"]]', b'[{"S":"x"}]')


# AWS's words for starting keys that do not fit the query.
@pytest.mark.parametrize(
    ("condition", "key", "text"),
    [
        ("pk = :p", {"pk": {"S": "a"}}, f"{KEY_CONDITION} is invalid"),
        ("pk = :p", {"pk": {"S": "a"}, "sk": {}}, f"{KEY_CONDITION} is invalid: Supplied AttributeValue is empty"),
        (
            "pk = :p",
            {"pk": {"S": "a"}, "sk": {"S": "b"}},
            "The provided key element does not match the schema",
        ),
        (
            "pk = :p AND sk > :x",
            {"pk": {"S": "b"}, "sk": {"N": "2"}},
            "The query can return at most one row and cannot be restarted",
        ),
        (
            "pk = :p",
            {"pk": {"S": "b"}, "sk": {"N": "1"}},
            f"{KEY_CONDITION} is outside query boundaries based on provided condition",
        ),
        (
            "pk = :p AND sk > :x",
            {"pk": {"S": "a"}, "sk": {"N": "1"}},
            f"{KEY_CONDITION} does not match the range key predicate",
        ),
    ],
)
async def test_starting_keys_of_queries_are_checked(condition: str, key: dict[str, Any], text: str) -> None:
    values = {":x": {"N": "1"}} if ":x" in condition else {}
    refusal = await (await _filled(0)).refused("Query", **_query(condition, values=values, ExclusiveStartKey=key))
    assert refusal.message.startswith(text)


# Select and projection contradict each other in several ways; AWS names each, in the envelope of the model's own errors.
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
        (
            {"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "v"},
            "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES",
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
)
async def test_selections_are_checked(parameters: dict[str, Any], text: str) -> None:
    api = await _filled(0)
    for refusal in (
        await api.refused("Scan", TableName="things", **parameters),
        await api.refused("Query", **_query(**parameters)),
    ):
        assert refusal.message == f"1 validation error detected: {text}"


# A query needs a key condition, takes no key in its filter, and there is no index to name yet.
async def test_other_refusals_of_a_query() -> None:
    api = await _filled(0)
    assert (await api.refused("Query", TableName="things")).message == (
        "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
    )
    assert (await api.refused("Query", **_query(FilterExpression="sk = :p"))).message == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"
    )
    assert (await api.refused("Query", **_query(IndexName="nope"))).message == (
        "The table does not have the specified index: nope"
    )


# A scan goes through the partitions in order and stops where its limit does.
async def test_a_scan_stops_at_its_limit_across_partitions() -> None:
    api = Api(FakeStore(table_spec(schema=RANGE_SCHEMA), partitions=8))
    for index in range(20):
        await api("PutItem", TableName="things", Item={"pk": {"S": f"p{index}"}, "sk": {"N": "0"}})
    seen: list[str] = []
    start: dict[str, Any] = {}
    while True:
        page = await api("Scan", TableName="things", Limit=3, **start)
        seen += [item["pk"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        assert page["Count"] == 3
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(seen) == sorted(f"p{index}" for index in range(20))


# Segments cut the ring without gaps or overlaps, whatever the partitions.
async def test_segments_cover_the_table_once() -> None:
    api = Api(FakeStore(table_spec(schema=RANGE_SCHEMA), partitions=4))
    for index in range(20):
        await api("PutItem", TableName="things", Item={"pk": {"S": f"p{index}"}, "sk": {"N": "0"}})
    seen: list[str] = []
    for segment in range(3):
        page = await api("Scan", TableName="things", Segment=segment, TotalSegments=3)
        seen += [item["pk"]["S"] for item in page["Items"]]
    assert sorted(seen) == sorted(f"p{index}" for index in range(20))


# A page is 1 MB over all the partitions it comes from, and capacity is counted on that sum.
async def test_the_bytes_of_a_page_are_counted_over_partitions() -> None:
    api = Api(FakeStore(table_spec(), partitions=2))
    api.store.script(Range, Page((b"{}",), 1, 1, 600_000, None), Page((b"{}",), 1, 1, 448_577, None))
    answer = await api("Scan", TableName="things", ReturnConsumedCapacity="TOTAL")
    first, second = api.store.commands
    assert isinstance(first, Range)
    assert isinstance(second, Range)
    assert (first.bytes_max, second.bytes_max) == (1 << 20, (1 << 20) - 600_000)
    assert (first.lower_token, second.upper_token) == (0, RING_TOKENS)
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 128.5


# AWS's words for segments.
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"Segment": 0}, "The TotalSegments parameter is required but was not present in the request when"),
        ({"TotalSegments": 2}, "The Segment parameter is required but was not present in the request when"),
        (
            {"Segment": 2, "TotalSegments": 2},
            "The Segment parameter is zero-based and must be less than parameter TotalSegments",
        ),
    ],
)
async def test_segments_are_checked(parameters: dict[str, int], text: str) -> None:
    assert (await (await _filled(0)).refused("Scan", TableName="things", **parameters)).message.startswith(text)


# A key of another segment would skip items silently.
async def test_a_starting_key_belongs_to_its_segment() -> None:
    api = await _filled(1)
    key = {"pk": {"S": "a"}, "sk": {"N": "0"}}
    right = int(token_of(key_hash(b"a")) >= RING_TOKENS // 2)
    await api("Scan", TableName="things", Segment=right, TotalSegments=2, ExclusiveStartKey=key)
    refusal = await api.refused("Scan", TableName="things", Segment=1 - right, TotalSegments=2, ExclusiveStartKey=key)
    assert refusal.message == (
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct "
        f"Segment. TotalSegments: 2 Segment: {1 - right}"
    )
