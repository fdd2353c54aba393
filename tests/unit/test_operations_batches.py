"""BatchGetItem and BatchWriteItem: bounds, duplicates, and what is left when a part fails."""

from typing import Any

import pytest

from tests.support.store_fake import Api, FakeStore, table_spec
from wire.commands import Get, Got, Write, Written
from wire.errors import ErrorCode, StoreError
from wire.tables import TableNumber


def _api() -> Api:
    return Api(FakeStore(table_spec(), table_spec("others", number=TableNumber(8))))


def _put(key: str) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"pk": {"S": key}}}}


def _keys(*keys: str) -> list[dict[str, Any]]:
    return [{"pk": {"S": key}} for key in keys]


# A batch reaches several tables, and puts as well as deletes.
async def test_a_batch_writes_and_reads_several_tables() -> None:
    api = _api()
    written = await api("BatchWriteItem", RequestItems={"things": [_put("a"), _put("b")], "others": [_put("c")]})
    assert written == {"UnprocessedItems": {}}
    await api("BatchWriteItem", RequestItems={"things": [{"DeleteRequest": {"Key": {"pk": {"S": "b"}}}}]})
    answer = await api(
        "BatchGetItem", RequestItems={"things": {"Keys": _keys("a", "b")}, "others": {"Keys": _keys("x")}}
    )
    assert answer == {"Responses": {"things": _keys("a"), "others": []}, "UnprocessedKeys": {}}


# Both bounds count over all tables.
async def test_batches_are_bounded() -> None:
    api = _api()
    requests = {"things": [_put(str(n)) for n in range(25)], "others": [_put("z")]}
    refusal = await api.refused("BatchWriteItem", RequestItems=requests)
    assert refusal.message == "Too many items requested for the BatchWriteItem call"
    keys = {"things": {"Keys": _keys(*map(str, range(100)))}, "others": {"Keys": _keys("z")}}
    refusal = await api.refused("BatchGetItem", RequestItems=keys)
    assert refusal.message == "Too many items requested for the BatchGetItem call"


# One item may stand in a batch only once, written in whatever way.
async def test_duplicates_are_refused() -> None:
    text = "Provided list of item keys contains duplicates"
    delete = {"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}
    refusal = await _api().refused("BatchWriteItem", RequestItems={"things": [_put("a"), delete]})
    assert refusal.message == text
    refusal = await _api().refused("BatchGetItem", RequestItems={"things": {"Keys": _keys("a", "a")}})
    assert refusal.message == text


# A request of a batch is a put or a delete, and AWS says so in a strange way.
@pytest.mark.parametrize("request_", [{}, {**_put("a"), "DeleteRequest": {"Key": {"pk": {"S": "a"}}}}])
async def test_a_request_is_one_put_or_delete(request_: dict[str, Any]) -> None:
    refusal = await _api().refused("BatchWriteItem", RequestItems={"things": [request_]})
    assert refusal.message.startswith("Supplied AttributeValue has more than one datatypes set")


# One missing table spoils the batch before anything is sent.
async def test_a_missing_table_spoils_the_batch() -> None:
    api = _api()
    refusal = await api.refused("BatchWriteItem", RequestItems={"things": [_put("a")], "nope": [_put("b")]})
    assert refusal.code is ErrorCode.RESOURCE_NOT_FOUND
    assert not api.store.commands


# What was surely not carried out is given back in the client's own words.
async def test_parts_that_were_not_applied_are_given_back() -> None:
    api = _api()
    overloaded = StoreError(ErrorCode.OVERLOADED, "full")
    api.store.script(Write, Written(b"", 0, 3), overloaded)
    answer = await api("BatchWriteItem", RequestItems={"things": [_put("a"), _put("b")]})
    assert answer == {"UnprocessedItems": {"things": [_put("b")]}}
    api.store.script(Get, Got(b"", 0), overloaded)
    asked = {"Keys": _keys("a", "b"), "ConsistentRead": True}
    answer = await api("BatchGetItem", RequestItems={"things": asked})
    assert answer["UnprocessedKeys"] == {"things": {"Keys": _keys("b"), "ConsistentRead": True}}


# A batch of which nothing was done fails as a whole: an SDK then backs off.
async def test_a_batch_that_failed_whole_is_an_error() -> None:
    api = _api()
    api.store.script(Write, StoreError(ErrorCode.OVERLOADED, "full"))
    refusal = await api.refused("BatchWriteItem", RequestItems={"things": [_put("a")]})
    assert refusal.code is ErrorCode.OVERLOADED


# Where something was written there is no error 500, even when nobody knows whether the rest was: to put it again does no harm.
@pytest.mark.parametrize(
    "code", [ErrorCode.UNKNOWN_OUTCOME, ErrorCode.DEADLINE_EXCEEDED, ErrorCode.STORAGE_FULL, ErrorCode.DAMAGED]
)
async def test_a_part_that_failed_is_given_back(code: ErrorCode) -> None:
    api = _api()
    api.store.script(Write, Written(b"", 0, 3), StoreError(code, "lost"))
    answer = await api("BatchWriteItem", RequestItems={"things": [_put("a"), _put("b")]})
    assert answer == {"UnprocessedItems": {"things": [_put("b")]}}


# What the client got wrong is an error, whatever else was done.
async def test_a_part_that_was_refused_is_an_error() -> None:
    api = _api()
    api.store.script(Write, Written(b"", 0, 3), StoreError(ErrorCode.ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED, "full"))
    refusal = await api.refused("BatchWriteItem", RequestItems={"things": [_put("a"), _put("b")]})
    assert refusal.code is ErrorCode.ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED


# In a batch, AWS says of an item without its key what it says of a Key that does not fit.
@pytest.mark.parametrize("item", [{"other": {"S": "x"}}, {"pk": {"N": "5"}}, {"pk": {"L": []}}])
async def test_items_without_their_key_do_not_match(item: dict[str, Any]) -> None:
    refusal = await _api().refused("BatchWriteItem", RequestItems={"things": [{"PutRequest": {"Item": item}}]})
    assert refusal.message == "The provided key element does not match the schema"


# One batch has one generation of parameters, over all of its tables.
async def test_generations_do_not_mix_over_tables() -> None:
    asked = {
        "things": {"Keys": _keys("a"), "ProjectionExpression": "a"},
        "others": {"Keys": _keys("a"), "AttributesToGet": ["a"]},
    }
    refusal = await _api().refused("BatchGetItem", RequestItems=asked)
    assert refusal.message == (
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
        "{AttributesToGet} Expression parameters: {ProjectionExpression}"
    )


# 16 MB is what one answer holds.
async def test_what_passes_sixteen_megabytes_is_left() -> None:
    api = _api()
    api.store.script(Get, *[Got(b"{}", 400_000)] * 50)
    keys = _keys(*map(str, range(50)))
    answer = await api("BatchGetItem", RequestItems={"things": {"Keys": keys}})
    assert len(answer["Responses"]["things"]) == (16 << 20) // 400_000
    assert answer["UnprocessedKeys"]["things"]["Keys"] == keys[(16 << 20) // 400_000 :]


# Capacity is told per table, each item rounded up by itself.
async def test_capacity_is_told_per_table() -> None:
    answer = await _api()(
        "BatchWriteItem",
        RequestItems={"things": [_put("a"), _put("b")], "others": [_put("c")]},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == [
        {"TableName": "things", "CapacityUnits": 2.0},
        {"TableName": "others", "CapacityUnits": 1.0},
    ]


# A projection holds for the keys of its table only.
async def test_a_projection_belongs_to_its_table() -> None:
    api = _api()
    asked = {
        "things": {"Keys": _keys("a"), "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "name"}},
        "others": {"Keys": _keys("a")},
    }
    await api("BatchGetItem", RequestItems=asked)
    projections = [command.projection for command in api.store.commands if isinstance(command, Get)]
    assert projections == [b'["project",["p","name"]]', b""]
