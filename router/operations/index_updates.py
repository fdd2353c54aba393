"""UpdateTable's GlobalSecondaryIndexUpdates: which global index a request makes, drops or sets otherwise.

Knows how a request asks for it and what it may not be asked together with; what depends on the table and its indexes as they are,
the catalog decides.
"""

from dataclasses import dataclass
from typing import Any, Final

from router.operations.capacity_settings import changed_warm
from router.operations.index_keys import KeyHalves
from router.operations.index_schemas import (
    attribute_types,
    maxima_of,
    parsed_global_index,
    require_projectable,
)
from router.operations.table_settings import INVALID, unbounded_throughput_of
from wire.catalog_changes import IndexSettings
from wire.errors import ErrorCode, StoreError, validation_error
from wire.keys import AttributeType
from wire.tables import BillingMode, IndexSpec, KeyAttribute, TableSpec

UPDATES: Final = "GlobalSecondaryIndexUpdates"
_ACTIONS: Final = ("Update", "Create", "Delete")
_REMOVES_MAXIMUM: Final = -1
# What an index is not made or dropped together with.
_APART: Final = {
    "ProvisionedThroughput": "You cannot create or delete index while updating table IOPS",
    "StreamSpecification": "You cannot create or delete index while changing stream status",
    "WarmThroughput": "Create global secondary index cannot be specified when updating WarmThroughput",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChanges:
    """The members of a catalog's UpdateTable that speak of indexes."""

    creates: IndexSpec | None = None
    deletes: str | None = None
    settings: tuple[IndexSettings, ...] = ()


def parsed_index_updates(body: dict[str, Any], table: TableSpec | None) -> IndexChanges:
    """Return the changes of indexes that a request asks for.

    `table` is the table as it is known here: what is a key of it or of its indexes keeps its type. None when it is not known.
    """
    updates = body.get(UPDATES)
    if updates is None:
        return IndexChanges()
    if not updates:
        raise validation_error(f"{INVALID}List of {UPDATES} is empty")
    actions = [_only_action(update) for update in updates]
    _require_distinct([asked["IndexName"] for _, asked in actions])
    types = attribute_types(body.get("AttributeDefinitions") or ())
    created = [_created(asked, _mode(body, table), types) for action, asked in actions if action == "Create"]
    deleted = [asked["IndexName"] for action, asked in actions if action == "Delete"]
    settings = tuple(_settings(asked, body) for action, asked in actions if action == "Update")
    if created or deleted:
        _require_apart(body)
    if len(created) + len(deleted) > 1:
        raise StoreError(
            ErrorCode.LIMIT_EXCEEDED,
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        )
    if created and table is not None:
        _require_same_types(created[0], table)
        require_projectable((*created, *table.indexes))
    return IndexChanges(
        creates=created[0] if created else None, deletes=deleted[0] if deleted else None, settings=settings
    )


def refuse_empty_warm(body: dict[str, Any]) -> None:
    """Refuse an update of an index's warm throughput that says nothing: on AWS that comes before anything else."""
    for update in body.get(UPDATES) or ():
        asked = update.get("Update") or {}
        if asked.get("WarmThroughput") == {}:
            raise validation_error(
                f"{INVALID}WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for "
                f"index: {asked['IndexName']}"
            )


def _only_action(update: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    asked = [(name, update[name]) for name in _ACTIONS if update.get(name) is not None]
    if not asked:
        raise validation_error(
            f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
            "GlobalSecondaryIndexUpdate.Delete must not be null"
        )
    if len(asked) > 1:
        raise validation_error(
            f"{INVALID}Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"
        )
    return asked[0]


def _require_distinct(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise validation_error(
                f"{INVALID}Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
        seen.add(name)


def _require_apart(body: dict[str, Any]) -> None:
    for member, text in _APART.items():
        if body.get(member) is not None:
            raise validation_error(f"{INVALID}{text}")


def _mode(body: dict[str, Any], table: TableSpec | None) -> BillingMode:
    """Return the billing mode that the table has after the request, as far as it is known here."""
    present = BillingMode.PAY_PER_REQUEST if table is None else table.billing_mode
    return BillingMode(body.get("BillingMode") or present)


def _created(asked: dict[str, Any], mode: BillingMode, types: dict[str, AttributeType]) -> IndexSpec:
    if not types:
        raise validation_error(f"{INVALID}AttributeDefinitions is not specified for index: {asked['IndexName']}")
    return parsed_global_index(asked, types, mode)


def _settings(asked: dict[str, Any], body: dict[str, Any]) -> IndexSettings:
    name = asked["IndexName"]
    # What is too much, the catalog says, once there is such an index.
    throughput = unbounded_throughput_of(asked)
    if throughput is not None and body.get("BillingMode") == BillingMode.PAY_PER_REQUEST:
        raise validation_error(
            f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {name} when "
            "BillingMode is PAY_PER_REQUEST"
        )
    return IndexSettings(
        name=name,
        throughput=throughput,
        on_demand=None if asked.get("OnDemandThroughput") is None else maxima_of(asked, name, least=_REMOVES_MAXIMUM),
        warm=changed_warm(asked, f"index {name}"),
    )


def _require_same_types(index: IndexSpec, table: TableSpec) -> None:
    """Refuse an index on an attribute that is a key of the table, or of another index of it, with another type."""
    new = {attribute.name: attribute.type for attribute in (*index.partition, *index.sort)}
    schema = table.key_schema
    present: list[KeyHalves] = [((schema.partition,), () if schema.sort is None else (schema.sort,))]
    present += [(each.partition, each.sort) for each in table.indexes]
    for partition, sort in present:
        if any(new.get(attribute.name, attribute.type) != attribute.type for attribute in (*partition, *sort)):
            raise validation_error(
                f"{INVALID}Attributes cannot be redefined. Please check that your attribute has the same type as "
                f"previously defined. Existing schema: {_schema_text(partition, sort)} "
                f"New schema: {_schema_text(index.partition, index.sort)}"
            )


def _schema_text(partition: tuple[KeyAttribute, ...], sort: tuple[KeyAttribute, ...]) -> str:
    elements = [
        f"SchemaElement: key{{{attribute.name}:{attribute.type}:{kind}}}"
        for kind, attributes in (("HASH", partition), ("RANGE", sort))
        for attribute in attributes
    ]
    return f"Schema:[{', '.join(elements)}]"
