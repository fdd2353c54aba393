"""Secondary indexes of tables: how they are made, dropped, set and described, and what AWS refuses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.conformance_indexes import definitions, global_index, key, local_index, wait_until_index
from tests.support.conformance_table import Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}

Create = Callable[..., dict[str, Any]]
Parameters = dict[str, Any]


@pytest.fixture
def create(dynamodb: Any, table_name: str) -> Create:
    """Return what asks for an on-demand table (pk S, sk S) with attributes a and b defined as well."""

    def ask(**parameters: Any) -> dict[str, Any]:
        settings = {
            "AttributeDefinitions": definitions("pk", "sk", "a", "b"),
            "KeySchema": key("pk", "sk"),
            "BillingMode": "PAY_PER_REQUEST",
            **parameters,
        }
        answer: dict[str, Any] = dynamodb.create_table(TableName=table_name, **settings)["TableDescription"]
        return answer

    return ask


# What DescribeTable shows of both kinds of index, in the order of the request, projected attributes by name.
def test_indexes_are_described(create: Create, dynamodb: Any, table_name: str) -> None:
    create(
        LocalSecondaryIndexes=[local_index("byb", "pk", "b", projection="KEYS_ONLY")],
        GlobalSecondaryIndexes=[
            global_index("zeta", "a", projection="INCLUDE", attributes=["zz", "aa"]),
            global_index("alpha", "b", "pk"),
        ],
    )
    table = Table(dynamodb, table_name)
    for name in ("zeta", "alpha"):
        wait_until_index(table, name)
    described = table.describe()
    arn = described["TableArn"]
    assert described["LocalSecondaryIndexes"] == [
        {
            "IndexName": "byb",
            "KeySchema": key("pk", "b"),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
            "IndexSizeBytes": 0,
            "ItemCount": 0,
            "IndexArn": f"{arn}/index/byb",
        }
    ]
    zeta, alpha = described["GlobalSecondaryIndexes"]
    assert zeta == {
        "IndexName": "zeta",
        "KeySchema": key("a"),
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["aa", "zz"]},
        "IndexStatus": "ACTIVE",
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        "IndexSizeBytes": 0,
        "ItemCount": 0,
        "IndexArn": f"{arn}/index/zeta",
        "WarmThroughput": {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"},
    }
    assert (alpha["IndexName"], alpha["KeySchema"]) == ("alpha", key("b", "pk"))
    assert described["AttributeDefinitions"] == definitions("a", "b", "pk", "sk")


# Definitions come back by name, whatever their order was.
def test_definitions_are_sorted(create: Create) -> None:
    made = create(
        AttributeDefinitions=definitions("sk", "b", "pk", "a"), GlobalSecondaryIndexes=[global_index("gsi", "b", "a")]
    )
    assert made["AttributeDefinitions"] == definitions("a", "b", "pk", "sk")


# A global index's key has up to four attributes of each kind, in the order of the request.
def test_keys_of_several_attributes(create: Create) -> None:
    names = ["h1", "h2", "h3", "h4", "r1", "r2", "r3", "r4"]
    schema = [{"AttributeName": name, "KeyType": "HASH" if name[0] == "h" else "RANGE"} for name in names]
    made = create(
        AttributeDefinitions=definitions("pk", "sk", *names),
        GlobalSecondaryIndexes=[{**global_index("gsi", "h1"), "KeySchema": schema}],
    )
    assert made["GlobalSecondaryIndexes"][0]["KeySchema"] == schema


# Accepted oddities: an index like the table, one named like the table, one local on the table's own sort key.
def test_odd_indexes_are_accepted(create: Create, table_name: str) -> None:
    made = create(
        AttributeDefinitions=definitions("pk", "sk"),
        LocalSecondaryIndexes=[local_index("same", "pk", "sk")],
        GlobalSecondaryIndexes=[global_index(table_name, "pk", "sk")],
    )
    assert made["GlobalSecondaryIndexes"][0]["IndexName"] == table_name


# Provisioned tables give each global index its own capacity.
def test_provisioned_indexes(create: Create) -> None:
    made = create(
        BillingMode="PROVISIONED",
        ProvisionedThroughput=UNITS,
        AttributeDefinitions=definitions("pk", "sk", "a"),
        GlobalSecondaryIndexes=[{**global_index("gsi", "a"), "ProvisionedThroughput": UNITS}],
    )
    (index,) = made["GlobalSecondaryIndexes"]
    assert index["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **UNITS}


# On-demand maxima and warm throughput are an index's own.
def test_on_demand_and_warm_throughput(create: Create) -> None:
    index = {
        **global_index("gsi", "a"),
        "OnDemandThroughput": {"MaxReadRequestUnits": 50},
        "WarmThroughput": {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000},
    }
    made = create(AttributeDefinitions=definitions("pk", "sk", "a"), GlobalSecondaryIndexes=[index])
    (described,) = made["GlobalSecondaryIndexes"]
    assert described["OnDemandThroughput"] == {"MaxReadRequestUnits": 50, "MaxWriteRequestUnits": -1}
    assert described["WarmThroughput"]["ReadUnitsPerSecond"] == 13000


NO_RANGE = (
    f"{INVALID}Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
)
PLAIN = {"AttributeDefinitions": definitions("pk", "sk")}
INCLUDE = global_index("gsi", "a", "b", projection="INCLUDE")


def _refusals() -> dict[str, tuple[Parameters, str]]:
    gsi, lsi = global_index("gsi", "a", "b"), local_index("lsi", "pk", "a")
    return {
        "no local indexes": (
            {**PLAIN, "LocalSecondaryIndexes": []},
            f"{INVALID}List of LocalSecondaryIndexes is empty",
        ),
        "no global indexes": (
            {**PLAIN, "GlobalSecondaryIndexes": []},
            f"{INVALID}List of GlobalSecondaryIndexes is empty",
        ),
        "local without a sort key": (
            {"KeySchema": key("pk"), "AttributeDefinitions": definitions("pk", "a"), "LocalSecondaryIndexes": [lsi]},
            NO_RANGE,
        ),
        "undefined key": (
            {"AttributeDefinitions": definitions("sk", "pk"), "GlobalSecondaryIndexes": [global_index("gsi", "q")]},
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [q], "
            "AttributeDefinitions: [sk, pk]",
        ),
        "unused definition": (
            {
                "AttributeDefinitions": definitions("sk", "a", "b", "pk", "c"),
                "GlobalSecondaryIndexes": [global_index("gsi", "a", projection="NONE")],
            },
            "1 validation error detected: Value 'NONE' at 'globalSecondaryIndexes.1.member.projection.projectionType' "
            "failed to satisfy constraint: Member must satisfy enum value set: [ALL, INCLUDE, KEYS_ONLY]",
        ),
        "unused definition first": (
            {
                "AttributeDefinitions": definitions("sk", "a", "b", "pk", "c"),
                "GlobalSecondaryIndexes": [{**global_index("gsi", "a"), "Projection": {}}],
            },
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [sk, a, b, pk, c], "
            "keys used: [a, sk, pk]",
        ),
        "same key twice": (
            {"GlobalSecondaryIndexes": [{**gsi, "KeySchema": key("a", "a")}]},
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        "range first": (
            {"GlobalSecondaryIndexes": [{**gsi, "KeySchema": key("b", "a")[::-1]}]},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        "hash after range": (
            {
                "AttributeDefinitions": definitions("pk", "sk", "a", "b", "c"),
                "GlobalSecondaryIndexes": [{**gsi, "KeySchema": [*key("a", "b"), *key("c")]}],
            },
            f"{INVALID}All HASH key attributes must precede RANGE key attributes in the KeySchema",
        ),
        "local hash is not the table's": (
            {"LocalSecondaryIndexes": [local_index("lsi", "a", "b")]},
            f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: lsi. "
            "index hash key: a, table hash key: pk",
        ),
        "local without a range": (
            {
                "AttributeDefinitions": definitions("pk", "sk"),
                "LocalSecondaryIndexes": [{**lsi, "KeySchema": key("pk")}],
            },
            f"{INVALID}Index KeySchema does not have a range key for index: lsi",
        ),
        "no projection type": (
            {"GlobalSecondaryIndexes": [{**gsi, "Projection": {}}]},
            f"{INVALID}Unknown ProjectionType: null",
        ),
        "attributes with ALL": (
            {"GlobalSecondaryIndexes": [global_index("gsi", "a", "b", attributes=["x"])]},
            f"{INVALID}ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        "INCLUDE without attributes": (
            {"GlobalSecondaryIndexes": [INCLUDE]},
            f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        "attribute twice": (
            {"GlobalSecondaryIndexes": [global_index("gsi", "a", "b", projection="INCLUDE", attributes=["x", "x"])]},
            f"{INVALID}Duplicate element in NonKeyAttributes: x",
        ),
        "one name twice": (
            {
                "LocalSecondaryIndexes": [local_index("dup", "pk", "a")],
                "GlobalSecondaryIndexes": [global_index("dup", "a", "b")],
            },
            f"{INVALID}Duplicate index name: dup",
        ),
        "capacity on demand": (
            {"GlobalSecondaryIndexes": [{**gsi, "ProvisionedThroughput": UNITS}]},
            f"{INVALID}ProvisionedThroughput should not be specified for index: gsi when BillingMode is "
            "PAY_PER_REQUEST",
        ),
        "no capacity when provisioned": (
            {"BillingMode": "PROVISIONED", "ProvisionedThroughput": UNITS, "GlobalSecondaryIndexes": [gsi]},
            f"{INVALID}ProvisionedThroughput is not specified for index: gsi",
        ),
        "a maximum of none": (
            {"GlobalSecondaryIndexes": [{**gsi, "OnDemandThroughput": {"MaxReadRequestUnits": -1}}]},
            f"{INVALID}Requested MaxReadRequestUnits for OnDemandThroughput for index : gsi is outside of valid range",
        ),
        "a short name": (
            {"GlobalSecondaryIndexes": [global_index("ab", "a", "b")]},
            "1 validation error detected: Value 'ab' at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy "
            "constraint: Member must have length greater than or equal to 3",
        ),
    }


# AWS's words for every mistake.
@pytest.mark.parametrize("case", _refusals())
def test_refused_indexes(create: Create, case: str) -> None:
    parameters, text = _refusals()[case]
    assert invalid(create, **parameters) == text


# At most five local and twenty global indexes, four attributes per half of a key, 100 projected attributes over all.
def test_limits(create: Create) -> None:
    names = [f"a{position}" for position in range(21)]
    defined = definitions("pk", "sk", *names)
    local = [local_index(f"l{name}", "pk", name) for name in names[:6]]
    text = invalid(create, AttributeDefinitions=definitions("pk", "sk", *names[:6]), LocalSecondaryIndexes=local)
    assert text == f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of 5"
    asked = [global_index(f"g{name}", name) for name in names]
    text = invalid(create, AttributeDefinitions=defined, GlobalSecondaryIndexes=asked)
    assert text == f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of 20"
    for kind in ("HASH", "RANGE"):
        schema = [*key("pk"), *({"AttributeName": name, "KeyType": kind} for name in names[:5])]
        text = invalid(
            create,
            AttributeDefinitions=definitions("pk", "sk", *names[:5]),
            GlobalSecondaryIndexes=[{**asked[0], "KeySchema": schema}],
        )
        assert text == f"{INVALID}The KeySchema exceeds the maximum allowed number of {kind} key attributes"
    many = [
        global_index(f"g{name}", name, projection="INCLUDE", attributes=[f"x{position}" for position in range(20)])
        for name in names[:6]
    ]
    text = invalid(create, AttributeDefinitions=definitions("pk", "sk", *names[:6]), GlobalSecondaryIndexes=many)
    assert "exceeds the per-table limit of 100" in text


# An index joins a table, gets the items written before, and leaves again with the attributes that only it used.
def test_an_index_comes_and_goes(make_table: Any) -> None:
    table: Table = make_table("S")
    table.put({"pk": {"S": "p"}, "sk": {"S": "s"}, "a": {"S": "x"}})
    answer = _update(table, "Create", global_index("gsi", "a"), AttributeDefinitions=definitions("a"))
    (index,) = answer["TableDescription"]["GlobalSecondaryIndexes"]
    assert (answer["TableDescription"]["TableStatus"], index["IndexStatus"]) == ("UPDATING", "CREATING")
    assert index["Backfilling"] is False
    wait_until_index(table, "gsi")
    (index,) = table.describe()["GlobalSecondaryIndexes"]
    assert "Backfilling" not in index
    found = table.query("a = :a", {":a": {"S": "x"}}, IndexName="gsi", ConsistentRead=False)
    assert found["Items"] == [{"pk": {"S": "p"}, "sk": {"S": "s"}, "a": {"S": "x"}}]
    answer = _update(table, "Delete", {"IndexName": "gsi"})
    (index,) = answer["TableDescription"]["GlobalSecondaryIndexes"]
    assert (answer["TableDescription"]["TableStatus"], index["IndexStatus"]) == ("UPDATING", "DELETING")
    wait_until_index(table, "gsi", there=False)
    described = table.describe()
    assert "GlobalSecondaryIndexes" not in described
    assert described["AttributeDefinitions"] == definitions("pk", "sk")


def _update(table: Table, action: str, asked: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    updates = [{action: asked}]
    answer: dict[str, Any] = table.client.update_table(
        TableName=table.name, GlobalSecondaryIndexUpdates=updates, **parameters
    )
    return answer


def _update_refusals() -> dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]]:
    create = {"Create": global_index("new", "a")}
    defined = {"AttributeDefinitions": definitions("a")}
    update = {"Update": {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": 5}}}
    return {
        "none": ([], {"DeletionProtectionEnabled": True}, f"{INVALID}List of GlobalSecondaryIndexUpdates is empty"),
        "no action": (
            [{}],
            {},
            f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
            "GlobalSecondaryIndexUpdate.Delete must not be null",
        ),
        "two actions": (
            [{**update, "Delete": {"IndexName": "gsi"}}],
            {},
            f"{INVALID}Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object",
        ),
        "one index twice": (
            [update, {"Delete": {"IndexName": "gsi"}}],
            {},
            f"{INVALID}Only one global secondary index update per index is allowed simultaneously. Index: gsi",
        ),
        "no definitions": ([create], {}, f"{INVALID}AttributeDefinitions is not specified for index: new"),
        "undefined key": (
            [create],
            {"AttributeDefinitions": definitions("q")},
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [a], "
            "AttributeDefinitions: [q]",
        ),
        "redefined key": (
            [{"Create": global_index("new", "sk")}],
            {"AttributeDefinitions": [{"AttributeName": "sk", "AttributeType": "N"}]},
            f"{INVALID}Attributes cannot be redefined. Please check that your attribute has the same type as previously "
            "defined. Existing schema: Schema:[SchemaElement: key{sk:S:HASH}] New schema: Schema:[SchemaElement: "
            "key{sk:N:HASH}]",
        ),
        "with a stream": (
            [create],
            {**defined, "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}},
            f"{INVALID}You cannot create or delete index while changing stream status",
        ),
        "with protection": (
            [create],
            {**defined, "DeletionProtectionEnabled": True},
            f"{INVALID}DeletionProtection modification must be the only operation in the request",
        ),
        "name taken": (
            [{"Create": global_index("lsi", "a")}],
            defined,
            "Attempting to create an index which already exists",
        ),
        "delete a local one": (
            [{"Delete": {"IndexName": "lsi"}}],
            {},
            "Cannot delete an index that is not a GlobalSecondaryIndex: lsi",
        ),
        "update a local one": (
            [{"Update": {**update["Update"], "IndexName": "lsi"}}],
            {},
            "Cannot update an index that is not a GlobalSecondaryIndex: lsi",
        ),
        "capacity on demand": (
            [{"Update": {"IndexName": "gsi", "ProvisionedThroughput": UNITS}}],
            {},
            f"{INVALID}The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can be to "
            "OnDemandThroughput, WarmThroughput",
        ),
    }


@pytest.fixture(scope="module")
def indexed(dynamodb: Any) -> Iterator[Table]:
    """Return a table with a local index "lsi" and a global one "gsi", which no test changes."""
    from tests.support.conformance_indexes import indexed_table

    with indexed_table(dynamodb) as table:
        yield table


# AWS's words for what is wrong with an update of indexes.
@pytest.mark.parametrize("case", _update_refusals())
def test_refused_updates(indexed: Table, case: str) -> None:
    updates, parameters, text = _update_refusals()[case]
    call = indexed.client.update_table
    assert invalid(call, TableName=indexed.name, GlobalSecondaryIndexUpdates=updates, **parameters) == text


# Only one index comes or goes at a time, and one that is not there cannot go.
def test_limits_of_updates(indexed: Table) -> None:
    call, name = indexed.client.update_table, indexed.name
    updates = [{"Create": global_index("one", "b")}, {"Create": global_index("two", "b")}]
    defined = definitions("b")
    code, text = refused(call, TableName=name, AttributeDefinitions=defined, GlobalSecondaryIndexUpdates=updates)
    assert code == "LimitExceededException"
    assert text == "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    updates = [{"Delete": {"IndexName": "ghost"}}]
    code, text = refused(call, TableName=name, GlobalSecondaryIndexUpdates=updates)
    assert (code, text) == (
        "ResourceNotFoundException",
        f"Requested resource not found: Index ghost for table {name}",
    )


# Settings of an index change by themselves, and the answer still shows what they were.
def test_settings_of_an_index_change(make_table: Any) -> None:
    table: Table = make_table("S")
    _update(table, "Create", global_index("gsi", "a"), AttributeDefinitions=definitions("a"))
    wait_until_index(table, "gsi")
    answer = _update(table, "Update", {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": 7}})
    assert answer["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "UPDATING"
    wait_until_index(table, "gsi")
    (index,) = table.describe()["GlobalSecondaryIndexes"]
    assert index["OnDemandThroughput"] == {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": -1}
    _update(table, "Update", {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": -1}})
    wait_until_index(table, "gsi")
    assert "OnDemandThroughput" not in table.describe()["GlobalSecondaryIndexes"][0]
