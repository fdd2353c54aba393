"""Requests about tables, made at random from AWS's model: answered or refused with a client's error, and a refusal changes nothing."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.catalog.decisions import decide
from router.operations.shapes import Kind, ListShape, MapShape, Scalar, Shape, Structure
from tests.support.rpc_catalog import RULES, Catalog
from tests.support.store_fake import MODEL, Api, FakeStore
from wire.catalog import Delta
from wire.catalog_changes import CatalogChange, Decided, decode_change, encode_change
from wire.errors import ErrorCode, StoreError

OPERATIONS = (
    "CreateTable",
    "DeleteResourcePolicy",
    "DeleteTable",
    "DescribeTable",
    "GetResourcePolicy",
    "ListTables",
    "ListTagsOfResource",
    "PutResourcePolicy",
    "TagResource",
    "UntagResource",
    "UpdateTable",
    "UpdateTimeToLive",
)
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/things"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*"}]}'
# What makes it past the first checks now and then.
KNOWN = {
    "TableName": ["things", "other", ARN],
    "ResourceArn": [ARN, f"{ARN}/stream/2023-11-14T22:13:20.000", "things"],
    "AttributeName": ["pk", "sk", "by"],
    "IndexName": ["one", "two"],
    "Policy": [POLICY, "{}"],
    "ResourcePolicy": [POLICY],
    "ExpectedRevisionId": ["NO_POLICY", "1700000000000"],
    "KMSMasterKeyId": ["key", "alias/aws/dynamodb"],
    "RegionName": ["us-east-1", "eu-west-1"],
    "Key": ["a", "b", "aws:c"],
}
SIMPLE = {
    Kind.STRING: st.text(max_size=6),
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-2, 50_000),
    Kind.LONG: st.integers(-2, 50_000) | st.integers(),
    Kind.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    Kind.TIMESTAMP: st.integers(0, 2_000_000_000),
    Kind.BLOB: st.just("AAAA"),
}
JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just([]) | st.just({})


def values(shape: Shape, name: str = "") -> st.SearchStrategy[Any]:
    """Return values that mostly fit a shape."""
    return st.one_of(*[_fitting(shape, name)] * 19, JUNK)


def _fitting(shape: Shape, name: str) -> st.SearchStrategy[Any]:
    match shape:
        case Scalar():
            known = [st.sampled_from(KNOWN[name])] * 8 if name in KNOWN else []
            enum = [st.sampled_from(shape.limits.enum)] * 8 if shape.limits.enum else []
            return st.one_of(*known, *enum, SIMPLE[shape.kind])
        case ListShape():
            return st.lists(values(shape.member), max_size=2)
        case MapShape():
            return st.dictionaries(st.text(max_size=4), values(shape.value), max_size=2)
        case Structure():
            required = {
                member: values(part, member) for member, part in shape.members.items() if member in shape.required
            }
            others = {member: values(part, member) for member, part in shape.members.items() if member not in required}
            # Few at a time: AWS takes hardly any two changes together.
            chosen = st.lists(st.sampled_from(sorted(others)), max_size=3, unique=True) if others else st.just([])
            optional = chosen.flatmap(lambda names: st.fixed_dictionaries({each: others[each] for each in names}))
            return st.builds(lambda one, other: {**one, **other}, st.fixed_dictionaries(required), optional)


REQUESTS = st.one_of(
    *(
        st.tuples(st.just(name), values(MODEL.input_shape(name)).filter(lambda body: type(body) is dict))
        for name in OPERATIONS
    )
)


class CatalogStore(FakeStore):
    """A region without items whose catalog decides for real."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog(RULES)
        self.view = self.catalog.view

    async def change(self, change: CatalogChange, *, deadline: float) -> Decided:
        decision = decide(self.view, decode_change(encode_change(change)), RULES)
        if decision.rows:
            self.view.apply(Delta(self.view.version + 1, decision.rows))
        return Decided(self.view.version, decision.table)


async def ask(api: Api, operation: str, body: dict[str, Any]) -> None:
    before = api.store.view.version
    try:
        await api(operation, **body)
    except StoreError as error:
        if error.code in (ErrorCode.INTERNAL, ErrorCode.SERVICE_UNAVAILABLE):
            raise
        assert api.store.view.version == before


# Whatever is asked, in whatever order: never a fault of ours, never a change that was refused.
@settings(max_examples=150, deadline=None)
@given(st.lists(REQUESTS, max_size=6))
def test_requests_are_answered_or_refused(requests: list[tuple[str, dict[str, Any]]]) -> None:
    async def asked() -> None:
        api = Api(CatalogStore())
        await api(
            "CreateTable",
            TableName="things",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        for operation, body in requests:
            await ask(api, operation, body)

    asyncio.run(asked())
