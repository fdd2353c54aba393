"""The endpoint that clients talk to, and how they hear of it: through the environment, as on AWS."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.environments import prepared

# Nothing of the machine's own configuration may reach a client.
_SEALED = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
}


@pytest.fixture(scope="session")
def client_variables(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Return the environment variables that point any SDK at an embedded region, or at --endpoint."""
    option = request.config.getoption
    variables = {
        "AWS_REGION": option("--region"),
        "AWS_DEFAULT_REGION": option("--region"),
        "AWS_ACCESS_KEY_ID": option("--access-key"),
        "AWS_SECRET_ACCESS_KEY": option("--secret-key"),
        **_SEALED,
    }
    if url := option("--endpoint"):
        yield {**variables, "AWS_ENDPOINT_URL": url}
        return
    from tests.support.conformance_embedded import embedded_region

    with embedded_region(tmp_path_factory.mktemp("embedded"), option("--region")) as url:
        yield {**variables, "AWS_ENDPOINT_URL": url}


@pytest.fixture
def client_environment(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return what prepares a client's environment, telling whoever watches that this takes a while."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def report(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    return lambda client: prepared(client, report)


@pytest.fixture
def session(client_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a boto3 session that hears of everything through the environment."""
    for name, value in client_variables.items():
        monkeypatch.setenv(name, value)
    return boto3.Session()


@pytest.fixture
def table_name(session: Any) -> Iterator[str]:
    """Return a name that no table has; what a flow that failed has left of it is dropped."""
    name = f"flow-{uuid.uuid4().hex}"
    yield name
    client = session.client("dynamodb")
    if name in client.list_tables(ExclusiveStartTableName=name[:-1], Limit=1)["TableNames"]:
        client.delete_table(TableName=name)
    client.close()
