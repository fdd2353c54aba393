"""Scan on secondary indexes: what is there, pages, segments, projections, and what AWS refuses."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.conformance_indexes import found_in, global_index, indexed_table, local_index
from tests.support.conformance_table import Item, Table, invalid, pages

INVALID = "One or more parameter values were invalid: "
START = "The provided starting key"
COUNT = 40


def _item(position: int) -> Item:
    item: Item = {"pk": {"S": f"p{position % 7}"}, "sk": {"S": f"{position:02}"}, "v": {"N": str(position)}}
    if position % 2:
        item |= {"c": {"S": f"c{position % 3}"}, "g": {"S": f"g{position % 4}"}, "h": {"N": str(position % 5)}}
    return item


@pytest.fixture(scope="module")
def filled(dynamodb: Any) -> Iterator[Table]:
    """Return a table of forty items, of which every second is in its indexes: "lsi", "gsi" and "keys"."""
    parameters = {
        "LocalSecondaryIndexes": [local_index("lsi", "pk", "c", projection="KEYS_ONLY")],
        "GlobalSecondaryIndexes": [global_index("gsi", "g", "h"), global_index("keys", "g", projection="KEYS_ONLY")],
    }
    with indexed_table(dynamodb, **parameters) as table:
        for position in range(COUNT):
            table.put(_item(position))
        found_in(table, "gsi", COUNT // 2)
        found_in(table, "keys", COUNT // 2)
        yield table


def _scan(table: Table, index: str, **parameters: Any) -> dict[str, Any]:
    return table.scan(**{"IndexName": index, "ConsistentRead": False, **parameters})


def _sks(*answers: dict[str, Any]) -> list[str]:
    return sorted(item["sk"]["S"] for answer in answers for item in answer["Items"])


ODD = [f"{position:02}" for position in range(1, COUNT, 2)]


# An index holds the items that have its keys, each once.
@pytest.mark.parametrize("index", ["lsi", "gsi", "keys"])
def test_a_scan_finds_what_has_the_keys(filled: Table, index: str) -> None:
    answer = _scan(filled, index)
    assert _sks(answer) == ODD
    assert (answer["Count"], answer["ScannedCount"]) == (COUNT // 2, COUNT // 2)


# In pages of any size, and in segments that together are the whole.
@pytest.mark.parametrize("index", ["lsi", "gsi"])
def test_pages_and_segments(filled: Table, index: str) -> None:
    for limit in (1, 3, 20):
        assert _sks(*pages(_scan, table=filled, index=index, Limit=limit)) == ODD
    parts = [
        page
        for segment in range(3)
        for page in pages(_scan, table=filled, index=index, Segment=segment, TotalSegments=3, Limit=4)
    ]
    assert _sks(*parts) == ODD


# A page's end names the keys of index and table.
def test_the_end_of_a_page(filled: Table) -> None:
    assert _scan(filled, "lsi", Limit=1)["LastEvaluatedKey"].keys() == {"pk", "sk", "c"}
    assert _scan(filled, "keys", Limit=1)["LastEvaluatedKey"].keys() == {"pk", "sk", "g"}


# A scan's filter may be on keys, and finds nothing on what the index does not hold.
# Of a local index no capture from AWS could be found, and endpoints disagree: it is treated as a global one is.
def test_filters(filled: Table) -> None:
    answer = _scan(filled, "gsi", FilterExpression="g = :g", ExpressionAttributeValues={":g": {"S": "g1"}})
    assert _sks(answer) == [f"{position:02}" for position in range(1, COUNT, 4)]
    answer = _scan(filled, "keys", FilterExpression="attribute_exists(v)")
    assert (answer["Count"], answer["ScannedCount"]) == (0, COUNT // 2)
    assert _scan(filled, "lsi", FilterExpression="attribute_exists(v)")["Count"] == 0


# Strong reads and attributes that are not there, as for queries.
def test_what_an_index_shows(filled: Table) -> None:
    assert _scan(filled, "keys")["Items"][0].keys() == {"pk", "sk", "g"}
    assert _scan(filled, "lsi", ConsistentRead=True)["Items"][0].keys() == {"pk", "sk", "c"}
    fetched = _scan(filled, "lsi", Select="ALL_ATTRIBUTES")["Items"]
    assert sorted(int(item["v"]["N"]) for item in fetched) == list(range(1, COUNT, 2))
    assert _scan(filled, "lsi", ProjectionExpression="v", Limit=1)["Items"][0].keys() == {"v"}


REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no such index": ("none", {}, "The table does not have the specified index: none"),
    "a strong read": (
        "gsi",
        {"ConsistentRead": True},
        "Consistent reads are not supported on global secondary indexes",
    ),
    "all attributes": (
        "keys",
        {"Select": "ALL_ATTRIBUTES"},
        f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index keys because its projection "
        "type is not ALL",
    ),
    "an attribute that is not there": (
        "keys",
        {"ProjectionExpression": "v"},
        f"{INVALID}Global secondary index keys does not project [v]",
    ),
    "a start of the table": (
        "gsi",
        {"ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"S": "b"}}},
        f"{START} is invalid",
    ),
    "a start of another type": (
        "keys",
        {"ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"S": "b"}, "g": {"N": "1"}}},
        "The provided key element does not match the schema",
    ),
    "a table key of another type": (
        "keys",
        {"ExclusiveStartKey": {"pk": {"S": "a"}, "sk": {"N": "1"}, "g": {"S": "g"}}},
        f"{START} is invalid",
    ),
    "a path into a key": (
        "gsi",
        {"FilterExpression": "attribute_exists(h.x)"},
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: h",
    ),
}


# AWS's words for what a scan of an index does not take.
@pytest.mark.parametrize("case", REFUSALS)
def test_refused_scans(filled: Table, case: str) -> None:
    index, parameters, text = REFUSALS[case]
    assert invalid(_scan, table=filled, index=index, **parameters) == text


# A start belongs to one segment.
def test_a_start_belongs_to_its_segment(filled: Table) -> None:
    starts = [
        (segment, page["LastEvaluatedKey"])
        for segment in range(2)
        for page in pages(_scan, table=filled, index="gsi", Segment=segment, TotalSegments=2, Limit=1)
        if "LastEvaluatedKey" in page
    ]
    segment, start = starts[0]
    text = invalid(_scan, table=filled, index="gsi", Segment=1 - segment, TotalSegments=2, ExclusiveStartKey=start)
    assert text == (
        f"{START} is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
        f"TotalSegments: 2 Segment: {1 - segment}"
    )
