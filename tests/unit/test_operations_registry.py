"""The list of operations: complete, honest, and the source of the README's table."""

from router.operations.registry import Support, support_table
from tests.support.store_fake import MODEL, Api, FakeStore
from wire.errors import ErrorCode


# The table of what is supported has to name every operation of AWS's model once.
def test_the_support_table_is_complete() -> None:
    rows = support_table(MODEL)
    assert sorted(row.operation for row in rows) == sorted(MODEL.operations)
    supported = {row.operation for row in rows if row.support is Support.SUPPORTED}
    assert {"PutItem", "Query", "GetRecords", "UpdateTable"} <= supported
    assert "TransactWriteItems" not in supported
    assert {row.operation for row in rows if row.service == "dynamodbstreams"} == {
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
    }


# No operation may see a request that does not fit the model.
async def test_every_request_is_held_against_the_model() -> None:
    refusal = await Api(FakeStore()).refused("ListTables", Limit=101)
    assert refusal.code is ErrorCode.VALIDATION
    assert refusal.message.startswith("1 validation error detected: Value '101' at 'limit'")
