"""PutItem, GetItem, UpdateItem and DeleteItem: what they send to the store and what they answer."""

from typing import Any

import pytest

from tests.support.store_fake import RANGE_SCHEMA, Api, FakeStore, item_bytes, table_spec
from wire.commands import ConditionFailed, Get, Got, Returned, Write, WriteKind, Written
from wire.errors import ErrorCode, StoreError
from wire.tables import KeyAttribute, KeySchema, TableStatus

INVALID = "One or more parameter values were invalid: "
PUT = {"TableName": "things", "Item": {"pk": {"S": "a"}}}
KEY = {"TableName": "things", "Key": {"pk": {"S": "a"}}}


def _api(*tables: Any) -> Api:
    return Api(FakeStore(*(tables or (table_spec(),))))


def _sent(api: Api) -> Any:
    return api.store.commands[-1]


# The commonest pair of requests there is.
async def test_what_was_put_is_got() -> None:
    api = _api()
    assert await api("PutItem", TableName="things", Item={"pk": {"S": "a"}, "n": {"N": "01.50"}}) == {}
    assert await api("GetItem", **KEY) == {"Item": {"pk": {"S": "a"}, "n": {"N": "1.5"}}}


# A client tells an absent item by the missing member.
async def test_a_missing_item_is_no_item() -> None:
    assert await _api()("GetItem", **KEY) == {}


# GetItem without projection must never decode the item: bytes of any kind come through as they are.
async def test_the_item_of_a_get_is_passed_on_as_bytes() -> None:
    api = _api()
    api.store.script(Get, Got(b'{"pk":{"S":"a"},"odd":{"S":"\\u00e9"}}', 20))
    assert (await api("GetItem", **KEY))["Item"]["odd"] == {"S": "é"}


# The table may be named by its ARN anywhere.
async def test_a_table_can_be_named_by_its_arn() -> None:
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/things"
    answer = await _api()("GetItem", TableName=arn, Key=KEY["Key"], ReturnConsumedCapacity="TOTAL")
    assert answer == {"ConsumedCapacity": {"TableName": arn, "CapacityUnits": 0.5}}


# An ARN of another region's table must not silently mean the local one.
async def test_an_arn_of_another_region_is_refused() -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/things"
    refusal = await _api().refused("GetItem", TableName=arn, Key=KEY["Key"])
    assert refusal.message == f"1 validation error detected: Invalid AWS region in '{arn}'"


# Requests for items do not name the missing table; AWS keeps them short.
@pytest.mark.parametrize("status", [None, TableStatus.CREATING, TableStatus.DELETING])
async def test_items_of_an_unusable_table_are_not_found(status: TableStatus | None) -> None:
    api = Api(FakeStore()) if status is None else _api(table_spec(status=status))
    refusal = await api.refused("GetItem", **KEY)
    assert (refusal.code, refusal.message) == (ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found")


# A table being updated keeps serving.
async def test_an_updating_table_serves() -> None:
    assert await _api(table_spec(status=TableStatus.UPDATING))("GetItem", **KEY) == {}


# AWS's words for keys of whole items.
@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"x": {"S": "a"}}, INVALID + "Missing the key pk in the item"),
        ({"pk": {"N": "1"}}, INVALID + "Type mismatch for key pk expected: S actual: N"),
        (
            {"pk": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            "empty string value. Key: pk",
        ),
        (
            {"pk": {"S": "x" * 2049}},
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
    ],
)
async def test_keys_of_items_are_checked(item: dict[str, Any], text: str) -> None:
    assert (await _api().refused("PutItem", TableName="things", Item=item)).message == text


# AWS's words for Key members: whatever does not fit is one and the same.
@pytest.mark.parametrize("key", [{}, {"pk": {"N": "1"}}, {"other": {"S": "a"}}, {"pk": {"S": "a"}, "sk": {"N": "1"}}])
async def test_key_members_must_match_the_schema(key: dict[str, Any]) -> None:
    refusal = await _api().refused("GetItem", TableName="things", Key=key)
    assert refusal.message == "The provided key element does not match the schema"


# Binary keys have their own word for empty, and sort keys their own bound.
async def test_binary_and_sort_keys_are_checked() -> None:
    api = _api(table_spec(schema=KeySchema(KeyAttribute("pk", "B"), KeyAttribute("sk", "S"))))
    key = {"pk": {"B": ""}, "sk": {"S": "a"}}
    assert (
        "cannot contain an empty binary value. Key: pk"
        in (await api.refused("PutItem", TableName="things", Item=key)).message
    )
    key = {"pk": {"B": "YQ=="}, "sk": {"S": "x" * 1025}}
    refusal = await api.refused("DeleteItem", TableName="things", Key=key)
    assert refusal.message == INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"


# Numbers that are equal are one key, however they are written.
async def test_numeric_keys_are_canonical() -> None:
    api = _api(table_spec(schema=RANGE_SCHEMA))
    await api("PutItem", TableName="things", Item={"pk": {"S": "a"}, "sk": {"N": "1E1"}})
    answer = await api("GetItem", TableName="things", Key={"pk": {"S": "a"}, "sk": {"N": "10.0"}})
    assert answer["Item"]["sk"] == {"N": "10"}


# A put carries its condition as a tree, with the values beside it.
async def test_a_condition_travels_as_a_tree() -> None:
    api = _api()
    await api("PutItem", **PUT, ConditionExpression="v < :max", ExpressionAttributeValues={":max": {"N": "3.0"}})
    write = _sent(api)
    assert (write.kind, write.condition, write.values) == (WriteKind.PUT, b'["<",["p","v"],["v",0]]', b'[{"N":"3"}]')


# A failed condition is AWS's error, and shows the item to those who asked.
async def test_a_failed_condition_may_show_the_item() -> None:
    api = _api()
    api.store.script(Write, ConditionFailed(item_bytes(pk={"S": "a"}), 3), ConditionFailed(b"", 0))
    condition = {"ConditionExpression": "attribute_not_exists(pk)"}
    refusal = await api.refused("PutItem", **PUT, **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert (refusal.code, refusal.message) == (ErrorCode.CONDITIONAL_CHECK_FAILED, "The conditional request failed")
    assert list(refusal.members) == ["Item"]
    assert _sent(api).return_on_failure
    assert not (await api.refused("PutItem", **PUT, **condition)).members


# Only an update knows new and updated attributes.
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
@pytest.mark.parametrize("wanted", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
async def test_puts_and_deletes_return_the_old_item_or_nothing(operation: str, wanted: str) -> None:
    body = PUT if operation == "PutItem" else KEY
    refusal = await _api().refused(operation, **body, ReturnValues=wanted)
    assert refusal.message == "1 validation error detected: ReturnValues can only be ALL_OLD or NONE"


# What the node returns stands under Attributes, untouched.
async def test_the_old_item_is_returned() -> None:
    api = _api()
    await api("PutItem", **PUT)
    assert await api("DeleteItem", **KEY, ReturnValues="ALL_OLD") == {"Attributes": {"pk": {"S": "a"}}}


# An update carries the item of just its key, from which an absent item starts.
async def test_an_update_carries_its_key_as_an_item() -> None:
    api = _api()
    await api(
        "UpdateItem",
        **KEY,
        UpdateExpression="SET v = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    write = _sent(api)
    assert (write.kind, write.body, write.returned) == (WriteKind.UPDATE, b'{"pk":{"S":"a"}}', Returned.UPDATED_NEW)
    assert write.update == b'["update",["set",["p","v"],["v",0]]]'


# The key names the item: changing it would make another one.
async def test_an_update_may_not_touch_the_key() -> None:
    refusal = await _api().refused("UpdateItem", **KEY, UpdateExpression="REMOVE pk")
    assert refusal.message == INVALID + "Cannot update attribute pk. This attribute is part of the key"


# Key attributes are scalars, so looking inside one can only be a mistake.
async def test_expressions_may_not_look_inside_the_key() -> None:
    refusal = await _api().refused("GetItem", **KEY, ProjectionExpression="pk.deep")
    assert refusal.message == (
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"
    )


# AttributesToGet is the old spelling of a projection.
async def test_attributes_to_get_is_a_projection() -> None:
    api = _api()
    await api("GetItem", **KEY, AttributesToGet=["a", "b"])
    assert _sent(api).projection == b'["project",["p","a"],["p","b"]]'
    refusal = await api.refused("GetItem", **KEY, AttributesToGet=["a", "a"])
    assert refusal.message == INVALID + "Duplicate value in attribute name: a"


# The parameters older than expressions become the same trees, with one list of values for the update and the condition.
async def test_older_parameters_become_trees() -> None:
    api = _api()
    await api(
        "UpdateItem",
        **KEY,
        AttributeUpdates={"n": {"Action": "ADD", "Value": {"N": "1.0"}}, "s": {"Action": "DELETE"}},
        Expected={"a": {"Exists": False}, "b": {"ComparisonOperator": "NOT_CONTAINS", "Value": {"S": "x"}}},
        ConditionalOperator="OR",
    )
    write = _sent(api)
    assert write.update == b'["attribute_updates",["add",["p","n"],["v",0]],["remove",["p","s"]]]'
    assert write.condition == (
        b'["or",["not_exists",["p","a"]],["and",["exists",["p","b"]],["not",["contains",["p","b"],["v",1]]]]]'
    )
    assert write.values == b'[{"N":"1"},{"S":"x"}]'


# Units: one per started KB of the larger of the item before and after; half a unit per started 4 KB of an eventual read.
async def test_capacity_is_reported() -> None:
    api = _api()
    api.store.script(Write, Written(b"", 1025, 10))
    api.store.script(Get, Got(b"{}", 4097), Got(b"{}", 4097))
    capacity = {"ReturnConsumedCapacity": "TOTAL"}
    assert (await api("PutItem", **PUT, **capacity))["ConsumedCapacity"]["CapacityUnits"] == 2.0
    assert (await api("GetItem", **KEY, **capacity))["ConsumedCapacity"]["CapacityUnits"] == 1.0
    answer = await api("GetItem", **KEY, ReturnConsumedCapacity="INDEXES", ConsistentRead=True)
    assert answer["ConsumedCapacity"] == {"TableName": "things", "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}}


# A failure below reaches the edge as it is.
async def test_failures_of_the_store_are_passed_on() -> None:
    api = _api()
    api.store.script(Get, StoreError(ErrorCode.OVERLOADED, "full"))
    assert (await api.refused("GetItem", **KEY)).code is ErrorCode.OVERLOADED


# A value of the wrong JSON type is AWS's SerializationException, in the model's words.
async def test_a_wrong_type_inside_an_item_is_a_serialization_error() -> None:
    refusal = await _api().refused("PutItem", TableName="things", Item={"pk": {"S": "a"}, "n": {"N": 1}})
    assert refusal.code is ErrorCode.SERIALIZATION


# Flags written as texts are flags to AWS, inside items as anywhere; what is none is refused in the deserializer's words.
async def test_flags_may_be_texts() -> None:
    api = _api()
    value = {"L": [{"BOOL": "true"}, {"BOOL": "False"}, {"NULL": "true"}]}
    await api("PutItem", TableName="things", Item={"pk": {"S": "a"}, "v": value})
    assert _sent(api).body == b'{"pk":{"S":"a"},"v":{"L":[{"BOOL":true},{"BOOL":false},{"NULL":true}]}}'
    item = {"pk": {"S": "a"}, "v": {"M": {"x": {"BOOL": "maybe"}}}}
    refusal = await api.refused("PutItem", TableName="things", Item=item)
    assert (refusal.code, refusal.message) == (ErrorCode.SERIALIZATION, "Unexpected token received from parser")
