"""PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy, for tables and streams."""

import json
from typing import Any

import pytest

from tests.support.conformance_table import HASH, STRING_KEY, Table, eventually, invalid, refused, wait_until_active

PLAIN = {"AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH], "BillingMode": "PAY_PER_REQUEST"}
INVALID = "One or more parameter values were invalid: "
NOT_FOUND = "Resource-based policy not found for the provided ResourceArn: "


def arn(table: Table) -> str:
    found: str = table.describe()["TableArn"]
    return found


def statement(table_arn: str, **changes: Any) -> dict[str, Any]:
    """Return a statement that lets the table's own account read."""
    account = table_arn.split(":")[4]
    members = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "dynamodb:GetItem",
        "Resource": table_arn,
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


def put(table: Table, text: str, **members: Any) -> str:
    answer = table.client.put_resource_policy(ResourceArn=arn(table), Policy=text, **members)
    revision: str = answer["RevisionId"]
    return revision


def holds(table: Table, revision: str) -> str:
    """Wait until a table shows that revision, and return its document."""

    def found() -> str | None:
        try:
            answer = table.client.get_resource_policy(ResourceArn=arn(table))
        except table.client.exceptions.PolicyNotFoundException:
            return None
        return answer["Policy"] if answer["RevisionId"] == revision else None

    text: str = eventually(found, f"policy at revision {revision}")
    return text


# Without a policy there is none to get, and removing it is well.
def test_there_is_no_policy_at_first(things: Table) -> None:
    found = arn(things)
    assert refused(things.client.get_resource_policy, ResourceArn=found) == (
        "PolicyNotFoundException",
        f"{NOT_FOUND}{found}",
    )
    removed = things.client.delete_resource_policy(ResourceArn=found)
    assert "RevisionId" not in removed
    # As changes of tags are answered. Of these bytes no public recording could be found, and clients read {} alike.
    assert removed["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"


# A policy comes back in AWS's own form: white space gone, members in order, lists of one without the list.
def test_a_policy_comes_back_in_canonical_form(things: Table) -> None:
    found = arn(things)
    account = found.split(":")[4]
    given = {
        "Statement": {
            "Resource": [found],
            "Action": ["dynamodb:GetItem"],
            "Principal": {"AWS": [account, f"arn:aws:iam::{account}:root"]},
            "Effect": "allow",
            "Sid": "Read",
        },
        "Version": "2012-10-17",
    }
    text = holds(things, put(things, json.dumps(given, indent=2)))
    assert text == document({"Sid": "Read", **statement(found)})


# An equal document is no change: it keeps its revision, however it is written.
def test_an_equal_policy_keeps_its_revision(things: Table) -> None:
    found = arn(things)
    first = put(things, document(statement(found)))
    holds(things, first)
    again = json.dumps(json.loads(document(statement(found, Action=["dynamodb:GetItem"]))), indent=4)
    assert put(things, again) == first


# A table can be made with a policy.
def test_a_table_is_made_with_a_policy(dynamodb: Any, table_name: str, things: Table) -> None:
    text = document(statement(arn(things).replace(things.name, table_name)))
    dynamodb.create_table(TableName=table_name, **PLAIN, ResourcePolicy=text)
    wait_until_active(dynamodb, table_name)
    assert (
        dynamodb.get_resource_policy(ResourceArn=Table(dynamodb, table_name).describe()["TableArn"])["Policy"] == text
    )


# NO_POLICY expects none; a revision expects that one. What is expected is checked before anything else.
def test_revisions_are_expected(things: Table) -> None:
    found = arn(things)
    call, text = things.client.put_resource_policy, document(statement(found))
    assert refused(call, ResourceArn=found, Policy=text, ExpectedRevisionId="123456789") == (
        "PolicyNotFoundException",
        f"{NOT_FOUND}Requested update for policy with revision id 123456789, but table {things.name} has no associated "
        "policy.",
    )
    first = put(things, text, ExpectedRevisionId="NO_POLICY")
    holds(things, first)
    assert refused(call, ResourceArn=found, Policy=text, ExpectedRevisionId="NO_POLICY") == (
        "PolicyNotFoundException",
        f"{NOT_FOUND}Requested policy update expecting none to be present for table {things.name}, but a policy exists "
        f"with revision id {first}.",
    )
    mismatch = (
        "PolicyNotFoundException",
        f"{NOT_FOUND}Requested update for policy with revision id 1, but the policy associated to target table "
        f"{things.name} has revision id {first}.",
    )
    assert refused(call, ResourceArn=found, Policy=text, ExpectedRevisionId="1") == mismatch
    assert refused(things.client.delete_resource_policy, ResourceArn=found, ExpectedRevisionId="1") == mismatch


# Removing tells the revision that was removed, and leaves none.
def test_a_policy_is_removed(things: Table) -> None:
    found = arn(things)
    revision = put(things, document(statement(found)))
    holds(things, revision)
    removed = eventually(lambda: things.client.delete_resource_policy(ResourceArn=found), "policy removed")
    assert removed["RevisionId"] == revision
    assert refused(things.client.get_resource_policy, ResourceArn=found)[0] == "PolicyNotFoundException"


# A stream has a policy of its own.
def test_a_stream_has_its_own_policy(make_table: Any) -> None:
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    stream = table.describe()["LatestStreamArn"]
    text = document(statement(stream, Action="dynamodb:GetRecords"))
    revision = table.client.put_resource_policy(ResourceArn=stream, Policy=text)["RevisionId"]
    assert table.client.get_resource_policy(ResourceArn=stream) | {"ResponseMetadata": None} == {
        "Policy": text,
        "RevisionId": revision,
        "ResponseMetadata": None,
    }
    assert refused(table.client.get_resource_policy, ResourceArn=arn(table))[0] == "PolicyNotFoundException"
    label = "2000-01-01T00:00:00.000"
    assert refused(table.client.get_resource_policy, ResourceArn=f"{arn(table)}/stream/{label}") == (
        "ResourceNotFoundException",
        f"Requested resource not found: Stream: {label} not found for Table: {table.name}",
    )


# What is not a policy is told from one by its shape.
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ("{", "This policy contains invalid Json"),
        ("null", "This text appears not to be a policy"),
        ("{}", "Syntax error at position (1,3)"),
        ('{"Statement":[]}', "Could not parse the policy: Statement is empty!"),
        ('{"Statement":[{}]}', "Missing required field Effect"),
        ('{"Version":"2020-01-01","Statement":[]}', "The policy must contain a valid version string"),
    ],
)
def test_what_is_not_a_policy(things: Table, text: str, why: str) -> None:
    refusal = invalid(things.client.put_resource_policy, ResourceArn=arn(things), Policy=text)
    assert refusal == f"{INVALID}Invalid policy document: {why}"


# Statements need their members, names of their own, and somebody they are about.
def test_statements_are_checked(things: Table) -> None:
    found = arn(things)

    def why(*statements: dict[str, Any]) -> str:
        return invalid(things.client.put_resource_policy, ResourceArn=found, Policy=document(*statements))

    named = statement(found, Sid="Same")
    assert why(named, named) == f"{INVALID}Invalid policy document: The Statement Ids in the policy are not unique"
    missing = f"{INVALID}Invalid policy document: Missing required field"
    assert why(statement(found, Resource=None)) == f"{missing} Resource"
    assert why(statement(found, Principal=None)) == f"{missing} Principal"
    assert why(statement(found, Principal="*")).startswith(
        "Resource-based policy grants unbounded access in one or more"
    )


# Tables and streams each have their actions; what is no action of theirs is a mistake, in a table that is made as well.
def test_actions_are_checked(make_table: Any, dynamodb: Any, table_name: str) -> None:
    table = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    found, stream = arn(table), table.describe()["LatestStreamArn"]

    def refusal(action: Any, where: str = found) -> str:
        text = document(statement(where, Action=action))
        return invalid(dynamodb.put_resource_policy, ResourceArn=where, Policy=text)

    unknown = f"{INVALID}Invalid policy document: The following action names are invalid: "
    assert refusal("dynamodb:RestoreTableFromBackup") == f'{unknown}"dynamodb:RestoreTableFromBackup"'
    assert refusal(["dynamodb:GetItem", "dynamodb:GetRecords"]) == f'{unknown}"dynamodb:GetRecords"'
    assert (
        refusal(["s3:GetObject", "GetItem", "dynamodb:Nope*"])
        == f'{unknown}"s3:GetObject", "GetItem", "dynamodb:Nope*"'
    )
    assert refusal("dynamodb:GetItem", stream) == f'{unknown}"dynamodb:GetItem"'
    made = document(statement(found, Action="dynamodb:Nothing"))
    assert invalid(dynamodb.create_table, TableName=table_name, ResourcePolicy=made, **PLAIN).startswith(unknown)
    put(table, document(statement(found, Action=["dynamodb:*", "dynamodb:batch*Item", "DynamoDB:getitem"])))
    text = document(statement(stream, Action=["dynamodb:DescribeStream", "dynamodb:Get*"]))
    dynamodb.put_resource_policy(ResourceArn=stream, Policy=text)


# Twenty kilobytes, white space included.
def test_policies_have_a_size(things: Table) -> None:
    found = arn(things)
    text = document(statement(found))
    put(things, text + " " * (20_480 - len(text)))
    refusal = invalid(things.client.put_resource_policy, ResourceArn=found, Policy=text + " " * (20_481 - len(text)))
    assert refusal == f"{INVALID}Maximum policy size of 20480 bytes exceeded"


# What has a policy is a table or a stream of this region and account.
def test_what_has_a_policy(things: Table) -> None:
    found, get = arn(things), things.client.get_resource_policy
    parts = found.split(":")
    assert invalid(get, ResourceArn=things.name) == f"{INVALID}ARNs must start with 'arn:': {things.name}"
    for changed in ([*parts[:3], "mars-north-1", *parts[4:]], ["arn", "aws-cn", *parts[2:]]):
        other = ":".join(changed)
        assert invalid(get, ResourceArn=other) == f"{INVALID}Invalid resource Arn: {other}"
    other = ":".join([*parts[:4], "999999999999", parts[5]])
    assert invalid(get, ResourceArn=other) == (
        "This action is only supported by accounts that match the resource owner\u2019s account."
    )
    index = f"{found}/index/byX"
    assert invalid(get, ResourceArn=index).startswith(
        f"{INVALID}Invalid resource arn provided, only table or stream is"
    )
    assert refused(get, ResourceArn=f"{found}-missing") == (
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {things.name}-missing not found",
    )
