"""TagResource, UntagResource, ListTagsOfResource, and tags that a table is made with."""

from typing import Any

import pytest

from tests.support.conformance_table import HASH, STRING_KEY, Table, eventually, invalid, refused, wait_until_active

PLAIN = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH], "BillingMode": "PAY_PER_REQUEST"}
Tags = dict[str, str]


def listed(table: Table) -> Tags:
    pages = table.client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn(table))
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def arn(table: Table) -> str:
    found: str = table.describe()["TableArn"]
    return found


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def tagged(table: Table, *given: dict[str, str]) -> None:
    table.client.tag_resource(ResourceArn=arn(table), Tags=list(given))


def becomes(table: Table, expected: Tags) -> None:
    eventually(lambda: listed(table) == expected, f"tags {expected}")


# A table can be made with tags, and has none otherwise.
def test_a_table_is_made_with_tags(things: Table, dynamodb: Any, table_name: str) -> None:
    assert listed(things) == {}
    dynamodb.create_table(TableName=table_name, **PLAIN, Tags=tags(a="1", b=""))
    wait_until_active(dynamodb, table_name)
    becomes(Table(dynamodb, table_name), {"a": "1", "b": ""})


# Tags are added and given other values; keys tell small letters from capital ones.
def test_tags_are_added_and_replaced(things: Table) -> None:
    tagged(things, *tags(a="1", b="2"))
    becomes(things, {"a": "1", "b": "2"})
    tagged(things, *tags(b="3", B="4"))
    becomes(things, {"a": "1", "b": "3", "B": "4"})


# Removing a key that is not there is no mistake.
def test_tags_are_removed(things: Table) -> None:
    tagged(things, *tags(a="1", b="2"))
    becomes(things, {"a": "1", "b": "2"})
    things.client.untag_resource(ResourceArn=arn(things), TagKeys=["a", "never"])
    becomes(things, {"b": "2"})


# What has nothing to say says it with a body without a byte.
# Source: scylladb/scylladb, test/alternator/test_manual_requests.py, test_tags_return_empty_body; the model has no output for these two.
def test_changes_of_tags_are_answered_with_nothing(things: Table) -> None:
    found = arn(things)
    for answer in (
        things.client.tag_resource(ResourceArn=found, Tags=tags(a="1")),
        things.client.untag_resource(ResourceArn=found, TagKeys=["a"]),
    ):
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert (headers["content-length"], headers["x-amz-crc32"]) == ("0", "0")
        assert headers["content-type"] == "application/x-amz-json-1.0"


# Letters of all scripts, digits, white space and a few signs.
def test_tags_may_have_these_characters(things: Table) -> None:
    plain = {"äöü 漢字 +-=._:/": "@ 1/2: a_b"}
    tagged(things, *tags(**plain))
    becomes(things, plain)


# A tag without a key or a value, too long a one, a reserved one: AWS has words of its own for each.
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "Atleast one Tag needs to be provided as Input."),
        ([{"Value": "v"}], "The Tag Key provided is invalid, Key: null"),
        ([{"Key": "", "Value": "v"}], "The Tag Key provided is invalid, Key: "),
        ([{"Key": "k" * 129, "Value": "v"}], f"The Tag Key provided is invalid, Key: {'k' * 129}"),
        ([{"Key": "a*b", "Value": "v"}], "The Tag Key provided is invalid, Key: a*b"),
        ([{"Key": "k"}], "The Tag Value provided is invalid, Value: null"),
        ([{"Key": "k", "Value": "v" * 257}], f"The Tag Value provided is invalid, Value: {'v' * 257}"),
        ([{"Key": "aws:foo", "Value": "v"}], "Tag Key cannot be prefixed with aws:, Key: aws:foo"),
        ([{"Key": "AWS:foo", "Value": "v"}], "Tag Key cannot be prefixed with aws:, Key: AWS:foo"),
        (
            [{"Key": "dup", "Value": "1"}, {"Key": "dup", "Value": "2"}],
            "Duplicate Tag Keys provided as input: Duplicate Tag Key found dup",
        ),
        (
            [{"Key": f"k{number}", "Value": "v"} for number in range(51)],
            "Number of Tags exceed the current limit for the provided ResourceArn",
        ),
    ],
)
def test_tags_are_checked(things: Table, given: list[dict[str, str]], text: str) -> None:
    assert invalid(things.client.tag_resource, ResourceArn=arn(things), Tags=given) == text
    assert listed(things) == {}


# All or nothing: one bad tag keeps the good ones out, at creation as well.
def test_one_bad_tag_spoils_all(things: Table, dynamodb: Any, table_name: str) -> None:
    given = [{"Key": "good", "Value": "v"}, {"Key": "aws:bad", "Value": "v"}]
    text = "Tag Key cannot be prefixed with aws:, Key: aws:bad"
    assert invalid(things.client.tag_resource, ResourceArn=arn(things), Tags=given) == text
    assert listed(things) == {}
    assert invalid(dynamodb.create_table, TableName=table_name, **PLAIN, Tags=given) == text


# Fifty tags, counted after the change.
def test_there_are_fifty_tags_at_most(things: Table) -> None:
    fifty = {f"k{number:02}": "v" for number in range(50)}
    tagged(things, *tags(**fifty))
    becomes(things, fifty)
    text = invalid(things.client.tag_resource, ResourceArn=arn(things), Tags=tags(one_more="v"))
    assert text == "Number of Tags exceed the current limit for the provided ResourceArn"
    tagged(things, *tags(k00="other"))
    becomes(things, {**fifty, "k00": "other"})


# Keys to remove are checked like keys to set.
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ([], "Atleast one Tag Key needs to be provided as Input."),
        ([""], "The Tag Key provided is invalid, Key: "),
        (["aws:foo"], "Tag Key cannot be prefixed with aws:, Key: aws:foo"),
    ],
)
def test_keys_to_remove_are_checked(things: Table, keys: list[str], text: str) -> None:
    assert invalid(things.client.untag_resource, ResourceArn=arn(things), TagKeys=keys) == text


# What has tags is a table, named by its ARN.
def test_what_has_tags(things: Table) -> None:
    client, found = things.client, arn(things)
    assert invalid(client.list_tags_of_resource, ResourceArn=things.name) == (
        f"One or more parameter values were invalid: ARNs must start with 'arn:': {things.name}"
    )
    index = f"{found}/index/byX"
    assert invalid(client.list_tags_of_resource, ResourceArn=index) == (
        "One or more parameter values were invalid: Invalid resource arn provided, only table or stream is accepted. "
        f"Provided resource arn: {index}"
    )
    backup = f"{found}/backup/0170"
    assert invalid(client.tag_resource, ResourceArn=backup, Tags=tags(a="b")) == (
        f"One or more parameter values were invalid: Provided Arn is not a DynamoDB resource arn: {backup}"
    )
    parts = found.split(":")
    elsewhere = ":".join([*parts[:3], "mars-north-1", *parts[4:]])
    assert invalid(client.list_tags_of_resource, ResourceArn=elsewhere) == (
        f"Invalid TableArn: Invalid ResourceArn provided as input {elsewhere}"
    )


# A table that is not there is named by its whole ARN.
@pytest.mark.parametrize("operation", ["list_tags_of_resource", "tag_resource", "untag_resource"])
def test_tags_of_a_missing_table(things: Table, operation: str) -> None:
    missing = f"{arn(things)}-missing"
    members = {"tag_resource": {"Tags": tags(a="b")}, "untag_resource": {"TagKeys": ["a"]}}.get(operation, {})
    assert refused(getattr(things.client, operation), ResourceArn=missing, **members) == (
        "ResourceNotFoundException",
        f"Requested resource not found: ResourceArn: {missing} not found",
    )
