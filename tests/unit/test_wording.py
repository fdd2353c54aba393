"""Today's wording of what is wrong with a request, cell by cell, and beside it the classic one where they differ.

Sources, unless a test names others: the runs on AWS of dynamodb-conformance (to 2026-10-09) and ack-api-quirks (2026-10-09), most regions.
"""

import copy
from typing import Any

import pytest

from router.operations.model import ServiceModel
from router.operations.wording import ValidationWording
from tests.support.store_fake import Api, FakeStore, table_spec
from wire.errors import ErrorCode, StoreError

CURRENT = ServiceModel.load()
CLASSIC = ServiceModel.load(ValidationWording.CLASSIC)

ENVELOPE = "1 validation error detected: "
INVALID = "One or more parameter values were invalid: "
FAILED = "failed to satisfy constraint: Member must "
CAPACITY = f"Value 'X' at 'returnConsumedCapacity' {FAILED}satisfy enum value set: [INDEXES, TOTAL, NONE]"
METRICS = f"Value 'X' at 'returnItemCollectionMetrics' {FAILED}satisfy enum value set: [SIZE, NONE]"
SELECT = (
    f"Value 'X' at 'select' {FAILED}satisfy enum value set: "
    "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"
)
RETURNED = (  # sic: UPDATE_NEW
    "Failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]"
)
CLASSIC_RETURNED = (
    f"Value 'X' at 'returnValues' {FAILED}satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
)
OPERATOR = "Failed to satisfy constraint: Member must satisfy enum value set: [ALL, OR]"
CLASSIC_OPERATOR = f"Value 'X' at 'conditionalOperator' {FAILED}satisfy enum value set: [OR, AND]"
EMPTY_NAME = f"Value at 'TableName' {FAILED}have length greater than or equal to 1"

KEY = {"pk": {"S": "a"}}
WRITES = [("PutItem", {"Item": KEY}), ("UpdateItem", {"Key": KEY}), ("DeleteItem", {"Key": KEY})]


def told(operation: str, body: dict[str, Any], model: ServiceModel = CURRENT) -> str:
    """Return the text with which the model refuses a body."""
    with pytest.raises(StoreError) as caught:
        model.validate(operation, copy.deepcopy(body))
    assert caught.value.code is ErrorCode.VALIDATION, caught.value
    return caught.value.message


async def answered(operation: str, model: ServiceModel = CURRENT, **body: Any) -> str:
    """Return the text with which an operation on the table `things` refuses a request."""
    store = FakeStore(table_spec())
    given = body if "RequestItems" in body else {"TableName": "things", **body}
    refusal = await Api(store, model=model).refused(operation, **given)
    assert refusal.code is ErrorCode.VALIDATION, refusal
    return refusal.message


# An empty name is told alone, before enums and the key, without its value.
@pytest.mark.parametrize(("operation", "members"), WRITES)
def test_an_empty_table_name_of_a_write(operation: str, members: dict[str, Any]) -> None:
    body = {"TableName": "", "ReturnValues": "X", "ReturnConsumedCapacity": "X", **members}
    assert told(operation, body) == ENVELOPE + EMPTY_NAME
    assert f"Value '' at 'tableName' {FAILED}have length greater than or equal to 1" in told(operation, body, CLASSIC)


# What is missing, and a name that is too long or has wrong characters, is told as ever.
@pytest.mark.parametrize(("operation", "members"), WRITES)
@pytest.mark.parametrize("named", [{}, {"TableName": "a b"}, {"TableName": "a" * 256}])
def test_other_faults_of_names(operation: str, members: dict[str, Any], named: dict[str, str]) -> None:
    text = told(operation, {**named, **members})
    assert text.startswith(
        f"{ENVELOPE}Value {'null' if not named else repr(named['TableName'])} at 'tableName' {FAILED}"
    )
    assert text == told(operation, {**named, **members}, CLASSIC)


# Of the others an empty name is not recorded; it is told the classic way.
@pytest.mark.parametrize("operation", ["GetItem", "Query", "Scan"])
def test_an_empty_table_name_of_a_read(operation: str) -> None:
    body = {"TableName": "", "Key": KEY} if operation == "GetItem" else {"TableName": ""}
    assert told(operation, body) == told(operation, body, CLASSIC)


# Both enums of puts and deletes have lost the member's name; puts and deletes join what is wrong, in this order.
@pytest.mark.parametrize(("operation", "members"), [WRITES[0], WRITES[2]])
def test_puts_and_deletes_join(operation: str, members: dict[str, Any]) -> None:
    body = {"TableName": "abc", **members, "ReturnValues": "X"}
    assert told(operation, body) == ENVELOPE + RETURNED
    assert told(operation, body, CLASSIC) == ENVELOPE + CLASSIC_RETURNED
    body |= {"ReturnConsumedCapacity": "X", "ReturnItemCollectionMetrics": "X"}
    assert told(operation, body) == f"3 validation errors detected: {CAPACITY}; {RETURNED}; {METRICS}"
    # Where ConditionalOperator stands among them is not recorded: it follows from the order of a hash map of that size.
    body["ConditionalOperator"] = "X"
    assert told(operation, body) == f"4 validation errors detected: {CAPACITY}; {RETURNED}; {OPERATOR}; {METRICS}"
    assert CLASSIC_OPERATOR in told(operation, body, CLASSIC)


# UpdateItem tells of ReturnValues alone.
def test_updates_do_not_join_return_values() -> None:
    body = {"TableName": "abc", "Key": KEY, "ReturnConsumedCapacity": "X", "ConditionalOperator": "X"}
    assert told("UpdateItem", body) == f"2 validation errors detected: {CAPACITY}; {OPERATOR}"
    assert told("UpdateItem", {**body, "ReturnValues": "X"}) == ENVELOPE + RETURNED


# Without a key, an update is told everything in the classic words.
def test_an_update_without_a_key() -> None:
    body = {"TableName": "", "ReturnValues": "X", "ReturnConsumedCapacity": "X", "ConditionalOperator": "X"}
    name = f"Value '' at 'tableName' {FAILED}have length greater than or equal to 1"
    missing = f"Value null at 'key' {FAILED}not be null"
    expected = f"5 validation errors detected: {CAPACITY}; {name}; {CLASSIC_RETURNED}; {CLASSIC_OPERATOR}; {missing}"
    assert told("UpdateItem", body) == expected == told("UpdateItem", body, CLASSIC)


def nested(levels: int) -> dict[str, Any]:
    """Return a value inside so many lists."""
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"L": [value]}
    return value


# Values nested 63 deep have the enums told the classic way; 62 do not.
@pytest.mark.parametrize(("operation", "members"), WRITES)
def test_enums_beside_deeply_nested_values(operation: str, members: dict[str, Any]) -> None:
    (member,) = members
    for levels, text in ((62, RETURNED), (63, CLASSIC_RETURNED)):
        body = {"TableName": "abc", member: {"a": nested(levels)}, "ReturnValues": "X"}
        assert told(operation, body) == ENVELOPE + text


# Once the enums are right, such values are refused for their nesting, which writes count as they do every fault of the request.
@pytest.mark.parametrize("levels", [32, 63])
async def test_deeply_nested_values(levels: int) -> None:
    text = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
    assert await answered("PutItem", Item={**KEY, "a": nested(levels)}) == ENVELOPE + text
    assert await answered("PutItem", CLASSIC, Item={**KEY, "a": nested(levels)}) == text


# Query tells of ConditionalOperator bare and alone, before Select; and of Limit without its value.
def test_members_of_a_query() -> None:
    body = {"TableName": "abc", "Select": "X", "ConditionalOperator": "X", "Limit": 0}
    assert told("Query", body) == OPERATOR
    del body["ConditionalOperator"]
    limit = f"Value at 'Limit' {FAILED}have value greater than or equal to 1"
    assert told("Query", body) == f"2 validation errors detected: {SELECT}; {limit}"
    classic = f"Value '0' at 'limit' {FAILED}have value greater than or equal to 1"
    assert told("Query", body, CLASSIC) == f"2 validation errors detected: {SELECT}; {classic}"


# Scan does so of Limit and Segment. TotalSegments and ConditionalOperator are not recorded and follow their siblings.
def test_members_of_a_scan() -> None:
    for member, value, least in (("Limit", 0, 1), ("Segment", -1, 0), ("TotalSegments", 0, 1)):
        body = {"TableName": "abc", member: value}
        constraint = f"{FAILED}have value greater than or equal to {least}"
        assert told("Scan", body) == f"{ENVELOPE}Value at '{member}' {constraint}"
        java = member[0].lower() + member[1:]
        assert told("Scan", body, CLASSIC) == f"{ENVELOPE}Value '{value}' at '{java}' {constraint}"
    assert told("Scan", {"TableName": "abc", "ConditionalOperator": "X"}) == ENVELOPE + OPERATOR


# An empty batch: BatchWriteItem is where it was in 28 regions, BatchGetItem in one.
def test_an_empty_batch() -> None:
    empty: dict[str, Any] = {"RequestItems": {}}
    named = f"{ENVELOPE}Value at 'RequestItems' {FAILED}have length greater than or equal to 1"
    assert told("BatchGetItem", empty) == named
    assert told("BatchGetItem", empty, CLASSIC) == "The requestItems parameter is required for BatchGetItem"
    for model in (CURRENT, CLASSIC):
        assert told("BatchWriteItem", empty, model) == "The requestItems parameter is required for BatchWriteItem"


# The bounds of what is asked of one table; an empty list of writes is echoed still.
def test_the_bounds_of_batches() -> None:
    named = f"{ENVELOPE}Value at 'RequestItems.T_T.member"
    for count, bound in ((101, "less than or equal to 100"), (0, "greater than or equal to 1")):
        asked = {"RequestItems": {"T_T": {"Keys": [KEY] * count}}}
        assert told("BatchGetItem", asked) == f"{named}.Keys' {FAILED}have length {bound}"
        assert "at 'requestItems.T_T.member.keys'" in told("BatchGetItem", asked, CLASSIC)
    writes = {"RequestItems": {"T_T": [{"DeleteRequest": {"Key": KEY}}] * 26}}
    assert told("BatchWriteItem", writes) == f"{named}' {FAILED}have length less than or equal to 25"
    echo = (
        f"{ENVELOPE}Value '{{T_T=[]}}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
    )
    for model in (CURRENT, CLASSIC):
        assert told("BatchWriteItem", {"RequestItems": {"T_T": []}}, model) == echo


# What is no name of a table: BatchGetItem quotes JSON and joins an enum, BatchWriteItem quotes Java, and an enum wins alone.
def test_names_in_batches() -> None:
    constraint = (
        "failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 255, "
        "Member must have length greater than or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]"
    )
    reads: dict[str, Any] = {"RequestItems": {"a!b": {"Keys": [KEY]}}}
    quoted = f"""Value '{{"a!b":{{"Keys":[{{"pk":{{"S":"a"}}}}]}}}}' at 'requestItems' {constraint}"""
    assert told("BatchGetItem", reads) == ENVELOPE + quoted
    reads["ReturnConsumedCapacity"] = "X"
    assert told("BatchGetItem", reads) == f"2 validation errors detected: {quoted}; {CAPACITY}"
    writes: dict[str, Any] = {"RequestItems": {"a!b": [{"DeleteRequest": {"Key": KEY}}]}}
    text = told("BatchWriteItem", writes)
    assert text.startswith(f"{ENVELOPE}Value '{{a!b=[WriteRequest(")
    assert text.endswith(f"at 'requestItems' {constraint}")
    assert text == told("BatchWriteItem", writes, CLASSIC)
    assert told("BatchWriteItem", {**writes, "ReturnConsumedCapacity": "X"}) == ENVELOPE + CAPACITY


# Tables, time to live, tags, transactions, statements and streams are told as ever: all that is wrong, with the values.
@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateTable", {"TableName": "ab", "KeySchema": [{"AttributeName": "a", "KeyType": "X"}]}),
        ("UpdateTable", {"TableName": "a b", "BillingMode": "X"}),
        ("ListTables", {"Limit": 0, "ExclusiveStartTableName": "ab"}),
        ("UpdateTimeToLive", {"TableName": "a b"}),
        ("TagResource", {"ResourceArn": ""}),
        ("TransactWriteItems", {"TransactItems": [], "ClientRequestToken": "t" * 37}),
        ("TransactGetItems", {"TransactItems": [], "ReturnConsumedCapacity": "X"}),
        ("ExecuteStatement", {"Statement": "", "Limit": 0}),
        (
            "GetShardIterator",
            {"StreamArn": "x" * 40, "ShardId": "s", "ShardIteratorType": "X"},
        ),  # of streams not recorded
    ],
)
def test_what_is_told_as_ever(operation: str, body: dict[str, Any]) -> None:
    text = told(operation, body)
    assert text == told(operation, body, CLASSIC)
    assert text.startswith("2 validation errors detected: Value ") or operation == "CreateTable"


# A value is told what is wrong with it, of an expression too; Scan and the batches of writes are where they were.
@pytest.mark.parametrize(
    ("value", "text", "older"),
    [
        ({"N": "abc"}, "The parameter cannot be converted to a numeric value: abc", None),
        (
            {"N": ""},
            "The parameter cannot be converted to a numeric value: ",
            "The parameter cannot be converted to a numeric value",
        ),
        (
            {"N": "1e200"},
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
            None,
        ),
        (
            {"N": "1e2147483647"},
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        (
            {"N": "1e-200"},
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            None,
        ),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number", None),
        (
            {"SS": ["b", "a", "b", "d", "c"]},
            f'{INVALID}Input collection ["a", "b", "b", "d", "c"] contains duplicates.',
            f"{INVALID}Input collection [b, a, b, d, c] contains duplicates.",
        ),
        (
            {"BS": ["/w==", "AA==", "AA=="]},
            f'{INVALID}Input collection ["AA==","/w==","AA=="]of type BS contains duplicates.',
            f"{INVALID}Input collection [/w==, AA==, AA==]of type BS contains duplicates.",
        ),
        (
            {"NS": ["1", "1.0"]},
            f"{INVALID}Input collection contains duplicates.",
            "Input collection contains duplicates",
        ),
        ({"SS": []}, f"{INVALID}An string set  may not be empty", None),
        ({"NS": []}, f"{INVALID}An number set  may not be empty", None),
        ({"BS": []}, f"{INVALID}Binary sets should not be empty", None),
        ({"NULL": False}, f"{INVALID}Null attribute value types must have the value of true", None),
    ],
)
async def test_values(value: dict[str, Any], text: str, older: str | None) -> None:
    older = text if older is None else older
    filtered = {"FilterExpression": "a = :v", "ExpressionAttributeValues": {":v": value}}
    wrapped = f"ExpressionAttributeValues contains invalid value: {older} for key :v"
    conditioned = {"ConditionExpression": "a = :v", "ExpressionAttributeValues": {":v": value}}
    found = {"KeyConditionExpression": "pk = :v", "ExpressionAttributeValues": {":v": value}}
    batch = {"RequestItems": {"things": [{"PutRequest": {"Item": {"pk": value}}}]}}
    assert await answered("PutItem", Item={"pk": value}) == ENVELOPE + text
    assert await answered("PutItem", CLASSIC, Item={"pk": value}) == older
    for operation, members in WRITES:
        assert await answered(operation, **members, **conditioned) == ENVELOPE + text
        assert await answered(operation, CLASSIC, **members, **conditioned) == wrapped
    assert await answered("Query", **found) == text
    assert await answered("Query", CLASSIC, **found) == wrapped
    assert await answered("GetItem", Key={"pk": value}) == text
    assert await answered("BatchGetItem", RequestItems={"things": {"Keys": [{"pk": value}]}}) == text
    for model in (CURRENT, CLASSIC):
        assert await answered("Scan", model, **filtered) == wrapped
        assert await answered("BatchWriteItem", model, **batch) == older


# What a write is refused for by its request alone is counted; what its table is looked at for is not.
@pytest.mark.parametrize(
    ("operation", "body", "text", "is_counted"),
    [
        ("DeleteItem", {"Key": KEY, "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE", True),
        (
            "PutItem",
            {"Item": KEY, "ExpressionAttributeNames": {"#a": "a"}},
            "ExpressionAttributeNames can only be specified when using expressions",
            True,
        ),
        (
            "UpdateItem",
            {"Key": KEY, "ConditionExpression": "a = :v", "ExpressionAttributeValues": {}},
            "ExpressionAttributeValues must not be empty",
            True,
        ),
        (
            "PutItem",
            {"Item": KEY, "ConditionExpression": "a = :v"},
            "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :v",
            True,
        ),
        (
            "DeleteItem",
            {"Key": KEY, "ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#a": "a"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
            True,
        ),
        (
            "PutItem",
            {"Item": KEY, "Expected": {"a": {"Exists": True}}},
            f"{INVALID}Value must be provided when Exists is true for Attribute: a",
            True,
        ),
        (
            "PutItem",
            {"Item": KEY, "Expected": {"a": {"Exists": False, "Value": {"S": "x"}}}},
            f"{INVALID}Value cannot be used when Exists is false for Attribute: a",
            True,
        ),
        (
            "DeleteItem",
            {"Key": KEY, "Expected": {"a": {"ComparisonOperator": "EQ"}}},
            f"{INVALID}Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a",
            True,
        ),
        ("PutItem", {"Item": {"pk": {"N": "1"}}}, f"{INVALID}Type mismatch for key pk expected: S actual: N", False),
        ("DeleteItem", {"Key": {"x": {"S": "a"}}}, "The provided key element does not match the schema", False),
        (
            "UpdateItem",
            {"Key": KEY, "UpdateExpression": "REMOVE pk"},
            f"{INVALID}Cannot update attribute pk. This attribute is part of the key",
            False,
        ),
        (
            "PutItem",
            {"Item": {**KEY, "a": {"S": "x" * 409_600}}},
            "Item size has exceeded the maximum allowed size",
            False,
        ),
        (
            "UpdateItem",
            {
                "Key": KEY,
                "UpdateExpression": "SET a = :v",
                "ExpressionAttributeValues": {":v": {"S": "x" * 409_601}},
            },
            "Item size to update has exceeded the maximum allowed size",
            False,
        ),
    ],
)
async def test_what_writes_count(operation: str, body: dict[str, Any], text: str, is_counted: bool) -> None:
    assert await answered(operation, **body) == (ENVELOPE if is_counted else "") + text
    assert await answered(operation, CLASSIC, **body) == text


# Values for no expression: the classic words go on about which expression is missing. Reads do not count it.
async def test_values_without_an_expression() -> None:
    text = "ExpressionAttributeValues can only be specified when using expressions"
    values = {"ExpressionAttributeValues": {":v": {"S": "x"}}}
    assert await answered("PutItem", Item=KEY, **values) == ENVELOPE + text
    assert await answered("PutItem", CLASSIC, Item=KEY, **values) == f"{text}: ConditionExpression is null"
    keys = {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "x"}]}}
    assert await answered("Query", KeyConditions=keys, **values) == text


# A Select that contradicts the request: Query always counted it, Scan does today.
async def test_selections() -> None:
    text = "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
    found = {"KeyConditionExpression": "pk = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}
    for model in (CURRENT, CLASSIC):
        assert await answered("Query", model, Select="SPECIFIC_ATTRIBUTES", **found) == ENVELOPE + text
    assert await answered("Scan", Select="SPECIFIC_ATTRIBUTES") == ENVELOPE + text
    assert await answered("Scan", CLASSIC, Select="SPECIFIC_ATTRIBUTES") == text


# Expressions of reads are not counted (of Scan pinned in eu-west-2, after it had changed).
async def test_expressions_of_reads() -> None:
    text = "Invalid FilterExpression: The expression can not be empty;"
    found = {"KeyConditionExpression": "pk = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}
    for model in (CURRENT, CLASSIC):
        assert await answered("Scan", model, FilterExpression="") == text
        assert await answered("Query", model, FilterExpression="", **found) == text


# A scan's segment and starting key have lost the end of their texts.
async def test_segments_and_starting_keys() -> None:
    text = "The Segment parameter is zero-based and must be less than parameter TotalSegments"
    assert await answered("Scan", Segment=5, TotalSegments=5) == text
    older = f"{text}: Segment: 5 is not less than TotalSegments: 5"
    assert await answered("Scan", CLASSIC, Segment=5, TotalSegments=5) == older
    start, mismatch = "The provided starting key is invalid", "The provided key element does not match the schema"
    assert await answered("Scan", ExclusiveStartKey={"x": {"S": "a"}}) == start
    assert await answered("Scan", CLASSIC, ExclusiveStartKey={"x": {"S": "a"}}) == f"{start}: {mismatch}"


# What a query is told before its table is looked for, and of its schema.
@pytest.mark.parametrize(
    ("condition", "value", "text"),
    [
        (
            "pk = :v AND begins_with(sk, :v)",
            {"N": "1"},
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: "
            "begins_with, operand type: N",
        ),
        (
            "pk = :v AND pk = :v",
            {"S": "x"},
            "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
        ),
        ("pk = :v", {"N": "1"}, f"{INVALID}Condition parameter type does not match schema type"),
        ("x = :v", {"S": "x"}, "Query condition missed key schema element: pk"),
        (
            "pk = :v AND x = :v",
            {"S": "x"},
            "The number of query conditions (2) exceeds the number of key attributes defined in the schema (1)",
        ),
    ],
)
async def test_key_conditions(condition: str, value: dict[str, Any], text: str) -> None:
    asked = {"KeyConditionExpression": condition, "ExpressionAttributeValues": {":v": value}}
    for model in (CURRENT, CLASSIC):
        assert await answered("Query", model, **asked) == text


# What is beyond all use is refused by its length in either wording, and an echo of it is cut.
def test_echoes_are_cut() -> None:
    reads = {"RequestItems": {"a!b": {"Keys": [{"a": {"S": "x" * 1000}}] * 90}}}
    assert len(told("BatchGetItem", reads)) < 70_000


# A name of one or two characters is one that no table has, not one that is too short: AWS's own text for an empty name bounds it by 1, and
# only those of new tables and in batches by 3. A capture of such a name could not be found.
@pytest.mark.parametrize("model", [CURRENT, CLASSIC])
@pytest.mark.parametrize(("operation", "members"), [*WRITES, ("GetItem", {"Key": KEY}), ("Scan", {})])
async def test_short_names(model: ServiceModel, operation: str, members: dict[str, Any]) -> None:
    for name in ("a", "ab"):
        refusal = await Api(FakeStore(table_spec()), model=model).refused(operation, TableName=name, **members)
        assert (refusal.code, refusal.message) == (ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found")


# Wrong operands are told before the table is looked for: floci's captures (eu-west-2, 2026-09-17).
@pytest.mark.parametrize("action", ["ADD", "DELETE"])
async def test_operands_come_before_tables(action: str) -> None:
    asked = {"UpdateExpression": f"{action} n :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}
    refusal = await Api(FakeStore()).refused("UpdateItem", TableName="nowhere", Key=KEY, **asked)
    assert refusal.message == (
        f"{ENVELOPE}Invalid UpdateExpression: Incorrect operand type for operator or function; operator: {action}, "
        "operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"
    )


# No reader looks inside a key attribute; BatchGetItem is no exception.
async def test_projections_inside_keys() -> None:
    text = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"
    assert await answered("GetItem", Key=KEY, ProjectionExpression="pk.x") == text
    asked = {"things": {"Keys": [KEY], "ProjectionExpression": "pk.x"}}
    assert await answered("BatchGetItem", RequestItems=asked) == text


# To change a key attribute is a fault of the schema, which comes before the condition is judged. Endpoints disagree on it, and no capture
# of both at once could be found.
async def test_keys_are_untouchable_whatever_the_condition() -> None:
    asked = {"UpdateExpression": "REMOVE pk", "ConditionExpression": "attribute_exists(nope)"}
    assert await answered("UpdateItem", Key=KEY, **asked) == (
        f"{INVALID}Cannot update attribute pk. This attribute is part of the key"
    )


# Bounds in the wrong order are shown as they are stored. Others show them as sent; captures from AWS only have numbers that are both.
async def test_bounds_are_shown_as_stored() -> None:
    values = {":v": {"N": "2.0"}, ":w": {"N": "1"}}
    assert await answered("Scan", FilterExpression="a BETWEEN :v AND :w", ExpressionAttributeValues=values) == (
        "Invalid FilterExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
        "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"
    )
