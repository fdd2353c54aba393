"""ReturnConsumedCapacity: what every operation says it consumed, in TOTAL, in INDEXES and not at all."""

from typing import Any

import pytest

from tests.support.conformance_table import Item, Table, eventually, refused

KEY: Item = {"pk": {"S": "a"}}
READ_BYTES, WRITE_BYTES = 4096, 1024


def _item(size: int, key: str = "a") -> Item:
    return {"pk": {"S": key}, "v": {"S": "x" * (size - len("pk") - len(key) - len("v"))}}


def _units(answer: dict[str, Any]) -> float:
    units: float = answer["ConsumedCapacity"]["CapacityUnits"]
    return units


def _comes_to(units: float, call: Any, **request: Any) -> None:
    """Wait until an eventually consistent read, which may come too soon, consumes so many units."""
    eventually(lambda: _units(call(**request)) == units, f"{units} units")


# One unit for every started 4 KB of the whole item, half of that when eventually consistent; nothing costs as much as a byte.
@pytest.mark.parametrize(
    ("size", "units"), [(None, 1.0), (10, 1.0), (READ_BYTES, 1.0), (READ_BYTES + 1, 2.0), (409_600, 100.0)]
)
def test_gets_consume(things: Table, size: int | None, units: float) -> None:
    if size is not None:
        things.put(_item(size))
    get, named = things.client.get_item, {"TableName": things.name, "Key": KEY, "ReturnConsumedCapacity": "TOTAL"}
    assert _units(get(**named, ConsistentRead=True)) == units
    _comes_to(units / 2, get, **named)
    assert _units(get(**named, ProjectionExpression="pk", ConsistentRead=True)) == units


# One unit for every started KB of the larger of the item before and after.
def test_writes_consume(things: Table) -> None:
    total = {"ReturnConsumedCapacity": "TOTAL"}
    assert _units(things.put(_item(WRITE_BYTES), **total)) == 1.0
    assert _units(things.put(_item(3 * WRITE_BYTES + 1), **total)) == 4.0
    assert _units(things.put(_item(10), **total)) == 4.0
    value = {":v": {"S": "x" * 2 * WRITE_BYTES}}
    assert _units(things.update(KEY, "SET v = :v", ExpressionAttributeValues=value, **total)) == 3.0
    assert _units(things.update(KEY, "REMOVE v", **total)) == 3.0
    assert _units(things.update(KEY, "REMOVE v", **total)) == 1.0
    things.put(_item(5 * WRITE_BYTES))
    assert _units(things.delete(KEY, **total)) == 5.0
    assert _units(things.delete(KEY, **total)) == 1.0


# AttributeUpdates and an update of nothing consume as expressions do.
def test_legacy_updates_consume(things: Table) -> None:
    update = things.client.update_item
    named = {"TableName": things.name, "Key": KEY, "ReturnConsumedCapacity": "TOTAL"}
    assert _units(update(**named)) == 1.0
    grown = {"v": {"Value": {"S": "x" * WRITE_BYTES}}}
    assert _units(update(**named, AttributeUpdates=grown)) == 2.0


# A page consumes the sum of what it evaluated, rounded up once, whatever the filter leaves.
def test_pages_consume(names: Table) -> None:
    for number in range(10):
        names.put({"pk": {"S": "p"}, "sk": {"S": str(number)}, "v": {"S": "x" * 995}})
    search = {
        "TableName": names.name,
        "KeyConditionExpression": "pk = :p",
        "FilterExpression": "v = :p",
        "ExpressionAttributeValues": {":p": {"S": "p"}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    query, scan = names.client.query, names.client.scan
    assert _units(query(**search, ConsistentRead=True)) == 3.0
    _comes_to(1.5, query, **search)
    _comes_to(0.5, query, **search, Limit=4)
    _comes_to(1.0, query, **search, Limit=5, Select="COUNT")
    nothing = {**search, "ExpressionAttributeValues": {":p": {"S": "q"}}}
    assert _units(query(**nothing)) == 0.5
    whole = {"TableName": names.name, "ReturnConsumedCapacity": "TOTAL"}
    assert _units(scan(**whole, ConsistentRead=True)) == 3.0
    filtered = {"v": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "no"}]}}
    _comes_to(1.5, scan, **whole, ScanFilter=filtered)


# Batches round up item by item, and tell each table by itself.
def test_batches_consume(make_table: Any, dynamodb: Any) -> None:
    first, second = make_table(), make_table()
    puts = {
        first.name: [{"PutRequest": {"Item": _item(WRITE_BYTES + 1, key)}} for key in "ab"],
        second.name: [{"PutRequest": {"Item": _item(10)}}, {"DeleteRequest": {"Key": {"pk": {"S": "none"}}}}],
    }
    answer = dynamodb.batch_write_item(RequestItems=puts, ReturnConsumedCapacity="TOTAL")
    assert _by_table(answer) == {first.name: 4.0, second.name: 2.0}
    asked = {
        first.name: {"Keys": [{"pk": {"S": key}} for key in "abc"]},
        second.name: {"Keys": [KEY], "ConsistentRead": True},
    }
    answer = dynamodb.batch_get_item(RequestItems=asked, ReturnConsumedCapacity="INDEXES")
    assert _by_table(answer) == {first.name: 1.5, second.name: 1.0}  # as much for what a replica has not heard of yet
    assert all(each["Table"] == {"CapacityUnits": each["CapacityUnits"]} for each in answer["ConsumedCapacity"])


def _by_table(answer: dict[str, Any]) -> dict[str, float]:
    return {each["TableName"]: each["CapacityUnits"] for each in answer["ConsumedCapacity"]}


# Every operation says as much as it is asked to; NONE is the default.
def test_capacity_is_told_as_asked_everywhere(things: Table, dynamodb: Any) -> None:
    things.put(KEY)
    named = {"TableName": things.name}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (dynamodb.get_item, {**named, "Key": KEY}),
        (dynamodb.put_item, {**named, "Item": KEY}),
        (dynamodb.update_item, {**named, "Key": KEY}),
        (dynamodb.delete_item, {**named, "Key": KEY}),
        (dynamodb.scan, named),
        (
            dynamodb.query,
            {**named, "KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}},
        ),
        (dynamodb.batch_get_item, {"RequestItems": {things.name: {"Keys": [KEY]}}}),
        (dynamodb.batch_write_item, {"RequestItems": {things.name: [{"PutRequest": {"Item": KEY}}]}}),
    ]
    for call, request in calls:
        assert "ConsumedCapacity" not in call(**request)
        assert "ConsumedCapacity" not in call(**request, ReturnConsumedCapacity="NONE")
        for asked, members in (
            ("TOTAL", {"TableName", "CapacityUnits"}),
            ("INDEXES", {"TableName", "CapacityUnits", "Table"}),
        ):
            told = call(**request, ReturnConsumedCapacity=asked)["ConsumedCapacity"]
            told = told[0] if isinstance(told, list) else told
            assert told.keys() == members
            assert told["TableName"] == things.name
            assert told["CapacityUnits"] in (0.5, 1.0)


# What is refused, or fails its condition, tells nothing.
def test_errors_tell_no_capacity(things: Table) -> None:
    condition = {"ConditionExpression": "attribute_exists(pk)", "ReturnConsumedCapacity": "TOTAL"}
    code, _ = refused(things.put, item=KEY, **condition)
    assert code == "ConditionalCheckFailedException"
    with pytest.raises(things.client.exceptions.ConditionalCheckFailedException) as caught:
        things.put(KEY, **condition)
    assert "ConsumedCapacity" not in caught.value.response


# A table may be named by its ARN; then everything about it is told under the ARN.
def test_tables_are_told_as_they_were_named(things: Table, dynamodb: Any) -> None:
    arn = things.describe()["TableArn"]
    answer = dynamodb.batch_write_item(
        RequestItems={arn: [{"PutRequest": {"Item": KEY}}]}, ReturnConsumedCapacity="TOTAL"
    )
    assert _by_table(answer) == {arn: 1.0}
    answer = dynamodb.batch_get_item(
        RequestItems={arn: {"Keys": [KEY], "ConsistentRead": True}}, ReturnConsumedCapacity="TOTAL"
    )
    assert answer["Responses"] == {arn: [KEY]}
    assert _by_table(answer) == {arn: 1.0}
    for call, members in (
        (dynamodb.get_item, {"Key": KEY}),
        (dynamodb.put_item, {"Item": KEY}),
        (dynamodb.update_item, {"Key": KEY}),
        (dynamodb.scan, {}),
        (dynamodb.delete_item, {"Key": KEY}),
    ):
        answer = call(TableName=arn, ReturnConsumedCapacity="TOTAL", **members)
        assert answer["ConsumedCapacity"]["TableName"] == arn
