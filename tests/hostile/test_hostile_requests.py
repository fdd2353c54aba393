"""Random and mutated requests against an embedded region: no 500, no hang, and an error answer has changed nothing."""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.operations.model import ServiceModel
from tests.support.conformance_embedded import embedded_region
from tests.support.hostile_client import Connection, Exchange, exchange_all, is_in_order
from tests.support.hostile_requests import TABLES, RequestGenerator

REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "100000"))
CONNECTIONS = 8
WATCHED_REQUESTS = 6_000
ERRORS_BETWEEN_LOOKS = 20
_KEYS = {
    "hostile-hash": (("pk", "S"),),
    "hostile-range": (("pk", "S"), ("sk", "N")),
    "hostile-number": (("pk", "N"), ("sk", "B")),
}
# What may change data or answer about it, and leaves the tables there.
_ON_ITEMS = (
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "TransactWriteItems",
)


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return ServiceModel.load()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    with embedded_region(folder, "us-east-1") as found:
        asyncio.run(_create_tables(found))
        yield found


# The bulk, as fast as the server answers: whatever comes is answered, and never by a failure of ours.
@pytest.mark.parametrize("seed", range(4))
def test_nothing_breaks_the_server(url: str, model: ServiceModel, seed: int) -> None:
    generator = RequestGenerator(model, random.Random(seed))
    requests = (generator.request() for _ in range(REQUESTS // 4))
    suspects = asyncio.run(exchange_all(url, requests, CONNECTIONS))
    assert not suspects, _shown(suspects)


# The same under hypothesis, which makes a small request of a large one that fails.
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(randomness=st.randoms(use_true_random=False))
def test_no_request_is_answered_by_a_failure(url: str, model: ServiceModel, randomness: random.Random) -> None:
    operation, body = RequestGenerator(model, randomness).request()
    exchange = asyncio.run(_sole(url, operation, body))
    assert is_in_order(exchange), _shown([exchange])


# An error answer says that nothing was done: then nothing may have been.
def test_an_error_answer_changes_nothing(url: str, model: ServiceModel) -> None:
    asyncio.run(_watch(url, RequestGenerator(model, random.Random(99), _ON_ITEMS)))


async def _watch(url: str, generator: RequestGenerator) -> None:
    await _create_tables(url)
    connection = Connection(url)
    state = await _contents(connection)
    refused: list[Exchange] = []
    for _ in range(WATCHED_REQUESTS):
        exchange = await connection.exchange(*generator.request())
        assert is_in_order(exchange), _shown([exchange])
        if exchange.status != 200:
            refused.append(exchange)
        if exchange.status == 200 or len(refused) == ERRORS_BETWEEN_LOOKS:
            found = await _contents(connection)
            if exchange.status != 200:
                assert found == state, f"one of these was refused and has changed items:\n{_shown(refused)}"
            state, refused = found, []
    await connection.close()


async def _contents(connection: Connection) -> dict[str, list[Any]]:
    """Return every item of every table."""
    found: dict[str, list[Any]] = {}
    for table in TABLES:
        items: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            body = json.dumps({"TableName": table, "ConsistentRead": True, **start}).encode()
            page = json.loads((await connection.exchange("Scan", body)).answer)
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        found[table] = items
    return found


async def _create_tables(url: str) -> None:
    """Make the tables that are not there."""
    connection = Connection(url)
    for name, attributes in _KEYS.items():
        body: dict[str, Any] = {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": each, "AttributeType": kind} for each, kind in attributes],
            "KeySchema": [
                {"AttributeName": each, "KeyType": kind}
                for (each, _), kind in zip(attributes, ("HASH", "RANGE"), strict=False)
            ],
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        }
        if name == "hostile-range":
            body["AttributeDefinitions"] += [
                {"AttributeName": "a", "AttributeType": "S"},
                {"AttributeName": "n", "AttributeType": "N"},
            ]
            body["LocalSecondaryIndexes"] = [_index("local", "pk", "a", "KEYS_ONLY")]
            body["GlobalSecondaryIndexes"] = [_index("global", "a", "n", "ALL")]
        answer = await connection.exchange("CreateTable", json.dumps(body).encode())
        assert answer.status == 200 or b"ResourceInUse" in answer.answer, answer
    await connection.close()


def _index(name: str, partition: str, sort: str, projection: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": projection},
    }


async def _sole(url: str, operation: str, body: bytes) -> Exchange:
    connection = Connection(url)
    try:
        return await connection.exchange(operation, body)
    finally:
        await connection.close()


def _shown(suspects: list[Exchange]) -> str:
    lines = [f"{each.operation} {each.body[:600]!r}\n  -> {each.status} {each.answer[:300]!r}" for each in suspects[:8]]
    return f"{len(suspects)} answers are not in order, among them:\n" + "\n".join(lines)
