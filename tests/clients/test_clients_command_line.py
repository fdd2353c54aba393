"""The AWS CLI as PyPI has it: a table's whole life from a shell."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATIENCE_SECONDS = 120.0
ITEMS = 7

Aws = Callable[..., Any]


@pytest.fixture
def aws(client_environment: Callable[[str], Path], client_variables: dict[str, str]) -> Aws:
    """Return what runs `aws` and reads its answer; structures are given as Python has them."""
    program = client_environment("awscli") / "aws"

    def run(words: str, **options: Any) -> Any:
        command = [str(program), *words.split(), "--output", "json"]
        for name, value in options.items():
            command.append(f"--{name.replace('_', '-')}")
            if value is not True:
                command.append(value if isinstance(value, str) else json.dumps(value))
        environment = {**os.environ, **client_variables}
        finished = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert finished.returncode == 0, (command, finished.stdout, finished.stderr)
        return json.loads(finished.stdout) if finished.stdout.strip() else {}

    return run


def _key(hash_name: str, range_name: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_name, "KeyType": "HASH"},
        {"AttributeName": range_name, "KeyType": "RANGE"},
    ]


def _created(aws: Aws, name: str) -> None:
    """Make a table of scores with an index of each kind, a stream and a tag."""
    kinds = {"player": "S", "game": "S", "score": "N"}
    aws(
        "dynamodb create-table",
        table_name=name,
        billing_mode="PAY_PER_REQUEST",
        attribute_definitions=[{"AttributeName": each, "AttributeType": kind} for each, kind in kinds.items()],
        key_schema=_key("player", "game"),
        local_secondary_indexes=[
            {"IndexName": "by-score", "KeySchema": _key("player", "score"), "Projection": {"ProjectionType": "ALL"}}
        ],
        global_secondary_indexes=[
            {"IndexName": "by-game", "KeySchema": _key("game", "score"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        stream_specification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        tags=[{"Key": "team", "Value": "games"}],
    )
    aws("dynamodb wait table-exists", table_name=name)


def _item(number: int) -> dict[str, Any]:
    return {"player": {"S": "ada"}, "game": {"S": f"g{number}"}, "score": {"N": str(100 - number)}}


def _until(holds: Callable[[], Any]) -> Any:
    """Poll until `holds` returns something true: a global index follows its table, and a stream its writes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := holds():
            return found
    raise AssertionError("not in time")


# Items go in one by one and in batches, change under a condition, and come back page by page.
def test_items_from_the_command_line(aws: Aws, table_name: str) -> None:
    _created(aws, table_name)
    aws("dynamodb put-item", table_name=table_name, item=_item(0))
    batch = {table_name: [{"PutRequest": {"Item": _item(number)}} for number in range(1, ITEMS)]}
    assert aws("dynamodb batch-write-item", request_items=batch)["UnprocessedItems"] == {}
    updated = aws(
        "dynamodb update-item",
        table_name=table_name,
        key={"player": {"S": "ada"}, "game": {"S": "g0"}},
        update_expression="SET score = score + :more",
        condition_expression="attribute_exists(player)",
        expression_attribute_values={":more": {"N": "5"}},
        return_values="ALL_NEW",
    )
    assert updated["Attributes"]["score"] == {"N": "105"}
    condition = {
        "expression_attribute_values": {":player": {"S": "ada"}},
        "key_condition_expression": "player = :player",
    }
    found = aws("dynamodb query", table_name=table_name, page_size=2, consistent_read=True, **condition)
    assert [item["game"]["S"] for item in found["Items"]] == [f"g{number}" for number in range(ITEMS)]
    first = aws("dynamodb scan", table_name=table_name, max_items=3, consistent_read=True)
    rest = aws("dynamodb scan", table_name=table_name, starting_token=first["NextToken"], consistent_read=True)
    assert len(first["Items"]) + len(rest["Items"]) == ITEMS
    keys = [{name: _item(number)[name] for name in ("player", "game")} for number in (1, 2)]
    got = aws("dynamodb batch-get-item", request_items={table_name: {"Keys": keys, "ConsistentRead": True}})
    assert len(got["Responses"][table_name]) == 2
    _read_indexes(aws, table_name, condition)
    _read_stream(aws, table_name)
    aws("dynamodb delete-table", table_name=table_name)
    aws("dynamodb wait table-not-exists", table_name=table_name)


def _read_indexes(aws: Aws, name: str, condition: dict[str, Any]) -> None:
    """A local index is in step with its table, a global one follows it."""
    by_score = aws("dynamodb query", table_name=name, index_name="by-score", consistent_read=True, **condition)
    scores = [int(item["score"]["N"]) for item in by_score["Items"]]
    assert scores == sorted(scores)
    assert len(scores) == ITEMS

    def by_game() -> Any:
        return aws(
            "dynamodb query",
            table_name=name,
            index_name="by-game",
            key_condition_expression="game = :game AND score > :least",
            expression_attribute_values={":game": {"S": "g0"}, ":least": {"N": "104"}},
        )["Items"]

    assert _until(by_game) == [{"player": {"S": "ada"}, "game": {"S": "g0"}, "score": {"N": "105"}}]


def _read_stream(aws: Aws, name: str) -> None:
    """Every write is in the stream, in the order of its item."""
    (stream,) = aws("dynamodbstreams list-streams", table_name=name)["Streams"]
    arn = stream["StreamArn"]
    shards = aws("dynamodbstreams describe-stream", stream_arn=arn)["StreamDescription"]["Shards"]
    records = []
    for shard in shards:
        iterator = aws(
            "dynamodbstreams get-shard-iterator",
            stream_arn=arn,
            shard_id=shard["ShardId"],
            shard_iterator_type="TRIM_HORIZON",
        )["ShardIterator"]
        records += aws("dynamodbstreams get-records", shard_iterator=iterator)["Records"]
    assert len(records) == ITEMS + 1
    of_first = [each["eventName"] for each in records if each["dynamodb"]["Keys"]["game"]["S"] == "g0"]
    assert of_first == ["INSERT", "MODIFY"]


# Settings that tools around tables change and read: expiry, tags, policies, protection, an index added later.
def test_settings_from_the_command_line(aws: Aws, table_name: str) -> None:
    _created(aws, table_name)
    expiry = {"Enabled": True, "AttributeName": "expires"}
    aws("dynamodb update-time-to-live", table_name=table_name, time_to_live_specification=expiry)
    described = aws("dynamodb describe-time-to-live", table_name=table_name)["TimeToLiveDescription"]
    assert described["AttributeName"] == "expires"
    arn = aws("dynamodb describe-table", table_name=table_name)["Table"]["TableArn"]
    aws("dynamodb tag-resource", resource_arn=arn, tags=[{"Key": "stage", "Value": "test"}])
    aws("dynamodb untag-resource", resource_arn=arn, tag_keys=["team"])
    tags = aws("dynamodb list-tags-of-resource", resource_arn=arn)["Tags"]
    assert tags == [{"Key": "stage", "Value": "test"}]
    create = {
        "Create": {
            "IndexName": "by-player",
            "KeySchema": [{"AttributeName": "player", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    }
    aws(
        "dynamodb update-table",
        table_name=table_name,
        attribute_definitions=[{"AttributeName": "player", "AttributeType": "S"}],
        global_secondary_index_updates=[create],
    )

    def all_active() -> bool:
        table = aws("dynamodb describe-table", table_name=table_name)["Table"]
        indexes = table["GlobalSecondaryIndexes"]
        return len(indexes) == 2 and {index["IndexStatus"] for index in indexes} == {"ACTIVE"}

    _until(all_active)
    aws("dynamodb update-table", table_name=table_name, deletion_protection_enabled=True)
    aws("dynamodb update-table", table_name=table_name, no_deletion_protection_enabled=True)
    backups = aws("dynamodb describe-continuous-backups", table_name=table_name)["ContinuousBackupsDescription"]
    assert backups["ContinuousBackupsStatus"] == "ENABLED"
    assert aws("dynamodb list-backups", table_name=table_name)["BackupSummaries"] == []
    aws("dynamodb delete-table", table_name=table_name)
    aws("dynamodb wait table-not-exists", table_name=table_name)
