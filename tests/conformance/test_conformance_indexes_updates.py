"""UpdateTable on global secondary indexes: how they come, change and go, and what AWS refuses."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.conformance_indexes import definitions, global_index, indexed_table, wait_until_index
from tests.support.conformance_table import Table, invalid, refused

INVALID = "One or more parameter values were invalid: "
UNITS = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}


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


_ONLY_ON_DEMAND = (
    f"{INVALID}The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, "
    "WarmThroughput"
)


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
        "a key of the table not defined again": (
            [{"Create": global_index("new", "a", "pk")}],
            defined,
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [a, pk], "
            "AttributeDefinitions: [a]",
        ),
        "redefined key": (
            [{"Create": global_index("new", "sk")}],
            {"AttributeDefinitions": [{"AttributeName": "sk", "AttributeType": "N"}]},
            f"{INVALID}Attributes cannot be redefined. Please check that your attribute has the same type as previously "
            "defined. Existing schema: Schema:[SchemaElement: key{pk:S:HASH}, SchemaElement: key{sk:S:RANGE}] New schema: "
            "Schema:[SchemaElement: key{sk:N:HASH}]",
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
            _ONLY_ON_DEMAND,
        ),
        "nothing": ([{"Update": {"IndexName": "gsi"}}], {}, _ONLY_ON_DEMAND),
        "no maxima": ([{"Update": {"IndexName": "gsi", "OnDemandThroughput": {}}}], {}, _ONLY_ON_DEMAND),
        # Before anything else is looked at, be it the index, which is not there, or what does not go together.
        "no warmth": (
            [{"Update": {"IndexName": "ghost", "WarmThroughput": {}}}],
            {"TableClass": "STANDARD"},
            f"{INVALID}WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for "
            "index: ghost",
        ),
    }


@pytest.fixture(scope="module")
def indexed(dynamodb: Any) -> Iterator[Table]:
    """Return a table with a local index "lsi" and a global one "gsi", which no test changes."""
    with indexed_table(dynamodb) as table:
        yield table


# AWS's words for what is wrong with an update of indexes.
@pytest.mark.parametrize("case", _update_refusals())
def test_refused_updates(indexed: Table, case: str) -> None:
    updates, parameters, text = _update_refusals()[case]
    call = indexed.client.update_table
    assert invalid(call, TableName=indexed.name, GlobalSecondaryIndexUpdates=updates, **parameters) == text


# Only one index comes or goes at a time, and one that is not there cannot go.
def test_limits_of_updates(indexed: Table, impatient: Any) -> None:
    call, name = impatient.update_table, indexed.name
    updates = [{"Create": global_index("one", "b")}, {"Create": global_index("two", "b")}]
    defined = definitions("b")
    code, text = refused(call, TableName=name, AttributeDefinitions=defined, GlobalSecondaryIndexUpdates=updates)
    assert code == "LimitExceededException"
    assert text == "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    for ghost in ({"Delete": {"IndexName": "ghost"}}, {"Update": {"IndexName": "ghost", "OnDemandThroughput": {}}}):
        code, text = refused(call, TableName=name, GlobalSecondaryIndexUpdates=[ghost])
        assert (code, text) == (
            "ResourceNotFoundException",
            f"Requested resource not found: Index ghost for table {name}",
        )


# Capacity beyond all bounds is looked at when there is an index to give it to.
def test_too_much_for_an_index(make_table: Any, impatient: Any) -> None:
    index = {**global_index("gsi", "a"), "ProvisionedThroughput": UNITS}
    table: Table = make_table("S", BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    _update(table, "Create", index, AttributeDefinitions=definitions("a"))
    wait_until_index(table, "gsi")

    def refusal(name: str) -> tuple[str, str]:
        update = {"IndexName": name, "ProvisionedThroughput": {**UNITS, "ReadCapacityUnits": 10**12 + 1}}
        updates = [{"Update": update}]
        return refused(impatient.update_table, TableName=table.name, GlobalSecondaryIndexUpdates=updates)

    code, text = refusal("gsi")
    assert (code, "is above the per index maximum for the account" in text) == ("LimitExceededException", True)
    assert refusal("ghost")[0] == "ResourceNotFoundException"


# Settings of an index change by themselves, and the answer still shows what they were.
def test_settings_of_an_index_change(make_table: Any) -> None:
    table: Table = make_table("S")
    _update(table, "Create", global_index("gsi", "a"), AttributeDefinitions=definitions("a"))
    wait_until_index(table, "gsi")
    answer = _update(table, "Update", {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": 7}})
    assert answer["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "UPDATING"
    wait_until_index(table, "gsi")
    (index,) = table.describe()["GlobalSecondaryIndexes"]
    assert index["OnDemandThroughput"] == {"MaxReadRequestUnits": 7}
    _update(table, "Update", {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": -1}})
    wait_until_index(table, "gsi")
    assert "OnDemandThroughput" not in table.describe()["GlobalSecondaryIndexes"][0]


# Definitions that the new index does not use are passed over, even where they contradict the table.
def test_definitions_that_are_not_needed(make_table: Any) -> None:
    table: Table = make_table("S")
    defined = [*definitions("a", "unused"), {"AttributeName": "pk", "AttributeType": "N"}]
    answer = _update(table, "Create", global_index("gsi", "a"), AttributeDefinitions=defined)
    assert answer["TableDescription"]["AttributeDefinitions"] == definitions("a", "pk", "sk")
    wait_until_index(table, "gsi")
