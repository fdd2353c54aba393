"""The list of operations: complete, honest, and the source of the README's table."""

import random

from router.operations.registry import Support, Surroundings, build_operations, support_table
from tests.support.clock import ManualClock
from tests.support.store_fake import MODEL, Api, FakeStore
from wire.errors import ErrorCode


# The table of what is supported has to name every operation of AWS's model once, and none of another's.
def test_the_support_table_is_complete() -> None:
    rows = support_table(MODEL)
    assert sorted(row.operation for row in rows) == sorted(MODEL.operations)
    assert len(rows) == 62 + 4
    supported = {row.operation for row in rows if row.support is Support.SUPPORTED}
    assert {"PutItem", "Query", "GetRecords", "UpdateTable"} <= supported
    assert "TransactWriteItems" not in supported
    assert {row.operation for row in rows if row.service == "dynamodbstreams"} == {
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
    }


# Nothing that the model knows is unknown at the edge, and nothing is answered that it does not know.
def test_the_registry_covers_the_model() -> None:
    surroundings = Surroundings(store=FakeStore(), clock=ManualClock(), randomness=random.Random(1), cluster_id="test")
    assert sorted(build_operations(surroundings, MODEL)) == sorted(MODEL.operations)


# No operation may see a request that does not fit the model.
async def test_every_request_is_held_against_the_model() -> None:
    refusal = await Api(FakeStore()).refused("ListTables", Limit=101)
    assert refusal.code is ErrorCode.VALIDATION
    assert refusal.message.startswith("1 validation error detected: Value '101' at 'limit'")
