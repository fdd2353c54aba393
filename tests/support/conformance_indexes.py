"""What conformance tests of secondary indexes say again and again, said once."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.conformance_table import Table, drop, eventually, wait_until_active


def definitions(*names: str, **types: str) -> list[dict[str, str]]:
    """Return definitions of textual attributes, and of others by name and type."""
    return [
        *({"AttributeName": name, "AttributeType": "S"} for name in names),
        *({"AttributeName": name, "AttributeType": type_} for name, type_ in types.items()),
    ]


def key(partition: str, *sort: str) -> list[dict[str, str]]:
    """Return a key schema of one partition attribute and any sort attributes."""
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        *({"AttributeName": name, "KeyType": "RANGE"} for name in sort),
    ]


def local_index(name: str, partition: str, sort: str, *, projection: str = "ALL") -> dict[str, Any]:
    """Return a member of LocalSecondaryIndexes."""
    return {"IndexName": name, "KeySchema": key(partition, sort), "Projection": {"ProjectionType": projection}}


def global_index(
    name: str, partition: str, *sort: str, projection: str = "ALL", attributes: list[str] | None = None
) -> dict[str, Any]:
    """Return a member of GlobalSecondaryIndexes."""
    projected: dict[str, Any] = {"ProjectionType": projection}
    if attributes is not None:
        projected["NonKeyAttributes"] = attributes
    return {"IndexName": name, "KeySchema": key(partition, *sort), "Projection": projected}


@contextmanager
def indexed_table(client: Any, *, local: bool = True, **parameters: Any) -> Iterator[Table]:
    """Make an on-demand table (pk S, sk S) with a local index "lsi" (pk, c) and a global one "gsi" (g, h N), and drop it."""
    settings = {
        "AttributeDefinitions": definitions("pk", "sk", "c", "g", h="N"),
        "KeySchema": key("pk", "sk"),
        "BillingMode": "PAY_PER_REQUEST",
        **({"LocalSecondaryIndexes": [local_index("lsi", "pk", "c")]} if local else {}),
        "GlobalSecondaryIndexes": [global_index("gsi", "g", "h")],
        **parameters,
    }
    table = Table(client, f"t-{uuid.uuid4().hex}")
    client.create_table(TableName=table.name, **settings)
    try:
        wait_until_active(client, table.name)
        for index in settings["GlobalSecondaryIndexes"]:
            wait_until_index(table, index["IndexName"])
        yield table
    finally:
        drop(client, table.name)


def wait_until_index(table: Table, name: str, *, there: bool = True) -> None:
    """Wait until a global index is ACTIVE, or gone, and its table ACTIVE."""

    def holds() -> bool:
        described = table.describe()
        statuses = {index["IndexName"]: index["IndexStatus"] for index in described.get("GlobalSecondaryIndexes", ())}
        return described["TableStatus"] == "ACTIVE" and statuses.get(name) == ("ACTIVE" if there else None)

    eventually(holds, f"index {name} of table {table.name}")


def found_in(table: Table, name: str, count: int) -> None:
    """Wait until a global index has so many rows."""

    def counted() -> int:
        start: dict[str, Any] = {}
        rows = 0
        while True:
            page = table.scan(IndexName=name, ConsistentRead=False, Select="COUNT", **start)
            rows += page["Count"]
            if "LastEvaluatedKey" not in page:
                return rows
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    eventually(lambda: counted() == count, f"{count} rows in index {name} of table {table.name}")
