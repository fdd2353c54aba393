"""Attribute values: every type comes back as it went in, and what is no value is refused in AWS's words."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
KEY: Item = {"pk": {"S": "a"}}


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "deep"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


# Each type by itself, empty ones included.
@pytest.mark.parametrize(
    "value",
    [
        {"S": "text"},
        {"S": ""},
        {"S": "zażółć 🌍"},
        {"N": "42"},
        {"B": b"\x00\xff"},
        {"B": b""},
        {"BOOL": True},
        {"BOOL": False},
        {"NULL": True},
        {"L": []},
        {"L": [{"S": "x"}, {"N": "1"}, {"L": [{"BOOL": False}]}]},
        {"M": {}},
        {"M": {"a": {"M": {"b": {"S": "c"}}}, "with space": {"NULL": True}}},
    ],
    ids=str,
)
def test_values_come_back(things: Table, value: dict[str, Any]) -> None:
    things.put({**KEY, "v": value})
    found = things.get(KEY)
    assert found is not None
    assert found["v"] == value


# Sets come back with the same members, in whatever order.
@pytest.mark.parametrize(
    ("kind", "members"), [("SS", ["b", "a"]), ("NS", ["2", "10", "-1.5"]), ("BS", [b"b", b"a"]), ("SS", [""])]
)
def test_sets_come_back(things: Table, kind: str, members: list[Any]) -> None:
    things.put({**KEY, "v": {kind: members}})
    found = things.get(KEY)
    assert found is not None
    assert set(found["v"][kind]) == set(members)


# Numbers come back in plain notation, without needless zeros.
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("007", "7"),
        ("1.50", "1.5"),
        ("-0", "0"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        (".5", "0.5"),
        ("+3", "3"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("1e125", "1" + "0" * 125),
        ("1e-130", "0." + "0" * 129 + "1"),
    ],
)
def test_numbers_are_canonical(things: Table, given: str, stored: str) -> None:
    things.put({**KEY, "v": {"N": given}})
    found = things.get(KEY)
    assert found is not None
    assert found["v"] == {"N": stored}


# What is not a number, or not one that fits.
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("abc", "The parameter cannot be converted to a numeric value: abc"),
        ("", "The parameter cannot be converted to a numeric value: "),
        ("1 2", "The parameter cannot be converted to a numeric value: 1 2"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("1e126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ("1e-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
    ],
)
def test_numbers_are_checked(things: Table, given: str, text: str) -> None:
    assert invalid(things.put, item={**KEY, "v": {"N": given}}) == COUNTED + text


# Values that are none.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes",
        ),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"NS": []}, INVALID + "An number set  may not be empty"),
        ({"BS": []}, INVALID + "Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, INVALID + 'Input collection ["a", "a"] contains duplicates.'),
        ({"NS": ["1", "1.0"]}, INVALID + "Input collection contains duplicates."),
        ({"NS": [""]}, "The parameter cannot be converted to a numeric value: "),
        (
            {"M": {"x": {"L": [{}]}}},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
    ],
    ids=str,
)
def test_values_are_checked(things: Table, value: dict[str, Any], text: str) -> None:
    assert invalid(things.put, item={**KEY, "v": value}) == COUNTED + text


# Lists and maps nest 31 deep.
def test_nesting_has_a_bound(things: Table) -> None:
    things.put({**KEY, "v": _nested(31)})
    assert invalid(things.put, item={**KEY, "v": _nested(32)}) == (
        f"{COUNTED}Nesting Levels have exceeded supported limits: "
        "Attributes in the item have nested levels beyond supported limit"
    )


# 400 KB, names and key included, and not a byte more.
def test_items_have_a_size(things: Table) -> None:
    room = 409_600 - len("pk") - len("a") - len("v")
    things.put({**KEY, "v": {"S": "x" * room}})
    text = invalid(things.put, item={**KEY, "v": {"S": "x" * (room + 1)}})
    assert text == "Item size has exceeded the maximum allowed size"


# An update cannot grow an item past the bound either.
def test_updates_cannot_outgrow_the_size(things: Table) -> None:
    things.put({**KEY, "v": {"S": "x" * 400_000}})
    value = {":w": {"S": "y" * 10_000}}
    text = invalid(things.update, key=KEY, expression="SET w = :w", ExpressionAttributeValues=value)
    assert text == "Item size to update has exceeded the maximum allowed size"
    found = things.get(KEY)
    assert found is not None
    assert "w" not in found


# A number where a string has to be is not even a request.
def test_json_types_are_checked(things: Table) -> None:
    code, _ = refused(things.put, item={**KEY, "v": {"N": 5}})
    assert code == "SerializationException"


# Names of attributes may be anything, even what looks like JSON.
def test_attribute_names_are_free(things: Table) -> None:
    item: Item = {**KEY, 'we"ird\\name': {"S": "x"}, "ключ": {"S": "y"}, "a.b[0]": {"S": "z"}}
    things.put(item)
    assert things.get(KEY) == item
