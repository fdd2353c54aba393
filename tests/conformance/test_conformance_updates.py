"""Update expressions: every action and function, and what is refused."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid

KEY: Item = {"pk": {"S": "a"}}
SUBJECT: Item = {
    **KEY,
    "s": {"S": "hello"},
    "n": {"N": "5"},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": [b"x"]},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "m": {"M": {"x": {"N": "1"}, "inside": {"M": {"y": {"S": "z"}}}}},
}


def _updated(things: Table, expression: str, values: Item | None = None, item: Item | None = SUBJECT) -> Item:
    """Return the item after an update, without its key; sets in order."""
    if item is not None:
        things.put(item)
    parameters = {} if values is None else {"ExpressionAttributeValues": values}
    answer = things.update(KEY, expression, ReturnValues="ALL_NEW", **parameters)
    found: Item = {
        name: {kind: sorted(value) if kind in ("SS", "NS", "BS") else value}
        for name, attribute in answer["Attributes"].items()
        for kind, value in attribute.items()
        if name != "pk"
    }
    assert things.get(KEY) == answer["Attributes"]
    return found


# One expression, what it does to which attribute; None = gone.
@pytest.mark.parametrize(
    ("expression", "values", "name", "expected"),
    [
        # SET
        ("SET s = :v", {":v": {"N": "1"}}, "s", {"N": "1"}),
        ("SET fresh = :v", {":v": {"M": {}}}, "fresh", {"M": {}}),
        ("SET fresh = s", None, "fresh", {"S": "hello"}),
        ("SET m.x = :v", {":v": {"S": "q"}}, "m", {"M": {"x": {"S": "q"}, "inside": {"M": {"y": {"S": "z"}}}}}),
        (
            "SET m.inside.fresh = :v",
            {":v": {"S": "q"}},
            "m",
            {"M": {"x": {"N": "1"}, "inside": {"M": {"y": {"S": "z"}, "fresh": {"S": "q"}}}}},
        ),
        ("SET l[1] = :v", {":v": {"S": "q"}}, "l", {"L": [{"N": "0"}, {"S": "q"}, {"N": "2"}]}),
        ("SET l[9] = :v", {":v": {"S": "q"}}, "l", {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"S": "q"}]}),
        ("SET n = n + :v", {":v": {"N": "0.5"}}, "n", {"N": "5.5"}),
        ("SET n = n - :v", {":v": {"N": "7"}}, "n", {"N": "-2"}),
        ("SET n = :v - n", {":v": {"N": "7"}}, "n", {"N": "2"}),
        ("SET fresh = :v + :w", {":v": {"N": "1"}, ":w": {"N": "2"}}, "fresh", {"N": "3"}),
        ("SET n = n + m.x", None, "n", {"N": "6"}),
        # if_not_exists
        ("SET n = if_not_exists(n, :v)", {":v": {"N": "1"}}, "n", {"N": "5"}),
        ("SET fresh = if_not_exists(fresh, :v)", {":v": {"N": "1"}}, "fresh", {"N": "1"}),
        ("SET fresh = if_not_exists(fresh, :z) + :v", {":z": {"N": "0"}, ":v": {"N": "1"}}, "fresh", {"N": "1"}),
        ("SET fresh = if_not_exists(m.x, :v)", {":v": {"N": "9"}}, "fresh", {"N": "1"}),
        # list_append
        (
            "SET l = list_append(l, :v)",
            {":v": {"L": [{"S": "end"}]}},
            "l",
            {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"S": "end"}]},
        ),
        (
            "SET l = list_append(:v, l)",
            {":v": {"L": [{"S": "start"}]}},
            "l",
            {"L": [{"S": "start"}, {"N": "0"}, {"N": "1"}, {"N": "2"}]},
        ),
        (
            "SET fresh = list_append(if_not_exists(fresh, :e), :v)",
            {":e": {"L": []}, ":v": {"L": [{"S": "x"}]}},
            "fresh",
            {"L": [{"S": "x"}]},
        ),
        # REMOVE
        ("REMOVE s", None, "s", None),
        ("REMOVE nope", None, "s", {"S": "hello"}),
        ("REMOVE m.x", None, "m", {"M": {"inside": {"M": {"y": {"S": "z"}}}}}),
        ("REMOVE l[0]", None, "l", {"L": [{"N": "1"}, {"N": "2"}]}),
        ("REMOVE l[0], l[2]", None, "l", {"L": [{"N": "1"}]}),
        ("REMOVE l[9]", None, "l", {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}),
        # ADD
        ("ADD n :v", {":v": {"N": "-2.5"}}, "n", {"N": "2.5"}),
        ("ADD fresh :v", {":v": {"N": "3"}}, "fresh", {"N": "3"}),
        ("ADD ss :v", {":v": {"SS": ["b", "c"]}}, "ss", {"SS": ["a", "b", "c"]}),
        ("ADD ns :v", {":v": {"NS": ["3"]}}, "ns", {"NS": ["1", "2", "3"]}),
        ("ADD bs :v", {":v": {"BS": [b"w"]}}, "bs", {"BS": [b"w", b"x"]}),
        ("ADD fresh :v", {":v": {"SS": ["q"]}}, "fresh", {"SS": ["q"]}),
        ("ADD m.x :v", {":v": {"N": "1"}}, "m", {"M": {"x": {"N": "2"}, "inside": {"M": {"y": {"S": "z"}}}}}),
        # DELETE
        ("DELETE ss :v", {":v": {"SS": ["a", "nope"]}}, "ss", {"SS": ["b"]}),
        ("DELETE ns :v", {":v": {"NS": ["2.0"]}}, "ns", {"NS": ["1"]}),
        ("DELETE ss :v", {":v": {"SS": ["a", "b"]}}, "ss", None),
        ("DELETE nope :v", {":v": {"SS": ["a"]}}, "nope", None),
    ],
)
def test_actions(
    things: Table, expression: str, values: Item | None, name: str, expected: dict[str, Any] | None
) -> None:
    assert _updated(things, expression, values).get(name) == expected


# All four clauses in one expression, each once, in any order and case.
def test_clauses_are_combined(things: Table) -> None:
    found = _updated(
        things,
        "remove s ADD n :one set fresh = :x, copied = n DELETE ss :a",
        {":one": {"N": "1"}, ":x": {"S": "x"}, ":a": {"SS": ["a"]}},
    )
    assert "s" not in found
    assert (found["n"], found["fresh"], found["ss"]) == ({"N": "6"}, {"S": "x"}, {"SS": ["b"]})
    assert found["copied"] == {"N": "5"}


# Every source is read before anything is written.
def test_sources_are_read_before_the_update(things: Table) -> None:
    found = _updated(things, "SET s = n, n = s")
    assert (found["s"], found["n"]) == ({"N": "5"}, {"S": "hello"})


# Numbers add up exactly, to 38 digits.
def test_sums_are_exact(things: Table) -> None:
    item: Item = {**KEY, "n": {"N": "0.1"}}
    assert _updated(things, "ADD n :v", {":v": {"N": "0.2"}}, item)["n"] == {"N": "0.3"}
    big = "1" + "0" * 37
    item = {**KEY, "n": {"N": big}}
    assert _updated(things, "SET n = n + :v", {":v": {"N": "1"}}, item)["n"] == {"N": big[:-1] + "1"}


# An absent item begins as its key.
def test_an_absent_item_is_made(things: Table) -> None:
    found = _updated(things, "ADD visits :one SET s = :s", {":one": {"N": "1"}, ":s": {"S": "x"}}, None)
    assert found == {"visits": {"N": "1"}, "s": {"S": "x"}}


# An update that makes its item reads the key of the new item; its condition is still judged on no item at all.
# Source: moto's update_item (dynamodb/models), which puts an item of the key before it evaluates the expression, and after the condition.
@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("SET b = if_not_exists(pk, :v)", {":v": {"N": "1"}}, {"b": {"S": "a"}}),
        ("SET b = pk", None, {"b": {"S": "a"}}),
        ("SET b = sk + :v", {":v": {"N": "1"}}, {"b": {"N": "8"}}),
        ("SET b = :v - sk, c = sk", {":v": {"N": "1"}}, {"b": {"N": "-6"}, "c": {"N": "7"}}),
    ],
)
def test_an_update_that_makes_its_item_reads_its_key(
    series: Table, expression: str, values: Item | None, expected: Item
) -> None:
    key: Item = {"pk": {"S": "a"}, "sk": {"N": "7"}}
    parameters = {} if values is None else {"ExpressionAttributeValues": values}
    answer = series.update(
        key, expression, ConditionExpression="attribute_not_exists(pk)", ReturnValues="ALL_NEW", **parameters
    )
    assert answer["Attributes"] == series.get(key) == {**key, **expected}


# Placeholders for names work at every step of a path.
def test_names_may_be_placeholders(things: Table) -> None:
    things.put({**KEY, "size": {"M": {"a.b": {"L": [{"N": "1"}]}}}})
    answer = things.update(
        KEY,
        "SET #size.#dotted[0] = :v",
        ExpressionAttributeNames={"#size": "size", "#dotted": "a.b"},
        ExpressionAttributeValues={":v": {"N": "2"}},
        ReturnValues="UPDATED_NEW",
    )
    assert answer["Attributes"] == {"size": {"M": {"a.b": {"L": [{"N": "2"}]}}}}


# AWS's words for expressions that are none.
@pytest.mark.parametrize(
    ("expression", "values", "text"),
    [
        ("", None, "The expression can not be empty;"),
        ("SET", None, 'Syntax error; token: "<EOF>", near: "SET"'),
        ("PUT a = :v", {":v": {"S": "x"}}, 'Syntax error; token: "PUT", near: "PUT a"'),
        (
            "SET a = :v SET b = :v",
            {":v": {"S": "x"}},
            'The "SET" section can only be used once in an update expression;',
        ),
        (
            "SET a = :v, a = :v",
            {":v": {"S": "x"}},
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], "
            "path two: [a]",
        ),
        (
            "SET a.b = :v REMOVE a",
            {":v": {"S": "x"}},
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], "
            "path two: [a]",
        ),
        (
            "SET a.b = :v REMOVE a[0]",
            {":v": {"S": "x"}},
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], "
            "path two: [a, [0]]",
        ),
        ("SET size = :v", {":v": {"S": "x"}}, "Attribute name is a reserved keyword; reserved keyword: size"),
        (
            "SET a = :missing",
            {":v": {"S": "x"}},
            "An expression attribute value used in expression is not defined; attribute value: :missing",
        ),
        (
            "ADD a :v",
            {":v": {"S": "x"}},
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :v",
            {":v": {"N": "1"}},
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "SET a = b + :v",
            {":v": {"S": "1"}},
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "SET a = list_append(b, :v)",
            {":v": {"S": "1"}},
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
        ),
        (
            "SET a = if_not_exists(:v, :v)",
            {":v": {"S": "1"}},
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = attribute_exists(b)",
            None,
            "The function is not allowed in an update expression; function: attribute_exists",
        ),
    ],
)
def test_expressions_are_checked(things: Table, expression: str, values: Item | None, text: str) -> None:
    parameters = {} if values is None else {"ExpressionAttributeValues": values}
    refusal = invalid(things.update, key=KEY, expression=expression, **parameters)
    assert refusal == f"{COUNTED}Invalid UpdateExpression: {text}"


_NO_PATH = "The document path provided in the update expression is invalid for update"
_NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
_WRONG_TYPE = "An operand in the update expression has an incorrect data type"


# What only the item can tell.
@pytest.mark.parametrize(
    ("expression", "values", "text"),
    [
        ("SET nope.x = :v", {":v": {"N": "1"}}, _NO_PATH),
        ("SET s.x = :v", {":v": {"N": "1"}}, _NO_PATH),
        ("SET m[0] = :v", {":v": {"N": "1"}}, _NO_PATH),
        ("REMOVE nope.x", None, _NO_PATH),
        ("SET a = nope", None, _NO_ATTRIBUTE),
        ("SET a = nope + :v", {":v": {"N": "1"}}, _NO_ATTRIBUTE),
        ("SET a = l[9]", None, _NO_ATTRIBUTE),
        ("SET a = s + :v", {":v": {"N": "1"}}, _WRONG_TYPE),
        ("SET a = list_append(s, :v)", {":v": {"L": []}}, _WRONG_TYPE),
        ("ADD s :v", {":v": {"N": "1"}}, _WRONG_TYPE),
        ("ADD n :v", {":v": {"SS": ["x"]}}, _WRONG_TYPE),
        ("DELETE s :v", {":v": {"SS": ["x"]}}, _WRONG_TYPE),
        ("DELETE ss :v", {":v": {"NS": ["1"]}}, _WRONG_TYPE),
    ],
)
def test_updates_must_fit_the_item(things: Table, expression: str, values: Item | None, text: str) -> None:
    things.put(SUBJECT)
    parameters = {} if values is None else {"ExpressionAttributeValues": values}
    refusal = invalid(things.update, key=KEY, expression=expression, **parameters)
    assert refusal == text
    unchanged = things.get(KEY)
    assert unchanged is not None
    assert unchanged["n"] == SUBJECT["n"]


# A sum that does not fit is refused, and the item stays as it was.
def test_sums_that_do_not_fit_are_refused(things: Table) -> None:
    things.put({**KEY, "n": {"N": "9e125"}})
    values: Item = {":v": {"N": "9e125"}}
    overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range"
    assert invalid(things.update, key=KEY, expression="ADD n :v", ExpressionAttributeValues=values) == overflow
    one: Item = {":v": {"N": "1"}}  # a sum of 126 digits, which AWS calls an overflow as well
    assert invalid(things.update, key=KEY, expression="SET m = n - :v", ExpressionAttributeValues=one) == overflow
