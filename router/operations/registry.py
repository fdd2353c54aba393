"""Which operations there are, and what each is made of.

The one place that names them all; the README's table of what is supported is made from it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from router.operations import (
    backups,
    bulk_operations,
    contributor_insights,
    delete_item,
    exports,
    global_tables_2017,
    imports,
    kinesis_destinations,
    put_item,
    replica_auto_scaling,
    statements,
    transactions,
    update_item,
    vector_searches,
)
from router.operations.batch_get_item import BatchGetItem
from router.operations.batch_write_item import BatchWriteItem
from router.operations.context import Operation, OperationRegistry, RequestContext
from router.operations.create_table import CreateTable
from router.operations.delete_table import DeleteTable
from router.operations.describe_endpoints import DescribeEndpoints
from router.operations.describe_limits import DescribeLimits
from router.operations.describe_stream import DescribeStream
from router.operations.describe_table import DescribeTable
from router.operations.expression_lengths import EXPRESSIONS_BYTES_AT_ONCE, expressions_measure
from router.operations.get_item import GetItem
from router.operations.get_records import GetRecords
from router.operations.get_shard_iterator import GetShardIterator
from router.operations.item_writes import ItemWrite
from router.operations.iterators import ShardIterators
from router.operations.list_streams import ListStreams
from router.operations.list_tables import ListTables
from router.operations.model import ServiceModel
from router.operations.one_function import Answer, Answered, Check, NotAvailable
from router.operations.policies import DeleteResourcePolicy, PutResourcePolicy, get_resource_policy
from router.operations.query import Query
from router.operations.regions import NO_OTHER_REGIONS, Regions
from router.operations.scan import Scan
from router.operations.store import Store
from router.operations.streams import StreamDirectory
from router.operations.table_sizes import TableSizes
from router.operations.tags import TagResource, UntagResource, list_tags_of_resource
from router.operations.time_to_live import UpdateTimeToLive, describe_time_to_live
from router.operations.update_table import UpdateTable
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError
from wire.limits import STREAM_RETENTION_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What operations are made of."""

    store: Store
    clock: Clock
    randomness: random.Random
    cluster_id: str  # the same for all routers of a cluster: their shard iterators can be read by one another
    stream_retention_seconds: int = STREAM_RETENTION_SECONDS
    regions: Regions = NO_OTHER_REGIONS
    sizes: TableSizes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", TableSizes(self.store, self.clock))

    def iterators(self) -> ShardIterators:
        """Return what issues and reads shard iterators."""
        return ShardIterators(self.cluster_id, self.clock)

    def streams(self) -> StreamDirectory:
        """Return what finds streams."""
        return StreamDirectory(self.store, self.clock, self.stream_retention_seconds * 1000)


class Support(Enum):
    """How far an operation goes; the value is how the README says it."""

    SUPPORTED = "supported"
    RECORDED = "kept and described; what they would do comes later"
    ANSWERED = "answered with what is true here; to enable what is missing is refused"
    NOT_AVAILABLE = "checked, then refused as not available yet"


class SupportRow(NamedTuple):
    """One operation of AWS's model, and how far it goes here."""

    service: str
    operation: str
    support: Support


_Builders = dict[str, Callable[[Surroundings], Operation]]

# One line per operation, by area.
_TABLES: Final[_Builders] = {
    "CreateTable": lambda parts: CreateTable(parts.store, parts.clock, parts.randomness),
    "DeleteResourcePolicy": lambda parts: DeleteResourcePolicy(parts.store, parts.clock),
    "DeleteTable": lambda parts: DeleteTable(parts.store, parts.clock, parts.sizes),
    "DescribeEndpoints": lambda parts: DescribeEndpoints(),
    "DescribeLimits": lambda parts: DescribeLimits(),
    "DescribeTable": lambda parts: DescribeTable(parts.store, parts.clock, parts.sizes),
    "ListTables": lambda parts: ListTables(parts.store),
    "PutResourcePolicy": lambda parts: PutResourcePolicy(parts.store, parts.clock),
    "TagResource": lambda parts: TagResource(parts.store, parts.clock),
    "UntagResource": lambda parts: UntagResource(parts.store, parts.clock),
    "UpdateTable": lambda parts: UpdateTable(parts.store, parts.regions, parts.clock, parts.randomness, parts.sizes),
    "UpdateTimeToLive": lambda parts: UpdateTimeToLive(parts.store, parts.clock),
}
_ITEMS: Final[_Builders] = {
    "BatchGetItem": lambda parts: BatchGetItem(parts.store),
    "BatchWriteItem": lambda parts: BatchWriteItem(parts.store),
    "DeleteItem": lambda parts: ItemWrite(parts.store, delete_item.parse),
    "GetItem": lambda parts: GetItem(parts.store),
    "PutItem": lambda parts: ItemWrite(parts.store, put_item.parse),
    "Query": lambda parts: Query(parts.store),
    "Scan": lambda parts: Scan(parts.store),
    "UpdateItem": lambda parts: ItemWrite(parts.store, update_item.parse),
}
_STREAMS: Final[_Builders] = {
    "DescribeStream": lambda parts: DescribeStream(parts.store, parts.clock, parts.streams()),
    "GetRecords": lambda parts: GetRecords(parts.store, parts.streams(), parts.iterators()),
    "GetShardIterator": lambda parts: GetShardIterator(parts.store, parts.clock, parts.streams(), parts.iterators()),
    "ListStreams": lambda parts: ListStreams(parts.store, parts.streams()),
}
# What tools send with every table: settings without an effect yet.
_RECORDED: Final[_Builders] = {
    "DescribeContinuousBackups": lambda parts: backups.DescribeContinuousBackups(parts.store, parts.clock),
    "UpdateContinuousBackups": lambda parts: backups.UpdateContinuousBackups(parts.store, parts.clock),
    "UpdateContributorInsights": lambda parts: contributor_insights.UpdateContributorInsights(parts.store, parts.clock),
}
_BUILDERS: Final[_Builders] = {**_RECORDED, **_TABLES, **_ITEMS, **_STREAMS}

# What is answered by one function.
_ANSWERS: Final[dict[str, Answer]] = {
    "DescribeTimeToLive": describe_time_to_live,
    "GetResourcePolicy": get_resource_policy,
    "ListTagsOfResource": list_tags_of_resource,
    # AWS itself refuses whatever is asked of this version, so that is all there is to it.
    **global_tables_2017.ANSWERS,
}
# Of what comes later: answers from the catalog, and checks that end in a refusal.
_LATER_ANSWERS: Final[dict[str, Answer]] = {
    **backups.ANSWERS,
    **bulk_operations.ANSWERS,
    **contributor_insights.ANSWERS,
    **exports.ANSWERS,
    **imports.ANSWERS,
    **kinesis_destinations.ANSWERS,
    **replica_auto_scaling.ANSWERS,
}
_LATER_CHECKS: Final[dict[str, Check]] = {
    **backups.CHECKS,
    **bulk_operations.CHECKS,
    **exports.CHECKS,
    **imports.CHECKS,
    **kinesis_destinations.CHECKS,
    **statements.CHECKS,
    **transactions.CHECKS,
    **vector_searches.CHECKS,
}


# With these an operation refuses a request before it does anything.
_MAY_HIDE_WRONG_TYPES: Final = frozenset(
    {
        ErrorCode.SERIALIZATION,
        ErrorCode.VALIDATION,
        ErrorCode.RESOURCE_NOT_FOUND,
        ErrorCode.ACCESS_DENIED,
        ErrorCode.UNSUPPORTED_OPERATION,
    }
)


def build_operations(surroundings: Surroundings, model: ServiceModel) -> OperationRegistry:
    """Return every operation by name, each behind the model's validation."""
    store = surroundings.store
    operations: dict[str, Operation] = {
        **{name: build(surroundings) for name, build in _BUILDERS.items()},
        **{name: Answered(store, answer) for name, answer in {**_ANSWERS, **_LATER_ANSWERS}.items()},
        **{name: NotAvailable(store, name, check) for name, check in _LATER_CHECKS.items()},
    }
    return {name: _Validated(name, operation, model) for name, operation in operations.items()}


def support_table(model: ServiceModel) -> tuple[SupportRow, ...]:
    """Return a row for every operation of AWS's model, by service and name; each is somewhere above."""
    rows = (
        SupportRow("dynamodbstreams" if name in _STREAMS else "dynamodb", name, _support(name))
        for name in model.operations
    )
    return tuple(sorted(rows, key=lambda row: (row.service, row.operation)))


def _support(name: str) -> Support:
    if name in _LATER_CHECKS:
        return Support.NOT_AVAILABLE
    if name in _RECORDED or name in contributor_insights.ANSWERS:
        return Support.RECORDED
    if name in _LATER_ANSWERS:
        return Support.ANSWERED
    assert name in _BUILDERS or name in _ANSWERS, f"nothing answers {name}"
    return Support.SUPPORTED


class _Validated:
    """An operation that only ever sees requests that fit the model."""

    def __init__(self, name: str, operation: Operation, model: ServiceModel) -> None:
        self._name = name
        self._operation = operation
        self._model = model
        self._accepts = model.accepting(name)
        self._wording = model.wording(name)
        self._expressions_bytes = expressions_measure(name, model.input_shape(name))

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        if context.is_long or not self._accepts(body):
            context.is_long = context.is_long or not context.is_short
            await context.read(self._model.validate, self._name, body)
        if self._expressions_bytes is not None and self._expressions_bytes(body) > EXPRESSIONS_BYTES_AT_ONCE:
            context.is_long = True
        try:
            return await self._answered(context, body)
        except StoreError as error:
            raise self._wording.said(error) from error.__cause__

    async def _answered(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        try:
            return await self._operation(context, body)
        except StoreError as error:
            if error.code not in _MAY_HIDE_WRONG_TYPES:
                raise
            # Nothing was done. Types come before all else, and what is deep inside items has not been looked at for its own sake: the
            # model knows AWS's words for it, or what AWS makes of it.
            context.is_long = context.is_long or not context.is_short
            await context.read(self._model.require_types, self._name, body)
            if error.code is not ErrorCode.SERIALIZATION:
                raise
        return await self._operation(context, body)
