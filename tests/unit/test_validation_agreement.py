"""The quick yes and the slow why must never disagree."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router.operations.acceptance import AcceptanceCompiler
from router.operations.coercion import coerce
from router.operations.constraints import violations
from router.operations.model import ServiceModel
from router.operations.shapes import ATTRIBUTE_VALUE, Kind, ListShape, MapShape, Scalar, Shape, Structure

MODEL = ServiceModel.load()
COMPILER = AcceptanceCompiler()
INPUTS = [MODEL.input_shape(operation) for operation in MODEL.operations]

_KNOWN: dict[tuple[int, int], st.SearchStrategy[Any]] = {}
_JUNK = st.sampled_from(
    [None, True, 0, -1, 5, 10**12, 2.5, "", "a", "ALL_OLD", "a" * 300, "bad name", [], {}, ["a"], [5]]
)


def _values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Make values that mostly fit `shape`, with something else here and there."""
    known = _KNOWN.get((id(shape), depth))
    if known is None:
        fitting = _fitting(shape, depth)
        known = _KNOWN[(id(shape), depth)] = st.one_of(fitting, fitting, fitting, _JUNK)
    return known


def _fitting(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    if shape.name == ATTRIBUTE_VALUE:
        return st.just({"S": "x"})
    match shape:
        case Scalar():
            return _scalars(shape)
        case ListShape():
            return st.lists(_values(shape.member, depth + 1), max_size=3 if depth < 4 else 0)
        case MapShape():
            return st.dictionaries(_scalars(shape.key), _values(shape.value, depth + 1), max_size=2 if depth < 4 else 0)
        case Structure():
            if depth > 4:
                return st.just({})
            members = {name: _values(member, depth + 1) for name, member in shape.members.items()}
            required = {name: members[name] for name in shape.required}
            return st.fixed_dictionaries(required, optional={n: m for n, m in members.items() if n not in required})


def _scalars(shape: Scalar) -> st.SearchStrategy[Any]:
    limits = shape.limits
    if limits.enum:
        return st.sampled_from(limits.enum)
    match shape.kind:
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.INTEGER | Kind.LONG:
            return st.integers(limits.minimum or 0, limits.maximum or 10_000)
        case Kind.DOUBLE | Kind.TIMESTAMP:
            return st.floats(0, 1e9)
        case _:
            least = limits.minimum or 0
            return st.text("abc.-_019", min_size=least, max_size=max(least, min(limits.maximum or 40, least + 10)))


def _bodies(shape: Structure) -> st.SearchStrategy[tuple[Structure, Any]]:
    return _fitting(shape, 0).map(lambda body: (shape, body))


# The quick way saves the slow one its work on nearly every request; if it said yes to a body that the slow one would
# refuse or change, nobody would ever notice but the user.
@given(case=st.sampled_from(INPUTS).flatmap(_bodies))
@settings(max_examples=400, deadline=None)
def test_what_is_accepted_has_nothing_wrong_with_it(case: tuple[Structure, dict[str, Any]]) -> None:
    shape, body = case
    if COMPILER.compiled(shape)(body):
        before = copy.deepcopy(body)
        coerce(body, shape)
        assert body == before
        assert list(violations(body, shape)) == []


# The other way round it is only a matter of speed, but the common requests must not go the slow way.
def test_common_requests_are_accepted_at_once() -> None:
    item = {"pk": {"S": "a"}, "n": {"N": "1"}, "l": {"L": []}}
    common: dict[str, dict[str, Any]] = {
        "PutItem": {"TableName": "Music", "Item": item, "ConditionExpression": "a = :a", "ReturnValues": "ALL_OLD"},
        "GetItem": {"TableName": "Music", "Key": item, "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"},
        "Query": {
            "TableName": "Music",
            "KeyConditionExpression": "a = :a",
            "ExpressionAttributeValues": item,
            "Limit": 5,
        },
        "BatchGetItem": {"RequestItems": {"Music": {"Keys": [item, item], "ProjectionExpression": "a"}}},
        "BatchWriteItem": {
            "RequestItems": {"Music": [{"PutRequest": {"Item": item}}, {"DeleteRequest": {"Key": item}}]}
        },
        "TransactWriteItems": {
            "TransactItems": [{"Put": {"TableName": "Music", "Item": item}}],
            "ClientRequestToken": "t",
        },
        "DescribeTable": {"TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/Music"},
        "GetRecords": {"ShardIterator": "x", "Limit": 10},
    }
    for operation, body in common.items():
        assert COMPILER.compiled(MODEL.input_shape(operation))(body), operation
