"""What a real SDK sees of the edge."""

import asyncio
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.http_edge import CREDENTIALS, dispatcher, echo, running


def _client(port: int, *, region: str = "us-east-1", secret: str | None = None) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=region,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=secret or CREDENTIALS["AKIDEXAMPLE"],
        config=Config(retries={"max_attempts": 0}),
    )


# The whole way: an SDK's signature, framing and checksum go through, and the answer comes back as it was given.
async def test_an_sdk_gets_the_answer_of_the_operation() -> None:
    async with running(dispatcher({"ListTables": echo}, signed=True)) as server:
        answer = await asyncio.to_thread(lambda: _client(server.port).list_tables(Limit=5))
    assert answer["TableNames"] == ["us-east-1", f"127.0.0.1:{server.port}", '{"Limit": 5}']
    assert len(answer["ResponseMetadata"]["RequestId"]) == 52


# Tools sign with made-up regions such as "localhost"; those belong to the region that is here.
async def test_an_unknown_region_is_the_local_one() -> None:
    async with running(dispatcher({"ListTables": echo}, signed=True)) as server:
        answer = await asyncio.to_thread(lambda: _client(server.port, region="localhost").list_tables())
    assert answer["TableNames"][0] == "eu-west-1"


# An SDK must be able to tell a wrong key from other refusals.
async def test_an_sdk_sees_the_name_and_text_of_a_refusal() -> None:
    async with running(dispatcher({"ListTables": echo}, signed=True)) as server:
        with pytest.raises(ClientError, match="The request signature we calculated") as caught:
            await asyncio.to_thread(lambda: _client(server.port, secret="wrong").list_tables())
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
