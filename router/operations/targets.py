"""What a Query or a Scan reads from: a table, or one of its indexes.

Knows which attributes make up the key there, how a condition on them becomes bounds, and where a page starts and ends. Refuses to
know expressions, and what is shown of an item.
"""

from abc import ABC, abstractmethod
from typing import Any, Final, NamedTuple

from router.expressions.keys import QueriedKey, SortCondition
from router.operations.item_keys import (
    encoded_key_value,
    key_of_members,
    key_part,
    members_of_key,
    require_partition_length,
    require_sort_length,
)
from router.operations.tables import table_of_items
from wire.catalog import CatalogView
from wire.cluster import Home
from wire.commands import NO_BYTES, Position
from wire.errors import StoreError, validation_error
from wire.indexes import after_segments, key_members, partition_of, projected_names, row_key, segment, segment_start
from wire.items import AttributeValue, Item
from wire.keys import ItemKey, key_hash
from wire.tables import IndexSpec, IndexStatus, KeyAttribute, TableSpec

STARTING_KEY: Final = "The provided starting key is invalid"


class Bounds(NamedTuple):
    """The members of a Range that a condition on the sort key sets."""

    lower: bytes = NO_BYTES
    lower_included: bool = True
    upper: bytes | None = None
    upper_included: bool = True
    prefix: bytes = NO_BYTES

    def hold(self, sort: bytes) -> bool:
        """Return whether a sort key is within the bounds."""
        if sort < self.lower or (sort == self.lower and not self.lower_included):
            return False
        if self.upper is not None and (sort > self.upper or (sort == self.upper and not self.upper_included)):
            return False
        return sort.startswith(self.prefix)


class Target(ABC):
    """A table or an index as pages see it."""

    number: int  # what Range calls it: 0 is the table itself
    spec: TableSpec
    key: QueriedKey
    projected: frozenset[str] | None = None  # the attributes that are there; None = all
    index: IndexSpec | None = None

    @abstractmethod
    def bounds(self, conditions: tuple[SortCondition, ...]) -> Bounds:
        """Return the bounds of the stored sort keys that conditions on the sort attributes mean."""

    def require_start(self, members: Item) -> None:
        """Refuse an ExclusiveStartKey, in canonical form, unless it has the attributes of this key and the table's, and no more."""
        if members.keys() != {*self.spec.key_schema.names(), *(attribute.name for attribute in self.key.attributes())}:
            raise validation_error(STARTING_KEY)
        for attribute in self.key.partition:
            require_partition_length(key_part(attribute, members))
        for attribute in self.key.sort:
            require_sort_length(key_part(attribute, members))

    @abstractmethod
    def start(self, members: Item) -> Position:
        """Return where a page starts, for an ExclusiveStartKey in canonical form."""

    @abstractmethod
    def members(self, key: ItemKey) -> Item:
        """Return what LastEvaluatedKey shows of a stored key."""

    def partition_key(self, values: tuple[AttributeValue, ...]) -> bytes:
        """Return the stored partition key of partition attributes with these values."""
        return partition_of([encoded(*pair) for pair in zip(self.key.partition, values, strict=True)])


class TableTarget(Target):
    """The items themselves."""

    def __init__(self, spec: TableSpec) -> None:
        self.number = 0
        self.spec = spec
        self.key = QueriedKey.of_table(spec.key_schema)

    def bounds(self, conditions: tuple[SortCondition, ...]) -> Bounds:
        """Return bounds that are the encoded values themselves."""
        if not conditions:
            return Bounds()
        (condition,) = conditions
        values = _encoded_values(self.key.sort[0], condition)
        match condition.operator:
            case "=":
                return Bounds(lower=values[0], upper=values[0])
            case "<" | "<=":
                return Bounds(upper=values[0], upper_included=condition.operator == "<=")
            case ">" | ">=":
                return Bounds(lower=values[0], lower_included=condition.operator == ">=")
            case "BETWEEN":
                return Bounds(lower=values[0], upper=values[1])
            case "begins_with":
                return Bounds(prefix=values[0])

    def start(self, members: Item) -> Position:
        """Return the position of an item's key."""
        return _position(_base_key(self.spec, members))

    def members(self, key: ItemKey) -> Item:
        """Return the key attributes of an item."""
        return members_of_key(self.spec.key_schema, key)


class IndexTarget(Target):
    """The rows of a secondary index."""

    def __init__(self, spec: TableSpec, index: IndexSpec) -> None:
        self.number = index.number
        self.spec = spec
        self.index: IndexSpec = index
        self.key = QueriedKey(partition=index.partition, sort=index.sort, index=index.name)
        self.projected = projected_names(spec.key_schema, index)

    def bounds(self, conditions: tuple[SortCondition, ...]) -> Bounds:
        """Return bounds made of segments: of the attributes that are equal to something, then of the one that is compared."""
        if not conditions:
            return Bounds()
        *equal, last = zip(self.key.sort, conditions, strict=False)
        before = b"".join(segment(_encoded_values(*pair)[0]) for pair in equal)
        values = _encoded_values(*last)
        whole = [before + segment(value) for value in values]
        past = after_segments(before) if before else None
        match last[1].operator:
            case "=":
                return Bounds(prefix=whole[0])
            case "<":
                return Bounds(lower=before, upper=whole[0], upper_included=False)
            case "<=":
                return Bounds(lower=before, upper=after_segments(whole[0]), upper_included=False)
            case ">":
                return Bounds(lower=after_segments(whole[0]), upper=past, upper_included=False)
            case ">=":
                return Bounds(lower=whole[0], upper=past, upper_included=False)
            case "BETWEEN":
                return Bounds(lower=whole[0], upper=after_segments(whole[1]), upper_included=False)
            case "begins_with":
                return Bounds(prefix=before + segment_start(values[0]))

    def start(self, members: Item) -> Position:
        """Return the position of the row that these key attributes name; `require_start` has let them through."""
        base = _base_key(self.spec, {name: members[name] for name in self.spec.key_schema.names()})
        partition = [encoded(attribute, members[attribute.name]) for attribute in self.key.partition]
        sort = [encoded(attribute, members[attribute.name]) for attribute in self.key.sort]
        return _position(row_key(self.index, partition, sort, base))

    def members(self, key: ItemKey) -> Item:
        """Return the key attributes of the index and of the table."""
        return key_members(self.spec.key_schema, self.index, key)


def target_of(view: CatalogView, body: dict[str, Any], home: Home) -> Target:
    """Return what a request reads from, or refuse: there is no such table or index, or it cannot be read so."""
    spec = table_of_items(view, body["TableName"], home)
    name = body.get("IndexName")
    return TableTarget(spec) if name is None else _index_target(spec, name, body)


def _index_target(spec: TableSpec, name: str, body: dict[str, Any]) -> IndexTarget:
    index = spec.index(name)
    if index is None or index.status is IndexStatus.DELETING:
        raise validation_error(f"The table does not have the specified index: {name}")
    if not index.is_local and body.get("ConsistentRead"):
        raise validation_error("Consistent reads are not supported on global secondary indexes")
    if index.is_backfilling:
        raise validation_error(f"Cannot read from backfilling global secondary index: {name}")
    return IndexTarget(spec, index)


def encoded(attribute: KeyAttribute, value: AttributeValue) -> bytes:
    """Return the bytes of a key value whose type has been checked."""
    found = encoded_key_value(attribute, value)
    assert found is not None, f"a value of another type was let through for the key attribute {attribute.name!r}"
    return found


def _encoded_values(attribute: KeyAttribute, condition: SortCondition) -> list[bytes]:
    return [encoded(attribute, value) for value in condition.values]


def _base_key(spec: TableSpec, members: Item) -> ItemKey:
    try:
        return key_of_members(spec.key_schema, members)
    except StoreError as error:
        raise validation_error(f"{STARTING_KEY}: {error.message}") from None


def _position(key: ItemKey) -> Position:
    return Position(key_hash(key.partition), key)
