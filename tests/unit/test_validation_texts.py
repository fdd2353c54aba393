"""AWS's classic texts, to the letter: what its test suites and its users know by heart. Today's are in test_wording.py."""

import copy
from typing import Any

import pytest
from botocore.loaders import Loader

from router.operations.constraints import compiled_pattern
from router.operations.model import ServiceModel
from router.operations.wording import ValidationWording
from wire.errors import ErrorCode, StoreError

CLASSIC = ServiceModel.load(ValidationWording.CLASSIC)
CURRENT = ServiceModel.load(ValidationWording.CURRENT)

_FAILED = "failed to satisfy constraint: "
_CAPACITY_ENUM = "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"
_RETURN_ENUM = "Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"


def _refusal(operation: str, body: dict[str, Any], model: ServiceModel = CLASSIC) -> StoreError:
    with pytest.raises(StoreError) as caught:
        model.validate(operation, copy.deepcopy(body))
    return caught.value


def _text(operation: str, body: dict[str, Any], model: ServiceModel = CLASSIC) -> str:
    refusal = _refusal(operation, body, model)
    assert refusal.code is ErrorCode.VALIDATION, refusal
    return refusal.message


# Recorded from AWS: several errors come together, in the order of a Java hash map over the field names.
def test_all_violations_are_listed_in_hash_order() -> None:
    text = _text("PutItem", {"TableName": "", "ReturnValues": "INVALID", "Item": {}})
    assert text == (
        f"2 validation errors detected: Value 'INVALID' at 'returnValues' {_FAILED}{_RETURN_ENUM}; "
        f"Value '' at 'tableName' {_FAILED}Member must have length greater than or equal to 1"
    )


# Recorded from AWS: UpdateItem has more members, so its map has more buckets, and another order.
def test_the_order_follows_the_size_of_the_hash_map() -> None:
    bad = {"TableName": "abc", "Key": {}, "ReturnValues": "X", "ReturnConsumedCapacity": "X"}
    assert _text("UpdateItem", bad) == (
        f"2 validation errors detected: Value 'X' at 'returnConsumedCapacity' {_FAILED}{_CAPACITY_ENUM}; "
        f"Value 'X' at 'returnValues' {_FAILED}{_RETURN_ENUM}"
    )
    assert _text("DeleteItem", bad).index("returnValues") < _text("DeleteItem", bad).index("returnConsumedCapacity")


# Recorded from AWS: ten errors at once, through maps and every kind of constraint.
def test_a_scan_with_everything_wrong() -> None:
    text = _text(
        "Scan",
        {
            "TableName": "abc;",
            "ReturnConsumedCapacity": "hi",
            "AttributesToGet": ["a"],
            "IndexName": "abc;",
            "Segment": -1,
            "TotalSegments": -1,
            "Select": "hi",
            "Limit": -1,
            "ScanFilter": {"a": {}, "b": {"ComparisonOperator": ""}},
            "ConditionalOperator": "AN",
        },
    )
    assert text.removeprefix("10 validation errors detected: ").split("; Value ") == [
        "Value 'hi' at 'select' failed to satisfy constraint: Member must satisfy enum value set: "
        "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]",
        f"'abc;' at 'indexName' {_FAILED}Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        f"'-1' at 'totalSegments' {_FAILED}Member must have value greater than or equal to 1",
        f"'hi' at 'returnConsumedCapacity' {_FAILED}{_CAPACITY_ENUM}",
        f"'abc;' at 'tableName' {_FAILED}Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        f"'AN' at 'conditionalOperator' {_FAILED}Member must satisfy enum value set: [OR, AND]",
        f"null at 'scanFilter.a.member.comparisonOperator' {_FAILED}Member must not be null",
        f"'' at 'scanFilter.b.member.comparisonOperator' {_FAILED}Member must satisfy enum value set: [IN, NULL, BETWEEN, "
        "LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]",
        f"'-1' at 'segment' {_FAILED}Member must have value greater than or equal to 0",
        f"'-1' at 'limit' {_FAILED}Member must have value greater than or equal to 1",
    ]


# AWS lists at most ten, and counts those.
def test_no_more_than_ten_are_listed() -> None:
    text = _text("CreateTable", {"TableName": "abc", "KeySchema": [{}] * 20})
    assert text.startswith("10 validation errors detected: ")
    assert text.count("Member must not be null") + text.count("Member must have length") == 10


# The table's name where an ARN would do as well: length from 1, then a second look at what is no ARN.
@pytest.mark.parametrize(
    ("name", "constraint"),
    [
        ("", "Member must have length greater than or equal to 1"),
        ("bad table!@#", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ("a" * 256, "Member must have length less than or equal to 255"),
    ],
)
def test_a_name_of_a_table_that_cannot_be(name: str, constraint: str) -> None:
    text = _text("GetItem", {"TableName": name, "Key": {}})
    assert text == f"1 validation error detected: Value '{name}' at 'tableName' {_FAILED}{constraint}"


# Tables may be named by ARN; what the ARN says is for the operation to judge.
def test_an_arn_is_a_name() -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/Music"
    CLASSIC.validate("GetItem", {"TableName": arn, "Key": {"a": {"S": "b"}}})
    CLASSIC.validate("DescribeTable", {"TableName": arn})


# CreateTable alone insists on three characters; what is wrong with an ARN is said by whoever takes it apart.
def test_a_new_table_needs_a_longer_name() -> None:
    assert _text("CreateTable", {"TableName": "ab"}) == (
        f"1 validation error detected: Value 'ab' at 'tableName' {_FAILED}Member must have length greater than or equal to 3"
    )
    CLASSIC.validate("CreateTable", {"TableName": "arn:aws:dynamodb:x:y:table/z"})


# The operations on tables look for the name themselves, and say so in their own words.
@pytest.mark.parametrize("operation", ["CreateTable", "DescribeTable", "UpdateTable", "DeleteTable"])
def test_a_table_operation_without_a_name(operation: str) -> None:
    assert _text(operation, {}) == "The parameter 'TableName' is required but was not present in the request"


# A list longer than allowed is quoted as Java writes its members.
def test_a_key_schema_of_three() -> None:
    schema = [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
        {"AttributeName": "extra", "KeyType": "RANGE"},
    ]
    assert _text("CreateTable", {"TableName": "abc", "KeySchema": schema}) == (
        "1 validation error detected: Value '[KeySchemaElement(attributeName=pk, keyType=HASH), "
        "KeySchemaElement(attributeName=sk, keyType=RANGE), KeySchemaElement(attributeName=extra, keyType=RANGE)]' at "
        f"'keySchema' {_FAILED}Member must have length less than or equal to 2"
    )


# Members of lists are counted from one.
def test_a_path_into_a_list() -> None:
    body = {"TableName": "abc", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "X"}]}
    assert _text("CreateTable", body) == (
        f"1 validation error detected: Value 'X' at 'attributeDefinitions.1.member.attributeType' {_FAILED}"
        "Member must satisfy enum value set: [B, N, S]"
    )


# What is wrong with a value of a map is said about the map, with all the constraints there are.
def test_too_many_writes_in_a_batch() -> None:
    writes = [{"DeleteRequest": {"Key": {"a": {"S": "1"}}}}] * 26
    text = _text("BatchWriteItem", {"RequestItems": {"abc": writes}})
    assert text.startswith("1 validation error detected: Value '{abc=[WriteRequest(putRequest=null, deleteRequest=")
    assert text.endswith(
        "]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
    )


# Deeper members of a map's values have paths of their own.
def test_paths_through_maps_and_lists() -> None:
    text = _text("BatchWriteItem", {"RequestItems": {"abc": [{"PutRequest": {}, "DeleteRequest": {}}]}})
    assert f"Value null at 'requestItems.abc.member.1.member.putRequest.item' {_FAILED}Member must not be null" in text
    assert (
        f"Value null at 'requestItems.abc.member.1.member.deleteRequest.key' {_FAILED}Member must not be null" in text
    )


# A batch names its tables in the keys of a map, and what is wrong with a name is said of them all.
@pytest.mark.parametrize("name", ["ab", "bad!name", "n" * 256, ""])
def test_names_of_tables_in_batches(name: str) -> None:
    constraint = (
        "Map keys must satisfy constraint: [Member must have length less than or equal to 255, Member must have length "
        "greater than or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]"
    )
    for operation, asked in (("BatchGetItem", {"Keys": [{}]}), ("BatchWriteItem", [{"DeleteRequest": {"Key": {}}}])):
        for wording in (CLASSIC, CURRENT):
            text = _text(operation, {"RequestItems": {"fine": asked, name: asked}}, wording)
            assert text.endswith(f"at 'requestItems' {_FAILED}{constraint}"), text
        CLASSIC.validate(operation, {"RequestItems": {"arn:aws:dynamodb:x:y:table/z": asked}})


# A quoted value never makes an answer of megabytes.
def test_a_large_value_is_cut() -> None:
    writes = [{"PutRequest": {"Item": {"a": {"S": "x" * 1000}}}}] * 1000
    assert len(_text("BatchWriteItem", {"RequestItems": {"abc": writes}})) < 70_000


# Shard iterators and the rest of Streams are validated from their own model.
def test_the_operations_of_streams_are_known() -> None:
    assert "Member must have length greater than or equal to 28" in _text(
        "GetShardIterator", {"StreamArn": "x" * 40, "ShardId": "s", "ShardIteratorType": "LATEST"}
    )


# The models are written for Java: every pattern in them must mean here what it means there.
@pytest.mark.parametrize("service", ["dynamodb", "dynamodbstreams"])
def test_every_pattern_of_the_model_is_understood(service: str) -> None:
    shapes = Loader().load_service_model(service, "service-2")["shapes"].values()
    patterns = {shape["pattern"] for shape in shapes if "pattern" in shape}
    assert all(compiled_pattern(pattern) for pattern in patterns)


# The one pattern with halves of surrogate pairs means characters beyond the basic plane.
def test_a_pattern_of_surrogates_admits_what_it_means() -> None:
    shapes = Loader().load_service_model("dynamodb", "service-2")["shapes"]
    pattern = compiled_pattern(shapes["AutoScalingRoleArn"]["pattern"])
    assert pattern.fullmatch("a 𝄞 b")
    assert not pattern.fullmatch("a \x00 b")


# Where the model has no maximum, what is beyond all use is refused by its length, before anybody walks it.
@pytest.mark.parametrize("wording", [CLASSIC, CURRENT])
def test_collections_beyond_all_use(wording: ServiceModel) -> None:
    item = {"TableName": "abc", "Item": {str(number): {"S": ""} for number in range(409_601)}}
    assert _text("PutItem", item, wording) == "Item size has exceeded the maximum allowed size"
    updates = {"TableName": "abc", "ReplicaUpdates": [{"Create": {"RegionName": "x"}}] * 1001}
    assert _text("UpdateTable", updates, wording).endswith(
        "found 1001 members of ReplicationGroupUpdateList, expected at most 1000"
    )


# Of a collection that is far too long a part is looked at; that it is too long is said all the same.
def test_a_collection_far_too_long() -> None:
    text = _text("TransactWriteItems", {"TransactItems": [{}] * 200_000})
    assert "Member must have length less than or equal to 100" in text
    names = {f"t{number:06}": {"Keys": [{"a": {"S": "b"}}]} for number in range(2_000)}
    assert "Member must have length less than or equal to 100" in _text("BatchGetItem", {"RequestItems": names})
