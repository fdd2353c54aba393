"""A whole region in this process: it starts, keeps its data, and says in one line why it cannot start."""

import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.local.embedded import EmbeddedRegion
from deploy.local.errors import LocalClusterError

TABLE = {
    "TableName": "tab",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ITEM = {"id": {"S": "k"}, "v": {"N": "1"}}


async def call(region: EmbeddedRegion, operation: str, body: dict[str, Any]) -> Any:
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    async with aiohttp.ClientSession() as session, session.post(region.url, json=body, headers=headers) as answer:
        return await answer.json(content_type=None)


# Node and router on one loop, from the first byte of a request to the disk and back.
async def test_an_item_goes_in_and_comes_out(tmp_path: Path) -> None:
    async with EmbeddedRegion(tmp_path) as region:
        await call(region, "CreateTable", TABLE)
        await call(region, "PutItem", {"TableName": "tab", "Item": ITEM})
        assert await call(region, "GetItem", {"TableName": "tab", "Key": {"id": {"S": "k"}}}) == {"Item": ITEM}


# A developer stops for the night: table and item are there in the morning.
async def test_a_folder_keeps_its_data(tmp_path: Path) -> None:
    async with EmbeddedRegion(tmp_path) as region:
        await call(region, "CreateTable", TABLE)
        await call(region, "PutItem", {"TableName": "tab", "Item": ITEM})
    async with EmbeddedRegion(tmp_path) as region:
        key = {"TableName": "tab", "Key": {"id": {"S": "k"}}, "ConsistentRead": True}
        assert await call(region, "GetItem", key) == {"Item": ITEM}
        assert await call(region, "ListTables", {}) == {"TableNames": ["tab"]}


# The account in ARNs is a setting: whoever has policies and ARNs of an account already runs under it. A mistake is told.
async def test_the_account_is_a_setting(tmp_path: Path) -> None:
    async with EmbeddedRegion(tmp_path, account="111122223333") as region:
        made = (await call(region, "CreateTable", TABLE))["TableDescription"]
        assert made["TableArn"] == "arn:aws:dynamodb:us-east-1:111122223333:table/tab"
        described = await call(region, "DescribeTable", {"TableName": made["TableArn"]})
        assert described["Table"]["TableArn"] == made["TableArn"]
    with pytest.raises(ValueError, match="--account-id '12': expected twelve digits, as in 123456789012"):
        EmbeddedRegion(account="12")


# Two regions on one folder would write over each other's data.
async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    async with EmbeddedRegion(tmp_path):
        with pytest.raises(LocalClusterError, match="in use by process"):
            await EmbeddedRegion(tmp_path).start()


# The usual mistake of a second terminal: the message names the address, and nothing stays behind.
async def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        region = EmbeddedRegion(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(LocalClusterError, match="the port is in use"):
            await region.start()
    async with EmbeddedRegion(tmp_path) as again:
        assert again.url


# A folder that belongs to another region is not taken over, whatever is asked.
async def test_another_regions_folder_is_refused(tmp_path: Path) -> None:
    async with EmbeddedRegion(tmp_path):
        pass
    (tmp_path / "nodes" / "us-east-1-1").rename(tmp_path / "nodes" / "eu-west-1-1")
    with pytest.raises(LocalClusterError, match="belongs to another node"):
        await EmbeddedRegion(tmp_path, region="eu-west-1").start()
