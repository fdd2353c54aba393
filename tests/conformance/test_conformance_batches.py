"""BatchGetItem and BatchWriteItem."""

from typing import Any

import pytest

from tests.support.conformance_table import Item, Table, invalid, refused


def _put(key: str, **attributes: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"pk": {"S": key}, **attributes}}}


def _delete(key: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"pk": {"S": key}}}}


def _keys(*keys: str) -> list[Item]:
    return [{"pk": {"S": key}} for key in keys]


def _found(answer: dict[str, Any], table: Table) -> set[str]:
    return {item["pk"]["S"] for item in answer["Responses"][table.name]}


# Puts and deletes of several tables in one request.
def test_a_batch_writes_to_several_tables(make_table: Any, dynamodb: Any) -> None:
    one, two = make_table(), make_table()
    one.put({"pk": {"S": "old"}})
    answer = dynamodb.batch_write_item(RequestItems={one.name: [_put("a"), _delete("old")], two.name: [_put("b")]})
    assert answer["UnprocessedItems"] == {}
    assert [item["pk"]["S"] for item in one.scan()["Items"]] == ["a"]
    assert two.get({"pk": {"S": "b"}}) is not None


# Reads of several tables; what is not there is left out.
def test_a_batch_reads_several_tables(make_table: Any, dynamodb: Any) -> None:
    one, two = make_table(), make_table()
    for key in ("a", "b"):
        one.put({"pk": {"S": key}})
    answer = dynamodb.batch_get_item(
        RequestItems={
            one.name: {"Keys": _keys("a", "b", "c"), "ConsistentRead": True},
            two.name: {"Keys": _keys("a"), "ConsistentRead": True},
        }
    )
    assert _found(answer, one) == {"a", "b"}
    assert answer["Responses"][two.name] == []
    assert answer["UnprocessedKeys"] == {}


# The largest batches there may be.
def test_full_batches(things: Table, dynamodb: Any) -> None:
    keys = [f"p{number}" for number in range(100)]
    for first in range(0, 100, 25):
        dynamodb.batch_write_item(RequestItems={things.name: [_put(key) for key in keys[first : first + 25]]})
    answer = dynamodb.batch_get_item(RequestItems={things.name: {"Keys": _keys(*keys), "ConsistentRead": True}})
    assert _found(answer, things) == set(keys)


# And one more than that.
def test_batches_are_bounded(make_table: Any, dynamodb: Any) -> None:
    one, two = make_table(), make_table()
    puts = {one.name: [_put(str(number)) for number in range(25)], two.name: [_put("x")]}
    assert invalid(dynamodb.batch_write_item, RequestItems=puts) == (
        "Too many items requested for the BatchWriteItem call"
    )
    keys = {one.name: {"Keys": _keys(*map(str, range(100)))}, two.name: {"Keys": _keys("x")}}
    assert invalid(dynamodb.batch_get_item, RequestItems=keys) == "Too many items requested for the BatchGetItem call"


# An empty batch is a mistake.
@pytest.mark.parametrize("operation", ["batch_write_item", "batch_get_item"])
def test_batches_are_not_empty(dynamodb: Any, operation: str) -> None:
    assert refused(getattr(dynamodb, operation), RequestItems={})[0] == "ValidationException"


# One item stands in a batch only once.
def test_duplicates_are_refused(things: Table, dynamodb: Any) -> None:
    text = "Provided list of item keys contains duplicates"
    assert invalid(dynamodb.batch_write_item, RequestItems={things.name: [_put("a"), _delete("a")]}) == text
    assert invalid(dynamodb.batch_get_item, RequestItems={things.name: {"Keys": _keys("a", "a")}}) == text
    assert things.scan()["Count"] == 0


# Projections belong to their table.
def test_a_batch_projects(things: Table, dynamodb: Any) -> None:
    things.put({"pk": {"S": "a"}, "size": {"N": "1"}, "v": {"N": "2"}})
    asked = {"Keys": _keys("a"), "ProjectionExpression": "#s", "ExpressionAttributeNames": {"#s": "size"}}
    answer = dynamodb.batch_get_item(RequestItems={things.name: asked})
    assert answer["Responses"][things.name] == [{"size": {"N": "1"}}]
    asked = {"Keys": _keys("a"), "AttributesToGet": ["v"]}
    answer = dynamodb.batch_get_item(RequestItems={things.name: asked})
    assert answer["Responses"][things.name] == [{"v": {"N": "2"}}]


# A wrong item or key spoils the batch, and nothing of it happens.
def test_a_wrong_item_spoils_the_batch(things: Table, dynamodb: Any) -> None:
    wrong = {"PutRequest": {"Item": {"x": {"S": "a"}}}}
    text = invalid(dynamodb.batch_write_item, RequestItems={things.name: [_put("a"), wrong]})
    assert text == "The provided key element does not match the schema"
    text = invalid(dynamodb.batch_get_item, RequestItems={things.name: {"Keys": [{"x": {"S": "a"}}]}})
    assert text == "The provided key element does not match the schema"
    assert things.scan()["Count"] == 0


# A table that is not there spoils it as well.
def test_a_missing_table_spoils_the_batch(things: Table, dynamodb: Any, table_name: str) -> None:
    requests = {things.name: [_put("a")], table_name: [_put("b")]}
    code, text = refused(dynamodb.batch_write_item, RequestItems=requests)
    assert (code, text) == ("ResourceNotFoundException", "Requested resource not found")
    keys = {table_name: {"Keys": _keys("a")}}
    assert refused(dynamodb.batch_get_item, RequestItems=keys)[0] == "ResourceNotFoundException"


# Items may be as large as anywhere, and one that is larger is refused.
def test_items_of_a_batch_have_a_size(things: Table, dynamodb: Any) -> None:
    large = _put("a", v={"S": "x" * 409_600})
    text = invalid(dynamodb.batch_write_item, RequestItems={things.name: [large]})
    assert text == "Item size has exceeded the maximum allowed size"


# 16 MB is what one answer holds; the keys of the rest come back.
def test_an_answer_has_sixteen_megabytes(things: Table, dynamodb: Any) -> None:
    keys = [f"p{number}" for number in range(45)]
    for key in keys:
        things.put({"pk": {"S": key}, "v": {"S": "x" * 400_000}})
    asked = {things.name: {"Keys": _keys(*keys), "ConsistentRead": True}}
    seen: set[str] = set()
    rounds = 0
    while asked:
        answer = dynamodb.batch_get_item(RequestItems=asked)
        assert _found(answer, things).isdisjoint(seen)
        seen |= _found(answer, things)
        asked = answer["UnprocessedKeys"]
        rounds += 1
    assert seen == set(keys)
    assert rounds == 2


# Capacity is told table by table.
def test_batches_tell_their_capacity(things: Table, dynamodb: Any) -> None:
    requests = {things.name: [_put("a", v={"S": "x" * 1500}), _put("b")]}
    told = dynamodb.batch_write_item(RequestItems=requests, ReturnConsumedCapacity="TOTAL")
    assert told["ConsumedCapacity"] == [{"TableName": things.name, "CapacityUnits": 3.0}]
    asked = {things.name: {"Keys": _keys("a", "b", "c")}}
    told = dynamodb.batch_get_item(RequestItems=asked, ReturnConsumedCapacity="TOTAL")
    assert told["ConsumedCapacity"] == [{"TableName": things.name, "CapacityUnits": 1.5}]
    assert "ConsumedCapacity" not in dynamodb.batch_get_item(RequestItems=asked)
