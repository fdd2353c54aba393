"""Condition and filter expressions: every comparator, function and connective, and what is refused."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, refused

KEY: Item = {"pk": {"S": "a"}}
SUBJECT: Item = {
    "pk": {"S": "a"},
    "s": {"S": "hello"},
    "e": {"S": ""},
    "n": {"N": "5"},
    "neg": {"N": "-10"},
    "b": {"B": b"\x01\x02\x03"},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["red", "green"]},
    "ns": {"NS": ["1", "2", "3"]},
    "bs": {"BS": [b"x", b"y"]},
    "l": {"L": [{"S": "first"}, {"N": "2"}, {"M": {"deep": {"S": "down"}}}]},
    "m": {"M": {"inside": {"N": "7"}, "l": {"L": [{"N": "0"}, {"N": "1"}]}}},
}
CASES: list[tuple[str, Item, bool]] = [
    # comparators, on each ordered type
    ("s = :v", {":v": {"S": "hello"}}, True),
    ("s = :v", {":v": {"S": "Hello"}}, False),
    ("n = :v", {":v": {"N": "5.0"}}, True),
    ("n <> :v", {":v": {"N": "5"}}, False),
    ("n <> :v", {":v": {"S": "5"}}, True),
    ("n < :v", {":v": {"N": "10"}}, True),
    ("neg < :v", {":v": {"N": "-9"}}, True),
    ("n <= :v", {":v": {"N": "5"}}, True),
    ("n > :v", {":v": {"N": "5"}}, False),
    ("n >= :v", {":v": {"N": "5"}}, True),
    ("s > :v", {":v": {"S": "hallo"}}, True),
    ("s < :v", {":v": {"S": "hello "}}, True),
    ("b < :v", {":v": {"B": b"\x01\xff"}}, True),
    (":v = s", {":v": {"S": "hello"}}, True),
    ("e < s", {}, True),
    # equality of the other types
    ("t = :v", {":v": {"BOOL": True}}, True),
    ("z = :v", {":v": {"NULL": True}}, True),
    ("ss = :v", {":v": {"SS": ["green", "red"]}}, True),
    ("ns = :v", {":v": {"NS": ["3", "2.0", "1"]}}, True),
    ("bs = :v", {":v": {"BS": [b"y", b"x"]}}, True),
    ("m.l = :v", {":v": {"L": [{"N": "0"}, {"N": "1"}]}}, True),
    ("m.l = :v", {":v": {"L": [{"N": "1"}, {"N": "0"}]}}, False),
    ("m = :v", {":v": SUBJECT["m"]}, True),
    # another type, or nothing at all, is never less nor greater nor equal
    ("n < :v", {":v": {"S": "9"}}, False),
    ("n > :v", {":v": {"S": "1"}}, False),
    ("nope = :v", {":v": {"S": "x"}}, False),
    ("nope <> :v", {":v": {"S": "x"}}, True),
    ("nope < :v", {":v": {"N": "1"}}, False),
    ("n = :v", {":v": {"S": "5"}}, False),
    # BETWEEN and IN
    ("n BETWEEN :a AND :b", {":a": {"N": "5"}, ":b": {"N": "6"}}, True),
    ("n BETWEEN :a AND :b", {":a": {"N": "6"}, ":b": {"N": "7"}}, False),
    ("s BETWEEN :a AND :b", {":a": {"S": "h"}, ":b": {"S": "i"}}, True),
    ("b BETWEEN :a AND :b", {":a": {"B": b"\x01"}, ":b": {"B": b"\x02"}}, True),
    (":a BETWEEN neg AND n", {":a": {"N": "0"}}, True),
    ("n IN (:a, :b)", {":a": {"N": "1"}, ":b": {"N": "5"}}, True),
    ("n IN (:a)", {":a": {"S": "5"}}, False),
    ("nope IN (:a)", {":a": {"S": "5"}}, False),
    # connectives and their precedence: NOT binds tightest, then AND, then OR
    ("n = :a AND s = :b", {":a": {"N": "5"}, ":b": {"S": "hello"}}, True),
    ("n = :a AND s = :b", {":a": {"N": "5"}, ":b": {"S": "x"}}, False),
    ("n = :a OR s = :b", {":a": {"N": "5"}, ":b": {"S": "x"}}, True),
    ("NOT n = :a", {":a": {"N": "4"}}, True),
    ("NOT n = :a AND s = :b", {":a": {"N": "5"}, ":b": {"S": "hello"}}, False),
    ("n = :a OR n = :b AND s = :c", {":a": {"N": "5"}, ":b": {"N": "5"}, ":c": {"S": "x"}}, True),
    ("(n = :a OR n = :b) AND s = :c", {":a": {"N": "5"}, ":b": {"N": "5"}, ":c": {"S": "x"}}, False),
    ("not (n = :a or s = :b)", {":a": {"N": "1"}, ":b": {"S": "x"}}, True),
    # attribute_exists, attribute_not_exists
    ("attribute_exists(s)", {}, True),
    ("attribute_exists(z)", {}, True),
    ("attribute_exists(nope)", {}, False),
    ("attribute_exists(m.inside)", {}, True),
    ("attribute_exists(m.nothing)", {}, False),
    ("attribute_exists(l[2].deep)", {}, True),
    ("attribute_exists(l[3])", {}, False),
    ("attribute_not_exists(nope)", {}, True),
    ("attribute_not_exists(s)", {}, False),
    ("attribute_not_exists(s.inside)", {}, True),
    # attribute_type
    *[
        (f"attribute_type({name}, :t)", {":t": {"S": kind}}, True)
        for name, kind in [
            ("s", "S"),
            ("n", "N"),
            ("b", "B"),
            ("t", "BOOL"),
            ("z", "NULL"),
            ("ss", "SS"),
            ("ns", "NS"),
            ("bs", "BS"),
            ("l", "L"),
            ("m", "M"),
        ]
    ],
    ("attribute_type(s, :t)", {":t": {"S": "N"}}, False),
    ("attribute_type(nope, :t)", {":t": {"S": "S"}}, False),
    # begins_with
    ("begins_with(s, :p)", {":p": {"S": "hel"}}, True),
    ("begins_with(s, :p)", {":p": {"S": "ello"}}, False),
    ("begins_with(b, :p)", {":p": {"B": b"\x01\x02"}}, True),
    ("begins_with(n, :p)", {":p": {"S": "5"}}, False),
    ("begins_with(nope, :p)", {":p": {"S": "h"}}, False),
    # contains
    ("contains(s, :p)", {":p": {"S": "ell"}}, True),
    ("contains(s, :p)", {":p": {"S": "elo"}}, False),
    ("contains(b, :p)", {":p": {"B": b"\x02\x03"}}, True),
    ("contains(ss, :p)", {":p": {"S": "red"}}, True),
    ("contains(ss, :p)", {":p": {"S": "re"}}, False),
    ("contains(ns, :p)", {":p": {"N": "2.0"}}, True),
    ("contains(bs, :p)", {":p": {"B": b"y"}}, True),
    ("contains(l, :p)", {":p": {"S": "first"}}, True),
    ("contains(l, :p)", {":p": {"N": "2"}}, True),
    ("contains(l, :p)", {":p": {"S": "2"}}, False),
    ("contains(n, :p)", {":p": {"S": "5"}}, False),
    ("contains(nope, :p)", {":p": {"S": "x"}}, False),
    # size
    ("size(s) = :v", {":v": {"N": "5"}}, True),
    ("size(e) = :v", {":v": {"N": "0"}}, True),
    ("size(b) > :v", {":v": {"N": "2"}}, True),
    ("size(ss) = :v", {":v": {"N": "2"}}, True),
    ("size(l) = :v", {":v": {"N": "3"}}, True),
    ("size(m) < :v", {":v": {"N": "3"}}, True),
    ("size(n) > :v", {":v": {"N": "0"}}, False),
    ("size(nope) >= :v", {":v": {"N": "0"}}, False),
    # paths into lists and maps
    ("m.inside = :v", {":v": {"N": "7"}}, True),
    ("m.l[1] = :v", {":v": {"N": "1"}}, True),
    ("l[0] = :v", {":v": {"S": "first"}}, True),
    ("l[2].deep = :v", {":v": {"S": "down"}}, True),
    ("l[9] = :v", {":v": {"S": "first"}}, False),
    ("s.inside = :v", {":v": {"S": "x"}}, False),
]


def _values(values: Item) -> dict[str, Any]:
    return {"ExpressionAttributeValues": values} if values else {}


# One table of truths for conditions...
def test_conditions(things: Table) -> None:
    things.put(SUBJECT)
    wrong = []
    for condition, values, expected in CASES:
        try:
            things.put(SUBJECT, ConditionExpression=condition, **_values(values))
            held = True
        except things.client.exceptions.ConditionalCheckFailedException:
            held = False
        if held is not expected:
            wrong.append((condition, values))
    assert wrong == []


# ...and the same one for filters: both languages are one.
def test_filters(things: Table) -> None:
    things.put(SUBJECT)
    wrong = [
        (condition, values)
        for condition, values, expected in CASES
        if things.scan(FilterExpression=condition, **_values(values))["Count"] != int(expected)
    ]
    assert wrong == []


# Placeholders stand for names that the grammar could not take.
def test_names_may_be_placeholders(things: Table) -> None:
    item: Item = {**KEY, "size": {"N": "1"}, "a.b": {"M": {"c d": {"S": "x"}}}}
    things.put(item)
    things.put(
        item,
        ConditionExpression="#size = :one AND #dotted.#spaced = :x",
        ExpressionAttributeNames={"#size": "size", "#dotted": "a.b", "#spaced": "c d"},
        ExpressionAttributeValues={":one": {"N": "1"}, ":x": {"S": "x"}},
    )


# Keywords and functions may be written in any case, or not: AWS takes keywords so, functions only in lower case.
def test_keywords_may_be_in_any_case(things: Table) -> None:
    things.put(KEY, ConditionExpression="attribute_not_exists(a) And Not attribute_exists(b)")
    text = invalid(things.put, item=KEY, ConditionExpression="ATTRIBUTE_EXISTS(a)")
    assert text == f"{COUNTED}Invalid ConditionExpression: Invalid function name; function: ATTRIBUTE_EXISTS"


# AWS's words for expressions that are none.
@pytest.mark.parametrize(
    ("condition", "values", "text"),
    [
        ("", {}, "The expression can not be empty;"),
        ("a =", {}, 'Syntax error; token: "<EOF>", near: "="'),
        ("a = = :v", {":v": {"S": "x"}}, 'Syntax error; token: "=", near: "= = :v"'),
        ("name = :v", {":v": {"S": "x"}}, "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "a = :missing",
            {":v": {"S": "x"}},
            "An expression attribute value used in expression is not defined; attribute value: :missing",
        ),
        (
            "#missing = :v",
            {":v": {"S": "x"}},
            "An expression attribute name used in the document path is not defined; attribute name: #missing",
        ),
        ("fly(a)", {}, "Invalid function name; function: fly"),
        (
            "begins_with(a)",
            {},
            "Incorrect number of operands for operator or function; operator or function: begins_with, number of "
            "operands: 1",
        ),
        (
            "begins_with(a, :v)",
            {":v": {"N": "1"}},
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "a < :v",
            {":v": {"BOOL": True}},
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "attribute_type(a, :v)",
            {":v": {"S": "X"}},
            "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "a BETWEEN :v AND :w",
            {":v": {"N": "2"}, ":w": {"N": "1"}},
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "a = a",
            {},
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, "
            "first operand: [a]",
        ),
        ("((a = :v))", {":v": {"S": "x"}}, "The expression has redundant parentheses;"),
    ],
)
def test_conditions_are_checked(things: Table, condition: str, values: Item, text: str) -> None:
    refusal = invalid(things.put, item=KEY, ConditionExpression=condition, **_values(values))
    assert refusal == f"{COUNTED}Invalid ConditionExpression: {text}"


# Names and values that nothing uses are mistakes, and AWS names them.
def test_what_is_unused_is_refused(things: Table) -> None:
    condition = {"ConditionExpression": "attribute_not_exists(a)"}
    text = invalid(things.put, item=KEY, **condition, ExpressionAttributeValues={":v": {"S": "x"}})
    assert text == f"{COUNTED}Value provided in ExpressionAttributeValues unused in expressions: keys: {{:v}}"
    text = invalid(things.put, item=KEY, **condition, ExpressionAttributeNames={"#n": "x"})
    assert text == f"{COUNTED}Value provided in ExpressionAttributeNames unused in expressions: keys: {{#n}}"


# Names and values need an expression, and may not be empty maps.
def test_names_and_values_need_an_expression(things: Table) -> None:
    text = invalid(things.put, item=KEY, ExpressionAttributeNames={"#n": "x"})
    assert text == f"{COUNTED}ExpressionAttributeNames can only be specified when using expressions"
    text = invalid(things.put, item=KEY, ExpressionAttributeValues={":v": {"S": "x"}})
    assert text == f"{COUNTED}ExpressionAttributeValues can only be specified when using expressions"
    condition = {"ConditionExpression": "attribute_not_exists(a)"}
    text = invalid(things.put, item=KEY, **condition, ExpressionAttributeNames={})
    assert text == f"{COUNTED}ExpressionAttributeNames must not be empty"
    text = invalid(things.put, item=KEY, **condition, ExpressionAttributeValues={})
    assert text == f"{COUNTED}ExpressionAttributeValues must not be empty"


# Placeholders have a form, and their values are attribute values.
def test_placeholders_are_checked(things: Table) -> None:
    text = invalid(things.put, item=KEY, ConditionExpression="a = :v", ExpressionAttributeValues={"v": {"S": "x"}})
    assert text == f'{COUNTED}ExpressionAttributeValues contains invalid key: Syntax error; key: "v"'
    text = invalid(things.put, item=KEY, ConditionExpression="a = :v", ExpressionAttributeValues={":v": {"N": "x"}})
    assert text == f"{COUNTED}The parameter cannot be converted to a numeric value: x"


# A condition on an update is judged on the item before the update.
def test_a_condition_sees_the_item_before_the_update(things: Table) -> None:
    things.put({**KEY, "n": {"N": "1"}})
    change: dict[str, Any] = {
        "key": KEY,
        "expression": "SET n = :two",
        "ConditionExpression": "n = :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":two": {"N": "2"}},
    }
    things.update(**change)
    assert refused(things.update, **change)[0] == "ConditionalCheckFailedException"


# Expressions have 4 KB.
def test_expressions_have_a_length(things: Table) -> None:
    long = "a" * 4096
    text = invalid(things.put, item=KEY, ConditionExpression=f"attribute_exists({long})")
    assert text == (
        f"{COUNTED}Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4114"
    )
