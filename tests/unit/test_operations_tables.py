"""Requests of the control plane: what they ask the catalog for, AWS's words for what is wrong, and how a table looks."""

from typing import Any

import pytest

from tests.support.store_fake import HASH_SCHEMA, RANGE_SCHEMA, Api, FakeStore, table_spec
from wire import catalog_changes
from wire.errors import ErrorCode, StoreError
from wire.tables import (
    BillingMode,
    KeyAttribute,
    KeySchema,
    OnDemandMaxima,
    RegionName,
    ReplicaOverrides,
    ReplicaSpec,
    ReplicaStatus,
    StreamSpec,
    StreamViewType,
    TableStatus,
    Throughput,
)

INVALID = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
HASH = {"AttributeName": "pk", "KeyType": "HASH"}
_VAST = {**UNITS, "WriteCapacityUnits": 1_000_000_000_001}
_VAST_INDEX = {
    "IndexName": "byPk",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
    "ProvisionedThroughput": _VAST,
}
_CREATE = {"Create": {"RegionName": "eu-west-1"}}
PK = {"AttributeName": "pk", "AttributeType": "S"}


def _create(**changes: Any) -> dict[str, Any]:
    body = {"TableName": "things", "KeySchema": [HASH], "AttributeDefinitions": [PK], **ON_DEMAND, **changes}
    return {name: value for name, value in body.items() if value is not None}


async def _refused_create(**changes: Any) -> str:
    return (await Api(FakeStore()).refused("CreateTable", **_create(**changes))).message


async def _changed(**body: Any) -> catalog_changes.CatalogChange:
    """Return the change that an UpdateTable asks the catalog for."""
    api = Api(FakeStore(table_spec()))
    api.store.decisions.append(table_spec())
    await api("UpdateTable", TableName="things", **body)
    return api.store.changes[-1]


# Everything a request says reaches the catalog.
async def test_a_table_is_asked_for() -> None:
    api = Api(FakeStore())
    api.store.decisions.append(table_spec())
    await api(
        "CreateTable",
        **_create(
            KeySchema=[HASH, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": "sk", "AttributeType": "N"}, PK],
            BillingMode=None,
            ProvisionedThroughput=UNITS,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
            DeletionProtectionEnabled=True,
            TableClass="STANDARD_INFREQUENT_ACCESS",
        ),
    )
    change = api.store.changes[-1]
    assert isinstance(change, catalog_changes.CreateTable)
    assert len(change.table_id) == 36
    assert change == catalog_changes.CreateTable(
        name="things",
        key_schema=RANGE_SCHEMA,
        billing_mode=BillingMode.PROVISIONED,
        throughput=Throughput(read_units=5, write_units=6),
        stream_view=StreamViewType.KEYS_ONLY,
        deletion_protection=True,
        table_class="STANDARD_INFREQUENT_ACCESS",
        names_class=True,
        now_ms=api.clock.wall_ms(),
        table_id=change.table_id,
    )


# AWS's words for capacity that contradicts the billing mode.
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"ProvisionedThroughput": UNITS},
            INVALID
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"BillingMode": None},
            INVALID + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            {"BillingMode": None, "ProvisionedThroughput": {**UNITS, "ReadCapacityUnits": 1_000_000_000_001}},
            "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
        ),
        (
            {"BillingMode": None, "ProvisionedThroughput": UNITS, "GlobalSecondaryIndexes": [_VAST_INDEX]},
            "Given value 1000000000001 for WriteCapacityUnits is out of bounds for index byPk",
        ),
    ],
)
async def test_capacity_is_checked(changes: dict[str, Any], text: str) -> None:
    assert await _refused_create(**changes) == text


# AWS's words for key schemas.
@pytest.mark.parametrize(
    ("keys", "definitions", "text"),
    [
        (
            [("pk", "HASH")],
            ["x"],
            INVALID + "Some index key attributes are not defined in AttributeDefinitions. "
            "Keys: [pk], AttributeDefinitions: [x]",
        ),
        ([("pk", "HASH"), ("sk", "RANGE")], ["pk"], "Invalid KeySchema: Some index key attribute have no definition"),
        (
            [("pk", "HASH")],
            ["pk", "x"],
            INVALID + "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions",
        ),
        ([("pk", "RANGE")], ["pk"], "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"),
        (
            [("pk", "HASH"), ("sk", "HASH")],
            ["pk", "sk"],
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        # More elements than definitions, before anything about equal names: dynalite's tests on AWS.
        (
            [("pk", "HASH"), ("pk", "RANGE")],
            ["pk"],
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            [("pk", "HASH"), ("pk", "RANGE")],
            ["pk", "sk"],
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        ([("pk", "HASH")], ["pk", "pk"], "Attribute Name is duplicated: pk"),
    ],
)
async def test_key_schemas_are_checked(keys: list[tuple[str, str]], definitions: list[str], text: str) -> None:
    refusal = await _refused_create(
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in definitions],
    )
    assert refusal == text


# The view type belongs to a stream that is on.
@pytest.mark.parametrize(
    ("stream", "text"),
    [
        ({"StreamEnabled": True}, "Table is being created with a stream enabled, UpdateViewType is required"),
        (
            {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"},
            "Table is being created with a stream disabled, UpdateViewType should not be specified",
        ),
    ],
)
async def test_streams_of_new_tables_are_checked(stream: dict[str, Any], text: str) -> None:
    assert await _refused_create(StreamSpecification=stream) == INVALID + text


# What is not built yet is refused, not forgotten, and in a way that no program takes for a mistake of its own.
async def test_vector_indexes_are_refused_for_now() -> None:
    index = {
        "IndexName": "byX",
        "VectorAttribute": {"AttributeName": "v"},
        "Dimensions": 3,
        "DistanceFunction": "COSINE",
        "Projection": {"ProjectionType": "ALL"},
    }
    refusal = await Api(FakeStore()).refused("CreateTable", **_create(VectorIndexes=[index]))
    assert refusal.code is ErrorCode.UNSUPPORTED_OPERATION
    assert refusal.message.startswith("VectorIndexes is not available yet")


# An empty list of them is refused as AWS refuses empty lists of other indexes.
async def test_an_empty_list_of_vector_indexes() -> None:
    refusal = await Api(FakeStore()).refused("CreateTable", **_create(VectorIndexes=[]))
    assert refusal.message == "One or more parameter values were invalid: List of VectorIndexes is empty"


# An empty list of indexes is AWS's own mistake; empty tags ask for nothing.
async def test_empty_lists() -> None:
    assert await _refused_create(GlobalSecondaryIndexes=[]) == INVALID + "List of GlobalSecondaryIndexes is empty"
    api = Api(FakeStore())
    api.store.decisions.append(table_spec())
    assert await api("CreateTable", **_create(Tags=[], SSESpecification={"Enabled": False}))


# Settings that are left out stay as they are.
async def test_an_update_names_only_what_changes() -> None:
    change = await _changed(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    assert isinstance(change, catalog_changes.UpdateTable)
    assert (change.billing_mode, change.throughput) == (BillingMode.PROVISIONED, Throughput(5, 6))
    assert (change.stream_enabled, change.deletion_protection, change.table_class) == (None, None, None)


# Switching a stream on and off.
async def test_a_stream_is_switched() -> None:
    change = await _changed(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    assert isinstance(change, catalog_changes.UpdateTable)
    assert (change.stream_enabled, change.stream_view) == (True, StreamViewType.NEW_IMAGE)
    change = await _changed(StreamSpecification={"StreamEnabled": False})
    assert isinstance(change, catalog_changes.UpdateTable)
    assert (change.stream_enabled, change.stream_view) == (False, None)


# Replicas come and go one at a time; what is said twice counts once.
async def test_replicas_are_added_and_removed() -> None:
    change = await _changed(ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    assert isinstance(change, catalog_changes.AddReplica)
    assert (change.name, change.region, len(change.global_table_id)) == ("things", "eu-west-1", 32)
    change = await _changed(ReplicaUpdates=[_CREATE, _CREATE], MultiRegionConsistency="EVENTUAL")
    assert isinstance(change, catalog_changes.AddReplica)
    change = await _changed(ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    assert isinstance(change, catalog_changes.RemoveReplica)


# What a replica is to have otherwise: on Create beside the region, on Update of one or several regions at once.
async def test_overrides_of_replicas() -> None:
    index = {"IndexName": "byX", "OnDemandThroughputOverride": {"MaxReadRequestUnits": 3}}
    asked = {
        "RegionName": "eu-west-1",
        "KMSMasterKeyId": "1234abcd",
        "TableClassOverride": "STANDARD_INFREQUENT_ACCESS",
        "OnDemandThroughputOverride": {"MaxReadRequestUnits": 7},
        "GlobalSecondaryIndexes": [index],
    }
    change = await _changed(ReplicaUpdates=[{"Create": asked}])
    assert isinstance(change, catalog_changes.AddReplica)
    assert change.overrides == ReplicaOverrides(
        "eu-west-1",
        table_class="STANDARD_INFREQUENT_ACCESS",
        max_reads=7,
        key_arn="arn:aws:kms:eu-west-1:123456789012:key/1234abcd",
        indexes=(("byX", 3),),
    )
    several = [
        {"Update": {"RegionName": "eu-west-1", "OnDemandThroughputOverride": {"MaxReadRequestUnits": -1}}},
        {"Update": {"RegionName": "sa-east-1", "TableClassOverride": "STANDARD"}},
    ]
    change = await _changed(ReplicaUpdates=several)
    assert isinstance(change, catalog_changes.UpdateReplicas)
    assert change.overrides == (
        ReplicaOverrides("eu-west-1", max_reads=-1),
        ReplicaOverrides("sa-east-1", table_class="STANDARD"),
    )


# Overrides show for as long as they differ from the table that is described. Source: tests that moto marks `aws_verified`.
async def test_how_overrides_show() -> None:
    replica = ReplicaSpec(RegionName("eu-west-1"), ReplicaStatus.ACTIVE)
    key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
    overrides = ReplicaOverrides(
        "eu-west-1", table_class="STANDARD", class_changed_ms=5000, max_reads=7, key_arn=key_arn
    )

    async def shown(base: int) -> dict[str, Any]:
        spec = table_spec(replicas=(replica,), overrides=(overrides,), on_demand=OnDemandMaxima(base, 0))
        table = (await Api(FakeStore(spec))("DescribeTable", TableName="things"))["Table"]
        (entry,) = table["Replicas"]
        return dict(entry)

    differing, same = await shown(5), await shown(7)
    assert differing["OnDemandThroughputOverride"] == {"MaxReadRequestUnits": 7}
    assert "OnDemandThroughputOverride" not in same
    assert same["KMSMasterKeyId"] == key_arn
    assert same["ReplicaTableClassSummary"] == {"TableClass": "STANDARD", "LastUpdateDateTime": 5.0}


# AWS's words for updates that ask for nothing, or for too much at once.
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates"),
        (
            {"ReplicaUpdates": [_CREATE], "TableClass": "STANDARD"},
            INVALID + "Replica modification must be the only operation in the request",
        ),
        (
            {"ReplicaUpdates": [_CREATE], "TableClass": "STANDARD", "MultiRegionConsistency": "STRONG"},
            INVALID + "Requests that modify replicas or witnesses must not also modify other fields",
        ),
        (
            {"ReplicaUpdates": [_CREATE], "GlobalTableWitnessUpdates": [_CREATE]},
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.",
        ),
        ({"GlobalTableWitnessUpdates": [_CREATE]}, "At least one of ProvisionedThroughput, BillingMode"),
        (
            {"ReplicaUpdates": [{"Update": {"RegionName": "eu-west-1"}}]},
            "There are no actions specified in the Replica Update Action of the request.",
        ),
        (
            {"ReplicaUpdates": [_CREATE, {"Create": {"RegionName": "x-1"}}]},
            "Update table operation with more than one create or delete replica actions not allowed",
        ),
        (
            {"ReplicaUpdates": [{"Update": {"RegionName": "x-1", "TableClassOverride": "GLACIER"}}]},
            "Invalid table-class parameter provided.",
        ),
        (
            # All global tables are on demand here. AWS's words for that case could not be established.
            {
                "ReplicaUpdates": [
                    {"Create": {"RegionName": "x-1", "ProvisionedThroughputOverride": {"ReadCapacityUnits": 1}}}
                ]
            },
            INVALID + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode",
        ),
        ({"ReplicaUpdates": [{}]}, "There are no actions specified in the Replica Update Action of the request."),
        (
            {"TableClass": "STANDARD", "DeletionProtectionEnabled": True},
            INVALID + "TableClass modification must be the only operation in the request",
        ),
        (
            {"ProvisionedThroughput": UNITS, **ON_DEMAND},
            INVALID
            + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": True}},
            INVALID + "If stream is being enabled then UpdateViewType is required",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            INVALID + "If stream is being disabled, then UpdateViewType must not be specified",
        ),
        (
            {"ReplicaUpdates": [_CREATE], "MultiRegionConsistency": "STRONG"},
            "MultiRegionConsistency STRONG is not available yet",
        ),
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 5}, "StreamSpecification": {"StreamEnabled": False}},
            INVALID + "OnDemandThroughput can only be combined with BillingMode in an UpdateTable request",
        ),
        (
            {"BillingMode": "PROVISIONED", "StreamSpecification": {"StreamEnabled": False}},
            INVALID + "You cannot modify stream status while updating table IOPS",
        ),
        (
            {"WarmThroughput": {"WriteUnitsPerSecond": 0}},
            INVALID + "Requested WriteUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput",
        ),
        ({"WarmThroughput": {}}, "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled"),
    ],
)
async def test_updates_are_checked(body: dict[str, Any], text: str) -> None:
    refusal = await Api(FakeStore(table_spec())).refused("UpdateTable", TableName="things", **body)
    assert refusal.message.startswith(text)


# What the catalog refuses reaches the client as it is.
async def test_refusals_of_the_catalog_are_passed_on() -> None:
    api = Api(FakeStore())
    api.store.decisions.append(StoreError(ErrorCode.RESOURCE_IN_USE, "Table already exists: things"))
    assert (await api.refused("CreateTable", **_create())).message == "Table already exists: things"


# The answer to DeleteTable shows the table on its way out.
async def test_a_table_is_dropped() -> None:
    api = Api(FakeStore(table_spec()))
    api.store.decisions.append(table_spec(status=TableStatus.DELETING))
    answer = await api("DeleteTable", TableName="things")
    assert api.store.changes == [catalog_changes.DeleteTable(name="things", now_ms=api.clock.wall_ms())]
    assert answer["TableDescription"]["TableStatus"] == "DELETING"


# A plain provisioned table shows what AWS shows of one, and nothing more.
async def test_how_a_plain_table_looks() -> None:
    spec = table_spec(billing_mode=BillingMode.PROVISIONED, throughput=Throughput(5, 6), schema=RANGE_SCHEMA)
    answer = await Api(FakeStore(spec))("DescribeTable", TableName="things")
    assert answer["Table"] == {
        "AttributeDefinitions": [PK, {"AttributeName": "sk", "AttributeType": "N"}],
        "TableName": "things",
        "KeySchema": [HASH, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "TableStatus": "ACTIVE",
        "CreationDateTime": 1_700_000_000.5,
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, **UNITS},
        "TableSizeBytes": 0,
        "ItemCount": 0,
        "TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/things",
        "TableId": spec.table_id,
        "DeletionProtectionEnabled": False,
        "WarmThroughput": {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 6, "Status": "ACTIVE"},
    }


# The stream's label and ARN outlive it; the specification does not.
async def test_how_a_stream_shows() -> None:
    stream = StreamSpec(StreamViewType.NEW_IMAGE, "2026-01-02T03:04:05.006", 3, 1_700_000_000_000)
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/things/stream/2026-01-02T03:04:05.006"
    table = (await Api(FakeStore(table_spec(stream=stream)))("DescribeTable", TableName="things"))["Table"]
    assert table["LatestStreamArn"] == arn
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    ended = StreamSpec(stream.view_type, stream.label, 3, stream.created_ms, disabled_ms=1_700_000_001_000)
    table = (await Api(FakeStore(table_spec(stream=ended)))("DescribeTable", TableName="things"))["Table"]
    assert table["LatestStreamArn"] == arn
    assert "StreamSpecification" not in table


# Replicas: the version appears with the first of them, and the own region is never listed.
async def test_how_a_global_table_shows() -> None:
    replica = ReplicaSpec(RegionName("eu-west-1"), ReplicaStatus.CREATING)
    table = (await Api(FakeStore(table_spec(replicas=(replica,))))("DescribeTable", TableName="things"))["Table"]
    assert table["GlobalTableVersion"] == "2019.11.21"
    # Source of the members: tests that moto marks `aws_verified`; ReplicaArn was never seen.
    assert table["Replicas"] == [
        {
            "RegionName": "eu-west-1",
            "ReplicaStatus": "CREATING",
            "WarmThroughput": {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"},
            "GlobalTableSettingsReplicationMode": "ENABLED_WITH_OVERRIDES",
        }
    ]


# The answer that adds a replica does not show it yet, and the one that removes it shows it as it was; the table is UPDATING.
async def test_how_a_replica_comes_and_goes() -> None:
    for status, update, shown in (
        (ReplicaStatus.CREATING, "Create", []),
        (ReplicaStatus.DELETING, "Delete", [("eu-west-1", "ACTIVE")]),
    ):
        api = Api(FakeStore(table_spec()))
        replica = ReplicaSpec(RegionName("eu-west-1"), status)
        api.store.decisions.append(table_spec(status=TableStatus.UPDATING, replicas=(replica,)))
        asked = [{update: {"RegionName": "eu-west-1"}}]
        answer = (await api("UpdateTable", TableName="things", ReplicaUpdates=asked))["TableDescription"]
        assert (answer["TableStatus"], answer["GlobalTableVersion"]) == ("UPDATING", "2019.11.21")
        assert [(each["RegionName"], each["ReplicaStatus"]) for each in answer["Replicas"]] == shown


# Unlike requests for items, requests about tables name the one that is missing.
@pytest.mark.parametrize("name", ["nope", "arn:aws:dynamodb:us-east-1:123456789012:table/nope"])
async def test_a_missing_table_is_named(name: str) -> None:
    refusal = await Api(FakeStore()).refused("DescribeTable", TableName=name)
    assert (refusal.code, refusal.message) == (
        ErrorCode.RESOURCE_NOT_FOUND,
        "Requested resource not found: Table: nope not found",
    )


# Names come in order, in pages, and the last page says nothing of going on.
async def test_tables_are_listed_in_pages() -> None:
    api = Api(FakeStore(*(table_spec(name) for name in ("bbb", "aaa", "ccc"))))
    assert await api("ListTables") == {"TableNames": ["aaa", "bbb", "ccc"]}
    assert await api("ListTables", Limit=2) == {"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}
    assert await api("ListTables", Limit=2, ExclusiveStartTableName="bbb") == {"TableNames": ["ccc"]}
    assert await Api(FakeStore())("ListTables") == {"TableNames": []}


# Binary and numeric keys keep their types.
async def test_key_types_are_kept() -> None:
    schema = KeySchema(KeyAttribute("b", "B"))
    table = (await Api(FakeStore(table_spec(schema=schema)))("DescribeTable", TableName="things"))["Table"]
    assert table["AttributeDefinitions"] == [{"AttributeName": "b", "AttributeType": "B"}]
    assert HASH_SCHEMA.partition.type == "S"


# SDKs connect to what this names, so it has to be where the request came in.
async def test_the_endpoint_is_the_one_that_was_asked() -> None:
    answer = await Api(FakeStore())("DescribeEndpoints")
    assert answer == {"Endpoints": [{"Address": "here:8000", "CachePeriodInMinutes": 1440}]}


# Tools read their bounds from here.
async def test_limits_are_told() -> None:
    assert (await Api(FakeStore())("DescribeLimits"))["TableMaxReadCapacityUnits"] == 40_000
