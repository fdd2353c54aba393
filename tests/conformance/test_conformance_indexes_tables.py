"""Secondary indexes of tables that are made: how they are described, and what AWS refuses."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.conformance_indexes import definitions, global_index, key, local_index, wait_until_index
from tests.support.conformance_table import Table, invalid

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


# On-demand maxima and warm throughput are an index's own; warm throughput shows once the index is there.
def test_on_demand_and_warm_throughput(create: Create, dynamodb: Any, table_name: str) -> None:
    index = {
        **global_index("gsi", "a"),
        "OnDemandThroughput": {"MaxReadRequestUnits": 50},
        "WarmThroughput": {"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 5000},
    }
    made = create(AttributeDefinitions=definitions("pk", "sk", "a"), GlobalSecondaryIndexes=[index])
    (described,) = made["GlobalSecondaryIndexes"]
    assert described["OnDemandThroughput"] == {"MaxReadRequestUnits": 50}
    wait_until_index(Table(dynamodb, table_name), "gsi")
    (described,) = dynamodb.describe_table(TableName=table_name)["Table"]["GlobalSecondaryIndexes"]
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
        "colder than on demand": (
            {"GlobalSecondaryIndexes": [{**gsi, "WarmThroughput": {"ReadUnitsPerSecond": 11999}}]},
            f"{INVALID}Requested ReadUnitsPerSecond for WarmThroughput for index gsi is lower than initial throughput for "
            "OnDemand. See: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
            "on-demand-capacity-mode.html#on-demand-capacity-mode-initial",
        ),
        "maxima when provisioned": (
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": UNITS,
                "GlobalSecondaryIndexes": [
                    {**gsi, "ProvisionedThroughput": UNITS, "OnDemandThroughput": {"MaxWriteRequestUnits": 5}}
                ],
            },
            f"{INVALID}MaxWriteRequestUnits for OnDemandThroughput for index: gsi cannot be specified when table "
            "BillingMode is PROVISIONED.",
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
