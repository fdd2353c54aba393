"""Expected and ConditionalOperator: every comparison operator on writes, and what is refused."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
KEY: Item = {"pk": {"S": "a"}}
SUBJECT: Item = {
    **KEY,
    "s": {"S": "hello"},
    "n": {"N": "5"},
    "b": {"B": b"\x01\x02\x03"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["red", "green"]},
    "ns": {"NS": ["1", "2"]},
    "l": {"L": [{"S": "first"}, {"N": "2"}, {"BOOL": True}]},
    "m": {"M": {"x": {"N": "1"}}},
}

Condition = dict[str, Any]


def _compare(operator: str, *values: dict[str, Any]) -> Condition:
    return {"ComparisonOperator": operator, "AttributeValueList": list(values)}


CASES: list[tuple[str, Condition, bool]] = [
    ("s", _compare("EQ", {"S": "hello"}), True),
    ("s", _compare("EQ", {"S": "Hello"}), False),
    ("n", _compare("EQ", {"N": "5.0"}), True),
    ("n", _compare("EQ", {"S": "5"}), False),
    ("ss", _compare("EQ", {"SS": ["green", "red"]}), True),
    ("l", _compare("EQ", SUBJECT["l"]), True),
    ("m", _compare("EQ", {"M": {"x": {"N": "1.0"}}}), True),
    ("t", _compare("EQ", {"BOOL": False}), False),
    ("z", _compare("EQ", {"NULL": True}), True),
    ("nope", _compare("EQ", {"S": "x"}), False),
    ("n", _compare("NE", {"N": "5"}), False),
    ("n", _compare("NE", {"S": "5"}), True),
    ("nope", _compare("NE", {"S": "x"}), True),
    ("n", _compare("LE", {"N": "5"}), True),
    ("n", _compare("LT", {"N": "5"}), False),
    ("n", _compare("LT", {"N": "10"}), True),
    ("n", _compare("LT", {"S": "9"}), False),
    ("s", _compare("GE", {"S": "hello"}), True),
    ("b", _compare("GT", {"B": b"\x01"}), True),
    ("nope", _compare("GT", {"N": "0"}), False),
    ("z", {"ComparisonOperator": "NOT_NULL"}, True),
    ("nope", _compare("NOT_NULL"), False),
    ("nope", {"ComparisonOperator": "NULL"}, True),
    ("z", _compare("NULL"), False),
    ("s", _compare("CONTAINS", {"S": "ell"}), True),
    ("s", _compare("CONTAINS", {"N": "1"}), False),
    ("ss", _compare("CONTAINS", {"S": "red"}), True),
    ("ns", _compare("CONTAINS", {"N": "2.0"}), True),
    ("l", _compare("CONTAINS", {"N": "2"}), True),
    ("l", _compare("CONTAINS", {"BOOL": True}), True),
    ("nope", _compare("CONTAINS", {"S": "x"}), False),
    ("s", _compare("NOT_CONTAINS", {"S": "elo"}), True),
    ("s", _compare("NOT_CONTAINS", {"S": "ell"}), False),
    ("n", _compare("NOT_CONTAINS", {"N": "5"}), True),
    # Neither CONTAINS nor NOT_CONTAINS holds of what is not there.
    ("nope", _compare("NOT_CONTAINS", {"S": "x"}), False),
    ("s", _compare("BEGINS_WITH", {"S": "hel"}), True),
    ("b", _compare("BEGINS_WITH", {"B": b"\x02"}), False),
    ("n", _compare("BEGINS_WITH", {"S": "5"}), False),
    ("n", _compare("IN", {"N": "1"}, {"N": "5"}), True),
    ("ns", _compare("IN", {"N": "1"}), False),
    ("n", _compare("BETWEEN", {"N": "5"}, {"N": "6"}), True),
    ("n", _compare("BETWEEN", {"S": "4"}, {"S": "6"}), False),
    ("nope", _compare("BETWEEN", {"N": "0"}, {"N": "9"}), False),
    # Without a ComparisonOperator
    ("n", {"Value": {"N": "5"}}, True),
    ("n", {"Exists": True, "Value": {"N": "6"}}, False),
    ("nope", {"Value": {"N": "5"}}, False),
    ("nope", {"Exists": False}, True),
    ("z", {"Exists": False}, False),
    # Value with a ComparisonOperator is a list of one.
    ("n", {"ComparisonOperator": "GT", "Value": {"N": "4"}}, True),
]


def _holds(table: Table, **expected: Any) -> bool:
    try:
        table.put(SUBJECT, **expected)
    except table.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


# One table of truths.
def test_expectations(things: Table) -> None:
    things.put(SUBJECT)
    wrong = [(name, one) for name, one, truth in CASES if _holds(things, Expected={name: one}) is not truth]
    assert wrong == []


# Several are joined by AND unless the request says OR.
def test_expectations_are_joined(things: Table) -> None:
    things.put(SUBJECT)
    right, wrong = {"Value": {"N": "5"}}, {"Value": {"S": "x"}}
    assert _holds(things, Expected={"n": right, "nope": {"Exists": False}})
    assert not _holds(things, Expected={"n": right, "s": wrong})
    assert not _holds(things, Expected={"n": right, "s": wrong}, ConditionalOperator="AND")
    assert _holds(things, Expected={"n": right, "s": wrong}, ConditionalOperator="OR")
    assert not _holds(things, Expected={"t": wrong, "s": wrong}, ConditionalOperator="OR")


# NOT_CONTAINS asks for two things at once; inside an OR they must stay together.
def test_not_contains_in_an_or(things: Table) -> None:
    things.put(SUBJECT)
    absent = {"nope": _compare("NOT_CONTAINS", {"S": "x"}), "n": {"Value": {"N": "6"}}}
    assert not _holds(things, Expected=absent, ConditionalOperator="OR")
    present = {"s": _compare("NOT_CONTAINS", {"S": "x"}), "n": {"Value": {"N": "6"}}}
    assert _holds(things, Expected=present, ConditionalOperator="OR")


# Deletes and updates take them too; the item is judged as it was before.
def test_deletes_and_updates_expect(things: Table) -> None:
    things.put(SUBJECT)
    change = {"n": {"Action": "ADD", "Value": {"N": "1"}}}
    expected = {"n": {"Value": {"N": "5"}}}
    named = {"TableName": things.name, "Key": KEY}
    things.client.update_item(**named, AttributeUpdates=change, Expected=expected)
    code, _ = refused(things.client.update_item, **named, AttributeUpdates=change, Expected=expected)
    assert code == "ConditionalCheckFailedException"
    assert refused(things.delete, key=KEY, Expected=expected)[0] == "ConditionalCheckFailedException"
    things.delete(KEY, Expected={"n": {"Value": {"N": "6"}}})
    assert things.get(KEY) is None


# The item that a failed expectation met is shown on request, as for expressions.
def test_a_failed_expectation_shows_the_item(things: Table) -> None:
    things.put(SUBJECT)
    with pytest.raises(things.client.exceptions.ConditionalCheckFailedException) as caught:
        things.delete(KEY, Expected={"pk": {"Exists": False}}, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Item"]["n"] == {"N": "5"}


# An empty Expected asks for nothing.
def test_an_empty_expectation_holds(things: Table) -> None:
    assert _holds(things, Expected={})


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({}, f"{INVALID}Value must be provided when Exists is null for Attribute: x"),
        ({"Exists": True}, f"{INVALID}Value must be provided when Exists is true for Attribute: x"),
        (
            {"Exists": False, "Value": {"S": "a"}},
            f"{INVALID}Value cannot be used when Exists is false for Attribute: x",
        ),
        (
            {"AttributeValueList": []},
            f"{INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: x",
        ),
        (
            {"Exists": True, "AttributeValueList": []},
            f"{INVALID}AttributeValueList can only be used with a ComparisonOperator for Attribute: x",
        ),
        (
            {"Value": {"S": "a"}, "AttributeValueList": []},
            f"{INVALID}Value and AttributeValueList cannot be used together for Attribute: x",
        ),
        (
            {"Exists": True, "ComparisonOperator": "LT"},
            f"{INVALID}Exists and ComparisonOperator cannot be used together for Attribute: x",
        ),
        (
            {"ComparisonOperator": "LT"},
            f"{INVALID}Value or AttributeValueList must be used with ComparisonOperator: LT for Attribute: x",
        ),
        (
            {"ComparisonOperator": "BETWEEN", "Value": {"S": "a"}},
            f"{INVALID}Invalid number of argument(s) for the BETWEEN ComparisonOperator",
        ),
        (
            {"ComparisonOperator": "NULL", "Value": {"S": "a"}},
            f"{INVALID}Invalid number of argument(s) for the NULL ComparisonOperator",
        ),
        (_compare("IN"), f"{INVALID}Invalid number of argument(s) for the IN ComparisonOperator"),
        (
            _compare("IN", {"S": "b"}, {"N": "1"}),
            f"{INVALID}AttributeValues inside AttributeValueList must be of same type",
        ),
        (
            _compare("BETWEEN", {"N": "10"}, {"N": "9"}),
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ),
        (
            {"Value": {}},
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        ({"Value": {"NS": ["1", ""]}}, "The parameter cannot be converted to a numeric value: "),
        (_compare("EQ", {"SS": []}), f"{INVALID}An string set  may not be empty"),
    ],
    ids=str,
)
def test_expectations_are_checked(things: Table, condition: Condition, text: str) -> None:
    assert invalid(things.put, item=KEY, Expected={"x": condition}) == COUNTED + text


# Which types an operator compares with.
@pytest.mark.parametrize(
    ("operator", "refused_types"),
    [
        *[(operator, "BOOL NULL SS NS BS M L") for operator in ("LT", "LE", "GT", "GE", "IN")],
        *[(operator, "SS NS BS M L") for operator in ("CONTAINS", "NOT_CONTAINS")],
        ("BEGINS_WITH", "N BOOL NULL SS NS BS M L"),
        ("BETWEEN", "BOOL NULL SS NS BS M L"),
        ("EQ", ""),
        ("NE", ""),
    ],
)
def test_operators_take_types(things: Table, operator: str, refused_types: str) -> None:
    values: dict[str, Any] = {
        "S": "a", "N": "1", "B": b"a", "BOOL": True, "NULL": True, "SS": ["a"], "NS": ["1"], "BS": [b"a"], "M": {}, "L": []
    }  # fmt: skip
    found = []
    for kind, payload in values.items():
        arguments = [{kind: payload}] * (2 if operator == "BETWEEN" else 1)
        expected = {"x": _compare(operator, *arguments), "y": {"Value": {"S": "never"}}}
        code, text = refused(things.put, item=SUBJECT, Expected=expected)
        if code == "ValidationException":
            assert (
                text == f"{COUNTED}{INVALID}ComparisonOperator {operator} is not valid for {kind} AttributeValue type"
            )
            found.append(kind)
    assert sorted(found) == sorted(refused_types.split())
