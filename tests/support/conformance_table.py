"""What conformance tests say again and again, said once: a table, a refusal, all records of a stream."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

Item = dict[str, dict[str, Any]]

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 30.0

STRING_KEY = {"AttributeName": "pk", "AttributeType": "S"}
HASH = {"AttributeName": "pk", "KeyType": "HASH"}


class Table:
    """One table of the endpoint under test, with AWS's own parameters and attribute values."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    def put(self, item: Item, **parameters: Any) -> dict[str, Any]:
        return self.client.put_item(TableName=self.name, Item=item, **parameters)

    def get(self, key: Item, **parameters: Any) -> Item | None:
        """Return the item as of now, or None."""
        answer = self.client.get_item(TableName=self.name, Key=key, **{"ConsistentRead": True, **parameters})
        item: Item | None = answer.get("Item")
        return item

    def update(self, key: Item, expression: str, **parameters: Any) -> dict[str, Any]:
        return self.client.update_item(TableName=self.name, Key=key, UpdateExpression=expression, **parameters)

    def delete(self, key: Item, **parameters: Any) -> dict[str, Any]:
        return self.client.delete_item(TableName=self.name, Key=key, **parameters)

    def query(self, condition: str, values: Item, **parameters: Any) -> dict[str, Any]:
        return self.client.query(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **{"ConsistentRead": True, **parameters},
        )

    def scan(self, **parameters: Any) -> dict[str, Any]:
        return self.client.scan(TableName=self.name, **{"ConsistentRead": True, **parameters})

    def describe(self) -> dict[str, Any]:
        description: dict[str, Any] = self.client.describe_table(TableName=self.name)["Table"]
        return description


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Return the code and the text with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


COUNTED: Final = "1 validation error detected: "
"""What writes say before whatever is wrong with the request alone, on AWS since 2026."""


def invalid(call: Callable[..., Any], **parameters: Any) -> str:
    """Return the text of the ValidationException with which a call is refused."""
    code, text = refused(call, **parameters)
    assert code == "ValidationException", (code, text)
    return text


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """Poll until `holds` returns something true, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS} s")


def pages(call: Callable[..., dict[str, Any]], **parameters: Any) -> Iterator[dict[str, Any]]:
    """Yield the pages of a query or scan until there is none to come."""
    start: dict[str, Any] = {}
    while True:
        page = call(**parameters, **start)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def wait_until_active(client: Any, name: str) -> None:
    """Wait until a table serves items."""
    eventually(
        lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", f"table {name} ACTIVE"
    )


def drop(client: Any, name: str) -> None:
    """Drop a table if it is still there."""
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_table(TableName=name)
