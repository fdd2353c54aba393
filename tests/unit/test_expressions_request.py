"""A request's expressions together: names and values, their use, the shared list of values, parameters that go together."""

from typing import Any

import orjson
import pytest

from router.expressions.forms import FORMS_PER_TEXT_MAX, KEPT_NAMES_CHARACTERS_MAX, PLACEMENTS_PER_FORM_MAX
from router.expressions.parameters import check_parameters
from router.expressions.request import RequestExpressions, UpdateExpression
from router.expressions.shapes import condition_shape
from tests.support.expressions import refusal
from wire.errors import ErrorCode, StoreError
from wire.expressions import unpacked
from wire.keys import AttributeType
from wire.tables import KeyAttribute, KeySchema

V, W = {"N": "1"}, {"S": "w"}


def key_schema(type_: AttributeType = "S") -> KeySchema:
    """Return a schema of just a partition key."""
    return KeySchema(KeyAttribute("pk", type_))


# Names and values are refused for what they are before any expression is read.
@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ({}, None, "ExpressionAttributeNames must not be empty"),
        ({}, {}, "ExpressionAttributeNames must not be empty"),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        ({"a": "a"}, {}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
        ({"#": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        ({"#a b": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a b"'),
        ({"#a\n": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a\n"'),
        ({"#a": ""}, None, "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"),
        (None, {"a": {}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"'),
        (None, {":b": {}, "b": W}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "b"'),
        (
            {"#" + "a" * 255: "a"},
            None,
            "ExpressionAttributeNames contains invalid key: "
            f'The expression attribute map contains a key that is too long; key: "#{"a" * 255}"',
        ),
        (
            None,
            {":b": {}},
            "ExpressionAttributeValues contains invalid value: "
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :b",
        ),
        (
            None,
            {":b": {"NS": ["1", "b"]}},
            "ExpressionAttributeValues contains invalid value: "
            "The parameter cannot be converted to a numeric value: b for key :b",
        ),
    ],
)
def test_refused_names_and_values(names: Any, values: Any, message: str) -> None:
    assert refusal(RequestExpressions, names, values) == message


# A JSON value of the wrong type keeps its own kind of error.
def test_misplaced_json_in_values() -> None:
    with pytest.raises(StoreError) as raised:
        RequestExpressions(None, {":b": {"S": 1}})
    assert raised.value.code is ErrorCode.SERIALIZATION


# All expressions of a request count together; names are named before values.
def test_unused_names_and_values() -> None:
    request = RequestExpressions({"#a": "a", "#b": "b", "#c": "c"}, {":v": V, ":w": W})
    request.condition("#b = :w")
    assert refusal(request.finish) == "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #c}"
    request.projection("#a, #c")
    assert refusal(request.finish) == "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"
    request.key_condition("pk = :v", key_schema("N"))
    request.finish()


# A tree's values are numbered over the whole request, in the order in which its expressions are parsed.
def test_values_of_several_expressions() -> None:
    request = RequestExpressions(None, {":z": W, ":v": {"N": "1.0"}, ":k": {"S": "k"}})
    assert unpacked(request.update("SET a = :v").tree) == ["update", ["set", ["p", "a"], ["v", 0]]]
    assert unpacked(request.condition("b = :z OR c = :v AND d[5] = :z")) == [
        "or",
        ["=", ["p", "b"], ["v", 1]],
        ["and", ["=", ["p", "c"], ["v", 0]], ["=", ["p", "d", 5], ["v", 1]]],
    ]
    assert request.values() == [{"N": "1"}, W]
    assert orjson.loads(request.values_bytes()) == [{"N": "1"}, W]


# Values of a key condition stay behind: they become keys, and only filters travel with a query.
def test_key_values_do_not_travel() -> None:
    request = RequestExpressions(None, {":k": {"S": "k"}, ":f": V})
    assert request.key_condition("pk = :k", key_schema()).partition == ({"S": "k"},)
    assert unpacked(request.condition("f > :f", "FilterExpression")) == [">", ["p", "f"], ["v", 0]]
    request.finish()
    assert request.values() == [V]


# The same text means something else with other names, and is checked again for other types.
def test_one_text_with_other_names_and_types() -> None:
    text = "begins_with(#n, :v)"
    for name in ("a", "b", "a"):
        assert unpacked(RequestExpressions({"#n": name}, {":v": W}).condition(text))[1] == ["p", name]
    assert refusal(RequestExpressions({"#n": "a"}, {":v": V}).condition, text).endswith("operand type: N")
    assert refusal(RequestExpressions(None, {":v": W}).condition, text).endswith("attribute name: #n")
    assert refusal(RequestExpressions({"#n": "a"}, None).condition, text).endswith("attribute value: :v")


# The kind of an expression is part of what is said, not of what is kept.
def test_kinds() -> None:
    request = RequestExpressions(None, None)
    for kind in ("ConditionExpression", "FilterExpression"):
        assert refusal(request.condition, "a =", kind).startswith(f"Invalid {kind}: Syntax error")
    assert refusal(request.key_expression, "a =").startswith("Invalid KeyConditionExpression: Syntax error")
    assert request.condition("a = b", "FilterExpression") == request.condition("a = b")


# What is kept for a text is bounded, and forgetting it changes nothing.
def test_what_is_kept_is_bounded() -> None:
    for number in range(3 * FORMS_PER_TEXT_MAX):
        tree = RequestExpressions({"#n": f"n{number}"}, None).condition("attribute_exists(#n)")
        assert unpacked(tree) == ["exists", ["p", f"n{number}"]]
    assert len(condition_shape("attribute_exists(#n)").forms) <= FORMS_PER_TEXT_MAX
    values = {f":v{number}": V for number in range(3 * PLACEMENTS_PER_FORM_MAX)} | {":x": W}
    for number in range(1, 3 * PLACEMENTS_PER_FORM_MAX):
        request = RequestExpressions(None, values)
        request.condition(" AND ".join(f"a = :v{other}" for other in range(number)))
        assert unpacked(request.condition("x = :x")) == ["=", ["p", "x"], ["v", number]]


# Names may have megabytes; what is made of long ones is as good as what is kept, and gone.
def test_long_names_are_not_kept() -> None:
    text = "attribute_exists(#long)"
    name = "n" * (KEPT_NAMES_CHARACTERS_MAX + 1)
    tree = RequestExpressions({"#long": name}, None).condition(text)
    assert unpacked(tree) == ["exists", ["p", name]]
    assert not condition_shape(text).forms


# An update and a condition on the attribute it writes are the common case of a conditional counter.
def test_update_with_condition() -> None:
    request = RequestExpressions({"#n": "n"}, {":one": V, ":max": {"N": "10"}})
    update = request.update("ADD #n :one")
    condition = request.condition("attribute_not_exists(#n) OR #n < :max")
    request.finish()
    assert update == UpdateExpression(tree=b'["update",["add",["p","n"],["v",0]]]', attributes=("n",))
    assert condition == b'["or",["not_exists",["p","n"]],["<",["p","n"],["v",1]]]'


UPDATE = ("UpdateExpression", "ConditionExpression")
LEGACY_UPDATE = ("AttributeUpdates", "Expected", "ConditionalOperator")
QUERY = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")
LEGACY_QUERY = ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions")


def parameters(known: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Return every known parameter with what the request gives for it."""
    return {name: given.get(name) for name in known}


# Two generations of parameters do not mix, and placeholders want an expression.
@pytest.mark.parametrize(
    ("expressions", "legacy", "given", "message"),
    [
        (
            UPDATE,
            LEGACY_UPDATE,
            {"UpdateExpression": "", "ConditionExpression": "", "AttributeUpdates": {}, "Expected": {}},
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {AttributeUpdates, Expected} "
            "Expression parameters: {UpdateExpression, ConditionExpression}",
        ),
        (
            UPDATE,
            LEGACY_UPDATE,
            {"names": {}, "values": {}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            UPDATE,
            LEGACY_UPDATE,
            {"values": {}},
            "ExpressionAttributeValues can only be specified when using expressions: "
            "UpdateExpression and ConditionExpression are null",
        ),
        (
            ("ConditionExpression",),
            ("Expected",),
            {"values": {}},
            "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
        ),
        (
            QUERY,
            LEGACY_QUERY,
            {"ProjectionExpression": "a", "values": {}},
            "ExpressionAttributeValues can only be specified when using expressions: "
            "FilterExpression and KeyConditionExpression are null",
        ),
        (
            QUERY,
            LEGACY_QUERY,
            {"KeyConditionExpression": "a", "KeyConditions": {}},
            "Can not use both expression and non-expression parameters in the same request: "
            "Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}",
        ),
    ],
)
def test_parameters_that_do_not_go_together(
    expressions: tuple[str, ...], legacy: tuple[str, ...], given: dict[str, Any], message: str
) -> None:
    known = {"expressions": parameters(expressions, given), "legacy": parameters(legacy, given)}
    assert refusal(check_parameters, **known, names=given.get("names"), values=given.get("values")) == message


# Old key conditions may come with a new filter or projection: the one mixture that AWS allows.
def test_parameters_that_go_together() -> None:
    for given in (
        {"FilterExpression": "a", "KeyConditions": {}, "values": {}},
        {"ProjectionExpression": "a", "names": {}},
        {"QueryFilter": {}, "KeyConditions": {}},
        {},
    ):
        known = {"expressions": parameters(QUERY, given), "legacy": parameters(LEGACY_QUERY, given)}
        check_parameters(**known, names=given.get("names"), values=given.get("values"))
    check_parameters(expressions={"ProjectionExpression": None}, legacy={}, names=None, values={":v": V})
