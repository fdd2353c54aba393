"""Updates applied: every action and source, what an item does not allow, and what the caller is told."""

from copy import deepcopy
from typing import Any

import pytest

from node.items.returned import returned_attributes
from node.items.updates import Update, compiled_update, nesting
from router.expressions.request import RequestExpressions
from tests.support.expressions import refusal
from wire.commands import Returned
from wire.items import AttributeValue, Item, item_size, normalized_item
from wire.limits import ITEM_BYTES_MAX

KEY: Item = {"pk": {"S": "k"}}

INVALID_PATH = "The document path provided in the update expression is invalid for update"
MISSING = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"


def compiled(text: str, **values: AttributeValue) -> tuple[Update, list[AttributeValue]]:
    """Return an update and its values; `v={"N": "1"}` gives :v."""
    request = RequestExpressions(None, {f":{name}": value for name, value in values.items()} or None)
    tree = request.update(text).tree
    request.finish()
    return compiled_update(tree), request.values()


def updated(old: Item | None, text: str, **values: AttributeValue) -> Item | None:
    """Return the item after an update, without its key; check that the old one is as it was and sizes agree."""
    update, given = compiled(text, **values)
    before = None if old is None else normalized_item(KEY | old)[0]
    kept = deepcopy(before)
    after = update.apply(before, KEY, given)
    assert before == kept
    if after is None:
        return None
    assert update.size_after(before, 0 if before is None else item_size(before), after) == item_size(after)
    assert normalized_item(after)[0] == after
    assert after.pop("pk") == {"S": "k"}
    return after


def numbers(*texts: int) -> AttributeValue:
    """Return a list of numbers."""
    return {"L": [{"N": str(text)} for text in texts]}


# SET writes values, copies paths, computes, and creates what is missing at the last step.
@pytest.mark.parametrize(
    ("old", "text", "new"),
    [
        ({}, "SET a = :n", {"a": {"N": "5"}}),
        ({"a": {"S": "x"}}, "SET a = :n", {"a": {"N": "5"}}),
        ({"a": {"S": "x"}}, "SET b = a", {"a": {"S": "x"}, "b": {"S": "x"}}),
        ({"a": {"N": "3"}}, "SET a = a + :n", {"a": {"N": "8"}}),
        ({"a": {"N": "3"}}, "SET a = :n - a", {"a": {"N": "2"}}),
        (
            {"a": {"N": "0.1"}, "b": {"N": "0.2"}},
            "SET c = a + b",
            {"a": {"N": "0.1"}, "b": {"N": "0.2"}, "c": {"N": "0.3"}},
        ),
        ({}, "SET a = if_not_exists(a, :n)", {"a": {"N": "5"}}),
        ({"a": {"N": "3"}}, "SET a = if_not_exists(a, :n)", {"a": {"N": "3"}}),
        ({"b": {"N": "3"}}, "SET a = if_not_exists(b, :n) + :n", {"b": {"N": "3"}, "a": {"N": "8"}}),
        ({}, "SET a = if_not_exists(b, if_not_exists(c, :n))", {"a": {"N": "5"}}),
        ({"a": numbers(1)}, "SET a = list_append(a, :l)", {"a": numbers(1, 8, 9)}),
        ({"a": numbers(1)}, "SET a = list_append(:l, a)", {"a": numbers(8, 9, 1)}),
        ({}, "SET a = list_append(if_not_exists(a, :l), :l)", {"a": numbers(8, 9, 8, 9)}),
        ({"a": {"M": {}}}, "SET a.b = :n", {"a": {"M": {"b": {"N": "5"}}}}),
        (
            {"a": {"M": {"b": {"S": "x"}, "c": {"S": "y"}}}},
            "SET a.b = :n",
            {"a": {"M": {"b": {"N": "5"}, "c": {"S": "y"}}}},
        ),
        ({"a": {"L": [{"M": {}}]}}, "SET a[0].b = :n", {"a": {"L": [{"M": {"b": {"N": "5"}}}]}}),
        ({"a": {"M": {"c": {"N": "10"}}}}, "SET a.c = a.c + :n", {"a": {"M": {"c": {"N": "15"}}}}),
    ],
)
def test_set(old: Item, text: str, new: Item) -> None:
    given = {"n": {"N": "5.0"}, "l": numbers(8, 9)}
    assert updated(old, text, **{name: value for name, value in given.items() if f":{name}" in text}) == new


# Every source sees the old item, whatever other actions write.
def test_sources_see_the_old_item() -> None:
    old = {"a": {"S": "A"}, "b": {"S": "B"}}
    assert updated(old, "SET a = b, b = a") == {"a": {"S": "B"}, "b": {"S": "A"}}
    assert updated(old, "REMOVE a SET c = a") == {"b": {"S": "B"}, "c": {"S": "A"}}
    assert updated({"n": {"N": "1"}}, "ADD n :v SET m = n", v={"N": "2"}) == {"n": {"N": "3"}, "m": {"N": "1"}}


# List indexes mean places in the old list; what is set past its end is appended in the order of its indexes.
@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("SET a[1] = :x", (0, 99, 2, 3)),
        ("SET a[4] = :x", (0, 1, 2, 3, 99)),
        ("SET a[70] = :x", (0, 1, 2, 3, 99)),
        ("SET a[84] = :x, a[37] = :y, a[50] = :x, a[4] = :y", (0, 1, 2, 3, 77, 77, 99, 99)),
        ("REMOVE a[1]", (0, 2, 3)),
        ("REMOVE a[0], a[2]", (1, 3)),
        ("REMOVE a[1] SET a[3] = :x", (0, 2, 99)),
        ("SET a[3] = :x REMOVE a[1]", (0, 2, 99)),
        ("SET a[9] = :x REMOVE a[0], a[1], a[2], a[3]", (99,)),
        ("REMOVE a[0], a[1], a[2], a[3]", ()),
        ("REMOVE a[4], a[17]", (0, 1, 2, 3)),
        ("SET a[0] = a[3], a[3] = a[0]", (3, 1, 2, 0)),
        ("ADD a[0] :x", (99, 1, 2, 3)),
    ],
)
def test_list_elements(text: str, after: tuple[int, ...]) -> None:
    given = {"x": {"N": "99"}, "y": {"N": "77"}}
    used = {name: value for name, value in given.items() if f":{name}" in text}
    assert updated({"a": numbers(0, 1, 2, 3)}, text, **used) == {"a": numbers(*after)}


# REMOVE takes away what is there, down to an empty map, and does not mind what is not.
@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("REMOVE a", {"b": {"S": "x"}}),
        ("REMOVE a.b", {"a": {"M": {}}, "b": {"S": "x"}}),
        ("REMOVE a.c, c", {"a": {"M": {"b": {"N": "1"}}}, "b": {"S": "x"}}),
        ("REMOVE a, b", {}),
    ],
)
def test_remove(text: str, new: Item) -> None:
    assert updated({"a": {"M": {"b": {"N": "1"}}}, "b": {"S": "x"}}, text) == new


# ADD counts up and unites sets, from nothing if need be.
@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        (None, {"N": "5"}, {"N": "5"}),
        ({"N": "3"}, {"N": "-5"}, {"N": "-2"}),
        (None, {"SS": ["b", "a"]}, {"SS": ["a", "b"]}),
        ({"SS": ["dog", "cat"]}, {"SS": ["ant", "dog", ""]}, {"SS": ["", "ant", "cat", "dog"]}),
        ({"NS": ["1", "10"]}, {"NS": ["9", "1.0"]}, {"NS": ["1", "9", "10"]}),
        ({"BS": ["/w=="]}, {"BS": ["AA==", "/w=="]}, {"BS": ["AA==", "/w=="]}),
    ],
)
def test_add(old: AttributeValue | None, value: AttributeValue, new: AttributeValue) -> None:
    assert updated({} if old is None else {"a": old}, "ADD a :v", v=value) == {"a": new}
    inside = {"m": {"M": {} if old is None else {"a": old}}}
    assert updated(inside, "ADD m.a :v", v=value) == {"m": {"M": {"a": new}}}


# DELETE takes members out of a set; there are no empty sets, so the last one takes the attribute with it.
@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ({"SS": ["a", "b", "c"]}, {"SS": ["b", "x"]}, {"SS": ["a", "c"]}),
        ({"SS": ["a"]}, {"SS": ["b"]}, {"SS": ["a"]}),
        ({"SS": ["", "a"]}, {"SS": ["a"]}, {"SS": [""]}),
        ({"SS": [""]}, {"SS": [""]}, None),
        ({"NS": ["1", "2"]}, {"NS": ["2.0", "1"]}, None),
        ({"BS": ["AA==", "/w=="]}, {"BS": ["AA=="]}, {"BS": ["/w=="]}),
        (None, {"SS": ["a"]}, None),
    ],
)
def test_delete(old: AttributeValue | None, value: AttributeValue, new: AttributeValue | None) -> None:
    assert updated({} if old is None else {"a": old}, "DELETE a :v", v=value) == ({} if new is None else {"a": new})


# What the item does not allow, in AWS's words.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET x.y = :n", INVALID_PATH),
        ("SET x[0] = :n", INVALID_PATH),
        ("SET s.y = :n", INVALID_PATH),
        ("SET s[0] = :n", INVALID_PATH),
        ("SET l.y = :n", INVALID_PATH),
        ("SET m[0] = :n", INVALID_PATH),
        ("SET m.x.y = :n", INVALID_PATH),
        ("SET l[7].y = :n", INVALID_PATH),
        ("REMOVE x.y", INVALID_PATH),
        ("REMOVE x[0]", INVALID_PATH),
        ("REMOVE s.y", INVALID_PATH),
        ("REMOVE l.y", INVALID_PATH),
        ("ADD x.y :n", INVALID_PATH),
        ("DELETE x.y :ss", INVALID_PATH),
        ("SET a = x", MISSING),
        ("SET a = m.x", MISSING),
        ("SET a = x + :n", MISSING),
        ("SET a = list_append(x, :l)", MISSING),
        ("SET a = if_not_exists(x, y)", MISSING),
        ("SET a = s + :n", WRONG_TYPE),
        ("SET a = m - :n", WRONG_TYPE),
        ("SET a = list_append(s, :l)", WRONG_TYPE),
        ("SET a = list_append(ss, :l)", WRONG_TYPE),
        ("ADD s :n", WRONG_TYPE),
        ("ADD n :ss", WRONG_TYPE),
        ("ADD ss :n", WRONG_TYPE),
        ("ADD ss :ns", WRONG_TYPE),
        ("ADD l :ns", WRONG_TYPE),
        ("DELETE ss :ns", WRONG_TYPE),
        ("DELETE n :ns", WRONG_TYPE),
        ("DELETE m :ns", WRONG_TYPE),
        (
            "SET a = big + big",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            "ADD big :n",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
    ],
)
def test_refused_updates(text: str, message: str) -> None:
    old: Item = {
        "s": {"S": "s"},
        "n": {"N": "1"},
        "big": {"N": "9E125"},
        "l": numbers(1),
        "m": {"M": {}},
        "ss": {"SS": ["a"]},
    }
    given: dict[str, Any] = {"n": {"N": "1"}, "l": numbers(2), "ss": {"SS": ["x"]}, "ns": {"NS": ["1"]}}
    used = {name: value for name, value in given.items() if f":{name}" in text.split() or f":{name})" in text}
    assert refusal(updated, old, text, **used) == message


# A missing item is made from its key, unless the update only takes away; then nothing is wrong, and there is still none.
# That holds of AWS's legacy DELETE (alternator's test_update_item_non_existant) and of REMOVE; of members of a set other endpoints make an
# item, and no capture from AWS could be found: it follows the other two.
def test_missing_items() -> None:
    assert updated(None, "SET a = :v", v={"N": "1"}) == {"a": {"N": "1"}}
    assert updated(None, "ADD a :v REMOVE b", v={"N": "1"}) == {"a": {"N": "1"}}
    assert updated(None, "REMOVE a") is None
    assert updated(None, "REMOVE a.b, c[0]") is None
    assert updated(None, "DELETE a :v", v={"SS": ["a"]}) is None
    assert refusal(updated, None, "SET a.b = :v", v={"N": "1"}) == INVALID_PATH
    assert updated(None, "SET a = pk") == {"a": {"S": "k"}}
    assert refusal(updated, None, "SET a = b") == MISSING


# The caller refuses updates of keys by the top-level attributes they write.
def test_attributes_written() -> None:
    update, _ = compiled("SET a.b = :v, c = :v REMOVE a.d, e[0]", v={"N": "1"})
    assert update.attributes == ("a", "c", "e")


# Documents stay within 32 levels, also when one is put inside another.
def test_nesting_of_the_result() -> None:
    def nested(levels: int) -> AttributeValue:
        value: AttributeValue = {"S": "leaf"}
        for _ in range(levels):
            value = {"M": {"n": value}}
        return value

    assert nesting(nested(31)) == 31
    old: Item = {"a": {"M": {"b": {"L": []}}}}
    assert updated(old, "SET a.b[0] = :v", v=nested(29)) == {"a": {"M": {"b": {"L": [nested(29)]}}}}
    assert refusal(updated, old, "SET a.b[0] = :v", v=nested(30)) == (
        "Nesting Levels have exceeded supported limits: "
        "Attributes in the item have nested levels beyond supported limit"
    )


# The limit of an item holds for what an update makes of it; only what was written is measured again.
def test_size_of_the_result() -> None:
    update, values = compiled("SET a = :v", v={"S": "x" * 100})
    new = update.apply({"pk": {"S": "k"}}, KEY, values)
    assert new is not None
    assert update.size_after({"pk": {"S": "k"}}, ITEM_BYTES_MAX - 101, new) == ITEM_BYTES_MAX
    assert refusal(update.size_after, {"pk": {"S": "k"}}, ITEM_BYTES_MAX - 100, new) == (
        "Item size to update has exceeded the maximum allowed size"
    )


OLD: Item = {"a": {"M": {"b": {"S": "dog"}, "c": numbers(1, 2, 3)}}, "d": {"S": "cat"}}


# UPDATED_OLD and UPDATED_NEW show the written places inside their hierarchy and nothing else; where nothing is, nothing.
@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("SET d = :v", {"d": {"S": "cat"}}, {"d": {"N": "9"}}),
        ("SET d = d", {"d": {"S": "cat"}}, {"d": {"S": "cat"}}),
        ("SET e = :v", None, {"e": {"N": "9"}}),
        ("SET d = :v, e = :v", {"d": {"S": "cat"}}, {"d": {"N": "9"}, "e": {"N": "9"}}),
        ("REMOVE d", {"d": {"S": "cat"}}, None),
        ("REMOVE e", None, None),
        ("SET a.b = :v", {"a": {"M": {"b": {"S": "dog"}}}}, {"a": {"M": {"b": {"N": "9"}}}}),
        ("SET a.c[1] = :v", {"a": {"M": {"c": numbers(2)}}}, {"a": {"M": {"c": numbers(9)}}}),
        (
            "SET a.c[1] = :v, a.b = :v",
            {"a": {"M": {"b": {"S": "dog"}, "c": numbers(2)}}},
            {"a": {"M": {"b": {"N": "9"}, "c": numbers(9)}}},
        ),
        ("SET a.x = :v", None, {"a": {"M": {"x": {"N": "9"}}}}),
        # As on DynamoDB: an element appended past the end is not at its index, and another moves to a removed one's.
        ("SET a.c[100] = :v", None, None),
        ("REMOVE a.c[1], a.c[3]", {"a": {"M": {"c": numbers(2)}}}, {"a": {"M": {"c": numbers(3)}}}),
    ],
)
def test_returned_parts(text: str, old: Item | None, new: Item | None) -> None:
    update, values = compiled(text, **({"v": {"N": "9"}} if ":v" in text else {}))
    before = KEY | OLD
    after = update.apply(before, KEY, values)
    assert returned_attributes(Returned.UPDATED_OLD, update, before, after) == old
    assert returned_attributes(Returned.UPDATED_NEW, update, before, after) == new


# The other modes show all or nothing; a missing item has nothing to show.
def test_returned_items() -> None:
    update, values = compiled("SET d = :v", v={"N": "9"})
    before = KEY | OLD
    after = update.apply(before, KEY, values)
    assert returned_attributes(Returned.NONE, update, before, after) is None
    assert returned_attributes(Returned.ALL_OLD, update, before, after) is before
    assert returned_attributes(Returned.ALL_NEW, update, before, after) is after
    created = update.apply(None, KEY, values)
    assert returned_attributes(Returned.ALL_OLD, update, None, created) is None
    assert returned_attributes(Returned.UPDATED_OLD, update, None, created) is None
    assert returned_attributes(Returned.UPDATED_NEW, update, None, created) == {"d": {"N": "9"}}
    removal, _ = compiled("REMOVE d")
    assert returned_attributes(Returned.ALL_NEW, removal, None, None) is None
