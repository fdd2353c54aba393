"""Projection expressions, in GetItem, Query and Scan."""

from typing import Any

import pytest

from tests.support.conformance_table import Item, Table, invalid

KEY: Item = {"pk": {"S": "a"}}
SUBJECT: Item = {
    **KEY,
    "s": {"S": "x"},
    "l": {"L": [{"S": "zero"}, {"M": {"a": {"N": "1"}, "b": {"N": "2"}}}, {"S": "two"}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"S": "deep"}}}}},
}


# What a projection leaves of an item: list elements close up, maps keep their shape.
@pytest.mark.parametrize(
    ("projection", "expected"),
    [
        ("s", {"s": {"S": "x"}}),
        ("s, pk", {"s": {"S": "x"}, "pk": {"S": "a"}}),
        ("m.x", {"m": {"M": {"x": {"N": "1"}}}}),
        ("m.y.z", {"m": {"M": {"y": {"M": {"z": {"S": "deep"}}}}}}),
        ("m.x, m.y", {"m": SUBJECT["m"]}),
        ("l[0]", {"l": {"L": [{"S": "zero"}]}}),
        ("l[2], l[0]", {"l": {"L": [{"S": "zero"}, {"S": "two"}]}}),
        ("l[1].b", {"l": {"L": [{"M": {"b": {"N": "2"}}}]}}),
        ("s, nope, l[9], m.nope, m.x.deep", {"s": {"S": "x"}}),
    ],
)
def test_projections(things: Table, projection: str, expected: Item) -> None:
    things.put(SUBJECT)
    assert things.get(KEY, ProjectionExpression=projection) == expected
    (scanned,) = things.scan(ProjectionExpression=projection)["Items"]
    assert scanned == expected
    (queried,) = things.query("pk = :p", {":p": {"S": "a"}}, ProjectionExpression=projection)["Items"]
    assert queried == expected


# An item of which nothing is left is still an item.
def test_nothing_left_is_an_empty_item(things: Table) -> None:
    things.put(SUBJECT)
    assert things.get(KEY, ProjectionExpression="nope") == {}


# Placeholders, also for reserved words.
def test_names_may_be_placeholders(things: Table) -> None:
    things.put({**KEY, "size": {"M": {"a.b": {"N": "1"}}}, "other": {"N": "2"}})
    names = {"#size": "size", "#dotted": "a.b"}
    found = things.get(KEY, ProjectionExpression="#size.#dotted", ExpressionAttributeNames=names)
    assert found == {"size": {"M": {"a.b": {"N": "1"}}}}


# AWS's words for projections that are none.
@pytest.mark.parametrize(
    ("projection", "text"),
    [
        ("", "The expression can not be empty;"),
        ("a,", 'Syntax error; token: "<EOF>", near: ","'),
        ("a b", 'Syntax error; token: "b", near: "a b"'),
        ("name", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "#missing",
            "An expression attribute name used in the document path is not defined; attribute name: #missing",
        ),
        (
            "m, m.x",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], "
            "path two: [m, x]",
        ),
        (
            "m.x, m[0]",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, x], "
            "path two: [m, [0]]",
        ),
    ],
)
def test_projections_are_checked(things: Table, projection: str, text: str) -> None:
    names: dict[str, Any] = {"ExpressionAttributeNames": {"#n": "x"}} if "#" in projection else {}
    refusal = invalid(things.get, key=KEY, ProjectionExpression=projection, **names)
    assert refusal == f"Invalid ProjectionExpression: {text}"


# Keys are scalars: there is nothing inside them.
def test_nothing_is_inside_a_key(things: Table) -> None:
    assert invalid(things.get, key=KEY, ProjectionExpression="pk.deep") == (
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"
    )
