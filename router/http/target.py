"""Which operation a request asks for.

Knows the two target prefixes; refuses to know what the operations do.
"""

from wire.errors import ErrorCode, StoreError

DYNAMODB_PREFIX = "DynamoDB_20120810"
STREAMS_PREFIX = "DynamoDBStreams_20120810"

# DynamoDB Streams shares the endpoint, but not the prefix: AWS refuses either set of operations under the other's.
STREAMS_OPERATIONS = frozenset({"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"})


def operation_of(target: str | None) -> str:
    """Return the operation that the X-Amz-Target field `target` names.

    Raises StoreError UNKNOWN_OPERATION, without a text as AWS does, when it names none.
    """
    prefix, dot, operation = (target or "").partition(".")
    expected = STREAMS_PREFIX if operation in STREAMS_OPERATIONS else DYNAMODB_PREFIX
    if not dot or prefix != expected:
        raise StoreError(ErrorCode.UNKNOWN_OPERATION, "")
    return operation


def target_of(operation: str) -> str:
    """Return the X-Amz-Target field that names an operation."""
    prefix = STREAMS_PREFIX if operation in STREAMS_OPERATIONS else DYNAMODB_PREFIX
    return f"{prefix}.{operation}"
