"""Scan: everything once, in pages and in segments."""

from typing import Any

import pytest

from tests.support.conformance_table import Item, Table, invalid, pages, refused

KEYS = {f"p{number}" for number in range(40)}


def _fill(things: Table) -> None:
    requests = [{"PutRequest": {"Item": {"pk": {"S": key}, "n": {"N": key[1:]}}}} for key in sorted(KEYS)]
    for first in range(0, len(requests), 25):
        answer = things.client.batch_write_item(RequestItems={things.name: requests[first : first + 25]})
        assert not answer["UnprocessedItems"]


def _keys(answer: dict[str, Any]) -> list[str]:
    return [item["pk"]["S"] for item in answer["Items"]]


# Everything, once.
def test_a_scan_gives_every_item_once(things: Table) -> None:
    _fill(things)
    answer = things.scan()
    assert sorted(_keys(answer)) == sorted(KEYS)
    assert (answer["Count"], answer["ScannedCount"]) == (40, 40)


# An empty table gives an empty page.
def test_a_scan_of_nothing(things: Table) -> None:
    answer = things.scan()
    assert (answer["Items"], answer["Count"], answer["ScannedCount"]) == ([], 0, 0)
    assert "LastEvaluatedKey" not in answer


# Pages cover everything once, whatever their size; order is the table's own and stays.
@pytest.mark.parametrize("limit", [1, 7, 40, 41])
def test_pages_cover_everything_once(things: Table, limit: int) -> None:
    _fill(things)
    seen = [_keys(page) for page in pages(things.scan, Limit=limit)]
    assert all(len(page) <= limit for page in seen)
    assert [key for page in seen for key in page] == _keys(things.scan())


# The items of one partition key stand together, in order.
def test_items_of_a_key_stand_together(series: Table) -> None:
    for key in ("a", "b", "c"):
        for sort in ("2", "1", "10"):
            series.put({"pk": {"S": key}, "sk": {"N": sort}})
    seen = [(item["pk"]["S"], item["sk"]["N"]) for item in series.scan(Limit=100)["Items"]]
    assert len(seen) == 9
    assert [sort for _, sort in seen] == ["1", "2", "10"] * 3
    in_pages = [(item["pk"]["S"], item["sk"]["N"]) for page in pages(series.scan, Limit=2) for item in page["Items"]]
    assert in_pages == seen


# Segments cover everything once, whatever their number; each pages by itself.
@pytest.mark.parametrize("total", [1, 3, 16])
def test_segments_cover_everything_once(things: Table, total: int) -> None:
    _fill(things)
    seen: list[str] = []
    for segment in range(total):
        for page in pages(things.scan, Segment=segment, TotalSegments=total, Limit=3):
            seen += _keys(page)
    assert sorted(seen) == sorted(KEYS)


# A filter hides items and keeps the counts apart; limits count before it.
def test_a_filter_hides_items(things: Table) -> None:
    _fill(things)
    values: Item = {":n": {"N": "30"}}
    answer = things.scan(FilterExpression="n >= :n", ExpressionAttributeValues=values)
    assert (answer["Count"], answer["ScannedCount"]) == (10, 40)
    answer = things.scan(FilterExpression="n >= :n", ExpressionAttributeValues=values, Limit=8)
    assert answer["ScannedCount"] == 8
    assert "LastEvaluatedKey" in answer


# Unlike a query's, a scan's filter may read the key.
def test_a_filter_may_read_the_key(things: Table) -> None:
    _fill(things)
    answer = things.scan(FilterExpression="pk = :k", ExpressionAttributeValues={":k": {"S": "p7"}})
    assert _keys(answer) == ["p7"]


# A count has no items.
def test_a_count_has_no_items(things: Table) -> None:
    _fill(things)
    answer = things.scan(Select="COUNT")
    assert "Items" not in answer
    assert answer["Count"] == 40


# A page holds 1 MB over all the places that it comes from.
def test_a_page_has_a_megabyte(things: Table) -> None:
    for number in range(6):
        things.put({"pk": {"S": f"p{number}"}, "v": {"S": "x" * 300_000}})
    counts = [page["Count"] for page in pages(things.scan, ProjectionExpression="pk")]
    assert counts == [4, 2]


# Scans cost by what they looked at.
def test_scans_tell_their_capacity(things: Table) -> None:
    for number in range(3):
        things.put({"pk": {"S": f"p{number}"}, "v": {"S": "x" * 4000}})
    told = things.scan(ReturnConsumedCapacity="TOTAL", Select="COUNT")
    assert told["ConsumedCapacity"] == {"TableName": things.name, "CapacityUnits": 3.0}


# AttributesToGet, the older projection.
def test_attributes_to_get(things: Table) -> None:
    things.put({"pk": {"S": "a"}, "v": {"N": "1"}, "w": {"N": "2"}})
    assert things.scan(AttributesToGet=["v"])["Items"] == [{"v": {"N": "1"}}]


# AWS's words for segments that are none.
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"Segment": 1},
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present",
        ),
        (
            {"TotalSegments": 2},
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present",
        ),
        (
            {"Segment": 2, "TotalSegments": 2},
            "The Segment parameter is zero-based and must be less than parameter TotalSegments",
        ),
    ],
)
def test_segments_are_checked(things: Table, parameters: dict[str, int], text: str) -> None:
    assert invalid(things.scan, **parameters) == text


# The number of segments has a bound.
def test_segments_are_bounded(things: Table) -> None:
    text = invalid(things.scan, Segment=0, TotalSegments=1_000_001)
    assert text == (
        "1 validation error detected: Value at 'TotalSegments' failed to satisfy constraint: "
        "Member must have value less than or equal to 1000000"
    )


# Where a page may start.
def test_starting_keys_are_checked(series: Table) -> None:
    start: Item = {"pk": {"S": "a"}}
    assert invalid(series.scan, ExclusiveStartKey=start) == "The provided starting key is invalid"


# A page may start after a key that no item has.
def test_a_page_may_start_after_a_key_that_is_not_there(things: Table) -> None:
    _fill(things)
    everything = _keys(things.scan())
    rest = _keys(things.scan(ExclusiveStartKey={"pk": {"S": "nobody"}}))
    assert everything[len(everything) - len(rest) :] == rest


# An index or a table that is not there.
def test_what_is_missing_is_named(things: Table, dynamodb: Any, table_name: str) -> None:
    assert invalid(things.scan, IndexName="nope") == "The table does not have the specified index: nope"
    assert refused(dynamodb.scan, TableName=table_name) == (
        "ResourceNotFoundException",
        "Requested resource not found",
    )


# Deleted items are not seen.
def test_deleted_items_are_gone(things: Table) -> None:
    _fill(things)
    things.delete({"pk": {"S": "p3"}})
    assert sorted(_keys(things.scan())) == sorted(KEYS - {"p3"})
