"""Kinesis streaming destinations, of which no table has one yet.

What changes a destination is refused as AWS refuses it for one that was never enabled.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.operations.one_function import Answer, Check
from router.operations.store import Store
from router.operations.tables import described_table
from wire.errors import StoreError, validation_error


def _describe(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    spec = described_table(store.view, body, store.home)
    return {"TableName": spec.name, "KinesisDataStreamDestinations": []}


def _disable(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("EnableKinesisStreamingConfiguration"):
        raise validation_error("Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters")
    described_table(store.view, body, store.home)
    raise _wrong_state("KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")


def _update(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    spec = described_table(store.view, body, store.home)
    if not body.get("UpdateKinesisStreamingConfiguration"):
        raise validation_error(
            "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot be "
            "null or contain only null values"
        )
    raise _wrong_state(
        f"No streaming destination with streamArn: {body['StreamArn']} found for table with tableName: {spec.name}"
    )


def _enable(store: Store, body: dict[str, Any]) -> None:
    described_table(store.view, body, store.home)


def _wrong_state(why: str) -> StoreError:
    # AWS says "enable" whatever was asked for.
    return validation_error(f"Table is not in a valid state to enable Kinesis Streaming Destination: {why}")


ANSWERS: Final[Mapping[str, Answer]] = {
    "DescribeKinesisStreamingDestination": _describe,
    "DisableKinesisStreamingDestination": _disable,
    "UpdateKinesisStreamingDestination": _update,
}
CHECKS: Final[Mapping[str, Check]] = {"EnableKinesisStreamingDestination": _enable}
