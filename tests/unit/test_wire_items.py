"""Attribute values: their one normal form, AWS's texts for what is none, sizes to the byte, equality."""

import random
from typing import Any

import pytest

from tests.support.expressions import refusal
from wire.errors import ErrorCode, StoreError
from wire.items import (
    AttributeValue,
    decoded_binary,
    encoded_binary,
    item_size,
    normalized_item,
    normalized_value,
    number_size,
    sort_key,
    sorted_set,
    value_size,
)
from wire.limits import ITEM_BYTES_MAX

INVALID = "One or more parameter values were invalid: "
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"


def nested(levels: int, kind: str = "M") -> AttributeValue:
    """Return a text inside so many maps or lists."""
    value: AttributeValue = {"S": "leaf"}
    for _ in range(levels):
        value = {"M": {"n": value}} if kind == "M" else {"L": [value]}
    return value


# What is stored is what every reader gets back, byte for byte; so there must be one form for each value.
@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"S": ""}, {"S": ""}),
        ({"N": "0042.1200"}, {"N": "42.12"}),
        ({"N": "1E3"}, {"N": "1000"}),
        ({"N": "-0"}, {"N": "0"}),
        ({"B": ""}, {"B": ""}),
        ({"BOOL": False}, {"BOOL": False}),
        ({"NULL": True}, {"NULL": True}),
        ({"SS": ["b", "", "a"]}, {"SS": ["", "a", "b"]}),
        ({"SS": ["\U0001f600", "\uffff"]}, {"SS": ["\uffff", "\U0001f600"]}),
        ({"NS": ["10", "9.0", "-1e1"]}, {"NS": ["-10", "9", "10"]}),
        ({"BS": ["/w==", "", "AA=="]}, {"BS": ["", "AA==", "/w=="]}),
        ({"L": [{"N": "1.0"}, {"L": []}]}, {"L": [{"N": "1"}, {"L": []}]}),
        ({"M": {"x": {"NS": ["2", "1"]}, "y": {"M": {}}}}, {"M": {"x": {"NS": ["1", "2"]}, "y": {"M": {}}}}),
        # Members AWS does not know, and nulls, count for nothing.
        ({"S": "a", "N": None}, {"S": "a"}),
        ({"X": 1, "S": "a"}, {"S": "a"}),
    ],
)
def test_normal_form(value: AttributeValue, form: AttributeValue) -> None:
    assert normalized_value(value) == form
    assert normalized_value(form) == form


# People search for these sentences, odd spaces and all.
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"X": "a"}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"S": None}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"M": {"a": {}}}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"L": [{}]}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"NS": []}, INVALID + "An number set  may not be empty"),
        ({"BS": []}, INVALID + "Binary sets should not be empty"),
        ({"SS": ["b", "a", "b"]}, INVALID + "Input collection [b, a, b] contains duplicates."),
        ({"SS": ["", ""]}, INVALID + "Input collection [, ] contains duplicates."),
        ({"BS": ["Yg==", "Yg=="]}, INVALID + "Input collection [Yg==, Yg==]of type BS contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"N": ""}, NOT_NUMERIC),
        ({"N": "b"}, NOT_NUMERIC + ": b"),
        ({"NS": ["1", ""]}, NOT_NUMERIC),
        ({"SS": ["a", None]}, INVALID + "An string set may not have a null string as a member"),
        ({"NS": ["1", None]}, NOT_NUMERIC),
        ({"BS": ["Yg==", None]}, INVALID + "Binary sets may not contain null or empty values"),
        ({"NS": ["1", "b"]}, NOT_NUMERIC + ": b"),
        # A bad number is named before a second datatype is.
        ({"S": "a", "N": "b"}, NOT_NUMERIC + ": b"),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        ({"N": "1e126"}, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ({"N": "1e-131"}, "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
    ],
)
def test_refused_values(value: AttributeValue, message: str) -> None:
    assert refusal(normalized_value, value) == message
    assert refusal(normalized_item, {"k": {"S": "k"}, "v": value}) == message


# An attribute needs a name, at the top and inside maps; at the top that is said before anything about values.
def test_empty_names() -> None:
    assert refusal(normalized_item, {"a": {"N": "x"}, "": {"S": "x"}}) == "Empty attribute name"
    assert refusal(normalized_item, {"a": {"L": [{"M": {"": {"S": "x"}}}]}}) == "Empty attribute name"


# A JSON value of another type never reaches the store's own rules; AWS calls that a serialization error.
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": 1.5}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": True}, "TRUE_VALUE cannot be converted to String"),
        ({"BOOL": "true"}, "STRING_VALUE cannot be converted to Boolean"),
        ({"NULL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"S": ["a"]}, "Start of list found where not expected"),
        ({"L": {"S": "a"}}, "Start of structure or map found where not expected."),
        ({"SS": ["a", 1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"M": []}, "Start of list found where not expected"),
        (
            {"B": "YQ="},
            "'YQ=' can not be converted to a Blob: "
            "Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        ({"B": "Y%=="}, "'Y%==' can not be converted to a Blob: Invalid Base64 character: '%'"),
        ({"B": "YR=="}, "'YR==' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"),
        ({"BS": ["é==="]}, "'é===' can not be converted to a Blob: Invalid Base64 character: 'é'"),
        ("text", "Unexpected value type in payload"),
        ("t", "Unexpected value type in payload"),
        (5, "Unexpected value type in payload"),
        (None, "Unexpected value type in payload"),
        ([{"S": "a"}], "Start of list found where not expected"),
    ],
)
def test_misplaced_json(value: Any, message: str) -> None:
    with pytest.raises(StoreError) as raised:
        normalized_item({"v": value})
    assert raised.value.code is ErrorCode.SERIALIZATION
    assert raised.value.message == message


# 31 levels around a leaf are the deepest DynamoDB takes; one more is refused, whatever the levels are made of.
@pytest.mark.parametrize("kind", ["M", "L"])
def test_nesting(kind: str) -> None:
    assert normalized_value(nested(31, kind)) == nested(31, kind)
    assert refusal(normalized_value, nested(32, kind)) == (
        "Nesting Levels have exceeded supported limits: "
        "Attributes in the item have nested levels beyond supported limit"
    )


# Literals and their costs as public test projects measured them on DynamoDB at the 400 KB limit.
@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 1),
        ("-0", 1),
        ("1", 2),
        ("12", 2),
        ("123", 3),
        ("1234", 3),
        ("12345678901234567890123456789012345678", 20),
        ("0042", 2),
        ("100", 2),
        ("1010", 3),
        ("0.0000001", 2),
        ("1E125", 2),
        ("1E-100", 2),
        ("1.5", 3),
        ("15", 2),
        ("1.200", 3),
        ("1.234", 4),
        ("3.14159", 5),
        ("123456", 4),
        ("100.5", 4),
        ("0.15", 2),
        ("-42", 3),
    ],
)
def test_number_sizes(text: str, size: int) -> None:
    canonical = normalized_value({"N": text})["N"]
    assert number_size(canonical) == size


# Capacity units and the item limit both count these bytes.
@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é𝄞"}, 6),
        ({"B": "YWJj"}, 3),
        ({"B": "YWI="}, 2),
        ({"B": "YQ=="}, 1),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "é"]}, 4),
        ({"NS": ["1", "123"]}, 5),
        ({"BS": ["YQ==", "YWI="]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 1 + 2 + 1 + 1),
        ({"M": {}}, 3),
        ({"M": {"é": {"S": "ab"}}}, 3 + 1 + 2 + 2),
    ],
)
def test_value_sizes(value: AttributeValue, size: int) -> None:
    assert value_size(value) == size
    item, measured = normalized_item({"é": value})
    assert measured == item_size(item) == size + 2


# 409,600 bytes are an item, 409,601 are not: names and values together.
def test_item_size_limit() -> None:
    full = {"k": {"S": "x" * (ITEM_BYTES_MAX - 1)}}
    assert normalized_item(full) == (full, ITEM_BYTES_MAX)
    over = {"k": {"S": "x" * ITEM_BYTES_MAX}}
    assert refusal(normalized_item, over) == "Item size has exceeded the maximum allowed size"


# A put keeps the request's own objects where they are right already: the hot path allocates little.
def test_canonical_values_are_shared() -> None:
    text, number = {"S": "a"}, {"N": "1"}
    item, _ = normalized_item({"a": text, "b": number})
    assert item["a"] is text
    assert item["b"] is number


# Values are the same when their forms are: sets have no order, lists have one, and a type is part of a value.
@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ({"S": "1"}, {"N": "1"}, False),
        ({"S": "a"}, {"S": "a"}, True),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}, True),
        ({"SS": ["a", "b"]}, {"SS": ["a", "c"]}, False),
        ({"SS": ["a"]}, {"SS": ["a", "b"]}, False),
        ({"NS": ["1"]}, {"SS": ["1"]}, False),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}, False),
        ({"L": [{"SS": ["a", "b"]}]}, {"L": [{"SS": ["b", "a"]}]}, True),
        ({"M": {"x": {"BS": ["YQ==", ""]}}}, {"M": {"x": {"BS": ["", "YQ=="]}}}, True),
        ({"M": {"x": {"S": "a"}}}, {"M": {"y": {"S": "a"}}}, False),
        ({"M": {}}, {"L": []}, False),
    ],
)
def test_equality(left: AttributeValue, right: AttributeValue, equal: bool) -> None:
    assert (normalized_value(left) == normalized_value(right)) is equal


# Only texts, numbers and binaries have an order, each its own.
def test_order_of_scalars() -> None:
    assert sorted([{"N": "10"}, {"N": "9"}, {"N": "-1.5"}], key=sort_key) == [{"N": "-1.5"}, {"N": "9"}, {"N": "10"}]
    assert sorted([{"B": "/w=="}, {"B": "AA=="}], key=sort_key) == [{"B": "AA=="}, {"B": "/w=="}]
    assert sort_key({"BOOL": True}) is None
    assert sort_key({"SS": ["a"]}) is None


# The largest sets are sorted in parts, so that other threads have their turn; the order is the same.
@pytest.mark.parametrize("kind", ["SS", "NS", "BS"])
def test_large_sets_are_in_order(kind: str) -> None:
    numbers = list(range(10_000))
    random.Random(1).shuffle(numbers)
    members = [encoded_binary(b"%d" % number) if kind == "BS" else str(number) for number in numbers]
    assert sorted_set(kind, members) == sorted(members, key=_ORDERS[kind])


_ORDERS: dict[str, Any] = {"SS": str, "NS": int, "BS": decoded_binary}


# What has more members than an item has bytes is refused before any of them is looked at.
@pytest.mark.parametrize("kind", ["L", "M", "SS", "NS", "BS"])
def test_more_members_than_an_item_has_bytes(kind: str) -> None:
    members: Any = [None] * (ITEM_BYTES_MAX + 1)
    value = {kind: dict.fromkeys(map(str, range(ITEM_BYTES_MAX + 1))) if kind == "M" else members}
    assert refusal(normalized_item, {"a": value}) == "Item size has exceeded the maximum allowed size"


# A set with members twice is quoted as AWS does, but not a megabyte of it.
def test_a_large_set_with_duplicates_is_quoted_in_part() -> None:
    message = refusal(normalized_value, {"SS": ["twice", *(str(number) for number in range(100_000)), "twice"]})
    assert len(message) < 140_000
    assert message.startswith("One or more parameter values were invalid: Input collection [twice, 0, 1, 2,")
