"""Wrong JSON types: what AWS converts, what it drops, and how it refuses the rest."""

from typing import Any

import pytest

from router.operations.model import ServiceModel
from wire.errors import ErrorCode, StoreError

MODEL = ServiceModel.load()

_STRUCTURE = "Start of structure or map found where not expected"
_NOT_A_CLASS = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class "
    "(sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of "
    "loader 'bootstrap')"
)
_V = "com.amazonaws.dynamodb.v20120810."


def _text(operation: str, body: dict[str, Any]) -> str:
    with pytest.raises(StoreError) as caught:
        MODEL.validate(operation, body)
    assert caught.value.code is ErrorCode.SERIALIZATION
    return caught.value.message


# The parser's own names of JSON tokens stand in these texts; clients' tests compare them.
@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("TableName", True, "TRUE_VALUE cannot be converted to String"),
        ("TableName", False, "FALSE_VALUE cannot be converted to String"),
        ("TableName", 23, "NUMBER_VALUE cannot be converted to String"),
        ("TableName", -(2**40), "NUMBER_VALUE cannot be converted to String"),
        ("TableName", 34.56, "DECIMAL_VALUE cannot be converted to String"),
        ("TableName", [], "Unrecognized collection type class java.lang.String"),
        ("TableName", {}, _STRUCTURE),
        ("Limit", "23", "STRING_VALUE cannot be converted to Integer"),
        ("Limit", True, "TRUE_VALUE cannot be converted to Integer"),
        ("Limit", [], "Unrecognized collection type class java.lang.Integer"),
        ("Limit", {}, _STRUCTURE),
        ("ConsistentRead", "23", "Unexpected token received from parser"),
        ("ConsistentRead", 23, "NUMBER_VALUE cannot be converted to Boolean"),
        ("ConsistentRead", 34.56, "DECIMAL_VALUE cannot be converted to Boolean"),
        ("ConsistentRead", [], "Unrecognized collection type class java.lang.Boolean"),
        ("ConsistentRead", {}, _STRUCTURE),
        ("AttributesToGet", "23", "Unexpected field type"),
        ("AttributesToGet", {}, _STRUCTURE),
        ("AttributesToGet", [1], "NUMBER_VALUE cannot be converted to String"),
        ("ExpressionAttributeNames", 1, "Unexpected field type"),
        (
            "ExpressionAttributeNames",
            [],
            "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>",
        ),
        ("ScanFilter", [], f"Unrecognized collection type java.util.Map<java.lang.String, {_V}Condition>"),
        ("ScanFilter", {"a": "b"}, "Unexpected value type in payload"),
        ("ScanFilter", {"a": []}, f"Unrecognized collection type class {_V}Condition"),
        ("ExclusiveStartKey", {"a": 5}, "Unexpected value type in payload"),
    ],
)
def test_a_wrong_type_in_a_scan(member: str, value: Any, text: str) -> None:
    assert _text("Scan", {member: value}) == text


# Structures and collections inside collections are refused in other words than those in members.
@pytest.mark.parametrize(
    ("operation", "body", "text"),
    [
        ("CreateTable", {"ProvisionedThroughput": 5}, "Unexpected field type"),
        ("CreateTable", {"ProvisionedThroughput": []}, f"Unrecognized collection type class {_V}ProvisionedThroughput"),
        (
            "CreateTable",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "5"}},
            "STRING_VALUE cannot be converted to Long",
        ),
        ("CreateTable", {"KeySchema": ["a"]}, "Unexpected value type in payload"),
        ("BatchWriteItem", {"RequestItems": {"t": 5}}, _NOT_A_CLASS),
        ("BatchWriteItem", {"RequestItems": {"t": {}}}, _STRUCTURE),
        (
            "BatchWriteItem",
            {"RequestItems": []},
            f"Unrecognized collection type java.util.Map<java.lang.String, java.util.List<{_V}WriteRequest>>",
        ),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": [5]}}}, _NOT_A_CLASS),
        ("ListBackups", {"TimeRangeLowerBound": "2020-01-01"}, "STRING_VALUE cannot be converted to Date"),
        (
            "UpdateTableReplicaAutoScaling",
            {
                "ProvisionedWriteCapacityAutoScalingUpdate": {
                    "ScalingPolicyUpdate": {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": "50"}}
                }
            },
            "STRING_VALUE cannot be converted to Double",
        ),
    ],
)
def test_a_wrong_type_further_down(operation: str, body: dict[str, Any], text: str) -> None:
    assert _text(operation, body) == text


# Types come before everything else, in the order of the body.
def test_the_first_wrong_type_of_the_body_is_the_one_told() -> None:
    assert _text("Scan", {"Select": "x", "Limit": "5", "IndexName": 5}).startswith("STRING_VALUE")
    assert _text("Scan", {"Select": "x", "IndexName": 5, "Limit": "5"}).startswith("NUMBER_VALUE")


# AWS drops what it does not know and what is null; operations never see either.
def test_unknown_and_null_members_are_dropped() -> None:
    body = {"TableName": "abc", "IndexName": None, "Limit": None, "Unknown": 5, "ExclusiveStartKey": {"a": {"S": "b"}}}
    MODEL.validate("Scan", body)
    assert body == {"TableName": "abc", "ExclusiveStartKey": {"a": {"S": "b"}}}


# AWS converts what it can; operations see the converted value.
def test_what_can_be_converted_is() -> None:
    body = {"TableName": "abc", "Limit": 5.9, "ConsistentRead": "TRUE"}
    MODEL.validate("Scan", body)
    assert body == {"TableName": "abc", "Limit": 5, "ConsistentRead": True}


# Numbers that Java cannot hold become the nearest it can: the constraint then names that one.
def test_numbers_beyond_their_type_are_clamped() -> None:
    with pytest.raises(StoreError, match=r"Value '2147483647' at 'limit'.*less than or equal to 100"):
        MODEL.validate("ListTables", {"Limit": 99_999_999_999})


# An attribute without a value is for the rules of items to refuse; they must get something they can look at.
def test_a_null_attribute_is_an_empty_one() -> None:
    body: dict[str, Any] = {"TableName": "abc", "Item": {"a": None}}
    MODEL.validate("PutItem", body)
    assert body["Item"] == {"a": {}}


# What an AttributeValue holds is not looked at when all else is right: items are read once, elsewhere.
def test_the_inside_of_attribute_values_is_left_alone() -> None:
    body = {"TableName": "abc", "Item": {"a": {"S": 5}}}
    MODEL.validate("PutItem", body)
    assert body["Item"] == {"a": {"S": 5}}


# Who does look there can get AWS's text for what was found.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "Unexpected value type in payload"),
        ([], f"Unrecognized collection type class {_V}AttributeValue"),
        ({"S": 5}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": 5}, "NUMBER_VALUE cannot be converted to String"),
        ({"BOOL": 5}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"B": True}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": []}, "Unrecognized collection type class java.nio.ByteBuffer"),
        ({"B": "23456"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ({"B": "=+/="}, "Invalid last non-pad Base64 character dectected"),
        ({"SS": "a"}, "Unexpected field type"),
        ({"L": ["a"]}, "Unexpected value type in payload"),
        ({"M": []}, f"Unrecognized collection type java.util.Map<java.lang.String, {_V}AttributeValue>"),
        ({"L": [{"M": {"a": {"NS": [1]}}}]}, "NUMBER_VALUE cannot be converted to String"),
    ],
)
def test_a_wrong_type_inside_an_attribute_value(value: Any, text: str) -> None:
    with pytest.raises(StoreError) as caught:
        MODEL.require_attribute_value_types(value)
    assert caught.value.message == text
    with pytest.raises(StoreError) as caught:
        MODEL.require_types("PutItem", {"Item": {"a": value}})
    assert caught.value.message == text


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [{"M": {"a": value}}]}
    return value


# Nesting as deep as a JSON parser lets through must find an end here, too, on every way through the validation.
def test_values_nested_beyond_reason() -> None:
    item = {"a": _nested(250)}
    MODEL.validate("PutItem", {"TableName": "abc", "Item": item, "Unknown": 1})
    MODEL.require_types("PutItem", {"TableName": "abc", "Item": item})
    with pytest.raises(StoreError, match="less than or equal to 25"):
        MODEL.validate("BatchWriteItem", {"RequestItems": {"abc": [{"PutRequest": {"Item": item}}] * 26}})
