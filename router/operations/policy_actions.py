"""Which actions a resource-based policy may speak of.

Knows AWS's list, "DynamoDB API operations supported by resource-based policies", and what is newer than it: replication between
accounts, bulk puts, vectors. Refuses to know what any action does.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_PREFIX: Final = "dynamodb:"
_ITEMS: Final = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "GetItem",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLSelect",
    "PartiQLUpdate",
    "PutItem",
    "Query",
    "Scan",
    "SearchVectors",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
)
_TABLES: Final = (
    "CreateBackup",
    "DeleteResourcePolicy",
    "DeleteTable",
    "DescribeContinuousBackups",
    "DescribeContributorInsights",
    "DescribeKinesisStreamingDestination",
    "DescribeTable",
    "DescribeTableReplicaAutoScaling",
    "DescribeTimeToLive",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExportTableToPointInTime",
    "GetResourcePolicy",
    "ListTagsOfResource",
    "PutResourcePolicy",
    "RestoreTableToPointInTime",
    "StartBulkPutItems",
    "TagResource",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateContributorInsights",
    "UpdateKinesisStreamingDestination",
    "UpdateTable",
    "UpdateTableReplicaAutoScaling",
    "UpdateTimeToLive",
)
_REPLICATION: Final = (
    "AssociateTableReplica",
    "CreateTableReplica",
    "DeleteTableReplica",
    "InjectError",
    "ReadDataForReplication",
    "ReplicateSettings",
    "WriteDataForReplication",
)
_STREAMS: Final = (
    "DeleteResourcePolicy",
    "DescribeStream",
    "GetRecords",
    "GetResourcePolicy",
    "GetShardIterator",
    "PutResourcePolicy",
)

TABLE_ACTIONS: Final = frozenset(name.lower() for name in (*_ITEMS, *_TABLES, *_REPLICATION))
STREAM_ACTIONS: Final = frozenset(name.lower() for name in _STREAMS)


def unknown_actions(given: Iterable[str], actions: frozenset[str]) -> list[str]:
    """Return those of `given` that name none of `actions`; case makes no difference, `*` and `?` stand for others."""
    return [name for name in dict.fromkeys(given) if not _names_some(name, actions)]


def _names_some(name: str, actions: frozenset[str]) -> bool:
    pattern = name.lower()
    if pattern == "*":
        return True
    if not pattern.startswith(_PREFIX):
        return False
    # A bracket is no wildcard in a policy.
    pattern = pattern.removeprefix(_PREFIX).replace("[", "[[]")
    return pattern in actions or any(fnmatchcase(action, pattern) for action in actions)
