"""Projections: what paths find, together and in order."""

import pytest

from node.items.projections import compiled_projection
from router.expressions.request import RequestExpressions
from wire.items import AttributeValue, Item

ITEM: Item = {
    "p": {"S": "key"},
    "a": {"M": {"b": {"L": [{"N": "2"}, {"N": "4"}, {"M": {"x": {"S": "hi"}, "y": {"S": "yo"}}}]}, "c": {"N": "5"}}},
    "b": {"S": "hello"},
    "a.b": {"S": "dotted"},
    "s": {"SS": ["x"]},
}
B = ITEM["a"]["M"]["b"]


def within(*elements: AttributeValue) -> Item:
    """Return just a list inside a.b."""
    return {"a": {"M": {"b": {"L": list(elements)}}}}


# Each path keeps its place in the hierarchy; what several find comes together; elements keep their order.
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("b", {"b": {"S": "hello"}}),
        ("p, b", {"p": {"S": "key"}, "b": {"S": "hello"}}),
        ("a", {"a": ITEM["a"]}),
        ("a.b", {"a": {"M": {"b": B}}}),
        ("a.b[0]", within({"N": "2"})),
        ("a.b[2].y", within({"M": {"y": {"S": "yo"}}})),
        ("a.b[1], a.b[0]", within({"N": "2"}, {"N": "4"})),
        ("a.b[2].y, a.b[0], a.b[2].x", within({"N": "2"}, {"M": {"x": {"S": "hi"}, "y": {"S": "yo"}}})),
        ("a.c, b", {"a": {"M": {"c": {"N": "5"}}}, "b": {"S": "hello"}}),
        ("a.b[0], a.c", {"a": {"M": {"b": {"L": [{"N": "2"}]}, "c": {"N": "5"}}}}),
        ("#dotted", {"a.b": {"S": "dotted"}}),
        ("#a.b[0]", within({"N": "2"})),
        ("a.x, a.b[0], x, a.b[3].x", within({"N": "2"})),
    ],
)
def test_projections(text: str, result: Item) -> None:
    names = {name: value for name, value in (("#dotted", "a.b"), ("#a", "a")) if name in text} or None
    data = RequestExpressions(names, None).projection(text)
    assert compiled_projection(data)(ITEM) == result
    assert compiled_projection(data)({}) == {}


# What is not there is left out, with all that would only hold it.
@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a.x",
        "a.x.y",
        "a.b[3]",
        "a.b[3].x",
        "a.b.x",
        "a[0]",
        "a.b[0].x",
        "a.b[0][0]",
        "b.x",
        "b[0]",
        "s[0]",
        "x[1].y",
    ],
)
def test_nothing_found(text: str) -> None:
    assert compiled_projection(RequestExpressions(None, None).projection(text))(ITEM) == {}
