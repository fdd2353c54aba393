"""What the catalog refuses, in AWS's words.

Only texts live here; when each applies is decided elsewhere.
"""

from collections.abc import Iterable

from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import IndexSpec, IndexStatus, TableSpec, TableStatus, Throughput

_IN_USE = {
    TableStatus.CREATING: "Table is being created",
    TableStatus.UPDATING: "Table is being updated",
    TableStatus.DELETING: "Table is being deleted",
}
_MOTION = {
    IndexStatus.CREATING: "created",
    IndexStatus.UPDATING: "updated",
    IndexStatus.DELETING: "deleted",
}


def table_exists(name: str) -> StoreError:
    """A table is created whose name is taken."""
    return StoreError(ErrorCode.RESOURCE_IN_USE, f"Table already exists: {name}")


def table_missing(name: str) -> StoreError:
    """A table is changed or dropped that is not there."""
    return StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"Requested resource not found: Table: {name} not found")


def table_in_use(table: TableSpec) -> StoreError:
    """A table is changed while an earlier change of it goes on. Of a table with replicas AWS says no more than that."""
    return _in_use(table, f"{_IN_USE[table.status]}: {table.name}")


def table_not_there_yet(table: TableSpec) -> StoreError:
    """Time to live is set of a table that is being created."""
    return _in_use(table, f"Table {table.name} is being created")


def table_not_droppable(table: TableSpec) -> StoreError:
    """A table is dropped while an earlier change of it goes on."""
    if table.status is TableStatus.UPDATING:
        return _in_use(table, f"Table: {table.name} is in the process of being updated.")
    return table_in_use(table)


def _in_use(table: TableSpec, why: str) -> StoreError:
    if table.replicas:
        text = "The resource which you are attempting to change is in use."
    else:
        text = f"Attempt to change a resource which is still in use: {why}"
    return StoreError(ErrorCode.RESOURCE_IN_USE, text)


def too_many_tables(tables_max: int) -> StoreError:
    """The region is full of tables."""
    return StoreError(
        ErrorCode.LIMIT_EXCEEDED,
        f"Subscriber limit exceeded: There is a limit of {tables_max} tables per subscriber",
    )


def protected_against_deletion(table: TableSpec, region: str) -> StoreError:
    """A table with deletion protection is dropped, by a client here or, with replicas, through another region."""
    if table.replicas:
        return validation_error(
            f"Cannot delete table {table.name} in region {region} because it has deletion protection enabled. Disable "
            "deletion protection first."
        )
    return validation_error(
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
    )


def stream_already_enabled(name: str) -> StoreError:
    """A stream is enabled while there is one, whatever its view type."""
    return validation_error(f"Table already has an enabled stream: TableName: {name}")


def no_stream_to_disable(name: str) -> StoreError:
    """A stream is disabled while there is none."""
    return validation_error(f"Table has no stream to disable: TableName: {name}")


def stream_of_replica() -> StoreError:
    """The stream is disabled that feeds the other regions."""
    return validation_error(
        "One or more parameter values were invalid: Disabling Stream is not allowed for a Global Table replica."
    )


def throughput_unchanged(present: Throughput) -> StoreError:
    """Throughput is set to what it is."""
    read, write = present.read_units, present.write_units
    return validation_error(
        "The provisioned throughput for the table will not change. The requested value equals the current value. "
        f"Current ReadCapacityUnits provisioned for the table: {read}. Requested ReadCapacityUnits: {read}. "
        f"Current WriteCapacityUnits provisioned for the table: {write}. Requested WriteCapacityUnits: {write}. "
        "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    )


def throughput_on_demand() -> StoreError:
    """Throughput is given to a table that is paid per request."""
    return validation_error(
        "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified "
        "when BillingMode is PAY_PER_REQUEST"
    )


def throughput_missing() -> StoreError:
    """A table becomes provisioned without saying how much."""
    return validation_error(
        "One or more parameter values were invalid: ProvisionedThroughput must be specified when BillingMode is PROVISIONED"
    )


def replicas_need_capacity() -> StoreError:
    """A replicated table would have fixed write capacity, which replicated writes may exceed."""
    return validation_error("Table write capacity should either be Pay-Per-Request or AutoScaled.")


def replicas_need_keys() -> StoreError:
    """A table is replicated, or is, that is encrypted with a key of the customer's, which every region would need one of."""
    return validation_error(
        "One or more parameter values were invalid: KMSMasterKeyId must be specified for each replica."
    )


def replicas_need_like_keys() -> StoreError:
    """A replica would have a key of another kind than the table."""
    return validation_error(
        "One or more parameter values were invalid: All replica keys must either be Customer Managed CMK or AWS Managed CMK."
    )


def replicas_need_images(name: str) -> StoreError:
    """A table is replicated whose stream shows less than both images. AWS's documentation asks for that; the words are ours."""
    return validation_error(
        f"One or more parameter values were invalid: The stream of table {name} must have the view type NEW_AND_OLD_IMAGES "
        "before a replica can be added."
    )


def local_region() -> StoreError:
    """A replica is added or removed in the region that is asked."""
    return validation_error(
        "Cannot add, delete, or update the local region through ReplicaUpdates. "
        "Use CreateTable, DeleteTable, or UpdateTable as required."
    )


def region_unknown(region: str, regions: Iterable[str]) -> StoreError:
    """A replica is wanted in a region that the cluster, whose `regions` are named, does not have."""
    return validation_error(
        f"Region {region} is not supported. The latest version of global tables are only supported in the following "
        f"regions: [{', '.join(sorted(regions))}]"
    )


def replica_exists(name: str) -> StoreError:
    """A replica is added where a table of that name is, replica or not."""
    return validation_error(
        f"Failed to create a the new replica of table with name: \u2018{name}\u2019 because one or more replicas "
        "already existed as tables."
    )


def replica_missing(region: str, *, is_alone: bool = False) -> StoreError:
    """A replica is changed or removed that is not one; of a table that `is_alone`, without any, AWS says it otherwise."""
    if is_alone:
        return validation_error(
            "Replica specified in the Replica Update or Replica Delete action of the request was not found."
        )
    return validation_error(
        "Update global table operation failed because one or more replicas were not part of the global table. "
        f"Please retry the request without these replicas: [{region}]."
    )


def replica_was_source() -> StoreError:
    """A replica is removed, or its table dropped, soon after it was copied from."""
    return validation_error(
        "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the "
        "table in the last 24 hours."
    )


def link_to_itself(region: str) -> StoreError:
    """A link is set to the region itself or to one that the cluster does not have."""
    return validation_error(f"There is no replication link from this region to {region!r}.")


def index_exists() -> StoreError:
    """An index is created under a name that an index of the table has."""
    return validation_error("Attempting to create an index which already exists")


def index_missing(table: TableSpec, name: str) -> StoreError:
    """An index is changed or dropped that is not there."""
    text = f"Requested resource not found: Index {name} for table {table.name}"
    return StoreError(ErrorCode.RESOURCE_NOT_FOUND, text)


def index_not_global(verb: str, name: str) -> StoreError:
    """A local index is changed or dropped, which goes with its table only."""
    return validation_error(f"Cannot {verb} an index that is not a GlobalSecondaryIndex: {name}")


def index_in_use(table: TableSpec, index: IndexSpec) -> StoreError:
    """An index is changed or dropped while it is on its way out."""
    text = f"Index is being {_MOTION[index.status]}. Table: {table.name} Index: {index.name}"
    return StoreError(ErrorCode.RESOURCE_IN_USE, f"Attempt to change a resource which is still in use: {text}")


def indexes_in_motion() -> StoreError:
    """A table is dropped while an index of it comes or goes."""
    return StoreError(
        ErrorCode.RESOURCE_IN_USE,
        "Attempt to change a resource which is still in use: Cannot delete table while indexes are being created, "
        "updated, or deleted.",
    )


def one_online_index() -> StoreError:
    """An index is created or dropped while another one is."""
    return StoreError(
        ErrorCode.LIMIT_EXCEEDED,
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )


def too_many_global_indexes(indexes_max: int) -> StoreError:
    """A table gets one global index too many."""
    text = f"Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of {indexes_max}"
    return StoreError(ErrorCode.LIMIT_EXCEEDED, text)


def index_throughput_unchanged(index: IndexSpec) -> StoreError:
    """Throughput of an index is set to what it is."""
    read, write = index.throughput.read_units, index.throughput.write_units
    return validation_error(
        f"The provisioned throughput for the index {index.name} will not change. The requested value equals the current "
        f"value. Current ReadCapacityUnits provisioned for index {index.name}: {read}. Requested ReadCapacityUnits: {read}. "
        f"Current WriteCapacityUnits provisioned for index {index.name}: {write}. Requested WriteCapacityUnits: {write}. "
        "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    )
