"""UpdateTimeToLive and DescribeTimeToLive: what they ask the catalog for, and how time to live looks."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.store_fake import Api, FakeStore, table_spec
from wire.catalog_changes import SetTimeToLive
from wire.errors import ErrorCode
from wire.tables import TimeToLive

ASKED = {"Enabled": True, "AttributeName": "expires"}


# The answer repeats the request; an ARN names the table as well as its name does.
@pytest.mark.parametrize("name", ["things", "arn:aws:dynamodb:us-east-1:123456789012:table/things"])
async def test_an_update_asks_the_catalog(name: str) -> None:
    api = Api(FakeStore(table_spec()))
    api.store.decisions.append(table_spec())
    answer = await api("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=ASKED)
    assert answer == {"TimeToLiveSpecification": ASKED}
    now_ms = api.clock.wall_ms()
    assert api.store.changes == [SetTimeToLive(name="things", attribute="expires", is_enabled=True, now_ms=now_ms)]


# Time to live is ENABLED at once, however far the expiry index is. Source: tests that moto marks `aws_verified`, which poll AWS.
# A table that never had time to live and one that has it no more look the same on AWS.
@pytest.mark.parametrize(
    ("is_enabled", "is_complete", "shown"),
    [
        (None, False, {"TimeToLiveStatus": "DISABLED"}),
        (False, True, {"TimeToLiveStatus": "DISABLED"}),
        (True, False, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}),
        (True, True, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}),
    ],
)
async def test_a_description(is_enabled: bool | None, is_complete: bool, shown: dict[str, str]) -> None:
    time_to_live = None
    if is_enabled is not None:
        time_to_live = TimeToLive("expires", is_enabled, 0, 3, is_complete=is_complete)
    api = Api(FakeStore(replace(table_spec(), time_to_live=time_to_live)))
    assert await api("DescribeTimeToLive", TableName="things") == {"TimeToLiveDescription": shown}


# The model's rules, in AWS's words, come before the table is looked for.
@pytest.mark.parametrize(
    ("specification", "text"),
    [
        ({"Enabled": True}, "Value null at 'timeToLiveSpecification.attributeName' failed to satisfy constraint"),
        ({"AttributeName": "x"}, "Value null at 'timeToLiveSpecification.enabled' failed to satisfy constraint"),
        ({"Enabled": True, "AttributeName": "x" * 256}, "Member must have length less than or equal to 255"),
        ({"Enabled": True, "AttributeName": ""}, "Member must have length greater than or equal to 1"),
    ],
)
async def test_a_specification_fits_the_model(specification: dict[str, Any], text: str) -> None:
    refusal = await Api(FakeStore()).refused(
        "UpdateTimeToLive", TableName="things", TimeToLiveSpecification=specification
    )
    assert refusal.code is ErrorCode.VALIDATION
    assert text in refusal.message


# There is no such table.
async def test_a_table_that_is_not_there() -> None:
    refusal = await Api(FakeStore()).refused("DescribeTimeToLive", TableName="things")
    assert refusal.code is ErrorCode.RESOURCE_NOT_FOUND
    assert refusal.message == "Requested resource not found: Table: things not found"
