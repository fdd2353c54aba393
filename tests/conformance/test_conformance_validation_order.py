"""The order of checks: of several things wrong with a request, AWS names one, and always the same one."""

from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
MIXED = "Can not use both expression and non-expression parameters in the same request: "
SCALARS = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"
NO_NAMES = "ExpressionAttributeNames can only be specified when using expressions"
NO_VALUES = "ExpressionAttributeValues can only be specified when using expressions"

# Every member of a request wrong in its own way. A test mends one after the other, in the order in which AWS complains.
WRITE_EXPRESSIONS: dict[str, Any] = {"ExpressionAttributeNames": {}, "ExpressionAttributeValues": {}}

Step = tuple[dict[str, Any], str]


def _refusals(call: Any, request: dict[str, Any], steps: list[Step]) -> None:
    """Check what is said of a request, counted when it is a write, while it is mended step by step; None takes a member away."""
    counted = COUNTED if call.__name__ in ("put_item", "update_item", "delete_item") else ""
    for mended, text in steps:
        request = {name: value for name, value in {**request, **mended}.items() if value is not None}
        assert invalid(call, **request).startswith(counted + text), (mended, text)


# What the model forbids comes first, all of it in one text (of an update ReturnValues alone), before what the members hold is looked at.
@pytest.mark.parametrize("operation", ["put_item", "update_item", "delete_item"])
def test_the_model_comes_first(dynamodb: Any, operation: str) -> None:
    members = {"Item": {"a": {}}} if operation == "put_item" else {"Key": {"a": {}}}
    text = invalid(
        getattr(dynamodb, operation),
        TableName="abc;",
        ReturnConsumedCapacity="hi",
        ReturnItemCollectionMetrics="hi",
        ReturnValues="hi",
        Expected={"a": {}},
        ConditionExpression="",
        **members,
    )
    returned = "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
    if operation == "update_item":
        assert text == COUNTED + returned
        return
    assert text.startswith("4 validation errors detected: ")
    constraints = {
        "Value 'hi' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: "
        "[INDEXES, TOTAL, NONE]",
        "Value 'abc;' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9_.-]+",
        "Value 'hi' at 'returnItemCollectionMetrics' failed to satisfy constraint: Member must satisfy enum value set: "
        "[SIZE, NONE]",
        returned,
    }
    assert set(text.removeprefix("4 validation errors detected: ").split("; ")) == constraints


# A value of a wrong JSON type is not even looked at together with the others.
def test_types_come_before_everything(dynamodb: Any) -> None:
    code, text = refused(dynamodb.put_item, TableName="abc;", Item={"a": {"S": 5}}, ReturnValues="hi")
    assert (code, text) == ("SerializationException", "NUMBER_VALUE cannot be converted to String")


WRONG = {"S": 1}
UNUSED: dict[str, Any] = {"ExpressionAttributeNames": {"#unused": "a"}}


# Nor is one deep inside an item or a value, whatever else there is to say of the request, of its table, or of its other values.
# Source: architect/dynalite, lib/index.js, whose tests were run against AWS: it reads types to their depths, then asks for the rest.
@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("put_item", {"Item": {"pk": WRONG}, **UNUSED}),
        ("put_item", {"Item": {"pk": {"S": "a"}, "a": {"L": [{"M": {"b": WRONG}}]}}, **UNUSED}),
        ("put_item", {"Item": {"pk": {}, "a": WRONG}}),
        ("put_item", {"Item": {"pk": WRONG}, "Expected": {"a": {"Exists": False}}, "ConditionExpression": "a = :v"}),
        (
            "put_item",
            {"Item": {"pk": {"S": "a"}}, "ConditionExpression": "(", "ExpressionAttributeValues": {":v": WRONG}},
        ),
        ("put_item", {"TableName": "nowhere", "Item": {"pk": WRONG}}),
        ("get_item", {"Key": {"no": {"S": "a"}, "pk": WRONG}}),
        ("get_item", {"Key": {"pk": WRONG}, **UNUSED}),
        ("get_item", {"TableName": "nowhere", "Key": {"pk": WRONG}}),
        ("delete_item", {"Key": {"pk": {"S": "a"}}, "Expected": {"a": {"Value": WRONG}}, "ConditionExpression": "a"}),
        ("update_item", {"Key": {"pk": WRONG}, "UpdateExpression": "nonsense"}),
        (
            "update_item",
            {"Key": {"pk": {"S": "a"}}, "UpdateExpression": "SET a = b", "AttributeUpdates": {"a": {"Value": WRONG}}},
        ),
        ("query", {"KeyConditionExpression": "pk = :missing", "ExpressionAttributeValues": {":v": WRONG}}),
        ("query", {"ExclusiveStartKey": {"pk": WRONG}}),
        ("scan", {"Select": "COUNT", "ProjectionExpression": "a", "ExclusiveStartKey": {"pk": WRONG}}),
    ],
)
def test_types_inside_items_come_first(things: Table, dynamodb: Any, operation: str, request_: dict[str, Any]) -> None:
    code, text = refused(getattr(dynamodb, operation), **{"TableName": things.name, **request_})
    assert (code, text) == ("SerializationException", "NUMBER_VALUE cannot be converted to String")


# The same of requests that are about several items, in whichever of them it is.
def test_types_inside_the_items_of_a_batch_come_first(things: Table, dynamodb: Any) -> None:
    fine, wrong = {"pk": {"S": "a"}}, {"pk": WRONG}
    writes = [{"PutRequest": {"Item": fine}}] * 2 + [{"DeleteRequest": {"Key": wrong}}]
    actions = [{"Put": {"TableName": "nowhere", "Item": fine}}, {"Put": {"TableName": "nowhere", "Item": wrong}}]
    for call, parameters in (
        (dynamodb.batch_write_item, {"RequestItems": {things.name: writes}}),
        (dynamodb.batch_get_item, {"RequestItems": {things.name: {"Keys": [fine, fine, wrong]}}}),
        (dynamodb.batch_get_item, {"RequestItems": {"nowhere": {"Keys": [fine]}, things.name: {"Keys": [wrong]}}}),
        (dynamodb.transact_write_items, {"TransactItems": actions}),
        (dynamodb.execute_statement, {"Statement": "nonsense", "Parameters": [WRONG]}),
    ):
        code, text = refused(call, **parameters)
        assert (code, text) == ("SerializationException", "NUMBER_VALUE cannot be converted to String")


# A request whose types are in order is refused for what it was refused for before they were looked at, and a type that is converted is.
def test_what_is_wrong_beside_good_types_is_told(things: Table, dynamodb: Any) -> None:
    flagged = {"pk": {"S": "a"}, "a": {"BOOL": "true"}}
    text = invalid(dynamodb.put_item, TableName=things.name, Item=flagged, **UNUSED)
    assert NO_NAMES in text
    things.put(flagged)
    assert things.get({"pk": {"S": "a"}}) == {"pk": {"S": "a"}, "a": {"BOOL": True}}


# PutItem: which parameters go together, the item, ReturnValues, Expected; then names, values and expressions, the table, the key.
def test_the_order_of_put_item(things: Table, dynamodb: Any) -> None:
    request = {
        "TableName": "nowhere",
        "Item": {"a": {}},
        "ReturnValues": "ALL_NEW",
        "Expected": {"a": {}, "b": {}},
        "ConditionalOperator": "AND",
        "ConditionExpression": "",
        **WRITE_EXPRESSIONS,
    }
    both = "Non-expression parameters: {Expected, ConditionalOperator} Expression parameters: {ConditionExpression}"
    older: list[Step] = [
        ({}, MIXED + both),
        ({"ConditionExpression": None}, NO_NAMES),
        ({"ExpressionAttributeNames": None}, NO_VALUES),
        (
            {"ExpressionAttributeValues": None, "Expected": {"a": {}}},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        ({"ConditionalOperator": None}, EMPTY),
        ({"Item": {"x": {"S": "a"}}}, "ReturnValues can only be ALL_OLD or NONE"),
        ({"ReturnValues": "NONE"}, f"{INVALID}Value must be provided when Exists is null for Attribute: a"),
    ]
    _refusals(dynamodb.put_item, request, older)
    newer: list[Step] = [
        ({"Expected": None, "ConditionalOperator": None}, EMPTY),
        ({"Item": {"x": {"S": "a"}}}, "ReturnValues can only be ALL_OLD or NONE"),
        ({"ReturnValues": "NONE"}, "ExpressionAttributeNames must not be empty"),
        ({"ExpressionAttributeNames": {"a": "a"}}, "ExpressionAttributeNames contains invalid key: Syntax error;"),
        ({"ExpressionAttributeNames": {"#a": "a"}}, "ExpressionAttributeValues must not be empty"),
        ({"ExpressionAttributeValues": {":v": {}, "v": {}}}, "ExpressionAttributeValues contains invalid key: Syntax"),
        ({"ExpressionAttributeValues": {":v": {}}}, EMPTY),
        ({"ExpressionAttributeValues": {":v": {"S": "x"}}}, "Invalid ConditionExpression: The expression can not be"),
        ({"ConditionExpression": "status ="}, "Invalid ConditionExpression: Syntax error;"),
        ({"ConditionExpression": "status = :w"}, "Invalid ConditionExpression: Attribute name is a reserved keyword"),
        ({"ConditionExpression": "a = :w"}, "Invalid ConditionExpression: An expression attribute value used"),
        ({"ConditionExpression": "a = :v"}, "Value provided in ExpressionAttributeNames unused in expressions"),
        (
            {"ConditionExpression": "attribute_exists(#a)"},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}",
        ),
    ]
    _refusals(dynamodb.put_item, request, newer)
    fine = {
        "Item": {"x": {"S": "a"}},
        "ConditionExpression": "pk.a = :v",
        "ExpressionAttributeValues": {":v": {"S": "x"}},
    }
    code, text = refused(dynamodb.put_item, TableName="nowhere", **fine)
    assert (code, text) == ("ResourceNotFoundException", "Requested resource not found")
    named = {"TableName": things.name, **fine}
    assert invalid(dynamodb.put_item, **named) == f"{INVALID}Missing the key pk in the item"
    text = invalid(dynamodb.put_item, **{**named, "Item": {"pk": {"N": "1"}}})
    assert text == f"{INVALID}Type mismatch for key pk expected: S actual: N"
    text = invalid(dynamodb.put_item, **{**named, "Item": {"pk": {"S": "a"}}})
    assert text == SCALARS


# UpdateItem: the key, the updates, the expectation; then the update's expression before the condition's.
def test_the_order_of_update_item(things: Table, dynamodb: Any) -> None:
    request = {
        "TableName": "nowhere",
        "Key": {"a": {}},
        "AttributeUpdates": {"a": {}},
        "Expected": {"a": {}},
        "UpdateExpression": "",
        "ConditionExpression": "",
        **WRITE_EXPRESSIONS,
    }
    older: list[Step] = [
        (
            {},
            f"{MIXED}Non-expression parameters: {{AttributeUpdates, Expected}} "
            "Expression parameters: {UpdateExpression, ConditionExpression}",
        ),
        ({"UpdateExpression": None, "ConditionExpression": None}, NO_NAMES),
        ({"ExpressionAttributeNames": None}, NO_VALUES),
        ({"ExpressionAttributeValues": None}, EMPTY),
        ({"Key": {}}, f"{INVALID}Only DELETE action is allowed when no attribute value is specified"),
        (
            {"AttributeUpdates": {"a": {"Value": {"S": "x"}}}},
            f"{INVALID}Value must be provided when Exists is null for Attribute: a",
        ),
    ]
    _refusals(dynamodb.update_item, request, older)
    newer: list[Step] = [
        ({"AttributeUpdates": None, "Expected": None}, EMPTY),
        ({"Key": {}}, "ExpressionAttributeNames must not be empty"),
        ({"ExpressionAttributeNames": None}, "ExpressionAttributeValues must not be empty"),
        ({"ExpressionAttributeValues": None}, "Invalid UpdateExpression: The expression can not be empty;"),
        ({"UpdateExpression": "REMOVE pk"}, "Invalid ConditionExpression: The expression can not be empty;"),
    ]
    _refusals(dynamodb.update_item, request, newer)
    change = {"UpdateExpression": "REMOVE pk"}
    assert refused(dynamodb.update_item, TableName="nowhere", Key={}, **change)[0] == "ResourceNotFoundException"
    mismatch = "The provided key element does not match the schema"
    assert invalid(dynamodb.update_item, TableName=things.name, Key={}, **change) == mismatch
    text = invalid(dynamodb.update_item, TableName=things.name, Key={"pk": {"S": "a"}}, **change)
    assert text == f"{INVALID}Cannot update attribute pk. This attribute is part of the key"


# DeleteItem: the key, ReturnValues, the expectation, the table, the key again.
def test_the_order_of_delete_item(things: Table, dynamodb: Any) -> None:
    request = {"TableName": "nowhere", "Key": {"a": {}}, "ReturnValues": "UPDATED_NEW", "Expected": {"a": {}}}
    steps: list[Step] = [
        ({}, EMPTY),
        ({"Key": {}}, "ReturnValues can only be ALL_OLD or NONE"),
        ({"ReturnValues": "ALL_OLD"}, f"{INVALID}Value must be provided when Exists is null for Attribute: a"),
    ]
    _refusals(dynamodb.delete_item, request, steps)
    assert refused(dynamodb.delete_item, TableName="nowhere", Key={})[0] == "ResourceNotFoundException"
    text = invalid(dynamodb.delete_item, TableName=things.name, Key={})
    assert text == "The provided key element does not match the schema"


# GetItem: which parameters go together, the key, the projection, the table, the key again.
def test_the_order_of_get_item(things: Table, dynamodb: Any) -> None:
    request = {
        "TableName": "nowhere",
        "Key": {"a": {}},
        "AttributesToGet": ["a", "a"],
        "ProjectionExpression": "",
        "ExpressionAttributeNames": {},
    }
    older: list[Step] = [
        ({}, f"{MIXED}Non-expression parameters: {{AttributesToGet}} Expression parameters: {{ProjectionExpression}}"),
        ({"ProjectionExpression": None}, NO_NAMES),
        ({"ExpressionAttributeNames": None}, EMPTY),
        ({"Key": {}}, f"{INVALID}Duplicate value in attribute name: a"),
    ]
    _refusals(dynamodb.get_item, request, older)
    newer: list[Step] = [
        ({"AttributesToGet": None}, EMPTY),
        ({"Key": {}}, "ExpressionAttributeNames must not be empty"),
        ({"ExpressionAttributeNames": None}, "Invalid ProjectionExpression: The expression can not be empty;"),
    ]
    _refusals(dynamodb.get_item, request, newer)
    assert refused(dynamodb.get_item, TableName="nowhere", Key={})[0] == "ResourceNotFoundException"
    text = invalid(dynamodb.get_item, TableName=things.name, Key={}, ProjectionExpression="pk.a")
    assert text == "The provided key element does not match the schema"
    text = invalid(dynamodb.get_item, TableName=things.name, Key={"pk": {"S": "a"}}, ProjectionExpression="pk.a")
    assert text == SCALARS


# Query: the filter, the attributes, the starting key, whether there is a key condition; then the expressions, the key first.
def test_the_order_of_query(names: Table, dynamodb: Any) -> None:
    request = {
        "TableName": "nowhere",
        "QueryFilter": {"a": {"ComparisonOperator": "EQ"}},
        "AttributesToGet": ["a", "a"],
        "ExclusiveStartKey": {"a": {}},
        "KeyConditions": {"a": {"ComparisonOperator": "EQ"}},
    }
    older: list[Step] = [
        ({}, f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"),
        ({"QueryFilter": {}}, f"{INVALID}Duplicate value in attribute name: a"),
        ({"AttributesToGet": None}, f"The provided starting key is invalid: {EMPTY}"),
        ({"ExclusiveStartKey": {}}, f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"),
        ({"KeyConditions": None}, "Either the KeyConditions or KeyConditionExpression parameter must be specified"),
    ]
    _refusals(dynamodb.query, request, older)
    newer: list[Step] = [
        (
            {
                "KeyConditions": None,
                "QueryFilter": None,
                "AttributesToGet": None,
                "KeyConditionExpression": "",
                "FilterExpression": "",
                "ProjectionExpression": "",
            },
            f"The provided starting key is invalid: {EMPTY}",
        ),
        ({"ExclusiveStartKey": {}}, "Invalid KeyConditionExpression: The expression can not be empty;"),
        ({"KeyConditionExpression": "a = :a"}, "Invalid KeyConditionExpression: An expression attribute value used"),
        (
            {"ExpressionAttributeValues": {":a": {"S": "x"}}},
            "Invalid FilterExpression: The expression can not be empty;",
        ),
        ({"FilterExpression": "pk = :a"}, "Invalid ProjectionExpression: The expression can not be empty;"),
    ]
    _refusals(dynamodb.query, request, newer)
    search = {"KeyConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {"N": "1"}}}
    assert refused(dynamodb.query, TableName="nowhere", **search)[0] == "ResourceNotFoundException"
    named = {"TableName": names.name, **search}
    text = invalid(dynamodb.query, **named, IndexName="none", ExclusiveStartKey={})
    assert text == "The table does not have the specified index: none"
    assert invalid(dynamodb.query, **named, ExclusiveStartKey={}) == "The provided starting key is invalid"
    assert invalid(dynamodb.query, **named) == "Query condition missed key schema element: pk"
    named["KeyConditionExpression"] = "pk = :a"
    assert invalid(dynamodb.query, **named, FilterExpression="pk = :a") == (
        f"{INVALID}Condition parameter type does not match schema type"
    )
    named["ExpressionAttributeValues"] = {":a": {"S": "x"}}
    assert invalid(dynamodb.query, **named, FilterExpression="pk = :a") == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: pk"
    )


# Scan: the attributes, the filter, the starting key, the segments, the expressions, the table, the index.
def test_the_order_of_scan(things: Table, dynamodb: Any) -> None:
    request = {
        "TableName": "nowhere",
        "AttributesToGet": ["a", "a"],
        "ScanFilter": {"a": {"ComparisonOperator": "EQ"}},
        "ExclusiveStartKey": {"a": {}},
        "Segment": 1,
    }
    older: list[Step] = [
        ({}, f"{INVALID}Duplicate value in attribute name: a"),
        ({"AttributesToGet": None}, f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"),
        ({"ScanFilter": None}, f"The provided starting key is invalid: {EMPTY}"),
        ({"ExclusiveStartKey": None, "FilterExpression": ""}, "The TotalSegments parameter is required but was not"),
        ({"TotalSegments": 1}, "The Segment parameter is zero-based and must be less than parameter TotalSegments"),
        ({"Segment": 0}, "Invalid FilterExpression: The expression can not be empty;"),
        ({"FilterExpression": "a = a"}, "Invalid FilterExpression: The first operand must be distinct"),
    ]
    _refusals(dynamodb.scan, request, older)
    assert refused(dynamodb.scan, TableName="nowhere", IndexName="none")[0] == "ResourceNotFoundException"
    text = invalid(dynamodb.scan, TableName=things.name, IndexName="none", ExclusiveStartKey={})
    assert text == "The table does not have the specified index: none"


# Batches: the bounds, what goes together, the values, duplicates of what can be compared, the tables, the keys.
def test_the_order_of_batches(things: Table, dynamodb: Any) -> None:
    get, write = dynamodb.batch_get_item, dynamodb.batch_write_item
    assert invalid(get, RequestItems={}).endswith("greater than or equal to 1")
    assert invalid(write, RequestItems={}) == "The requestItems parameter is required for BatchWriteItem"
    assert invalid(get, RequestItems={"nowhere": {"Keys": []}}).endswith("greater than or equal to 1")
    assert invalid(write, RequestItems={"nowhere": []}).endswith(
        "Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length "
        "greater than or equal to 1]"
    )
    wrong: Item = {"a": {}}
    asked = {"Keys": [wrong], "AttributesToGet": ["a"], "ProjectionExpression": "a"}
    mixed = f"{MIXED}Non-expression parameters: {{AttributesToGet}} Expression parameters: {{ProjectionExpression}}"
    assert invalid(get, RequestItems={"nowhere": asked}) == mixed
    assert invalid(get, RequestItems={"nowhere": {"Keys": [wrong, wrong]}}) == EMPTY
    twice = [{"a": {"N": "1"}}, {"a": {"N": "1.0"}}]
    assert invalid(get, RequestItems={"nowhere": {"Keys": twice}}) == "Provided list of item keys contains duplicates"
    assert refused(get, RequestItems={"nowhere": {"Keys": twice[:1]}})[0] == "ResourceNotFoundException"
    mismatch = "The provided key element does not match the schema"
    assert invalid(get, RequestItems={things.name: {"Keys": twice[:1]}}) == mismatch
    assert invalid(write, RequestItems={"nowhere": [{"PutRequest": {"Item": wrong}}]}) == EMPTY
    puts = [{"PutRequest": {"Item": {"pk": {"S": "a"}}}}] * 2
    assert refused(write, RequestItems={"nowhere": puts})[0] == "ResourceNotFoundException"
    assert invalid(write, RequestItems={things.name: puts}) == "Provided list of item keys contains duplicates"
    assert invalid(write, RequestItems={things.name: [{"PutRequest": {"Item": twice[0]}}]}) == mismatch
    both = {"PutRequest": {"Item": twice[0]}, "DeleteRequest": {"Key": twice[0]}}
    for request in ({}, both):
        assert invalid(write, RequestItems={things.name: [request]}) == (
            "Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes"
        )


# What is refused has changed nothing, not even where a part of the request was in order.
def test_refusals_change_nothing(things: Table, dynamodb: Any) -> None:
    fine = {"PutRequest": {"Item": {"pk": {"S": "a"}}}}
    for wrong in ({"pk": {"N": "1"}}, {"pk": {"S": ""}}, {"pk": {"S": "a"}}):
        batch = {things.name: [fine, {"PutRequest": {"Item": wrong}}]}
        invalid(dynamodb.batch_write_item, RequestItems=batch)
    refused(dynamodb.batch_write_item, RequestItems={things.name: [fine], "nowhere": [fine]})
    assert things.scan()["Items"] == []
