"""Operations on tables with indexes: which range of which index they read, and what they make of what a node tells."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, table_spec
from wire.commands import Page, Range, Write, Written
from wire.indexes import segment
from wire.keys import key_hash
from wire.tables import IndexSpec, IndexStatus, KeyAttribute, ProjectionType, TableStatus

PK = KeyAttribute("pk", "S")
LOCAL = IndexSpec(
    number=1,
    name="local",
    is_local=True,
    partition=(PK,),
    sort=(KeyAttribute("c", "S"),),
    projection=ProjectionType.INCLUDE,
    non_key_attributes=("v",),
)
GLOBAL = IndexSpec(
    number=2, name="global", is_local=False, partition=(KeyAttribute("g", "S"), PK), sort=(KeyAttribute("c", "S"),)
)

EMPTY = Page((), 0, 0, 0, None)


def _api(*indexes: IndexSpec, **settings: Any) -> Api:
    return Api(FakeStore(table_spec(schema=RANGE_SCHEMA, indexes=indexes or (LOCAL, GLOBAL), **settings)))


def _query(index: str, condition: str, **more: Any) -> dict[str, Any]:
    values = {name: {"S": name[1:]} for name in (":g", ":p", ":c") if name in condition}
    return {
        "TableName": "things",
        "IndexName": index,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        **more,
    }


async def _range(request: dict[str, Any], page: Page = EMPTY) -> tuple[Range, dict[str, Any]]:
    api = _api()
    api.store.script(Range, page)
    answer = await api("Query", **request)
    (command,) = api.store.commands
    assert isinstance(command, Range)
    return command, answer


# A local index is read beside its items, a global one where its own key puts it: several attributes are a segment each.
async def test_which_rows_a_query_reads() -> None:
    wanted, _ = await _range(_query("local", "pk = :p AND c = :c"))
    assert (wanted.index, wanted.partition_key, wanted.prefix) == (1, b"p", segment(b"c"))
    wanted, _ = await _range(_query("global", "g = :g AND pk = :p AND begins_with(c, :c)"))
    assert (wanted.index, wanted.partition_key, wanted.prefix) == (2, segment(b"g") + segment(b"p"), b"c")


# Items are fetched only for what a local index does not hold.
@pytest.mark.parametrize(
    ("asked", "fetches"),
    [
        ({}, False),
        ({"Select": "ALL_PROJECTED_ATTRIBUTES"}, False),
        ({"ProjectionExpression": "v, c, sk"}, False),
        ({"ProjectionExpression": "v, w.x"}, True),
        ({"AttributesToGet": ["v", "w"]}, True),
        ({"Select": "ALL_ATTRIBUTES"}, True),
        ({"Select": "COUNT"}, False),
    ],
)
async def test_when_items_are_fetched(asked: dict[str, Any], fetches: bool) -> None:
    request = _query("local", "pk = :p", **asked)
    if "AttributesToGet" in asked:
        condition = {"AttributeValueList": [{"S": "p"}], "ComparisonOperator": "EQ"}
        request = {"TableName": "things", "IndexName": "local", "KeyConditions": {"pk": condition}, **asked}
    wanted, _ = await _range(request)
    assert wanted.from_table is fetches


# What was fetched is charged to the table, half of it for an eventually consistent read.
async def test_capacity_of_what_is_fetched() -> None:
    page = Page((b"{}",), 1, 1, 5000, None, 3)
    request = _query("local", "pk = :p", Select="ALL_ATTRIBUTES", ReturnConsumedCapacity="INDEXES")
    _, answer = await _range(request, page)
    assert answer["ConsumedCapacity"] == {
        "TableName": "things",
        "CapacityUnits": 2.5,
        "Table": {"CapacityUnits": 1.5},
        "LocalSecondaryIndexes": {"local": {"CapacityUnits": 1.0}},
    }


# An index that is being filled cannot be read yet, one that is being dropped no more; one that is changed can.
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (IndexStatus.CREATING, "Cannot read from backfilling global secondary index: global"),
        (IndexStatus.DELETING, "The table does not have the specified index: global"),
        (IndexStatus.UPDATING, None),
    ],
)
async def test_indexes_that_come_and_go(status: IndexStatus, text: str | None) -> None:
    api = _api(replace(GLOBAL, status=status))
    request = _query("global", "g = :g AND pk = :p")
    if text is None:
        assert (await api("Query", **request))["Count"] == 0
        return
    assert (await api.refused("Query", **request)).message == text
    assert (await api.refused("Scan", TableName="things", IndexName="global")).message == text


# Backfilling is only said of an index that joins a table: false while the table is updating, then true.
@pytest.mark.parametrize(
    ("status", "expected"),
    [(TableStatus.CREATING, None), (TableStatus.UPDATING, False), (TableStatus.ACTIVE, True)],
)
async def test_when_an_index_is_backfilling(status: TableStatus, expected: bool | None) -> None:
    index = replace(GLOBAL, status=IndexStatus.CREATING)
    (described,) = (await _api(index, status=status)("DescribeTable", TableName="things"))["Table"][
        "GlobalSecondaryIndexes"
    ]
    assert described.get("Backfilling") is expected


# The size of a collection comes in whole gigabytes; indexes that are gone by now are not named.
async def test_what_a_write_tells() -> None:
    api = _api()
    api.store.script(Write, Written(b"", 0, 10, ((1, 1), (2, 2), (9, 5)), (3 << 30) + 1))
    answer = await api(
        "PutItem",
        TableName="things",
        Item={"pk": {"S": "p"}, "sk": {"N": "1"}},
        ReturnConsumedCapacity="INDEXES",
        ReturnItemCollectionMetrics="SIZE",
    )
    assert answer["ItemCollectionMetrics"] == {
        "ItemCollectionKey": {"pk": {"S": "p"}},
        "SizeEstimateRangeGB": [3.0, 4.0],
    }
    assert answer["ConsumedCapacity"]["LocalSecondaryIndexes"] == {"local": {"CapacityUnits": 1.0}}
    assert answer["ConsumedCapacity"]["GlobalSecondaryIndexes"] == {"global": {"CapacityUnits": 2.0}}
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 4.0


# Pages of an index end at keys of the index and of the table.
async def test_where_a_page_of_an_index_ends() -> None:
    api = _api()
    start = {"pk": {"S": "p"}, "sk": {"N": "1"}, "g": {"S": "g"}, "c": {"S": "c"}}
    await api("Query", **_query("global", "g = :g AND pk = :p", ExclusiveStartKey=start))
    (wanted,) = api.store.commands
    assert isinstance(wanted, Range)
    assert wanted.start is not None
    assert wanted.start.hash == key_hash(segment(b"g") + segment(b"p"))
    api.store.script(Range, Page((), 0, 0, 0, wanted.start))
    answer = await api("Query", **_query("global", "g = :g AND pk = :p"))
    assert answer["LastEvaluatedKey"] == start
