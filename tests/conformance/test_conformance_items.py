"""PutItem, GetItem, UpdateItem and DeleteItem: what they store, return and refuse."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
KEY: Item = {"pk": {"S": "a"}}
MISMATCH = "The provided key element does not match the schema"


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


# The plain case.
def test_an_item_is_put_and_got(things: Table) -> None:
    item: Item = {"pk": {"S": "a"}, "v": {"S": "x"}}
    things.put(item)
    assert things.get(KEY) == item


# A get of nothing is not an error.
def test_a_missing_item_is_none(things: Table) -> None:
    assert things.get(KEY) is None


# A put replaces the whole item, not just the attributes it names.
def test_a_put_replaces(things: Table) -> None:
    things.put({"pk": {"S": "a"}, "old": {"S": "x"}})
    things.put({"pk": {"S": "a"}, "new": {"S": "y"}})
    assert things.get(KEY) == {"pk": {"S": "a"}, "new": {"S": "y"}}


# The sort key is part of the identity.
def test_items_with_different_sort_keys_are_different(series: Table) -> None:
    for sort in (1, 2):
        series.put({"pk": {"S": "a"}, "sk": _number(sort), "v": _number(sort)})
    assert series.get({"pk": {"S": "a"}, "sk": {"N": "2"}}) == {"pk": {"S": "a"}, "sk": {"N": "2"}, "v": {"N": "2"}}


# Equal numbers are one key.
def test_numeric_keys_compare_by_value(series: Table) -> None:
    series.put({"pk": {"S": "a"}, "sk": {"N": "10"}})
    assert series.get({"pk": {"S": "a"}, "sk": {"N": "1e1"}}) is not None


# Reads may be eventually consistent, which is the default.
@pytest.mark.parametrize("parameters", [{"ConsistentRead": False}, {"ConsistentRead": True}])
def test_reads_of_both_kinds_answer(things: Table, parameters: dict[str, bool]) -> None:
    assert things.get(KEY, **parameters) is None


# Deleting removes; deleting nothing is no error.
def test_a_delete_removes_and_may_find_nothing(things: Table) -> None:
    things.put(KEY)
    things.delete(KEY)
    things.delete(KEY)
    assert things.get(KEY) is None


# PutItem: the old item, when asked for and there is one.
def test_put_returns_the_old_item(things: Table) -> None:
    assert "Attributes" not in things.put({**KEY, "v": _number(1)}, ReturnValues="ALL_OLD")
    answer = things.put({**KEY, "v": _number(2)}, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {**KEY, "v": _number(1)}
    assert "Attributes" not in things.put(KEY, ReturnValues="NONE")


# DeleteItem: the same.
def test_delete_returns_the_old_item(things: Table) -> None:
    things.put({**KEY, "v": _number(1)})
    assert things.delete(KEY, ReturnValues="ALL_OLD")["Attributes"] == {**KEY, "v": _number(1)}
    assert "Attributes" not in things.delete(KEY, ReturnValues="ALL_OLD")


# A put and a delete know no new or updated attributes.
@pytest.mark.parametrize("wanted", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_put_and_delete_return_nothing_else(things: Table, wanted: str) -> None:
    text = f"{COUNTED}ReturnValues can only be ALL_OLD or NONE"
    assert invalid(things.put, item=KEY, ReturnValues=wanted) == text
    assert invalid(things.delete, key=KEY, ReturnValues=wanted) == text


# UpdateItem knows all five.
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("NONE", None),
        ("ALL_OLD", {**KEY, "a": {"N": "1"}, "b": {"N": "1"}}),
        ("UPDATED_OLD", {"a": {"N": "1"}}),
        ("ALL_NEW", {**KEY, "a": {"N": "2"}, "b": {"N": "1"}, "c": {"N": "2"}}),
        ("UPDATED_NEW", {"a": {"N": "2"}, "c": {"N": "2"}}),
    ],
)
def test_update_returns_what_is_asked_for(things: Table, wanted: str, expected: Item | None) -> None:
    things.put({**KEY, "a": {"N": "1"}, "b": {"N": "1"}})
    answer = things.update(KEY, "SET a = :v, c = :v", ExpressionAttributeValues={":v": {"N": "2"}}, ReturnValues=wanted)
    assert answer.get("Attributes") == expected


# An unknown ReturnValues is refused with the set of the known.
def test_return_values_are_an_enum(things: Table) -> None:
    text = invalid(things.put, item=KEY, ReturnValues="SOME")
    assert text == (
        f"{COUNTED}Failed to satisfy constraint: Member must satisfy enum value set: "
        "[ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
    )


# An update of nothing makes the item.
def test_update_makes_an_item(things: Table) -> None:
    things.update(KEY, "SET v = :v", ExpressionAttributeValues={":v": {"S": "x"}})
    assert things.get(KEY) == {**KEY, "v": {"S": "x"}}


# Even without an expression.
def test_update_without_an_expression_makes_an_item_of_its_key(things: Table) -> None:
    things.client.update_item(TableName=things.name, Key=KEY)
    assert things.get(KEY) == KEY


# But an update that only removes makes nothing.
def test_an_update_that_only_removes_makes_nothing(things: Table) -> None:
    things.update(KEY, "REMOVE v")
    assert things.get(KEY) is None


# The key of an item never changes.
@pytest.mark.parametrize("expression", ["SET pk = :v", "SET v = :v REMOVE pk"])
def test_the_key_cannot_be_updated(things: Table, expression: str) -> None:
    text = invalid(things.update, key=KEY, expression=expression, ExpressionAttributeValues={":v": {"S": "b"}})
    assert text == INVALID + "Cannot update attribute pk. This attribute is part of the key"


# Whole items: what is wrong with their keys.
@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"v": {"S": "a"}}, INVALID + "Missing the key pk in the item"),
        ({"pk": {"N": "1"}}, INVALID + "Type mismatch for key pk expected: S actual: N"),
        (
            {"pk": {"S": ""}},
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            "empty string value. Key: pk",
        ),
        (
            {"pk": {"S": "x" * 2049}},
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
    ],
)
def test_keys_of_items_are_checked(things: Table, item: Item, text: str) -> None:
    assert invalid(things.put, item=item) == text


# The longest keys there may be are stored and found.
def test_the_longest_keys_are_stored(names: Table) -> None:
    item: Item = {"pk": {"S": "p" * 2048}, "sk": {"S": "s" * 1024}}
    names.put(item)
    assert names.get(item) == item
    text = invalid(names.put, item={**item, "sk": {"S": "s" * 1025}})
    assert text == INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"


# Long sort keys that begin alike are different items.
def test_long_sort_keys_are_told_apart(names: Table) -> None:
    for end in ("a", "b"):
        names.put({"pk": {"S": "p"}, "sk": {"S": "s" * 1000 + end}, "v": {"S": end}})
    found = names.get({"pk": {"S": "p"}, "sk": {"S": "s" * 1000 + "b"}})
    assert found is not None
    assert found["v"] == {"S": "b"}


# Key members: all key attributes, of their types, and nothing else.
@pytest.mark.parametrize("operation", ["get", "delete"])
@pytest.mark.parametrize(
    "key", [{}, {"pk": {"N": "1"}}, {"x": {"S": "a"}}, {"pk": {"S": "a"}, "sk": {"S": "b"}}], ids=str
)
def test_key_members_must_match(things: Table, operation: str, key: Item) -> None:
    assert invalid(getattr(things, operation), key=key) == MISMATCH


# A composite key needs both parts.
def test_a_key_needs_its_sort_key(series: Table) -> None:
    assert invalid(series.get, key=KEY) == MISMATCH


# An empty key is refused in reads as well.
def test_an_empty_key_is_refused(things: Table) -> None:
    assert "cannot contain an empty string value. Key: pk" in invalid(things.get, key={"pk": {"S": ""}})


# A condition decides whether a put happens.
def test_a_put_may_be_conditional(things: Table) -> None:
    things.put({**KEY, "v": _number(1)}, ConditionExpression="attribute_not_exists(pk)")
    code, text = refused(things.put, item={**KEY, "v": _number(2)}, ConditionExpression="attribute_not_exists(pk)")
    assert (code, text) == ("ConditionalCheckFailedException", "The conditional request failed")
    assert things.get(KEY) == {**KEY, "v": _number(1)}


# The same for updates and deletes.
def test_updates_and_deletes_may_be_conditional(things: Table) -> None:
    condition = {"ConditionExpression": "attribute_exists(pk)"}
    assert refused(things.delete, key=KEY, **condition)[0] == "ConditionalCheckFailedException"
    assert refused(things.update, key=KEY, expression="REMOVE v", **condition)[0] == "ConditionalCheckFailedException"
    things.put(KEY)
    things.delete(KEY, **condition)
    assert things.get(KEY) is None


# A failed condition shows the item only to those who asked.
def test_a_failed_condition_shows_the_item_when_asked(things: Table) -> None:
    item = {**KEY, "v": _number(1)}
    things.put(item)
    condition = {"ConditionExpression": "attribute_not_exists(pk)"}
    failed = things.client.exceptions.ConditionalCheckFailedException
    with pytest.raises(failed) as caught:
        things.put(KEY, **condition)
    assert "Item" not in caught.value.response
    with pytest.raises(failed) as caught:
        things.put(KEY, **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Item"] == item


# Where there was no item there is none to show.
def test_a_failed_condition_on_nothing_shows_nothing(things: Table) -> None:
    with pytest.raises(things.client.exceptions.ConditionalCheckFailedException) as caught:
        things.delete(KEY, ConditionExpression="attribute_exists(pk)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert "Item" not in caught.value.response


# Reads cost half a unit for 4 KB, a whole one when consistent; what is not there costs as much as something small.
def test_reads_tell_their_capacity(things: Table) -> None:
    def units(**parameters: Any) -> float:
        answer = things.client.get_item(TableName=things.name, Key=KEY, ReturnConsumedCapacity="TOTAL", **parameters)
        assert answer["ConsumedCapacity"]["TableName"] == things.name
        return float(answer["ConsumedCapacity"]["CapacityUnits"])

    assert units() == 0.5
    assert units(ConsistentRead=True) == 1.0
    things.put({**KEY, "v": {"S": "x" * 5000}})
    assert units(ConsistentRead=True) == 2.0
    assert units(ConsistentRead=True, ProjectionExpression="pk") == 2.0


# Writes cost a unit for each KB of the larger of the item before and after.
def test_writes_tell_their_capacity(things: Table) -> None:
    big = things.put({**KEY, "v": {"S": "x" * 2500}}, ReturnConsumedCapacity="TOTAL")
    assert big["ConsumedCapacity"]["CapacityUnits"] == 3.0
    shrunk = things.put(KEY, ReturnConsumedCapacity="TOTAL")
    assert shrunk["ConsumedCapacity"]["CapacityUnits"] == 3.0
    deleted = things.delete(KEY, ReturnConsumedCapacity="TOTAL")
    assert deleted["ConsumedCapacity"]["CapacityUnits"] == 1.0


# INDEXES tells the table's share apart; NONE and nothing tell nothing.
def test_capacity_is_told_as_asked(things: Table) -> None:
    told = things.put(KEY, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert told == {"TableName": things.name, "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}
    assert "ConsumedCapacity" not in things.put(KEY, ReturnConsumedCapacity="NONE")
    assert "ConsumedCapacity" not in things.put(KEY)


# Metrics of item collections exist only with local indexes.
def test_no_metrics_without_local_indexes(things: Table) -> None:
    assert "ItemCollectionMetrics" not in things.put(KEY, ReturnItemCollectionMetrics="SIZE")


# A projection by the old name.
def test_attributes_to_get(things: Table) -> None:
    things.put({**KEY, "a": _number(1), "b": _number(2)})
    assert things.get(KEY, AttributesToGet=["a", "missing"]) == {"a": _number(1)}


# Old and new spellings do not mix.
def test_old_and_new_parameters_do_not_mix(things: Table) -> None:
    text = invalid(things.get, key=KEY, AttributesToGet=["a"], ProjectionExpression="a")
    assert text == (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"
    )


# A required member that is missing is named.
def test_required_members_are_required(dynamodb: Any, things: Table) -> None:
    text = invalid(dynamodb.get_item, TableName=things.name)
    assert text == (
        "1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must not be null"
    )
