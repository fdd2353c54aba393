"""Policies of any shape: taken in canonical form, which is then its own canonical form, or refused in AWS's words; nothing else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from router.operations.policy_documents import canonical_policy
from wire.errors import ErrorCode, StoreError

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["123456789012", "arn:aws:iam::123456789012:root", "arn:aws:iam::111111111111:user/a"])
actions = st.sampled_from(
    ["dynamodb:GetItem", "dynamodb:*", "*", "DynamoDB:put?tem", ["dynamodb:Scan", "dynamodb:Query"]]
)
some = names | st.lists(names, min_size=1, max_size=3)
statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "deny", "Never"]) | values,
        "Principal": st.just("*") | st.fixed_dictionaries({"AWS": some}) | values,
        "Action": actions | some | values,
        "Resource": some | values,
    },
    optional={"Sid": texts | values, "Condition": values, "Surprise": values},
)
documents = st.fixed_dictionaries(
    {"Statement": statements | st.lists(statements, max_size=3) | values},
    optional={"Version": st.sampled_from(["2012-10-17", "2008-10-17", "2020-01-01"]) | values, "Id": values},
)


def taken(text: str) -> str | None:
    try:
        return canonical_policy(text)
    except StoreError as error:
        if error.code is not ErrorCode.VALIDATION:
            raise
        return None


# Random policies, near misses mostly: no other error, and what is given back is taken again as it is.
@given(documents | values)
def test_policies_are_taken_or_refused(document: object) -> None:
    canonical = taken(json.dumps(document))
    if canonical is not None:
        assert canonical_policy(canonical) == canonical


# Whatever is not JSON is refused.
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_texts_are_taken_or_refused(text: str) -> None:
    assert taken(text) is None or text.strip().startswith("{")


# A condition nested as deep as the size allows.
def test_depth_is_no_way_out() -> None:
    for depth in (100, 300, 2_000, 9_000):
        condition = "[" * depth + "]" * depth
        statement = f'{{"Effect":"Deny","Principal":"*","Action":"*","Resource":"r","Condition":{condition}}}'
        taken(f'{{"Statement":[{statement}]}}')


# White space, the order of members and lists of one make no difference.
@given(st.permutations(["Effect", "Principal", "Action", "Resource", "Sid"]), st.booleans(), st.sampled_from([None, 2]))
def test_spelling_makes_no_difference(order: list[str], is_listed: bool, indent: int | None) -> None:
    members = {
        "Effect": "Allow",
        "Principal": {"AWS": "123456789012"},
        "Action": ["dynamodb:GetItem"] if is_listed else "dynamodb:GetItem",
        "Resource": "arn",
        "Sid": "s",
    }
    statement = {name: members[name] for name in order}
    document = {"Statement": [statement] if is_listed else statement, "Version": "2012-10-17"}
    assert canonical_policy(json.dumps(document, indent=indent)) == (
        '{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":'
        '"arn:aws:iam::123456789012:root"},"Action":"dynamodb:GetItem","Resource":"arn"}]}'
    )
