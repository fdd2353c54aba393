"""Which operations there are, and what each is made of.

The one place that names them all; the README's table of what is supported is made from it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from router.operations import delete_item, put_item, update_item
from router.operations.batch_get_item import BatchGetItem
from router.operations.batch_write_item import BatchWriteItem
from router.operations.context import Operation, OperationRegistry, RequestContext
from router.operations.create_table import CreateTable
from router.operations.delete_table import DeleteTable
from router.operations.describe_endpoints import DescribeEndpoints
from router.operations.describe_limits import DescribeLimits
from router.operations.describe_stream import DescribeStream
from router.operations.describe_table import DescribeTable
from router.operations.get_item import GetItem
from router.operations.get_records import GetRecords
from router.operations.get_shard_iterator import GetShardIterator
from router.operations.item_writes import ItemWrite
from router.operations.iterators import ShardIterators
from router.operations.list_streams import ListStreams
from router.operations.list_tables import ListTables
from router.operations.model import ServiceModel
from router.operations.query import Query
from router.operations.scan import Scan
from router.operations.store import Store
from router.operations.update_table import UpdateTable
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What operations are made of."""

    store: Store
    clock: Clock
    randomness: random.Random
    cluster_id: str  # the same for all routers of a cluster: their shard iterators can be read by one another

    def iterators(self) -> ShardIterators:
        """Return what issues and reads shard iterators."""
        return ShardIterators(self.cluster_id, self.clock)


class SupportRow(NamedTuple):
    """One operation of AWS's model, and whether it is answered here."""

    service: str
    operation: str
    supported: bool


_BUILDERS: Final[dict[str, Callable[[Surroundings], Operation]]] = {
    "BatchGetItem": lambda parts: BatchGetItem(parts.store),
    "BatchWriteItem": lambda parts: BatchWriteItem(parts.store),
    "CreateTable": lambda parts: CreateTable(parts.store, parts.clock, parts.randomness),
    "DeleteItem": lambda parts: ItemWrite(parts.store, delete_item.parse),
    "DeleteTable": lambda parts: DeleteTable(parts.store, parts.clock),
    "DescribeEndpoints": lambda parts: DescribeEndpoints(),
    "DescribeLimits": lambda parts: DescribeLimits(),
    "DescribeStream": lambda parts: DescribeStream(parts.store),
    "DescribeTable": lambda parts: DescribeTable(parts.store),
    "GetItem": lambda parts: GetItem(parts.store),
    "GetRecords": lambda parts: GetRecords(parts.store, parts.clock, parts.iterators()),
    "GetShardIterator": lambda parts: GetShardIterator(parts.store, parts.clock, parts.iterators()),
    "ListStreams": lambda parts: ListStreams(parts.store),
    "ListTables": lambda parts: ListTables(parts.store),
    "PutItem": lambda parts: ItemWrite(parts.store, put_item.parse),
    "Query": lambda parts: Query(parts.store),
    "Scan": lambda parts: Scan(parts.store),
    "UpdateItem": lambda parts: ItemWrite(parts.store, update_item.parse),
    "UpdateTable": lambda parts: UpdateTable(parts.store, parts.clock, parts.randomness),
}
_STREAMS_OPERATIONS: Final = frozenset({"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"})


def build_operations(surroundings: Surroundings, model: ServiceModel) -> OperationRegistry:
    """Return every operation by name, each behind the model's validation."""
    return {name: _Validated(name, build(surroundings), model) for name, build in _BUILDERS.items()}


def support_table(model: ServiceModel) -> tuple[SupportRow, ...]:
    """Return a row for every operation of AWS's model, by service and name."""
    rows = (
        SupportRow("dynamodbstreams" if name in _STREAMS_OPERATIONS else "dynamodb", name, name in _BUILDERS)
        for name in model.operations
    )
    return tuple(sorted(rows))


class _Validated:
    """An operation that only ever sees requests that fit the model."""

    def __init__(self, name: str, operation: Operation, model: ServiceModel) -> None:
        self._name = name
        self._operation = operation
        self._model = model

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        self._model.validate(self._name, body)
        try:
            return await self._operation(context, body)
        except StoreError as error:
            if error.code is ErrorCode.SERIALIZATION:
                # Found deep inside an item; the model knows AWS's words for it.
                self._model.require_types(self._name, body)
            raise
