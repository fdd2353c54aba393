"""AttributeUpdates: its actions on every type, what they return, and what is refused."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid

INVALID = "One or more parameter values were invalid: "
KEY: Item = {"pk": {"S": "a"}}


def _update(table: Table, updates: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return table.client.update_item(TableName=table.name, Key=KEY, AttributeUpdates=updates, **parameters)


# PUT is what an update without an action does.
def test_put_replaces(things: Table) -> None:
    things.put({**KEY, "v": {"S": "old"}})
    _update(things, {"v": {"Value": {"N": "1"}}, "w": {"Action": "PUT", "Value": {"L": [{"S": ""}]}}})
    assert things.get(KEY) == {**KEY, "v": {"N": "1"}, "w": {"L": [{"S": ""}]}}


# ADD sums numbers, joins sets and, unlike the expression, appends lists.
def test_add_combines(things: Table) -> None:
    things.put({**KEY, "n": {"N": "10"}, "s": {"SS": ["a", "b"]}, "l": {"L": [{"N": "1"}]}})
    updates = {"n": {"N": "-12.5"}, "s": {"SS": ["b", "c"]}, "l": {"L": [{"N": "1"}]}}
    _update(things, {name: {"Action": "ADD", "Value": value} for name, value in updates.items()})
    found = things.get(KEY)
    assert found is not None
    assert found["n"] == {"N": "-2.5"}
    assert sorted(found["s"]["SS"]) == ["a", "b", "c"]
    assert found["l"] == {"L": [{"N": "1"}, {"N": "1"}]}


# Where there is no item, ADD and PUT make one; DELETE finds nothing to take away.
def test_actions_on_what_is_missing(things: Table) -> None:
    _update(things, {"b": {"Action": "DELETE"}, "c": {"Action": "DELETE", "Value": {"SS": ["a"]}}})
    assert things.get(KEY) is None
    told = _update(
        things,
        {
            "b": {"Action": "DELETE"},
            "c": {"Action": "DELETE", "Value": {"SS": ["a"]}},
            "d": {"Action": "ADD", "Value": {"N": "5"}},
            "e": {"Action": "ADD", "Value": {"SS": ["a"]}},
        },
        ReturnValues="UPDATED_NEW",
    )
    assert told["Attributes"] == {"d": {"N": "5"}, "e": {"SS": ["a"]}}
    assert things.get(KEY) == {**KEY, "d": {"N": "5"}, "e": {"SS": ["a"]}}


# An update that says nothing still brings the item into being.
def test_no_updates_make_an_item(things: Table) -> None:
    _update(things, {})
    assert things.get(KEY) == KEY


# DELETE takes members out of a set; a set without members goes.
def test_delete_takes_away(things: Table) -> None:
    things.put({**KEY, "n": {"NS": ["1", "2", "3"]}, "v": {"S": "x"}})
    told = _update(
        things,
        {"n": {"Action": "DELETE", "Value": {"NS": ["1.0", "4"]}}, "v": {"Action": "DELETE"}},
        ReturnValues="UPDATED_OLD",
    )
    assert sorted(told["Attributes"]["n"]["NS"]) == ["1", "2", "3"]
    assert told["Attributes"]["v"] == {"S": "x"}
    told = _update(things, {"n": {"Action": "DELETE", "Value": {"NS": ["2", "3"]}}}, ReturnValues="ALL_NEW")
    assert told["Attributes"] == KEY


# All that ReturnValues can ask for.
@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("NONE", None),
        ("ALL_OLD", {**KEY, "a": {"N": "1"}, "b": {"S": "x"}}),
        ("UPDATED_OLD", {"a": {"N": "1"}}),
        ("ALL_NEW", {**KEY, "a": {"N": "3"}, "b": {"S": "x"}}),
        ("UPDATED_NEW", {"a": {"N": "3"}}),
    ],
)
def test_updates_return(things: Table, wanted: str, told: Item | None) -> None:
    things.put({**KEY, "a": {"N": "1"}, "b": {"S": "x"}})
    answer = _update(things, {"a": {"Action": "ADD", "Value": {"N": "2"}}}, ReturnValues=wanted)
    assert answer.get("Attributes") == told


# Types that do not go together have other words than in expressions, and nothing is written.
@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("DELETE", {"NS": ["1"]}),
        ("ADD", {"NS": ["2"]}),
        ("ADD", {"N": "2"}),
        ("ADD", {"L": []}),
    ],
)
def test_types_have_to_agree(things: Table, action: str, value: dict[str, Any]) -> None:
    before: Item = {**KEY, "v": {"SS": ["1"]}}
    things.put(before)
    updates = {"new": {"Value": {"S": "x"}}, "v": {"Action": action, "Value": value}}
    assert invalid(lambda: _update(things, updates)) == "Type mismatch for attribute to update"
    assert things.get(KEY) == before


@pytest.mark.parametrize(
    ("update", "text"),
    [
        ({}, f"{INVALID}Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "ADD"}, f"{INVALID}Only DELETE action is allowed when no attribute value is specified"),
        *[
            (
                {"Action": "DELETE", "Value": {kind: value}},
                f"{INVALID}DELETE action with value is not supported for the type {kind}",
            )
            for kind, value in [
                ("S", "1"),
                ("N", "1"),
                ("B", b"1"),
                ("NULL", True),
                ("BOOL", True),
                ("M", {}),
                ("L", []),
            ]
        ],
        *[
            (
                {"Action": "ADD", "Value": {kind: value}},
                f"{INVALID}ADD action is not supported for the type {kind}",
            )
            for kind, value in [("S", "1"), ("B", b"1"), ("NULL", True), ("BOOL", True), ("M", {})]
        ],
        ({"Value": {}}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"Value": {"N": "x"}}, "The parameter cannot be converted to a numeric value: x"),
        (
            {"Action": "JOIN", "Value": {"S": "x"}},
            "Value 'JOIN' at 'attributeUpdates.v.member.action' failed to satisfy "
            "constraint: Member must satisfy enum value set: [ADD, DELETE, PUT]",
        ),
    ],
    ids=str,
)
def test_updates_are_checked(things: Table, update: dict[str, Any], text: str) -> None:
    assert invalid(lambda: _update(things, {"v": update})) == COUNTED + text


# The key is not to be touched, not even taken away.
@pytest.mark.parametrize("update", [{"Value": {"S": "b"}}, {"Action": "DELETE"}])
def test_keys_are_not_updated(things: Table, update: dict[str, Any]) -> None:
    assert invalid(lambda: _update(things, {"pk": update})) == (
        f"{INVALID}Cannot update attribute pk. This attribute is part of the key"
    )


# Numbers stay exact to 38 digits, and what does not fit is refused.
def test_sums_are_exact(things: Table) -> None:
    things.put({**KEY, "n": {"N": "99999999999999999999999999999999999998"}})
    one = {"n": {"Action": "ADD", "Value": {"N": "1"}}}
    assert _update(things, one, ReturnValues="UPDATED_NEW")["Attributes"]["n"]["N"] == "9" * 38
    text = invalid(lambda: _update(things, {"n": {"Action": "ADD", "Value": {"N": "0.5"}}}))
    assert text == "Number overflow. Attempting to store a number with magnitude larger than supported range"


# An update may not outgrow 400 KB.
def test_updates_have_a_size(things: Table) -> None:
    things.put({**KEY, "v": {"S": "x" * 400_000}})
    text = invalid(lambda: _update(things, {"w": {"Value": {"S": "y" * 10_000}}}))
    assert text == "Item size to update has exceeded the maximum allowed size"
